import pytest
import sympy as sp

from handler import calculate

UNIT = dict(load=1, length=1, youngs_modulus=100, inertia=1)  # E I = 1 kN·m²


def number(formula, **values):
    names = {"q": 1, "P": 1, "L": 1, "E": 1, "I": 1, **values}
    symbols = {name: sp.Symbol(name) for name in [*names, "x"]}
    return float(sp.sympify(formula.text, locals=symbols).subs({symbols[k]: v for k, v in names.items()}))


@pytest.mark.parametrize(
    ("supports", "load_type", "deflection", "moment"),
    # v_max E I / (q L⁴) or / (P L³), |M|_max / (q L²) or / (P L): the textbook table
    [
        ("simply-supported", "uniform", 5 / 384, 1 / 8),
        ("simply-supported", "point", 1 / 48, 1 / 4),
        ("cantilever", "uniform", 1 / 8, 1 / 2),
        ("cantilever", "point", 5 / 48, 1 / 2),
        ("propped-cantilever", "uniform", 1 / 184.63, 1 / 8),
        ("propped-cantilever", "point", 5**0.5 / 240, 3 / 16),  # P L³ / (48 sqrt(5)), at L / sqrt(5) from the pin
        ("fixed-fixed", "uniform", 1 / 384, 1 / 12),
        ("fixed-fixed", "point", 1 / 192, 1 / 8),
    ],
)
def test_textbook_table(supports, load_type, deflection, moment):
    result = calculate(supports, load_type, **UNIT)
    assert result.values.deflection_max == pytest.approx(deflection * 1e3, rel=1e-4)
    assert abs(result.values.moment_extreme) == pytest.approx(moment)
    assert number(result.formulas["deflection_max"]) == pytest.approx(deflection, rel=1e-4)


def test_eccentric_load():
    """P b (L² - b²)^1.5 / (9 sqrt(3) L E I), at sqrt((L² - b²) / 3) from the far support."""
    b = 0.25
    values = calculate("simply-supported", "point", load_position=b, **UNIT).values
    assert values.deflection_max == pytest.approx(b * (1 - b**2) ** 1.5 / (9 * 3**0.5) * 1e3)
    assert values.deflection_position == pytest.approx(1 - ((1 - b**2) / 3) ** 0.5)
    assert values.reaction_left == pytest.approx(0.75)
    assert values.moment_extreme == pytest.approx(b * (1 - b))


@pytest.mark.parametrize("supports", ["simply-supported", "cantilever", "propped-cantilever", "fixed-fixed"])
@pytest.mark.parametrize("load_type", ["uniform", "point"])
def test_equilibrium(supports, load_type):
    v = calculate(supports, load_type, load_position=0.3, load=7, length=3).values
    total, arm = (21, 1.5) if load_type == "uniform" else (7, 0.9)
    assert v.reaction_left + v.reaction_right == pytest.approx(total)
    # Moments about x = 0: hogging end moments are negative.
    assert v.reaction_right * 3 + v.moment_right - v.moment_left - total * arm == pytest.approx(0, abs=1e-12)


def test_deflection_formula_keeps_the_bracket():
    formula = calculate("simply-supported", "point", load_position=0.25).formulas["deflection"]
    assert "SingularityFunction(x, L/4, 3)" in formula.text
    assert r"\left\langle" in formula.latex
    # v(L/2) = P b (3 L² - 4 b²) / (48 E I), b = L/4: 11 / 768
    expression = sp.sympify(formula.text, locals={n: sp.Symbol(n) for n in "xLEIP"})
    value = expression.subs({n: 1 for n in "LEIP"}).subs("x", sp.Rational(1, 2))
    assert sp.simplify(value) == sp.Rational(11, 768)


def test_curve_meets_the_maximum():
    result = calculate("simply-supported")
    assert len(result.curve) == 21
    assert result.curve[10] == pytest.approx([3, 45, 9.6167], rel=1e-5)


def test_load_above_a_support():
    values = calculate("simply-supported", "point", load_position=1, **UNIT).values
    assert (values.reaction_left, values.reaction_right, values.deflection_max) == (0, 1, 0)
