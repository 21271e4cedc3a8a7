"""Material strengths and partial factors."""

from typing import Literal

SteelGrade = Literal["S235", "S275", "S355"]

# Nominal fy, fu (MPa), t <= 40 mm. EN 1993-1-1:2005+A1:2014 Table 3.1, EN 10025-2.
FY = {"S235": 235.0, "S275": 275.0, "S355": 355.0}
FU = {"S235": 360.0, "S275": 430.0, "S355": 490.0}

# Recommended values. EN 1993-1-1 6.1(1) and EN 1993-1-8 Table 2.1.
GAMMA_M0 = 1.00
GAMMA_M2 = 1.25


def status(utilization: float) -> Literal["OK", "NOT OK"]:
    """Verdict of a design check, action effect / resistance <= 1."""
    return "OK" if utilization <= 1.0 else "NOT OK"
