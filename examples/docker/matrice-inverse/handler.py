"""Inverse et déterminant d'une matrice carrée, avec numpy."""

import numpy as np

# Au-delà, la solution perd plus de la moitié des 16 chiffres d'un flottant.
CONDITIONNEMENT_MAXIMAL = 1e8


def calculate(inputs: dict) -> dict:
    """Inverse A⁻¹, déterminant et conditionnement de A.

    Parameters
    ----------
    inputs : dict
        ``matrice`` : lignes de A, autant que de colonnes ; sans unité, ou dans une unité u
        commune à tous les termes (A⁻¹ est alors en 1/u, le déterminant en uⁿ).

    Returns
    -------
    dict
        ``inverse``, ``determinant``, ``conditionnement`` en norme 2 (rapport des valeurs
        singulières extrêmes) et ``fiable``, faux au-delà d'un conditionnement de 10⁸.

    Raises
    ------
    ValueError
        Si la matrice n'est pas carrée, ou n'a pas d'inverse.
    """
    lignes = inputs["matrice"]
    if any(len(ligne) != len(lignes) for ligne in lignes):
        raise ValueError(f"la matrice doit être carrée : {len(lignes)} lignes de {[len(x) for x in lignes]} termes")
    matrice = np.array(lignes, dtype=float)  # [[1,2],[3,4]] → np.ndarray
    try:
        inverse = np.linalg.inv(matrice)
    except np.linalg.LinAlgError:
        raise ValueError("la matrice est singulière : elle n'a pas d'inverse") from None
    conditionnement = float(np.linalg.cond(matrice))
    return {
        "inverse": inverse.tolist(),  # np.ndarray → list
        "determinant": float(np.linalg.det(matrice)),
        "conditionnement": conditionnement,
        "fiable": conditionnement <= CONDITIONNEMENT_MAXIMAL,
    }
