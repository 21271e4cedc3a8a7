"""What a calculation may ask of the platform that runs it.

    import mecapy

    def calculate(inputs):
        mecapy.log("meshing")
        for step in range(steps):
            ...
            mecapy.progress(step / steps, "solving")
        with mecapy.files.open("results/mesh.msh", "w") as out:
            ...

On your own machine, outside the sandbox, messages go to standard error and files are those
below the current folder, so that the same code can be run and tested there.
"""

from . import files
from ._log import HostHandler, log, progress

__all__ = ["HostHandler", "download_from_s3", "files", "log", "progress", "upload_to_s3"]


def download_from_s3(key: str) -> bytes:
    """The content of an input file: `mecapy.files.read` by another name."""
    return files.read(key)


def upload_to_s3(data: "bytes | bytearray | memoryview | str", key: str) -> str:
    """Writes an output file with `mecapy.files.write`, and answers with its key."""
    files.write(key, data)
    return key
