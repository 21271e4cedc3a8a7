"""Closed-form results for beams of one span, derived by sympy and not looked up.

The equation E I v'''' = q(x) is integrated once in dimensionless form (L = E I = load = 1),
with the point load as a Macaulay bracket, and its four constants follow from the supports.
Sign convention: load and deflection positive downwards, moment positive when it sags,
M = -E I v'', V = -E I v'''.
"""

from dataclasses import dataclass
from typing import Annotated, Dict, List, Literal

import sympy as sp
from pydantic import Field

Supports = Literal["simply-supported", "cantilever", "propped-cantilever", "fixed-fixed"]

# Derivatives of v that vanish at the left and at the right end.
PINNED, FIXED, FREE = (0, 2), (0, 1), (2, 3)
ENDS = {
    "simply-supported": (PINNED, PINNED),
    "cantilever": (FIXED, FREE),
    "propped-cantilever": (FIXED, PINNED),
    "fixed-fixed": (FIXED, FIXED),
}
POINTS = 21

s = sp.Symbol("s", nonnegative=True)  # x / L
x, L, E, I = sp.symbols("x L E I", positive=True)


@dataclass
class Formula:
    text: str
    latex: str


@dataclass
class Values:
    reaction_left: Annotated[float, Field(description="Upward reaction at x = 0 (kN)")]
    reaction_right: Annotated[float, Field(description="Upward reaction at x = L (kN)")]
    moment_left: Annotated[float, Field(description="Moment at x = 0 (kN·m)")]
    moment_right: Annotated[float, Field(description="Moment at x = L (kN·m)")]
    moment_extreme: Annotated[float, Field(description="Moment of the largest magnitude (kN·m)")]
    moment_position: Annotated[float, Field(description="Where it occurs (m)")]
    deflection_max: Annotated[float, Field(description="Largest deflection (mm)")]
    deflection_position: Annotated[float, Field(description="Where it occurs (m)")]


@dataclass
class Result:
    formulas: Dict[str, Formula]
    values: Values
    curve: Annotated[List[List[float]], Field(description="Rows of x (m), moment (kN·m), deflection (mm)")]


def calculate(
    supports: Supports,
    load_type: Literal["uniform", "point"] = "uniform",
    load: Annotated[float, Field(gt=0)] = 10.0,
    load_position: Annotated[float, Field(ge=0.001, le=1)] = 0.5,
    length: Annotated[float, Field(gt=0)] = 6.0,
    youngs_modulus: Annotated[float, Field(gt=0)] = 210.0,
    inertia: Annotated[float, Field(gt=0)] = 8356.0,
) -> Result:
    """Formulas of a beam of constant section, and their values.

    Parameters
    ----------
    supports : str
        Ends of the beam, left one first; the fixed end of a cantilever is at x = 0
    load_type : str
        ``uniform`` over the whole span, or ``point``
    load : float
        q in kN/m (uniform) or P in kN (point)
    load_position : float
        Place of the point load as a fraction of L; taken as the nearest fraction with a
        denominator of at most 1000
    length : float
        Span L (m)
    youngs_modulus : float
        Young's modulus E (GPa)
    inertia : float
        Second moment of area I (cm⁴)
    """
    uniform = load_type == "uniform"
    a = sp.Integer(1) if uniform else sp.Rational(str(load_position)).limit_denominator(1000)
    bracket = s**4 / 24 if uniform else sp.SingularityFunction(s, a, 3) / 6
    pieces = _solve(supports, uniform, a)

    at, v_max = _extreme([(v, lo, hi) for v, lo, hi in pieces])
    m_at, m_max = _extreme([(-sp.diff(v, s, 2), lo, hi) for v, lo, hi in pieces])
    first, last = pieces[0][0], pieces[-1][0]
    shear_left = -sp.diff(first, s, 3).subs(s, 0)

    # What one unit of each dimensionless quantity is.
    F = sp.Symbol("q", positive=True) * L if uniform else sp.Symbol("P", positive=True)
    coefficients = {
        "reaction_left": (shear_left, F),
        "reaction_right": (1 - shear_left, F),
        "moment_left": (-sp.diff(first, s, 2).subs(s, 0), F * L),
        "moment_right": (-sp.diff(last, s, 2).subs(s, 1), F * L),
        "moment_extreme": (m_max, F * L),
        "moment_position": (m_at, L),
        "deflection_max": (v_max, F * L**3 / (E * I)),
        "deflection_position": (at, L),
    }
    # The constants of integration are the same left and right of the bracket.
    macaulay = first + (0 if uniform else bracket)
    deflection = macaulay.subs(s, x / L)
    if not uniform:
        deflection = deflection.replace(
            sp.SingularityFunction, lambda var, off, n: sp.SingularityFunction(x, off * L, n) / L**n
        )
    formulas = {name: _formula(sp.simplify(value * unit)) for name, (value, unit) in coefficients.items()}
    formulas["deflection"] = _formula(sp.expand(deflection * F * L**3) / (E * I))

    rigidity = youngs_modulus * inertia * 1e-2  # GPa · cm⁴ = 1e6 kN/m² · 1e-8 m⁴
    force = load * length if uniform else load  # kN
    scale = {F: force, F * L: force * length, L: length, F * L**3 / (E * I): force * length**3 / rigidity * 1e3}
    values = {name: float(value) * scale[unit] for name, (value, unit) in coefficients.items()}

    curve = []
    for i in range(POINTS):
        place = sp.Rational(i, POINTS - 1)
        v = next(v for v, lo, hi in pieces if place <= hi)
        moment = -sp.diff(v, s, 2).subs(s, place)
        curve.append(
            [
                float(place) * scale[L],
                float(moment) * scale[F * L],
                float(v.subs(s, place)) * scale[F * L**3 / (E * I)],
            ]
        )
    return Result(formulas, Values(**values), curve)


def _solve(supports, uniform, a):
    """Dimensionless deflection as polynomials ``[(v, from, to)]`` left and right of the load."""
    constants = sp.symbols("c0:4")
    left = sum(c * s**k / sp.factorial(k) for k, c in enumerate(constants))
    if uniform:
        left += s**4 / 24
        right = left
    else:
        right = left + (s - a) ** 3 / 6
    conditions = [sp.diff(left, s, k).subs(s, 0) for k in ENDS[supports][0]]
    conditions += [sp.diff(right, s, k).subs(s, 1) for k in ENDS[supports][1]]
    solution = dict(zip(constants, next(iter(sp.linsolve(conditions, constants)))))
    pieces = [(sp.expand(left.subs(solution)), sp.Integer(0), a)]
    if a < 1:
        pieces.append((sp.expand(right.subs(solution)), a, sp.Integer(1)))
    return pieces


def _extreme(pieces):
    """Place and exact value of the largest magnitude over piecewise polynomials."""
    candidates = []
    for f, lo, hi in pieces:
        places = {lo, hi}
        slope = sp.diff(f, s)
        if slope.has(s):
            places |= {r for r in sp.roots(sp.Poly(slope, s)) if r.is_real and lo < r < hi}
        candidates += [(place, sp.simplify(f.subs(s, place))) for place in places]
    # Of equal magnitudes, the leftmost.
    return max(candidates, key=lambda c: (round(abs(float(c[1])), 12), -float(c[0])))


def _formula(expression):
    return Formula(text=str(expression), latex=sp.latex(expression))
