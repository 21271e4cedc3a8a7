import pytest

from handler import calculate

IPE_300 = 8.356e-5  # m⁴


def test_ipe_300_calcule_a_la_main():
    # 9,6167 mm : voir le README.
    result = calculate({"longueur": 6, "charge": 10000, "inertie": IPE_300})
    assert result["fleche_max"] == pytest.approx(9.6167, rel=1e-5)
    assert result["position_fleche_max"] == 3


def test_integration_numerique_de_la_courbure():
    """f = ∫₀^{L/2} x·M(x)/(E·I) dx (premier théorème de Mohr), M = q·x·(L - x)/2."""
    L, q, E = 7.3, 4200.0, 70e9
    n = 20_000
    dx = L / 2 / n
    moment = lambda x: q * x * (L - x) / 2
    f = sum(x * moment(x) for x in ((i + 0.5) * dx for i in range(n))) * dx / (E * IPE_300)
    result = calculate({"longueur": L, "charge": q, "inertie": IPE_300, "module_young": 70000})
    assert result["fleche_max"] == pytest.approx(f * 1000, rel=1e-6)


def test_lois_d_echelle():
    base = calculate({"longueur": 4, "charge": 1000, "inertie": 1e-5})["fleche_max"]
    assert calculate({"longueur": 8, "charge": 1000, "inertie": 1e-5})["fleche_max"] == pytest.approx(16 * base)
    assert calculate({"longueur": 4, "charge": 1000, "inertie": 2e-5})["fleche_max"] == pytest.approx(base / 2)
