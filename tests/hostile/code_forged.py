# /// expect
# # Bytecode is not checked: an answer, an error or a trap, all within the guest's own memory.
# kinds = ["exception", "completed", "timeout", "memory_exceeded", "invalid_outputs"]
# timeout_ms = 1000
# twice = true
# ///
"""Bytecode that reads a local variable far outside of its frame."""

import opcode


def victim():
    value = 1
    return value


def calculate(inputs):
    load, back = opcode.opmap["LOAD_FAST"], opcode.opmap["RETURN_VALUE"]
    extended = opcode.opmap["EXTENDED_ARG"]
    code = bytes([opcode.opmap["RESUME"], 0, extended, 255, extended, 255, load, 255, back, 0])
    victim.__code__ = victim.__code__.replace(co_code=code)
    return repr(victim())[:100]
