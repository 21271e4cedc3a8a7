import pytest

from handler import calculate

ROD = dict(area="250 mm**2", length="2 m")


def test_si():
    result = calculate("12 kN", **ROD)
    assert result["stress"]["value"] == pytest.approx(48)
    assert result["stress"]["text"] == "48 MPa"
    assert result["elongation"]["value"] == pytest.approx(12000 * 2000 / (210000 * 250))
    assert result["stiffness"]["value"] == pytest.approx(26.25)  # 210 · 250 / 2000 kN/mm


@pytest.mark.parametrize("force", ["12 kN", "12000 N", "0.012 MN", "1.2e4 kg m / s**2", "1223.6594555735 kgf"])
def test_the_same_force_in_other_units(force):
    assert calculate(force, **ROD)["stress"]["value"] == pytest.approx(48)


def test_us_units():
    # 20 ksi = 20 · 6.894757293168361 MPa
    result = calculate("10 kip", area="0.5 in**2", length="10 ft")
    assert result["stress"]["value"] == pytest.approx(137.89514586)


def test_shortened_by_compression_and_cooling():
    # -48/210000·2000 - 12e-6·20·2000 = -0.457143 - 0.48
    result = calculate("-12 kN", **ROD, temperature_change="-20 delta_degC")
    assert result["elongation"]["value"] == pytest.approx(-0.937142857)
    assert result["utilization"] == pytest.approx(48 / 235)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"force": "12 mm"}, r"force: '12 mm' has the dimension \[length\]"),
        ({"force": "12"}, "force: '12' has the dimension dimensionless"),
        ({"force": "12 kNn"}, "force: '12 kNn' is no quantity"),
        ({"force": "1 kN", "temperature_change": "20 degC"}, "a point on a scale"),
        ({"force": "1 kN", "stress_unit": "mm"}, "stress_unit: Cannot convert"),
        ({"force": "1 kN", "area": "0 mm**2"}, "area must be positive"),
    ],
)
def test_bad_quantities_are_named(inputs, message):
    with pytest.raises(ValueError, match=message):
        calculate(**{**ROD, **inputs})
