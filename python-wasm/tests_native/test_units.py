"""Units at the end of descriptions, and texts that are none."""

import pytest
from mecapy_shim.units import is_unit, unit_of

UNITS = """
mm m cm km µm μm um mm² m³ m⁴ cm4 mm^2 mm**2 kg g t N kN MN daN Pa kPa MPa GPa N/mm² N/mm^2 N/m kN/m kN·m kN.m N*m
Nm kNm kN/m² J kJ kWh W W/(m·K) W/m²K W/m2K J/(kg·K) J/kg/K K °C °F °  deg rad mrad rad/s rpm tr/min Hz kHz s ms min h m/s
m/s² m.s-2 m³/h L L/min % ‰ - A mA V kV Ω kΩ F µF H T lm lx dB ppm bar mbar psi ksi in ft lbf kip lb/ft³ 1/s 1/K
m^-1 kg·m^-3 mol/L eV N/A² Pa·s cSt_no
""".split()


@pytest.mark.parametrize("text", [x for x in UNITS if not x.endswith("_no")])
def test_units(text):
    assert is_unit(text)
    assert unit_of(f"Some quantity [{text}]") == text


NO_UNITS = """
optional default max required mm,default see ISO-898 N/A n/a e.g. yes none fixed True left S235 M12 3 12.5 Eurocode
x y ratio kind facultatif Fig.2 1
""".split()


@pytest.mark.parametrize("text", NO_UNITS)
def test_no_units(text):
    assert not is_unit(text)
    assert unit_of(f"Some quantity ({text})") is None


@pytest.mark.parametrize(
    "description, unit",
    [
        ("Bolt diameter (mm)", "mm"),
        ("Bolt diameter (mm).", "mm"),
        ("Diamètre [mm] ", "mm"),
        ("Force appliquée (N)", "N"),
        ("Section de la vis (mm²)", "mm²"),
        ("Conductivity (W/(m·K))", "W/(m·K)"),
        ("Masse (kg m^-3)", "kg m^-3"),
        ("Flèche maximale (mm)", "mm"),
        ("Position (m)", "m"),
        ("Inertia (m⁴)", "m⁴"),
        ("Friction coefficient (-)", "-"),
        ("Duration (min)", "min"),
        ("Thickness (min)", None),
        ("Thickness [min]", "min"),
        ("Mass (m)", None),
        ("Length (m)", "m"),
        ("Plate thickness (t)", None),
        ("Cargo (t)", "t"),
        ("Span (L)", None),
        ("Tank content (L)", "L"),
        ("Cross-section area (A)", None),
        ("Current (A)", "A"),
        ("Number of cycles (N)", None),
        ("Temperature (T)", None),
        ("Temperature (K)", "K"),
        ("Slenderness ratio (h/d)", None),
        ("Speed (m/s)", "m/s"),
        ("Diameter in mm", None),
        ("Diameter (mm) of the bolt", None),
        ("Grade (optional)", None),
        ("Grade (see in m)", None),
        ("(mm)", "mm"),
        ("", None),
        (")", None),
        ("]", None),
    ],
)
def test_descriptions(description, unit):
    assert unit_of(description) == unit
