# /// expect
# kind = "exception"
# ///
"""A module that runs its own source again while it is loaded, for ever."""


with open(__file__) as file:
    exec(compile(file.read(), __file__, "exec"))


def calculate(inputs):
    return 1
