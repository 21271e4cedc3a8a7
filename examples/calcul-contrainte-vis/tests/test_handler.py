import pytest

from handler import calculate


def test_calculate_basic():
    """Test cas nominal."""
    result = calculate({"force": 1000, "section": 10})

    assert result["contrainte"] == 100.0
    assert result["coefficient_securite"] == pytest.approx(2.35)
    assert result["statut"] == "OK"


def test_calculate_edge_cases():
    """Test cas limites."""
    # Force nulle
    result = calculate({"force": 0, "section": 10})
    assert result["contrainte"] == 0
    assert result["coefficient_securite"] is None
    assert result["statut"] == "OK"

    # Section minimale
    result = calculate({"force": 1000, "section": 1})
    assert result["contrainte"] == 1000


@pytest.mark.parametrize(
    ("force", "statut"),
    [
        (1566, "OK"),  # 235 / 156,6 = 1,5006
        (1567, "LIMITE"),  # 235 / 156,7 = 1,4997
        (2349, "LIMITE"),  # 235 / 234,9 = 1,0004
        (2350, "RUPTURE"),  # 235 / 235 = 1 : fy atteint
    ],
)
def test_statut_de_part_et_d_autre_des_seuils(force, statut):
    assert calculate({"force": force, "section": 10})["statut"] == statut


def test_calculate_invalid_inputs():
    """Test validation inputs."""
    with pytest.raises(KeyError):
        calculate({"force": 1000})  # Section manquante
