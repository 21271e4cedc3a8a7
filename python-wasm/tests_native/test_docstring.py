"""Docstrings of the three styles, and those of none."""

from mecapy_shim.docstring import parse

NUMPY = """Bolt resistance.

    After EN 1993-1-8.

    Parameters
    ----------
    d, p : float
        A length (mm)
    grade : {"4.6", "8.8"}, optional
        Its grade
        on two lines.
    *args
        The rest.

    Returns
    -------
    dict
        The resistance (N)

    Examples
    --------
    >>> 1
    """

GOOGLE = """Bolt resistance.

    Args:
        d (float): Diameter (mm)
            and more.
        grade: Its grade: "8.8".

    Returns:
        float: The resistance (N)

    Raises:
        ValueError: never.

    Text after.
    """

FIELDS = """Bolt resistance.

    :param d: Diameter
        of the bolt (mm)
    :param float p: Pitch
    :type d: float
    :returns: The resistance (N)
    """

FRENCH = """Résistance.

    Paramètres
    ----------
    d : float
        Diamètre (mm)
    """


def test_numpy():
    doc = parse(NUMPY)
    assert doc.description == "Bolt resistance.\n\nAfter EN 1993-1-8."
    assert doc.parameters == {
        "d": "A length (mm)",
        "p": "A length (mm)",
        "grade": "Its grade on two lines.",
        "args": "The rest.",
    }
    assert doc.returns == "The resistance (N)"


def test_google():
    doc = parse(GOOGLE)
    assert doc.description == "Bolt resistance.\n\nText after."
    assert doc.parameters == {"d": "Diameter (mm) and more.", "grade": 'Its grade: "8.8".'}
    assert doc.returns == "The resistance (N)"


def test_fields():
    doc = parse(FIELDS)
    assert doc.description == "Bolt resistance."
    assert doc.parameters == {"d": "Diameter of the bolt (mm)", "p": "Pitch"}
    assert doc.returns == "The resistance (N)"


def test_french_headings():
    assert parse(FRENCH).parameters == {"d": "Diamètre (mm)"}


def test_no_style():
    assert parse(None).description == ""
    assert parse("").parameters == {}
    assert parse("Args").description == "Args"
    assert parse("One.\n\nArgs:\n").description == "One."
    text = "A list:\n    - of things\n    - and more"
    assert parse(text).description == "A list:\n- of things\n- and more"
