# /// expect
# kind = "exception"
# ///
"""Ends the process while the module is imported."""

import os

os._exit(0)
