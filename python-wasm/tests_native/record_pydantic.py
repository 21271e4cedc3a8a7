"""Records what the real pydantic answers to the cases, or checks what was recorded.

    python record_pydantic.py            write pydantic_expected.json
    python record_pydantic.py --check    compare it with the pydantic installed

Run it where the real pydantic is installed; the tests only need the recording.
"""

import json
import pathlib
import sys
import warnings

from pydantic_cases import cases, names, outcome

RECORDING = pathlib.Path(__file__).with_name("pydantic_expected.json")


def main():
    """Record or check; exit status 1 where they differ."""
    import pydantic

    if pydantic.VERSION.endswith("+mecapy"):
        sys.exit("this needs the real pydantic")
    warnings.simplefilter("ignore")
    scope = names()
    found = {case: outcome(expression, scope) for case, expression in cases().items()}
    found = json.loads(json.dumps(found))
    if "--check" not in sys.argv:
        recording = {"pydantic": pydantic.VERSION, "cases": found}
        RECORDING.write_text(json.dumps(recording, indent=1, ensure_ascii=False) + "\n")
        print(f"recorded {len(found)} cases of pydantic {pydantic.VERSION}")
        return
    recorded = json.loads(RECORDING.read_text())
    wrong = [case for case, answer in found.items() if recorded["cases"].get(case) != answer]
    for case in wrong:
        print(f"{case}\n  recorded {recorded['cases'].get(case)}\n  now      {found[case]}")
    print(
        f"{len(found) - len(wrong)} of {len(found)} as recorded from pydantic {recorded['pydantic']}"
    )
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
