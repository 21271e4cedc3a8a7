# /// expect
# kind = "exception"
# twice = true
# ///
"""Aborts: a trap, which ends this call and nothing else."""

import os


def calculate(inputs):
    os.abort()
