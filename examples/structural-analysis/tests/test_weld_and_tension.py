import pytest

from analysis.tension import calculate_net_section_resistance
from analysis.weld import calculate_weld_resistance


@pytest.mark.parametrize(
    ("steel", "strength"),
    [
        ("S235", 207.85),  # 360 / (1.73205 · 0.80 · 1.25)
        ("S275", 233.66),  # 430 / (1.73205 · 0.85 · 1.25)
        ("S355", 251.47),  # 490 / (1.73205 · 0.90 · 1.25)
    ],
)
def test_weld_strength(steel, strength):
    result = calculate_weld_resistance(throat=4, length=100, force=0, steel=steel)
    assert result["strength"] == pytest.approx(strength, rel=5e-5)


def test_weld_too_short():
    with pytest.raises(ValueError, match="carries no force"):
        calculate_weld_resistance(throat=6, length=35, force=1000)


def test_two_holes():
    # Anet = 150·12 - 2·22·12 = 1272 mm²; Nu = 0.9·1272·430/1.25 = 393811.2 N < Npl = 495000 N
    result = calculate_net_section_resistance(150, 12, 22, holes_in_row=2, steel="S275")
    assert result["net_area"] == 1272
    assert result["resistance"] == pytest.approx(393811.2)
    assert result["governing"] == "net section"


def test_holes_wider_than_the_bar():
    with pytest.raises(ValueError, match="leave nothing"):
        calculate_net_section_resistance(40, 10, 22, holes_in_row=2)
