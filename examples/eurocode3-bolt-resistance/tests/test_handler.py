import math

import pytest

from fasteners import SIZES, BoltGrade, mean_head_diameter
from handler import Steel, calculate

PITCH = {6: 1, 8: 1.25, 10: 1.5, 12: 1.75, 14: 2, 16: 2, 18: 2.5, 20: 2.5, 22: 2.5, 24: 3, 27: 3, 30: 3.5, 33: 3.5, 36: 4}


@pytest.mark.parametrize("d", SIZES)
def test_stress_area_follows_from_iso_724(d):
    """As = pi/4 · ((d2 + d3) / 2)², to the three digits of ISO 898-1."""
    h = math.sqrt(3) / 2 * PITCH[d]
    d2, d3 = d - 0.75 * h, d - 17 / 12 * h
    assert SIZES[d][0] == pytest.approx(math.pi / 4 * ((d2 + d3) / 2) ** 2, rel=5e-3)


@pytest.mark.parametrize(
    ("d", "shear", "tension"),
    # kN, class 8.8, threads in the shear plane: the values of the usual resistance tables
    [(12, 32.4, 48.6), (16, 60.3, 90.4), (20, 94.1, 141), (24, 136, 203), (30, 215, 323)],
)
def test_tabulated_values_8_8(d, shear, tension):
    bolt = calculate(d)["bolt"]
    assert bolt["shear"] / 1000 == pytest.approx(shear, rel=4e-3)
    assert bolt["tension"] / 1000 == pytest.approx(tension, rel=4e-3)


def test_alpha_v_is_smaller_for_10_9_with_threads():
    bolt = calculate(20, grade=BoltGrade.G10_9)["bolt"]
    assert bolt["shear"] == pytest.approx(0.5 * 1000 * 245 / 1.25)


def test_bearing_inner_bolt_governs():
    # d0 = 22: alpha_b = 50/66 - 1/4 = 0.507576, k1 = 2.5; 2.5·0.507576·360·20·10/1.25
    bolt = calculate(20, nb_bolts=3, e1=60, e2=40, p1=50)["bolt"]
    assert bolt["bearing"] == pytest.approx(73090.9, rel=1e-6)


def test_bearing_inner_line_governs():
    # k1 = 1.4·55/22 - 1.7 = 1.8, alpha_b = 2/3; 1.8·(2/3)·360·20·10/1.25 = 69120
    bolt = calculate(20, nb_bolts=4, bolts_per_row=2, p2=55)["bolt"]
    assert bolt["bearing"] == pytest.approx(69120)


def test_one_row_in_single_lap_is_limited():
    # 3.6.1(10): 1.5·360·20·10/1.25 = 86400, below 2.5·(2/3)·360·20·10/1.25 = 96000
    assert calculate(20)["bolt"]["bearing"] == pytest.approx(86400)
    assert calculate(20, shear_planes=2)["bolt"]["bearing"] == pytest.approx(96000)


def test_punching():
    # dm = (30 + 34.641) / 2 = 32.3205; 0.6·pi·32.3205·10·360/1.25 = 175457 N
    assert mean_head_diameter(20) == pytest.approx(32.3205, rel=1e-6)
    assert calculate(20)["bolt"]["punching"] == pytest.approx(175457, rel=1e-5)


def test_long_joint():
    # Lj = 7·72 = 504 mm, 15 d = 300 mm with d = 20: beta = 1 - 204/4000 = 0.949
    bolt = calculate(20, nb_bolts=8, p1=72)["bolt"]
    assert bolt["shear"] == pytest.approx(0.949 * 94080)


def test_thin_plate_punches_before_the_bolt_breaks():
    result = calculate(20, plate_thickness=4, tension_force=100_000)
    assert result["group"]["tension"] == pytest.approx(175457 * 0.4, rel=1e-5)
    assert result["status"] == "NOT OK"


def test_tight_spacing_is_remarked():
    result = calculate(20, nb_bolts=2, e1=25, e2=40, p1=45)
    assert [remark.split(" ")[0] for remark in result["remarks"]] == ["e1", "p1"]


def test_incomplete_rows():
    with pytest.raises(ValueError, match="full rows"):
        calculate(20, nb_bolts=5, bolts_per_row=2)


def test_stronger_plate_bears_more():
    weak, strong = (calculate(20, shear_planes=2, steel=s)["bolt"]["bearing"] for s in (Steel.S235, Steel.S355))
    assert strong / weak == pytest.approx(490 / 360)
