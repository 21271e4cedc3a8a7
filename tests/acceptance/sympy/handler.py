"""What an engineer asks of sympy: equations, integrals, matrices, compiled functions."""

import math
from typing import List

import sympy as sp

x, t = sp.symbols("x t", positive=True)


def oscillator(damping: float, stiffness: float, time: float) -> dict:
    """Free vibration y'' + c y' + k y = 0 from y(0) = 1, y'(0) = 0."""
    y = sp.Function("y")
    c, k = sp.nsimplify(damping), sp.nsimplify(stiffness)
    equation = sp.Eq(y(t).diff(t, 2) + c * y(t).diff(t) + k * y(t), 0)
    solution = sp.dsolve(equation, y(t), ics={y(0): 1, y(t).diff(t).subs(t, 0): 0}).rhs
    assert sp.checkodesol(equation, sp.Eq(y(t), solution))[0]
    return {"solution": str(solution), "value": float(solution.subs(t, sp.nsimplify(time)))}


def integrals() -> dict:
    """Definite, improper, indefinite and numerical integrals."""
    z = sp.Symbol("z", real=True)
    return {
        "gauss": str(sp.integrate(sp.exp(-(z**2)), (z, -sp.oo, sp.oo))),
        "rational": str(sp.integrate(1 / (1 + x**4), (x, 0, sp.oo))),
        "parts": str(sp.integrate(x * sp.sin(x), x)),
        "numeric": float(sp.Integral(sp.exp(-(x**2)), (x, 0, sp.oo)).evalf(20)),
    }


def algebra() -> dict:
    """Simplify, factor, solve, expand, take a limit, print."""
    z = sp.Symbol("x")
    return {
        "trigonometric": str(sp.simplify(sp.sin(z) ** 2 + sp.cos(z) ** 2)),
        "quotient": str(sp.simplify((z**2 - 1) / (z - 1))),
        "factors": str(sp.factor(z**5 + z + 1)),
        "roots": [str(root) for root in sorted(sp.solve(z**2 - z - 1, z), key=float)],
        "series": str(sp.series(sp.sin(z), z, 0, 7)),
        "limit": str(sp.limit((1 + 1 / z) ** z, z, sp.oo)),
        "latex": sp.latex(1 / sp.sqrt(z)),
    }


def principal_stresses(tensor: List[List[float]]) -> dict:
    matrix = sp.Matrix([[sp.nsimplify(v) for v in row] for row in tensor])
    exact = sorted((v for v, n in matrix.eigenvals().items() for _ in range(n)), key=float)
    singular = matrix.det() == 0
    return {
        "exact": [str(v) for v in exact],
        "values": [float(v) for v in exact],
        "determinant": str(matrix.det()),
        "inverse": None if singular else [[str(v) for v in row] for row in matrix.inv().tolist()],
    }


def damped_wave(points: List[float]) -> dict:
    wave = sp.sin(x) * sp.exp(-x)
    f = sp.lambdify(x, wave, modules=[math])
    values = [f(p) for p in points]
    return {"derivative": str(sp.diff(wave, x)), "values": values, "largest": max(values)}
