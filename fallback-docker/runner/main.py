"""The program that is process 1 of a container: `python3 -sPB main.py`.

It only begins: gets a hash seed that is the same in every container, and hands over to the
package beside it. A package of the author's may have a `main` or a `frames` of its own, so
this folder is on the path for one import and no longer.
"""

import os
import sys


def _with_fixed_hash_seed():
    """Starts the interpreter again with a fixed hash seed, unless it has one.

    The order of a set of texts follows from it, and it cannot be changed later: children
    are forked. Deterministic calls need the same in every container; the sandbox's
    snapshots share one, too. An image that sets PYTHONHASHSEED=0 saves these 15 ms.
    """
    if os.environ.get("PYTHONHASHSEED") == "0" or sys.flags.ignore_environment:
        return
    os.environ["PYTHONHASHSEED"] = "0"
    started = getattr(sys, "orig_argv", None) or [sys.executable, "-sB", *sys.argv]
    os.execv(sys.executable, started)


if __name__ == "__main__":
    _with_fixed_hash_seed()
    here = os.path.dirname(os.path.abspath(__file__))
    # Without -P (Python before 3.11) the folder of this file is on the path.
    sys.path[:] = [entry for entry in sys.path if entry not in ("", here)]
    sys.path.insert(0, here)
    from _mecapy_runner import process_one

    sys.path.remove(here)
    process_one.main()
