# /// expect
# # What the encoder saw, or that it was changed meanwhile: valid JSON or a failure.
# kinds = ["completed", "exception", "invalid_outputs", "memory_exceeded"]
# timeout_ms = 2000
# memory_mb = 64
# ///
"""A list that grows each time one of its items is looked at."""

VALUE = []


class Growing:
    def model_dump(self, **options):
        VALUE.extend([Growing(), Growing()])
        VALUE.pop(0)
        return 1


def calculate(inputs):
    VALUE.append(Growing())
    return {"values": VALUE, "again": VALUE}
