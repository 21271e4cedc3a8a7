"""Dimensions and strengths of bolts: ISO 898-1, ISO 272, EN 1090-2, EN 1993-1-8."""

import math
from enum import Enum


class BoltGrade(Enum):
    """Bolt classes of EN 1993-1-8 Table 3.1."""

    G4_6 = "4.6"
    G4_8 = "4.8"
    G5_6 = "5.6"
    G5_8 = "5.8"
    G6_8 = "6.8"
    G8_8 = "8.8"
    G10_9 = "10.9"


# Recommended value, EN 1993-1-8 Table 2.1.
GAMMA_M2 = 1.25

# Nominal fu of the plates (MPa), t <= 40 mm, EN 1993-1-1:2005+A1:2014 Table 3.1.
FU = {"S235": 360.0, "S275": 430.0, "S355": 490.0}

# d (mm): (tensile stress area As (mm²), ISO 898-1; width across flats s (mm), ISO 272)
SIZES = {
    6: (20.1, 10), 8: (36.6, 13), 10: (58.0, 16), 12: (84.3, 18), 14: (115.0, 21),
    16: (157.0, 24), 18: (192.0, 27), 20: (245.0, 30), 22: (303.0, 34), 24: (353.0, 36),
    27: (459.0, 41), 30: (561.0, 46), 33: (694.0, 50), 36: (817.0, 55),
}  # fmt: skip


def stress_area(d: int) -> float:
    """Tensile stress area As (mm²) of a coarse-pitch thread M``d``."""
    return SIZES[d][0]


def mean_head_diameter(d: int) -> float:
    """dm (mm): mean of the widths across flats and across corners of a hexagon."""
    flats = SIZES[d][1]
    return (flats + 2 * flats / math.sqrt(3)) / 2


def hole_diameter(d: int) -> float:
    """d0 (mm) of a normal round hole, EN 1090-2 Table 11: +1 to M14, +2 to M24, +3 from M27."""
    return d + (1.0 if d <= 14 else 2.0 if d <= 24 else 3.0)


def ultimate_strength(grade: BoltGrade) -> float:
    """fub (MPa), Table 3.1: the first figure of the class is fub / 100."""
    return 100.0 * int(grade.value.split(".")[0])


def shear_factor(grade: BoltGrade, threads_in_shear_plane: bool) -> float:
    """alpha_v of Table 3.4."""
    if not threads_in_shear_plane:
        return 0.6
    return 0.6 if grade in (BoltGrade.G4_6, BoltGrade.G5_6, BoltGrade.G8_8) else 0.5
