# /// expect
# # Each answer is one deeper, and depth is bounded; whether that is the model's own failure is open.
# kinds = ["invalid_outputs", "exception"]
# ///
"""An object that is written as another of its kind, for ever."""


class Model:
    def model_dump(self, **options):
        return {"next": Model()}


def calculate(inputs):
    return Model()
