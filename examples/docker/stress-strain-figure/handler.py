"""Stress-strain curve of a metal after Ramberg and Osgood, drawn with matplotlib."""

import io
from typing import Annotated, Dict, List, Optional, TypedDict

import matplotlib

matplotlib.use("Agg")  # there is no screen
import mecapy
import numpy as np
from matplotlib.figure import Figure
from pydantic import Field

PROOF_STRAIN = 0.002  # plastic strain at Rp0.2


class Result(TypedDict):
    exponent: Annotated[float, Field(description="n of Ramberg and Osgood")]
    proof_strain: Annotated[float, Field(description="Total strain at Rp0.2")]
    ultimate_strain: Annotated[float, Field(description="Total strain at Rm")]
    resilience: Annotated[float, Field(description="Elastic energy at Rp0.2 (kJ/m³)")]
    toughness: Annotated[float, Field(description="Energy up to Rm (MJ/m³)")]
    curve: Annotated[List[List[float]], Field(description="Rows of strain, stress (MPa)")]
    figure: Annotated[Optional[Dict[str, str]], Field(description='{"$file": key} of the PNG')]


def calculate(
    youngs_modulus: Annotated[float, Field(gt=0)] = 70.0,
    proof_strength: Annotated[float, Field(gt=0)] = 260.0,
    tensile_strength: Annotated[float, Field(gt=0)] = 310.0,
    uniform_elongation: Annotated[float, Field(gt=0.2, le=100)] = 8.0,
    points: Annotated[int, Field(ge=2, le=10_000)] = 101,
    title: Annotated[str, Field(max_length=80)] = "EN AW-6082 T6",
    figure: Optional[str] = "stress-strain.png",
) -> Result:
    """Stress-strain curve through Rp0.2 and Rm, as numbers and as a figure.

    epsilon = sigma / E + 0.002 (sigma / Rp0.2)^n, W. Ramberg and W. R. Osgood, NACA Technical
    Note 902 (1943), with n such that the plastic strain at Rm is the uniform elongation
    Ag: n = ln(Ag / 0.002) / ln(Rm / Rp0.2). Energies are integrals of sigma d epsilon:
    sigma² / 2E + 0.002 n / (n + 1) · sigma (sigma / Rp0.2)^n.

    Parameters
    ----------
    youngs_modulus : float
        Young's modulus E (GPa)
    proof_strength : float
        0.2 % proof strength Rp0.2 (MPa)
    tensile_strength : float
        Tensile strength Rm (MPa)
    uniform_elongation : float
        Plastic strain at Rm, Ag (%)
    points : int
        Points of the curve
    title : str
        What stands above the figure
    figure : str
        Key of the PNG file that is made; none is drawn if it is null
    """
    ag = uniform_elongation / 100
    if tensile_strength <= proof_strength:
        raise ValueError("tensile_strength must be above proof_strength")
    modulus = youngs_modulus * 1e3  # MPa
    n = float(np.log(ag / PROOF_STRAIN) / np.log(tensile_strength / proof_strength))

    stress = np.linspace(0, tensile_strength, points)
    strain = _strain(stress, modulus, proof_strength, n)
    plastic_work = PROOF_STRAIN * n / (n + 1) * tensile_strength * (tensile_strength / proof_strength) ** n
    result: Result = {
        "exponent": n,
        "proof_strain": float(_strain(proof_strength, modulus, proof_strength, n)),
        "ultimate_strain": float(strain[-1]),
        "resilience": proof_strength**2 / (2 * modulus) * 1e3,  # MPa = MJ/m³
        "toughness": tensile_strength**2 / (2 * modulus) + plastic_work,
        "curve": np.column_stack([strain, stress]).tolist(),
        "figure": None,
    }
    if figure is not None:
        image = _draw(stress, strain, modulus, proof_strength, title)
        mecapy.files.write(figure, image)
        mecapy.log(f"{figure}: {len(image)} bytes")
        result["figure"] = {"$file": figure}
    return result


def _strain(stress, modulus, proof, n):
    return stress / modulus + PROOF_STRAIN * (stress / proof) ** n


def _draw(stress, strain, modulus, proof, title):
    """The curve, and the parallel to its beginning that defines Rp0.2; 1280 x 800 pixels."""
    figure = Figure(figsize=(8, 5), dpi=160, layout="constrained")
    axes = figure.add_subplot()
    axes.plot(strain * 100, stress, linewidth=2, label="Ramberg–Osgood")
    offset = np.array([PROOF_STRAIN, PROOF_STRAIN + proof / modulus])
    axes.plot(offset * 100, [0, proof], linestyle="--", linewidth=1, label="0.2 % offset")
    axes.plot(offset[1] * 100, proof, marker="o", color="black")
    axes.annotate(f"Rp0.2 = {proof:g} MPa", (offset[1] * 100, proof), (10, -15), textcoords="offset points")
    axes.set(xlabel="strain ε (%)", ylabel="stress σ (MPa)", xlim=(0, None), ylim=(0, None))
    axes.set_title(title, parse_math=False)  # a stranger's text, "$" and all
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    image = io.BytesIO()
    # Without the program's version: the same inputs give the same file.
    figure.savefig(image, format="png", metadata={"Software": None})
    return image.getvalue()
