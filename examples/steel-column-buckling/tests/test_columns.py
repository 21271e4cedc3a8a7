import math

import pytest

from columns import ALPHA, Column, _axis, check_column, select_section
from database import SECTIONS, yield_strength


@pytest.mark.parametrize("name", SECTIONS)
def test_tabulated_properties_follow_from_the_dimensions(name):
    """A, Iy, Iz of an I with root fillets, against the three digits of the table."""
    s = SECTIONS[name]
    c = 0.4468 * s.r  # from the web face to the centroid of a pair of fillets
    area = 2 * s.b * s.tf + (s.h - 2 * s.tf) * s.tw + (4 - math.pi) * s.r**2
    inertia_y = (
        (s.b * s.h**3 - (s.b - s.tw) * (s.h - 2 * s.tf) ** 3) / 12
        + 0.03 * s.r**4
        + 0.2146 * s.r**2 * (s.h - 2 * s.tf - c) ** 2
    )
    inertia_z = (
        (2 * s.tf * s.b**3 + (s.h - 2 * s.tf) * s.tw**3) / 12
        + 0.03 * s.r**4
        + 0.2146 * s.r**2 * (s.tw + c) ** 2
    )
    assert s.area == pytest.approx(area, rel=5e-3)
    assert s.inertia_y == pytest.approx(inertia_y, rel=5e-3)
    assert s.inertia_z == pytest.approx(inertia_z, rel=5e-3)


@pytest.mark.parametrize(
    ("curve", "slenderness", "chi"),
    # Tabulated values of the European buckling curves (ECCS)
    [
        ("a0", 1.0, 0.7253),
        ("a", 0.5, 0.9243),
        ("a", 1.0, 0.6656),
        ("b", 0.5, 0.8842),
        ("b", 1.0, 0.5970),
        ("c", 1.0, 0.5399),
        ("c", 2.0, 0.1962),
        ("d", 1.0, 0.4671),
    ],
)
def test_buckling_curves(curve, slenderness, chi):
    # I = 1e7 mm⁴ over 3 m, and the squash load (kN) that gives this slenderness
    critical = math.pi**2 * 210_000 * 1e7 / 3000**2 / 1e3
    axis = _axis(1e7, 3.0, critical * slenderness**2, curve)
    assert axis["slenderness"] == pytest.approx(slenderness)
    assert axis["reduction"] == pytest.approx(chi, abs=6e-5)


@pytest.mark.parametrize("name", ["IPE200", "HEA160", "HEB300"])
def test_reduction_solves_ayrton_perry(name):
    """(1 - chi) (1 - chi lambda²) = alpha (lambda - 0.2) chi."""
    check = check_column(Column(name, 6.0), 1)
    for axis in (check["y"], check["z"]):
        chi, lam = axis["reduction"], axis["slenderness"]
        assert (1 - chi) * (1 - chi * lam**2) == pytest.approx(ALPHA[axis["curve"]] * (lam - 0.2) * chi)


def test_yield_strength_falls_with_thickness():
    assert [yield_strength("S355", t) for t in (40, 41)] == [355, 335]
    with pytest.raises(ValueError, match="not tabulated"):
        yield_strength("S355", 81)


def test_slender_web_is_refused():
    # IPE 300: c/tw = (300 - 21.4 - 30) / 7.1 = 35.0; class 3 up to 42 · 0.814 = 34.2 in S355
    assert check_column(Column("IPE300", 3.0), 1)["section_class"] == 2  # 38 in S235
    with pytest.raises(ValueError, match="class 4"):
        check_column(Column("IPE300", 3.0, steel="S355"), 1)


def test_unknown_section_lists_the_known():
    with pytest.raises(ValueError, match="known: IPE80"):
        check_column(Column("HEM200", 3.0), 1)


def test_selection_is_the_lightest():
    selection = select_section(800, 3.5)
    assert selection["utilization"] <= 1
    lighter = [s for s in SECTIONS.values() if s.mass < selection["mass"]]
    assert lighter
    assert all(check_column(Column(s.name, 3.5), 800)["status"] == "NOT OK" for s in lighter)
    masses = [selection["mass"], *(c["mass"] for c in selection["alternatives"])]
    assert masses == sorted(masses)


def test_nothing_suffices():
    with pytest.raises(ValueError, match="no section of IPE"):
        select_section(50_000, 5, families=["IPE"])
