"""Stands in for the bzip2 library: packages that import `bz2` load, and cannot use it."""


class BZ2Compressor:
    """Has nothing to compress with."""

    def __init__(self, *args, **kwargs):
        raise OSError("there is no bzip2 in the sandbox: use gzip, or zlib")


class BZ2Decompressor:
    """Has nothing to decompress with."""

    def __init__(self, *args, **kwargs):
        raise OSError("there is no bzip2 in the sandbox: use gzip, or zlib")
