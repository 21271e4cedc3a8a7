"""Arbitrary precision: constants, quadrature, roots, linear systems."""

from mpmath import mp


def constants(digits: int = 50) -> dict:
    with mp.workdps(digits + 10):
        residual = abs(mp.zeta(2) - mp.pi**2 / 6)
        return {
            "pi": mp.nstr(+mp.pi, digits),
            "e": mp.nstr(+mp.e, digits),
            "zeta3": mp.nstr(mp.zeta(3), digits),
            "zeta2_is_pi2_over_6": bool(residual < mp.mpf(10) ** -digits),
            "euler": mp.nstr(+mp.euler, digits),
        }


def quadrature() -> dict:
    with mp.workdps(50):
        return {
            "gauss": mp.nstr(mp.quad(lambda x: mp.exp(-(x**2)), [-mp.inf, mp.inf]), 41),
            "quarter_circle": mp.nstr(mp.quad(lambda x: mp.sqrt(1 - x**2), [0, 1]), 41),
            "log_singularity": mp.nstr(mp.quad(mp.log, [0, 1]), 41),
            "catalan_sum": mp.nstr(mp.nsum(lambda n: (-1) ** int(n) / (2 * n + 1) ** 2, [0, mp.inf]), 41),
        }


def roots() -> dict:
    """Roots, among them those of cos(k) cosh(k) = -1: natural modes of a cantilever."""
    with mp.workdps(50):
        modes = [mp.findroot(lambda k: mp.cos(k) * mp.cosh(k) + 1, guess) for guess in (1.9, 4.7, 7.85)]
        cubic = sorted(mp.polyroots([1, -6, 11, -6], maxsteps=200, extraprec=200), key=mp.re)
        return {
            "dottie": mp.nstr(mp.findroot(lambda x: mp.cos(x) - x, 0.7), 41),
            "bessel_j0": mp.nstr(mp.besseljzero(0, 1), 41),
            "zeta_zero": mp.nstr(mp.zetazero(1).imag, 41),
            "clamped_beam": [mp.nstr(k, 35) for k in modes],
            "cubic": [mp.nstr(mp.re(root), 20) for root in cubic],
        }


def hilbert(order: int, digits: int) -> dict:
    """Solve H x = H · (1, ..., 1) and compare x with ones, to 1e-12."""

    def error() -> float:
        matrix = mp.hilbert(order)
        solution = mp.lu_solve(matrix, matrix * mp.ones(order, 1))
        return float(max(abs(v - 1) for v in solution))

    with mp.workdps(digits):
        precise = error()
    with mp.workprec(53):
        double = error()
    return {"accurate": precise < 1e-12, "double_is_accurate": double < 1e-12, "error": precise}
