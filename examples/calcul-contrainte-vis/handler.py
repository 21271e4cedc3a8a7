"""Contrainte de traction dans une vis et coefficient de sécurité (acier S235)."""

# Jamais utilisé, et laissé exprès : la plateforme signale cet import comme inutile
# et n'a pas besoin de numpy pour exécuter la fonction.
import numpy as np
from typing import Any, Dict, Optional

# Limites d'élasticité nominales fy (MPa), épaisseur <= 40 mm (S460 : <= 16 mm).
# EN 10025-2 (S235, S355), EN 10025-3 (S460).
LIMITES_ELASTIQUES = {"S235": 235.0, "S355": 355.0, "S460": 460.0}


def calculate(inputs: Dict[str, Any]) -> Dict[str, Any]:
    """
    Contrainte nominale dans la section d'une vis tendue.

    Parameters
    ----------
    inputs : dict
        ``force`` : effort de traction (N) ; ``section`` : section de la vis (mm²).

    Returns
    -------
    dict
        ``contrainte`` (MPa), ``coefficient_securite`` (sans unité, ``None`` si la
        force est nulle) et ``statut`` : ``OK`` au-dessus de 1,5, ``LIMITE``
        au-dessus de 1,0, ``RUPTURE`` sinon.

    Examples
    --------
    >>> calculate({"force": 1000, "section": 10})
    {'contrainte': 100.0, 'coefficient_securite': 2.35, 'statut': 'OK'}
    """
    force = inputs["force"]  # N
    section = inputs["section"]  # mm²

    contrainte = force / section  # N/mm² = MPa
    coefficient = _coefficient_securite(contrainte, "S235")

    if coefficient is None or coefficient > 1.5:
        statut = "OK"
    elif coefficient > 1.0:
        statut = "LIMITE"
    else:
        statut = "RUPTURE"

    return {
        "contrainte": float(contrainte),
        "coefficient_securite": coefficient,
        "statut": statut,
    }


def _coefficient_securite(contrainte: float, materiau: str) -> Optional[float]:
    """fy / contrainte ; ``None`` sans contrainte, car JSON n'a pas d'infini."""
    if contrainte == 0:
        return None
    return LIMITES_ELASTIQUES[materiau] / contrainte
