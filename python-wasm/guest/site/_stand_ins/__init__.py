"""Modules that WASI has no part of, and that packages import without asking.

Each is imported under its own name when the image is made, and only where it is missing.
"""
