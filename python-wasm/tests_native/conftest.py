"""Puts the guest's modules on the path, its stand-ins before any real package."""

import pathlib
import sys

GUEST = pathlib.Path(__file__).parents[1] / "guest"
sys.path[:0] = [str(GUEST), str(GUEST / "site")]
