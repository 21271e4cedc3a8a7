"""What is found to live as long as any call, on the native interpreter.

Its answers are addresses, so what is asked for is only whether some objects are among them.
"""

import subprocess
import sys

from conftest import GUEST

PROGRAM = """
import json
from mecapy_shim.immortal import immortals

class Held:
    pass

def outer(default=("of a tuple",)):
    def inner():
        return "text of an inner function", 12345678901234567890
    return inner

class Proxy:
    @property
    def __class__(self):
        raise RuntimeError("not yet")

class Unhashable(type):
    __eq__ = lambda self, other: True

PROXY = [Proxy(), Unhashable("Made", (), {})()]
HELD = [Held(), {"key of a dict": 1.5}, lambda: 1]
INNER = outer()
found = set(immortals(EVERYTHING))
kept = [Held, outer, outer.__code__, INNER, INNER.__code__, type(PROXY[1]), HELD[2].__code__, json, json.dumps, Held.__dict__["__dict__"]]
kept += INNER()
kept += [*outer.__defaults__[0], INNER.__code__.co_filename, INNER.__code__.co_linetable, list(HELD[1])[0]]
held = [HELD, HELD[0], HELD[1], HELD[2], outer.__defaults__, PROXY[0]]
print([id(one) in found for one in kept], [id(one) in found for one in held])
"""


def asked(everything):
    program = PROGRAM.replace("EVERYTHING", str(everything))
    environment = {"PYTHONPATH": str(GUEST), "PATH": ""}
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    kept, held = ran.stdout.split("] [")
    return eval(kept + "]"), eval("[" + held)


def test_parts_of_modules_are_found_however_deep_and_nothing_that_they_hold():
    kept, held = asked(False)
    assert all(kept), kept
    assert not any(held), held


def test_everything_is_everything():
    kept, held = asked(True)
    assert all(kept) and all(held), (kept, held)
