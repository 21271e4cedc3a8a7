"""Bolt groups to EN 1993-1-8:2005, category A (bearing type) and D (tension)."""

import math
from enum import Enum
from typing import Annotated, List, Literal, Optional, TypedDict

from pydantic import Field

from fasteners import (
    FU,
    GAMMA_M2,
    BoltGrade,
    hole_diameter,
    mean_head_diameter,
    shear_factor,
    stress_area,
    ultimate_strength,
)


class Steel(Enum):
    """Steel of the plates, EN 10025-2."""

    S235 = "S235"
    S275 = "S275"
    S355 = "S355"


class PerBolt(TypedDict):
    shear: Annotated[float, Field(description="Fv,Rd, all shear planes (N)")]
    bearing: Annotated[float, Field(description="Fb,Rd (N)")]
    tension: Annotated[float, Field(description="Ft,Rd (N)")]
    punching: Annotated[float, Field(description="Bp,Rd (N)")]


class Group(TypedDict):
    shear: Annotated[float, Field(description="Design resistance in shear (N)")]
    tension: Annotated[float, Field(description="Design resistance in tension (N)")]
    governing: Annotated[Literal["bolt shear", "bearing"], Field(description="What limits the shear resistance")]


class Check(TypedDict):
    name: str
    clause: str
    utilization: float


class Result(TypedDict):
    bolt: PerBolt
    group: Group
    checks: List[Check]
    utilization: Annotated[float, Field(description="Largest utilization of the checks")]
    status: Literal["OK", "NOT OK"]
    remarks: Annotated[List[str], Field(description="Spacings below the minima of Table 3.3")]


Length = Optional[Annotated[float, Field(gt=0)]]


def calculate(
    diameter: Annotated[
        Literal[6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 27, 30, 33, 36],
        Field(description="Nominal diameter d", json_schema_extra={"unit": "mm"}),
    ],
    nb_bolts: Annotated[int, Field(ge=1, le=200)] = 1,
    grade: BoltGrade = BoltGrade.G8_8,
    shear_planes: Annotated[int, Field(ge=1, le=2)] = 1,
    threads_in_shear_plane: bool = True,
    plate_thickness: Annotated[float, Field(gt=0, le=40)] = 10.0,
    steel: Steel = Steel.S235,
    bolts_per_row: Annotated[int, Field(ge=1)] = 1,
    e1: Length = None,
    e2: Length = None,
    p1: Length = None,
    p2: Length = None,
    shear_force: Annotated[float, Field(ge=0)] = 0.0,
    tension_force: Annotated[float, Field(ge=0)] = 0.0,
) -> Result:
    """Design resistances of a bolt group and its utilization, EN 1993-1-8 Table 3.4.

    Args:
        nb_bolts: Bolts in the group
        grade: Bolt class, Table 3.1
        shear_planes: 1 in a single-lap joint, 2 in a double-lap joint
        threads_in_shear_plane: False only where no shear plane can cut the threads
        plate_thickness: Smaller total thickness of the plates that bear in one direction (mm)
        steel: Steel of the plates
        bolts_per_row: Bolts across the direction of the shear force; nb_bolts / bolts_per_row
            rows follow each other along it
        e1: End distance along the force; default 2 d0 (mm)
        e2: Edge distance across the force; default 1.5 d0 (mm)
        p1: Spacing along the force; default 3 d0 (mm)
        p2: Spacing across the force; default 3 d0 (mm)
        shear_force: Design shear force on the group, through its centroid (N)
        tension_force: Design tension on the group, prying forces included (N)
    """
    if nb_bolts % bolts_per_row:
        raise ValueError(f"{nb_bolts} bolts do not make full rows of {bolts_per_row}")
    rows = nb_bolts // bolts_per_row
    d, d0 = float(diameter), hole_diameter(diameter)
    e1, e2 = e1 or 2.0 * d0, e2 or 1.5 * d0
    p1, p2 = p1 or 3.0 * d0, p2 or 3.0 * d0
    fub, fu = ultimate_strength(grade), FU[steel.value]

    # Shear, Table 3.4, and the long joint reduction beta_Lf of 3.8(1).
    area = stress_area(diameter) if threads_in_shear_plane else math.pi * d**2 / 4
    alpha_v = shear_factor(grade, threads_in_shear_plane)
    joint_length = (rows - 1) * p1
    beta = min(1.0, max(0.75, 1 - (joint_length - 15 * d) / (200 * d)))
    shear = beta * shear_planes * alpha_v * fub * area / GAMMA_M2

    # Bearing, Table 3.4: the least favourable of end, inner, edge and inner-line bolts.
    alpha_b = min(e1 / (3 * d0), fub / fu, 1.0)
    k1 = min(2.8 * e2 / d0 - 1.7, 2.5)
    if rows > 1:
        alpha_b = min(alpha_b, p1 / (3 * d0) - 0.25)
    if bolts_per_row > 1:
        k1 = min(k1, 1.4 * p2 / d0 - 1.7)
    if k1 <= 0 or alpha_b <= 0:
        raise ValueError("no bearing resistance: the holes are too close to an edge or to each other")
    bearing = k1 * alpha_b * fu * d * plate_thickness / GAMMA_M2
    if rows == 1 and shear_planes == 1:
        bearing = min(bearing, 1.5 * fu * d * plate_thickness / GAMMA_M2)  # 3.6.1(10)

    # Tension with k2 = 0.9, and punching of the plate under head or nut, Table 3.4.
    tension = 0.9 * fub * stress_area(diameter) / GAMMA_M2
    punching = 0.6 * math.pi * mean_head_diameter(diameter) * plate_thickness * fu / GAMMA_M2

    # 3.7(1): n times the smallest resistance is allowed for every group.
    group_shear = nb_bolts * min(shear, bearing)
    group_tension = nb_bolts * min(tension, punching)
    checks: List[Check] = [
        {"name": "shear and bearing", "clause": "Table 3.2, category A", "utilization": shear_force / group_shear},
        {"name": "tension and punching", "clause": "Table 3.2, category D", "utilization": tension_force / group_tension},
        {
            "name": "combined shear and tension",
            "clause": "Table 3.4",
            "utilization": shear_force / (nb_bolts * shear) + tension_force / (1.4 * nb_bolts * tension),
        },
    ]
    utilization = max(check["utilization"] for check in checks)
    return {
        "bolt": {"shear": shear, "bearing": bearing, "tension": tension, "punching": punching},
        "group": {
            "shear": group_shear,
            "tension": group_tension,
            "governing": "bolt shear" if shear <= bearing else "bearing",
        },
        "checks": checks,
        "utilization": utilization,
        "status": "OK" if utilization <= 1 else "NOT OK",
        "remarks": _spacing_remarks(d0, e1, e2, p1 if rows > 1 else None, p2 if bolts_per_row > 1 else None),
    }


def _spacing_remarks(d0: float, e1: float, e2: float, p1: Optional[float], p2: Optional[float]) -> List[str]:
    """Distances (mm) below the minima of EN 1993-1-8 Table 3.3."""
    minima = [("e1", e1, 1.2), ("e2", e2, 1.2), ("p1", p1, 2.2), ("p2", p2, 2.4)]
    return [
        f"{name} = {value:g} mm is less than {factor:g} d0 = {factor * d0:g} mm (Table 3.3)"
        for name, value, factor in minima
        if value is not None and value < factor * d0 - 1e-9
    ]
