# /// expect
# kind = "completed"
# result = { n = 1 }
# ///
"""Replaces the JSON module's functions: the shim's own are bound before."""

import json


def calculate(inputs):
    json.dumps = json.loads = json.JSONEncoder.encode = json.JSONDecoder.decode = lambda *a, **k: "forged {"
    json.encoder.encode_basestring = json.encoder.c_make_encoder = None
    return {"n": 1}
