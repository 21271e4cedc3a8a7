"""Flexural buckling of columns in uniform compression, EN 1993-1-1:2005 6.3.1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, List, Literal, Optional, Tuple, TypedDict

from pydantic import Field

from database import SECTIONS, Section, yield_strength

YOUNGS_MODULUS = 210_000.0  # MPa, 3.2.6(1)
GAMMA_M1 = 1.0  # recommended value, 6.1(1)

# Imperfection factors alpha, Table 6.1.
ALPHA = {"a0": 0.13, "a": 0.21, "b": 0.34, "c": 0.49, "d": 0.76}

Steel = Literal["S235", "S275", "S355"]
Family = Literal["IPE", "HEA", "HEB"]


@dataclass
class Column:
    section: Annotated[str, Field(description="Name in the database", examples=["IPE300", "HEA200", "HEB200"])]
    buckling_length_y: Annotated[float, Field(gt=0, le=50, description="Buckling length about the strong axis (m)")]
    buckling_length_z: Annotated[
        Optional[float], Field(gt=0, le=50, description="About the weak axis; default: as about the strong one (m)")
    ] = None
    steel: Steel = "S235"


class Axis(TypedDict):
    critical_force: Annotated[float, Field(description="Ncr (kN)")]
    slenderness: Annotated[float, Field(description="Relative slenderness")]
    curve: Annotated[str, Field(description="Buckling curve, Table 6.2")]
    reduction: Annotated[float, Field(description="Reduction factor chi")]


class Check(TypedDict):
    section_class: int
    y: Axis
    z: Axis
    resistance: Annotated[float, Field(description="Nb,Rd (kN)")]
    governing: Literal["y", "z"]
    utilization: float
    status: Literal["OK", "NOT OK"]


class Candidate(TypedDict):
    section: str
    mass: Annotated[float, Field(description="Mass per length (kg/m)")]
    resistance: Annotated[float, Field(description="Nb,Rd (kN)")]
    utilization: float


class Selection(Candidate):
    alternatives: Annotated[List[Candidate], Field(description="The next heavier ones that suffice")]


def check_column(column: Column, axial_force: Annotated[float, Field(ge=0)]) -> Check:
    """Buckling resistance of a column and its utilization.

    Args:
        column: Section, steel and buckling lengths
        axial_force: Design compression NEd (kN)
    """
    section = SECTIONS.get(column.section)
    if section is None:
        raise ValueError(f"no section {column.section!r}; known: {', '.join(SECTIONS)}")
    length_z = column.buckling_length_z or column.buckling_length_y
    return _check(section, column.steel, column.buckling_length_y, length_z, axial_force)


def select_section(
    axial_force: Annotated[float, Field(gt=0)],
    buckling_length: Annotated[float, Field(gt=0, le=50)],
    steel: Steel = "S235",
    families: Annotated[List[Family], Field(min_length=1)] = ["IPE", "HEA", "HEB"],
) -> Selection:
    """The lightest section of the database that carries the force.

    Args:
        axial_force: Design compression NEd (kN)
        buckling_length: Buckling length about both axes (m)
        steel: Steel grade
        families: Families to choose from
    """
    fitting: List[Candidate] = []
    for section in sorted(SECTIONS.values(), key=lambda s: s.mass):
        if section.family not in families or _is_slender(section, steel):
            continue
        check = _check(section, steel, buckling_length, buckling_length, axial_force)
        if check["status"] == "OK":
            fitting.append(
                {
                    "section": section.name,
                    "mass": section.mass,
                    "resistance": check["resistance"],
                    "utilization": check["utilization"],
                }
            )
    if not fitting:
        raise ValueError(f"no section of {', '.join(families)} in {steel} carries {axial_force:g} kN")
    return {**fitting[0], "alternatives": fitting[1:4]}


def _check(section: Section, steel: str, length_y: float, length_z: float, axial_force: float) -> Check:
    """``length_*`` in m, ``axial_force`` in kN."""
    fy = yield_strength(steel, section.tf)
    if _is_slender(section, steel):
        raise ValueError(f"{section.name} in {steel} is of class 4 in compression, which is not covered")
    squash = section.area * fy / 1e3  # kN
    curve_y, curve_z = _curves(section)
    y = _axis(section.inertia_y, length_y, squash, curve_y)
    z = _axis(section.inertia_z, length_z, squash, curve_z)
    resistance = min(y["reduction"], z["reduction"]) * squash / GAMMA_M1  # (6.47)
    utilization = axial_force / resistance
    return {
        "section_class": section.compression_class(fy),
        "y": y,
        "z": z,
        "resistance": resistance,
        "governing": "y" if y["reduction"] < z["reduction"] else "z",
        "utilization": utilization,
        "status": "OK" if utilization <= 1 else "NOT OK",
    }


def _axis(inertia: float, length: float, squash: float, curve: str) -> Axis:
    critical = math.pi**2 * YOUNGS_MODULUS * inertia / (length * 1e3) ** 2 / 1e3  # kN
    slenderness = math.sqrt(squash / critical)  # 6.3.1.2(1)
    phi = 0.5 * (1 + ALPHA[curve] * (slenderness - 0.2) + slenderness**2)
    reduction = min(1.0, 1 / (phi + math.sqrt(max(0.0, phi**2 - slenderness**2))))  # (6.49)
    if slenderness <= 0.2:
        reduction = 1.0  # 6.3.1.2(4)
    return {"critical_force": critical, "slenderness": slenderness, "curve": curve, "reduction": reduction}


def _curves(section: Section) -> Tuple[str, str]:
    """Curves about y and z: Table 6.2, rolled sections, S235 to S355, tf <= 40 mm."""
    return ("a", "b") if section.h / section.b > 1.2 else ("b", "c")


def _is_slender(section: Section, steel: str) -> bool:
    return section.compression_class(yield_strength(steel, section.tf)) == 4
