# /// expect
# kind = "completed"
# result = []
# twice = true
# ///
"""Changes every setting of the interpreter that outlives a function."""

import decimal
import gc
import sys
import warnings


def trace(frame, event, argument):
    return None


def calculate(inputs):
    seen = []
    if sys.getrecursionlimit() == 777:
        seen.append("recursion limit")
    if sys.gettrace() is not None or sys.getprofile() is not None:
        seen.append("trace")
    if gc.get_threshold()[0] == 77:
        seen.append("collector")
    if decimal.getcontext().prec == 7:
        seen.append("decimal")
    if sys.get_int_max_str_digits() == 777:
        seen.append("digits")
    if any(entry[0] == "error" and entry[2] is Warning for entry in warnings.filters):
        seen.append("warnings")
    if sys.excepthook is trace or "/tmp/mark" in sys.path:
        seen.append("hooks")
    sys.setrecursionlimit(777)
    gc.set_threshold(77)
    decimal.getcontext().prec = 7
    sys.set_int_max_str_digits(777)
    warnings.simplefilter("error")
    sys.excepthook = trace
    sys.path.append("/tmp/mark")
    sys.settrace(trace)
    return seen
