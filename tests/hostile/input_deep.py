# /// expect
# kind = "completed"
# result = 100
# inputs = '{"x": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}'
# ///
"""Input nested a hundred deep: within what JSON readers take."""


def calculate(inputs):
    depth, value = 0, inputs["x"]
    while True:
        depth += 1
        if not value:
            return depth
        value = value[0]
