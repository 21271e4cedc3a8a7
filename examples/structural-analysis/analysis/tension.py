"""Flat bars with bolt holes in tension, EN 1993-1-1 6.2.3."""

from typing import Annotated, Literal, TypedDict

from pydantic import Field

from analysis.steel import FU, FY, GAMMA_M0, GAMMA_M2, SteelGrade


class NetSection(TypedDict):
    gross_area: Annotated[float, Field(description="A (mm²)")]
    net_area: Annotated[float, Field(description="Anet (mm²)")]
    plastic_resistance: Annotated[float, Field(description="Npl,Rd (N)")]
    ultimate_resistance: Annotated[float, Field(description="Nu,Rd (N)")]
    resistance: Annotated[float, Field(description="Nt,Rd = min(Npl,Rd, Nu,Rd) (N)")]
    governing: Literal["gross section", "net section"]


def calculate_net_section_resistance(
    width: Annotated[float, Field(gt=0, le=2000)],
    thickness: Annotated[float, Field(gt=0, le=40)],
    hole_diameter: Annotated[float, Field(ge=0)],
    holes_in_row: Annotated[int, Field(ge=0)] = 1,
    steel: SteelGrade = "S235",
) -> NetSection:
    """Design tension resistance of a flat bar with a row of holes across it.

    Parameters
    ----------
    width : float
        Width of the bar (mm)
    thickness : float
        Thickness of the bar (mm)
    hole_diameter : float
        Diameter of the holes d0 (mm)
    holes_in_row : int
        Holes in one cross-section, not staggered
    steel : str
        Steel grade, EN 10025-2
    """
    gross = width * thickness
    net = gross - holes_in_row * hole_diameter * thickness  # 6.2.2.2(3)
    if net <= 0:
        raise ValueError(f"{holes_in_row} holes of {hole_diameter:g} mm leave nothing of {width:g} mm")
    plastic = gross * FY[steel] / GAMMA_M0  # (6.6)
    ultimate = 0.9 * net * FU[steel] / GAMMA_M2  # (6.7)
    return {
        "gross_area": gross,
        "net_area": net,
        "plastic_resistance": plastic,
        "ultimate_resistance": ultimate,
        "resistance": min(plastic, ultimate),
        "governing": "gross section" if plastic <= ultimate else "net section",
    }
