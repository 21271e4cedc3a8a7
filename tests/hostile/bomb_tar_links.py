# /// expect
# kind = "exception"
# ///
"""An archive with a link out of the folder, unpacked by one who trusts it."""

import io
import tarfile


def calculate(inputs):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo("link")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)
    buffer.seek(0)
    with tarfile.open(fileobj=buffer) as archive:
        archive.extractall("/tmp", filter="fully_trusted")
    return open("/tmp/link").read()
