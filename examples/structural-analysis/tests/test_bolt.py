import math

import pytest

from analysis.bolt import STRESS_AREA, Bolt

COARSE_PITCH = {  # mm, ISO 262 up to M64, 6 mm above
    6: 1, 8: 1.25, 10: 1.5, 12: 1.75, 14: 2, 16: 2, 18: 2.5, 20: 2.5, 22: 2.5, 24: 3, 27: 3,
    30: 3.5, 33: 3.5, 36: 4, 39: 4, 42: 4.5, 45: 4.5, 48: 5, 52: 5, 56: 5.5, 60: 5.5, 64: 6,
    72: 6, 80: 6, 90: 6, 100: 6,
}  # fmt: skip


@pytest.mark.parametrize("d", STRESS_AREA)
def test_stress_area_follows_from_the_pitch(d):
    """As = pi/4 · (d - 0.9382 P)², to the three digits of the standard."""
    exact = math.pi / 4 * (d - 0.9382 * COARSE_PITCH[d]) ** 2
    assert STRESS_AREA[d] == pytest.approx(exact, rel=5e-3)


def test_quick_start():
    result = Bolt(12, "8.8").calculate_resistance(force=50000)
    assert result["resistance"] == pytest.approx(2 * 0.6 * 800 * 84.3 / 1.25)
    assert result["utilization"] == pytest.approx(50 / 64.7424)
    assert result["status"] == "OK"


def test_known_value_m20_8_8():
    """94.08 kN per plane: the value of the usual resistance tables."""
    assert Bolt(20, "8.8").calculate_resistance(1, shear_planes=1)["resistance"] == pytest.approx(94080)


def test_threads_weaken_10_9_twice():
    """Smaller area, and alpha_v = 0.5 instead of 0.6."""
    threads = Bolt(20, "10.9").calculate_resistance(1, 1, True)["resistance"]
    shank = Bolt(20, "10.9").calculate_resistance(1, 1, False)["resistance"]
    assert threads / shank == pytest.approx(0.5 * 245 / (0.6 * 100 * math.pi))


def test_not_a_standard_size():
    with pytest.raises(ValueError, match="13 mm is no standard size"):
        Bolt(13, "8.8")
