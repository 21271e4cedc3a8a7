# /// expect
# # The pattern parser refuses the count, or the compiler runs out of memory or of time.
# kinds = ["memory_exceeded", "timeout", "exception"]
# timeout_ms = 1500
# memory_mb = 64
# ///
"""Nested repetition counts, which the pattern compiler may unroll."""

import re


def calculate(inputs):
    return bool(re.match("((((a{0,1000}b){0,1000}c){0,1000}d){0,1000}e){65535}", "a" * 10_000))
