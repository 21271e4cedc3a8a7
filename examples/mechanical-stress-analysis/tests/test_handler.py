import math

import pytest

from handler import Dimensions, Section, calculate
from sections import ISection, Rectangle, Tube


@pytest.mark.parametrize(
    ("ratio", "alpha"),
    # tau_max = T / (alpha a b²): Timoshenko & Goodier, Theory of Elasticity, section 109
    [(1.0, 0.208), (1.5, 0.231), (2.0, 0.246), (3.0, 0.267), (5.0, 0.291), (10.0, 0.312)],
)
def test_torsion_of_a_rectangle(ratio, alpha):
    assert Rectangle(10.0, 10.0 * ratio).torsion_modulus / (10.0**3 * ratio) == pytest.approx(alpha, abs=6e-4)
    assert Rectangle(10.0 * ratio, 10.0).torsion_modulus == Rectangle(10.0, 10.0 * ratio).torsion_modulus


@pytest.mark.parametrize(
    ("shape", "factor"),
    [
        (Rectangle(30, 70), 1.5),
        (Tube(40), 4 / 3),
        # thin wall: 2 V / A
        (Tube(1000, 998), 2.0),
    ],
)
def test_shear_factor(shape, factor):
    """tau_max / (V / A) on the neutral axis."""
    assert shape.shear_ratio(0) / shape.inertia * shape.area == pytest.approx(factor, rel=2e-3)


@pytest.mark.parametrize("shape", [Rectangle(30, 70), Tube(40), Tube(60, 50), ISection(200, 100, 5.6, 8.5)])
def test_shear_stress_carries_the_shear_force(shape):
    """Integral of tau b over the height is V: sum of Q dy / I = 1."""
    n = 20_000
    half = shape.half_height
    dy = half / n
    total = 0.0
    for i in range(n):
        y = (i + 0.5) * dy
        total += 2 * shape.shear_ratio(y) * _width(shape, y) * dy
    assert total / shape.inertia == pytest.approx(1.0, rel=1e-3)


def _width(shape, y):
    if isinstance(shape, Rectangle):
        return shape.width
    if isinstance(shape, Tube):
        chord = lambda d: math.sqrt(max(0.0, d**2 / 4 - y**2))
        return 2 * (chord(shape.outer) - chord(shape.inner))
    return shape.width if y > shape.half_height - shape.flange else shape.web


def test_short_i_beam_is_worst_at_the_web_flange_junction():
    # y = 91.5, I = 18455902.3: sigma = 3e7·91.5/I = 148.733, Q/b = 81387.5/5.6,
    # tau = 1e5·14533.48/I = 78.747; sqrt(148.733² + 3·78.747²) = 201.804 > 3e7·100/I = 162.55
    # and > sqrt(3)·101.429 = 175.68 on the axis
    result = calculate(0, Section.I, bending_moment=30_000, shear_force=100_000)
    assert result.critical_height == 91.5
    assert result.von_mises == pytest.approx(201.804, rel=1e-5)


def test_bending_and_torsion_of_a_shaft():
    # d = 50: sigma = 32·1e6/(pi·50³) = 81.487, tau = 16·8e5/(pi·50³) = 32.595; vM = 99.134
    result = calculate(0, Section.CIRCULAR, bending_moment=1000, torque=800)
    assert result.von_mises == pytest.approx(99.134, rel=1e-5)
    assert result.critical_height == 25


def test_no_load_has_no_safety_factor():
    result = calculate(0)
    assert result.von_mises == 0
    assert result.safety_factor is None
    assert result.status == "OK"


def test_compression_yields():
    result = calculate(-2_000_000, Section.RECTANGULAR)
    assert result.axial == -400
    assert result.status == "YIELD"


def test_impossible_tube():
    with pytest.raises(ValueError, match="wall_thickness"):
        calculate(1, Section.TUBULAR, Dimensions(outer_diameter=20, wall_thickness=10))
