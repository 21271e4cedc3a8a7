# /// expect
# kind = "exception"
# ///
"""Drops resources that it does not own, again and again, below the generated classes."""


def calculate(inputs):
    import componentize_py_runtime

    for resource in range(64):
        for handle in (0, 1, 2, 3, 2**31):
            componentize_py_runtime.drop_resource(resource, handle)
    raise RuntimeError("still alive, which is well too")
