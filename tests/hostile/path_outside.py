# /// expect
# kind = "completed"
# result = []
# ///
"""Reads files of the host by every spelling known: the answer lists what could be read, nothing."""

PATHS = [
    "/etc/passwd", "//etc/passwd", "/./etc/passwd", "etc/passwd", "../etc/passwd",
    "../../../../../../etc/passwd", "/app/../etc/passwd", "/app/../../../etc/passwd",
    "/tmp/../../etc/passwd", "/python/../../../etc/passwd", "/app/./../..//etc/passwd",
    "/etc/hosts", "/etc/shadow", "/etc/hostname", "/etc/localtime", "/root/.ssh/id_rsa",
    "/proc/self/environ", "/proc/self/maps", "/proc/self/mem", "/proc/1/cmdline", "/proc/cpuinfo",
    "/proc/self/root/etc/passwd", "/proc/self/cwd/Cargo.toml", "/sys/kernel/uevent_seqnum",
    "/dev/zero", "/dev/urandom", "/dev/mem", "/dev/tty", "/dev/stdin", "/dev/fd/0", "/dev/fd/3",
    "/dev/null/../mem", "/dev/../etc/passwd", "/var/run/docker.sock", "/run/secrets/token",
    "C:\\Windows\\win.ini", "\\\\host\\share\\file", "file:///etc/passwd", "/app/..\\..\\etc\\passwd",
    "/app/%2e%2e/etc/passwd", "/app/\u2024\u2024/etc/passwd", "/tmp/\0/../etc/passwd",
    "/app/" + "../" * 2000 + "etc/passwd", "/app/" + "a/../" * 700 + "../etc/passwd",
]  # fmt: skip


def calculate(inputs):
    opened = []
    for path in PATHS:
        try:
            with open(path, "rb") as file:
                file.read(1)
        except (OSError, ValueError):
            continue
        opened.append(path[:60])
    return opened
