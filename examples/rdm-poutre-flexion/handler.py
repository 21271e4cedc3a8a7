"""Flèche d'une poutre bi-appuyée sous charge uniforme (Euler-Bernoulli)."""

PA_PAR_MPA = 1e6
MM_PAR_M = 1e3


def calculate(inputs):
    """
    Flèche à mi-portée : f = 5 q L⁴ / (384 E I).

    Parameters
    ----------
    inputs : dict
        ``longueur`` L (m), ``charge`` q (N/m), ``inertie`` I (m⁴),
        ``module_young`` E (MPa, 210000 par défaut).

    Returns
    -------
    dict
        ``fleche_max`` (mm) et ``position_fleche_max`` depuis un appui (m).
    """
    L = inputs["longueur"]  # m
    q = inputs["charge"]  # N/m
    I = inputs["inertie"]  # m⁴
    E = inputs.get("module_young", 210000) * PA_PAR_MPA  # Pa = N/m²

    fleche = 5 * q * L**4 / (384 * E * I)  # m

    return {
        "fleche_max": fleche * MM_PAR_M,
        "position_fleche_max": L / 2,
    }
