# /// expect
# kind = "exception"
# contains = "SystemExit"
# ///
"""Leaves while the module is imported."""

import sys

sys.exit(0)
