# /// expect
# kind = "completed"
# result = []
# ///
"""An archive whose entries climb out of where it is unpacked: the answer lists what did, nothing."""

import io
import os
import zipfile


def calculate(inputs):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("../out", "../../etc/out", "/out", "/app/out", "a/../../../out"):
            archive.writestr(name, "out")
    os.mkdir("/tmp/target")
    with zipfile.ZipFile(buffer) as archive:
        archive.extractall("/tmp/target")
    return [path for path in ("/out", "/tmp/out", "/app/out", "/etc/out") if os.path.exists(path)]
