"""Fillet welds, simplified method of EN 1993-1-8 4.5.3.3."""

import math
from typing import Annotated, Literal, TypedDict

from pydantic import Field

from analysis.steel import FU, GAMMA_M2, SteelGrade, status

# Correlation factor beta_w, EN 1993-1-8 Table 4.1.
BETA_W = {"S235": 0.80, "S275": 0.85, "S355": 0.90}


class WeldCheck(TypedDict):
    strength: Annotated[float, Field(description="Design shear strength fvw,d [MPa]")]
    resistance: Annotated[float, Field(description="Design resistance of the weld [N]")]
    utilization: float
    status: Literal["OK", "NOT OK"]


def calculate_weld_resistance(
    throat: Annotated[float, Field(ge=3)],
    length: Annotated[float, Field(gt=0)],
    force: Annotated[float, Field(ge=0)],
    steel: SteelGrade = "S235",
) -> WeldCheck:
    """Design resistance of a fillet weld, whatever the direction of the force.

    fvw,d = fu / (sqrt(3) · beta_w · gamma_M2), Fw,Rd = fvw,d · a · l
    (EN 1993-1-8 4.5.3.3).

    Args:
        throat: Effective throat a, at least 3 mm by 4.5.2(2) [mm]
        length: Effective length l, at least 30 mm and 6 a by 4.5.1(2) [mm]
        force: Resultant design force on the weld [N]
        steel: Weaker of the joined steels
    """
    shortest = max(30.0, 6 * throat)
    if length < shortest:
        raise ValueError(
            f"length {length:g} mm: a weld shorter than {shortest:g} mm carries no force (EN 1993-1-8 4.5.1(2))"
        )
    strength = FU[steel] / (math.sqrt(3) * BETA_W[steel] * GAMMA_M2)
    resistance = strength * throat * length
    utilization = force / resistance
    return {
        "strength": strength,
        "resistance": resistance,
        "utilization": utilization,
        "status": status(utilization),
    }
