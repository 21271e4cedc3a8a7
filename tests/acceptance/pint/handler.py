"""Conversions, dimensional errors, offset temperatures, formatting."""

from typing import Optional

import pint

ureg = pint.UnitRegistry()


def convert(quantity: str, unit: str, context: Optional[str] = None) -> dict:
    value = ureg.Quantity(quantity)
    converted = value.to(unit, context) if context else value.to(unit)
    return {"value": float(converted.magnitude), "unit": str(converted.units)}


def refuses(expression: str) -> dict:
    """``a + b``, with the kind of error where the sum makes no sense."""
    left, right = expression.split(" + ")
    try:
        total = ureg.Quantity(left) + ureg.Quantity(right)
    except pint.PintError as error:
        return {"error": type(error).__name__, "message": str(error)}
    return {"error": None, "value": float(total.magnitude), "unit": str(total.units)}


def flow(speed: str, diameter: str, density: str, viscosity: str) -> dict:
    """Reynolds number, dynamic pressure (Pa) and flow rate (m³/h) in a pipe."""
    v, d, rho, mu = (ureg.Quantity(text) for text in (speed, diameter, density, viscosity))
    pressure = (rho * v**2 / 2).to("Pa")
    compact = pressure.to_compact()
    groups = ureg.pi_theorem({"v": "[speed]", "d": "[length]", "rho": "[density]", "mu": "[viscosity]"})
    return {
        "reynolds": (rho * v * d / mu).m_as("dimensionless"),
        "dynamic_pressure": pressure.magnitude,
        "flow_rate": (3.141592653589793 / 4 * d**2 * v).m_as("m**3 / hour"),
        "compact": f"{compact:.5g~P}",
        "latex": f"{compact:.5g~L}",
        "groups": len(groups),
    }
