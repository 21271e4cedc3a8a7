"""The stand-in answers as the real pydantic did when it was recorded."""

import json
import pathlib

import pytest
from pydantic_cases import DIFFERENT, cases, names, outcome

RECORDED = json.loads(pathlib.Path(__file__).with_name("pydantic_expected.json").read_text())[
    "cases"
]
CASES = cases()


@pytest.fixture(scope="module")
def scope():
    return names()


def test_every_case_is_recorded():
    assert set(CASES) == set(RECORDED)
    assert set(DIFFERENT) <= set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_as_recorded(case, scope):
    found = json.loads(json.dumps(outcome(CASES[case], scope)))
    if case in DIFFERENT:
        assert found != RECORDED[case], "no longer different: take it off the list"
    else:
        assert found == RECORDED[case]
