"""Tension rod with units: every input is a quantity such as "12 kN" or "250 mm**2"."""

from typing import Annotated, TypedDict

import pint
from pydantic import Field

ureg = pint.UnitRegistry()


class Quantity(TypedDict):
    value: float
    unit: str
    text: Annotated[str, Field(description="Value and unit, four significant digits")]


class Result(TypedDict):
    stress: Annotated[Quantity, Field(description="F / A")]
    elongation: Annotated[Quantity, Field(description="F L / (E A) + alpha dT L")]
    stiffness: Annotated[Quantity, Field(description="E A / L")]
    utilization: Annotated[float, Field(description="|stress| / yield strength")]


def calculate(
    force: Annotated[str, Field(examples=["12 kN", "2.7 kip"])],
    area: Annotated[str, Field(examples=["250 mm**2", "0.5 in**2"])],
    length: Annotated[str, Field(examples=["2 m", "6 ft"])],
    youngs_modulus: str = "210 GPa",
    yield_strength: str = "235 MPa",
    expansion: str = "12e-6 / kelvin",
    temperature_change: str = "0 kelvin",
    stress_unit: str = "MPa",
    length_unit: str = "mm",
) -> Result:
    """Stress and elongation of a straight rod with free ends.

    Args:
        force: Axial force, positive in tension
        area: Area of the cross-section
        length: Length of the rod
        youngs_modulus: Young's modulus E
        yield_strength: Yield strength
        expansion: Coefficient of thermal expansion alpha
        temperature_change: A difference of temperature, in kelvin, delta_degC or delta_degF
        stress_unit: Unit of the stress in the answer
        length_unit: Unit of the elongation in the answer
    """
    F = _quantity("force", force, "newton")
    A = _quantity("area", area, "meter ** 2")
    L = _quantity("length", length, "meter")
    E = _quantity("youngs_modulus", youngs_modulus, "pascal")
    fy = _quantity("yield_strength", yield_strength, "pascal")
    alpha = _quantity("expansion", expansion, "1 / kelvin")
    dT = _quantity("temperature_change", temperature_change, "kelvin")
    for name, value in [("area", A), ("length", L), ("youngs_modulus", E), ("yield_strength", fy)]:
        if value.magnitude <= 0:
            raise ValueError(f"{name} must be positive, not {value:~}")

    stress = F / A
    return {
        "stress": _answer(stress, "stress_unit", stress_unit),
        "elongation": _answer(F * L / (E * A) + alpha * dT * L, "length_unit", length_unit),
        "stiffness": _answer(E * A / L, "stiffness", "kN / mm"),
        "utilization": (abs(stress) / fy).m_as("dimensionless"),
    }


def _quantity(name: str, text: str, base: str) -> pint.Quantity:
    """``text`` as a quantity in the unit ``base``, or an error that names the input."""
    try:
        value = ureg.Quantity(text)
    except Exception as error:
        raise ValueError(f"{name}: {text!r} is no quantity: {error}") from None
    expected = ureg.Quantity(1, base)
    if not value.is_compatible_with(expected):
        raise ValueError(
            f"{name}: {text!r} has the dimension {value.dimensionality}, {expected.dimensionality} is needed"
        )
    try:
        value + value
    except pint.OffsetUnitCalculusError:
        raise ValueError(f"{name}: {text!r} is a point on a scale; write a difference: '50 delta_degC'") from None
    return value.to(base)


def _answer(value: pint.Quantity, name: str, unit: str) -> Quantity:
    try:
        converted = value.to(unit)
    except (pint.DimensionalityError, pint.UndefinedUnitError) as error:
        raise ValueError(f"{name}: {error}") from None
    return {
        "value": float(converted.magnitude),
        "unit": str(converted.units),
        "text": f"{converted:.4g~P}",
    }
