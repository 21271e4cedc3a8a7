"""Stresses of a straight bar (de Saint-Venant) and von Mises equivalent stress."""

from enum import Enum
from typing import Annotated, Literal, Optional

from pydantic import BaseModel, Field

from sections import ISection, Rectangle, Tube

N_MM_PER_N_M = 1000.0
FIBRES = 400


class Section(str, Enum):
    RECTANGULAR = "rectangular"
    CIRCULAR = "circular"
    TUBULAR = "tubular"
    I = "i"


class Dimensions(BaseModel):
    """Sizes of the section; each shape reads its own."""

    width: float = Field(50.0, gt=0, description="Rectangle: width (mm)")
    height: float = Field(100.0, gt=0, description="Rectangle: height, perpendicular to the bending axis (mm)")
    diameter: float = Field(50.0, gt=0, description="Circular bar: diameter (mm)")
    outer_diameter: float = Field(100.0, gt=0, description="Tube: outer diameter (mm)")
    wall_thickness: float = Field(5.0, gt=0, description="Tube: wall thickness (mm)")
    i_height: float = Field(200.0, gt=0, description="I section: height (mm)")
    i_width: float = Field(100.0, gt=0, description="I section: width of the flanges (mm)")
    web_thickness: float = Field(5.6, gt=0, description="I section: thickness of the web (mm)")
    flange_thickness: float = Field(8.5, gt=0, description="I section: thickness of the flanges (mm)")


class Stresses(BaseModel):
    area: float = Field(description="Area of the section (mm²)")
    inertia: float = Field(description="Second moment of area about the bending axis (mm⁴)")
    axial: float = Field(description="N / A, positive in tension (MPa)")
    bending: float = Field(description="Largest bending stress (MPa)")
    shear: float = Field(description="Largest stress of the shear force (MPa)")
    torsion: float = Field(description="Largest torsion stress (MPa)")
    von_mises: float = Field(description="Largest von Mises stress (MPa)")
    critical_height: float = Field(description="Distance from the bending axis to where it occurs (mm)")
    safety_factor: Optional[float] = Field(description="Yield strength / von Mises; null without stress")
    status: Literal["OK", "YIELD"]


def calculate(
    force: Annotated[float, Field(description="Axial force N, positive in tension", json_schema_extra={"unit": "N"})],
    section: Section = Section.RECTANGULAR,
    dimensions: Optional[Dimensions] = None,
    bending_moment: Annotated[float, Field(description="Bending moment M (N·m)")] = 0.0,
    shear_force: Annotated[float, Field(description="Shear force V (N)")] = 0.0,
    torque: Annotated[float, Field(description="Torque T (N·m)")] = 0.0,
    yield_strength: Annotated[float, Field(gt=0, description="Yield strength (MPa)")] = 235.0,
) -> Stresses:
    """Stresses of one cross-section, and the largest von Mises stress over its height."""
    shape = _shape(section, dimensions or Dimensions())
    moment = bending_moment * N_MM_PER_N_M
    area, inertia, half = shape.area, shape.inertia, shape.half_height

    axial = force / area
    torsion = abs(torque) * N_MM_PER_N_M / shape.torsion_modulus

    def shear(y: float) -> float:
        return abs(shear_force) * shape.shear_ratio(y) / inertia

    def von_mises(y: float) -> float:
        sigma = abs(axial) + abs(moment) * y / inertia
        tau = shear(y) + torsion
        return (sigma**2 + 3 * tau**2) ** 0.5

    heights = [half * i / FIBRES for i in range(FIBRES + 1)] + list(shape.corners)
    worst = max(heights, key=von_mises)
    equivalent = von_mises(worst)
    return Stresses(
        area=area,
        inertia=inertia,
        axial=axial,
        bending=abs(moment) * half / inertia,
        shear=max(shear(y) for y in heights),
        torsion=torsion,
        von_mises=equivalent,
        critical_height=worst,
        safety_factor=yield_strength / equivalent if equivalent else None,
        status="OK" if equivalent <= yield_strength else "YIELD",
    )


def _shape(section: Section, size: Dimensions):
    if section is Section.RECTANGULAR:
        return Rectangle(size.width, size.height)
    if section is Section.CIRCULAR:
        return Tube(size.diameter)
    if section is Section.TUBULAR:
        inner = size.outer_diameter - 2 * size.wall_thickness
        if inner <= 0:
            raise ValueError("wall_thickness must be less than half of outer_diameter")
        return Tube(size.outer_diameter, inner)
    if 2 * size.flange_thickness >= size.i_height or size.web_thickness >= size.i_width:
        raise ValueError("the plates of the I section overlap")
    return ISection(size.i_height, size.i_width, size.web_thickness, size.flange_thickness)
