"""Which texts are units of measurement, and which descriptions end in one.

A grammar of symbols, not a conversion: `kN/m²` is a unit, `optional` is not. A single
letter in parentheses is often a formula's symbol ("Thickness (t)"), so a description that
speaks of what the letter usually stands for does not get that unit.
"""

import re

# Symbols that take a metric prefix, and those that do not.
_METRIC = set(
    "m g s A K mol cd rad sr Hz N Pa J W C V F Ω ohm S Wb T H lm lx Bq Gy Sv kat "
    "L l eV bar Wh Ah VA var P St Nm t tex B b o Cal cal Bd Vs As Ws".split()
)
_PLAIN = set(
    "% ‰ ° °C °F °R ' \" ′ ″ deg degC degF gon grad arcmin arcsec min h d j wk yr year years "
    "day days hr hrs sec in ft yd mi mil thou inch lb lbf lbm oz kip kips ksi psi psf pcf ksf "
    "plf klf slug gal hp ch cv BTU Btu btu atm at mmHg inHg mmH2O mH2O mCE torr Torr knot kn "
    "kt mph fpm rpm tr rev tour tours turn turns cycle cycles ppm ppb dB dBA dBm Np pH Å Da u "
    "AU ha are acre € $ £ EUR USD CHF Nmm kgf daN daNm gf tf kgm px pt bit byte MB GB "
    "Mach Re Nu Shore HB HV HRC HRB ue µε με µdef με strain".split()
)
_PREFIXES = ("da", "n", "µ", "μ", "u", "m", "c", "d", "h", "k", "M", "G", "T", "p")
# Words that a product's grammar would accept, and numbers that are not units.
_NOT_UNITS = {
    "N/A",
    "n/a",
    "pm",
    "cat",
    "mat",
    "dl",
    "dt",
    "dB/B",
    "du",
    "at",
    "pt",
    "no",
    "u",
    "o",
}

_SUPERSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"
_FACTOR = re.compile(
    rf"(?P<open>\()|(?P<one>1(?=\s*/))|(?P<symbol>[^\W\d_{_SUPERSCRIPT}]+|[%‰°€$£'\"′″][CFR]?|mmH2O|mH2O)"
    rf"(?P<power>[{_SUPERSCRIPT}]+|(?:\^|\*\*)\(?[-+]?\d+(?:[./]\d+)?\)?|-?[1-9](?![\d.]))?"
)
_OPERATOR = re.compile(r"\s*[*·⋅.×/]\s*|\s+")

# A letter in parentheses that names a quantity rather than a unit, by words around it.
_SYMBOL_OF = {
    "m": "mass masse module modulus slope pente",
    "s": "spacing espacement shear slip écartement entraxe",
    "A": "area aire section surface amplitude",
    "V": "volume shear tranchant velocity vitesse",
    "W": "width modulus module weight poids load charge",
    "J": "torsion torsional inertia inertie constant",
    "h": "height hauteur depth head thickness épaisseur coefficient",
    "g": "gravity gravité pesanteur acceleration accélération gap",
    "K": "stiffness raideur factor facteur coefficient constant",
    "N": "number count nombre cycles turns",
    "t": "thickness épaisseur time temps",
    "d": "diameter diamètre depth distance day",
    "L": "length longueur span portée",
    "l": "length longueur span portée",
    "T": "temperature température torque couple period période",
    "F": "force factor facteur temperature température",
    "C": "coefficient constant constante capacity temperature température class classe",
    "H": "height hauteur horizontal",
    "S": "section spacing surface speed stress",
    "P": "pressure pression power puissance load charge pitch",
    "b": "width largeur breadth base",
    "B": "width largeur breadth",
    "j": "jour",
}
_TIME_WORDS = re.compile(r"\b(time|duration|temps|durée|period|période|delay|délai|age|hold)", re.I)
_RATIO_WORDS = re.compile(r"\b(ratio|rapport|slenderness|élancement|quotient)\b", re.I)


def is_unit(text):
    """Whether `text` is a unit: `mm`, `N/mm²`, `kg·m^-3`, `W/(m·K)`, `%`, `-`."""
    text = text.strip()
    if text in ("-", "–", "—"):
        return True
    if not text or len(text) > 40 or text in _NOT_UNITS:
        return False
    end = _expression(text, 0)
    return end == len(text)


def unit_of(description):
    """The unit that a description ends in, `(mm)` or `[mm]`, or None."""
    text = description.rstrip().rstrip(".;,").rstrip()
    if text.endswith("]"):
        start, bracket = text.rfind("["), True
    elif text.endswith(")"):
        start, bracket = _opening(text), False
    else:
        return None
    if start < 0:
        return None
    unit, before = text[start + 1 : -1].strip(), text[:start]
    if not is_unit(unit) or (not bracket and _is_symbol(unit, before)):
        return None
    return unit


def with_unit(schema):
    """A schema with the unit that its description ends in."""
    text = schema.get("description")
    if "x-unit" not in schema and isinstance(text, str):
        unit = unit_of(text)
        if unit is not None:
            return {**schema, "x-unit": unit}
    return schema


def _opening(text):
    """Where the parenthesis that closes at the end of `text` opens."""
    depth = 0
    for i in range(len(text) - 1, -1, -1):
        depth += (text[i] == ")") - (text[i] == "(")
        if depth == 0:
            return i
    return -1


def _is_symbol(unit, before):
    """Whether a unit in parentheses is more likely the symbol of what is described."""
    if unit == "min":
        return not _TIME_WORDS.search(before)
    if unit == "in" and before.rstrip().lower().endswith(("built", "plug")):
        return True
    letters = [part for part in re.split(r"[\W\d_]+", unit) if part]
    if _RATIO_WORDS.search(before) and letters and all(len(part) == 1 for part in letters):
        return True
    if len(unit) != 1:
        return False
    words = set(re.findall(r"\w+", before.lower()))
    return bool(words.intersection(_SYMBOL_OF.get(unit, "").split()))


def _expression(text, at):
    """Where the product that starts at `at` ends, or -1."""
    while True:
        factor = _FACTOR.match(text, at)
        if factor is None:
            return -1
        if factor["open"]:
            at = _expression(text, factor.end())
            if at < 0 or text[at : at + 1] != ")":
                return -1
            at += 1
        else:
            symbol = factor["symbol"]
            if symbol is not None and not _is_symbol_known(symbol):
                return -1
            at = factor.end()
        operator = _OPERATOR.match(text, at)
        if at == len(text) or (operator is None and not factor["power"]):
            return at
        if operator is None:  # W/m²K: an exponent ends a factor
            if text[at] == ")":
                return at
            continue
        # "in m" and "a day" are words; a blank multiplies only where no symbol is one.
        if not operator[0].strip() and factor["symbol"] in ("in", "at", "a", "no", "u", "o"):
            return -1
        at = operator.end()


def _is_symbol_known(symbol):
    if symbol in _METRIC or symbol in _PLAIN:
        return True
    for prefix in _PREFIXES:
        if symbol.startswith(prefix) and symbol[len(prefix) :] in _METRIC:
            return True
    return False
