import math

import pytest

from handler import Face, calculate


def exact(bi, fo, xi):
    """(T - Tf) / (Ti - Tf) of a plane wall, xi from the mid-plane; Incropera (5.42)."""
    total = 0.0
    for n in range(40):
        lo, hi = n * math.pi, n * math.pi + math.pi / 2 - 1e-13
        for _ in range(100):  # zeta tan(zeta) = Bi
            zeta = (lo + hi) / 2
            lo, hi = (zeta, hi) if zeta * math.tan(zeta) < bi else (lo, zeta)
        c = 4 * math.sin(zeta) / (2 * zeta + math.sin(2 * zeta))
        total += c * math.exp(-(zeta**2) * fo) * math.cos(zeta * xi)
    return total


def wall(bi, fo, nodes=41):
    """Half thickness 1 m, k = a = 1: h = Bi, t = Fo."""
    face = Face(temperature=0, coefficient=bi)
    return calculate(2000, 1, 1, 1, 100, left=face, right=face, duration=fo, nodes=nodes)


def test_one_term_table():
    """Incropera, Table 5.1, Bi = 1: zeta = 0.8603, C = 1.1191."""
    assert exact(1, 1, 0) == pytest.approx(1.1191 * math.exp(-(0.8603**2)), abs=1e-4)


@pytest.mark.parametrize(("bi", "fo"), [(0.1, 0.5), (1, 0.1), (1, 1), (10, 0.3)])
def test_plane_wall(bi, fo):
    result = wall(bi, fo)
    assert result["middle_temperature"] == pytest.approx(100 * exact(bi, fo, 0), rel=1e-3)
    assert result["left_temperature"] == pytest.approx(100 * exact(bi, fo, 1), rel=2e-3)


def test_second_order():
    error = [abs(wall(1, 0.5, nodes)["middle_temperature"] - 100 * exact(1, 0.5, 0)) for nodes in (21, 41)]
    assert 3.5 < error[0] / error[1] < 4.5


def test_energy_balance_and_symmetry():
    result = wall(2, 0.4)
    assert result["balance_error"] < 1e-12
    assert result["left_temperature"] == pytest.approx(result["right_temperature"], rel=1e-12)


def test_insulated_plate_keeps_its_temperature():
    still = Face(temperature=0, coefficient=0)
    result = calculate(left=still, right=still, duration=60, nodes=11)
    assert result["middle_temperature"] == 850
    assert result["balance_error"] == 0


def test_history_and_profile():
    result = wall(1, 0.1, nodes=11)
    assert len(result["history"]) == 101
    assert result["history"][0] == [0, 100, 100, 100]
    assert result["history"][-1][0] == pytest.approx(0.1)
    assert [row[0] for row in result["profile"]] == pytest.approx([200 * i for i in range(11)])
