# /// expect
# kind = "exception"
# ///
"""Calls the import that has the number a million: below the generated functions, nothing checks it."""


def calculate(inputs):
    import componentize_py_runtime

    componentize_py_runtime.call_import(1_000_000, [])
    raise RuntimeError("still alive, which is well too")
