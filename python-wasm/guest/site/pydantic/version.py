"""The version of pydantic's interface that this stand-in follows."""

VERSION = "2.0+mecapy"
__version__ = VERSION


def version_short():
    """The major and minor version."""
    return "2.0"
