# /// expect
# kind = "completed"
# result = []
# ///
"""Changes the package, its dependencies and the standard library in every way: the answer lists what worked."""

import os


def calculate(inputs):
    done = []

    def attempt(name, action):
        try:
            action()
        except (OSError, AttributeError, NotImplementedError):
            return
        done.append(name)

    open("/tmp/mine", "w").close()
    for folder, file in (("/app", __file__), ("/deps", "/deps/x"), ("/python", "/python/os.py"), ("/", "/x")):
        new = folder.rstrip("/") + "/new"
        attempt(f"create in {folder}", lambda: open(new, "w").close())
        attempt(f"append to {file}", lambda: open(file, "a").close())
        attempt(f"update {file}", lambda: open(file, "r+").close())
        attempt(f"truncate {file}", lambda: os.truncate(file, 0))
        attempt(f"open {file} truncating", lambda: os.open(file, os.O_RDONLY | os.O_TRUNC))
        attempt(f"mkdir in {folder}", lambda: os.mkdir(new))
        attempt(f"unlink {file}", lambda: os.unlink(file))
        attempt(f"rename {file}", lambda: os.rename(file, "/tmp/theirs"))
        attempt(f"rename into {folder}", lambda: os.rename("/tmp/mine", new))
        attempt(f"replace {file}", lambda: os.replace("/tmp/mine", file))
        # `chmod` itself may say yes and do nothing.
        attempt(f"chmod {file}", lambda: (os.chmod(file, 0o777), open(file, "r+").close()))
        attempt(f"link into {folder}", lambda: os.link("/tmp/mine", new))
        attempt(f"symlink into {folder}", lambda: os.symlink("/tmp/mine", new))
        attempt(f"rmdir {folder}", lambda: os.rmdir(folder))
    return done
