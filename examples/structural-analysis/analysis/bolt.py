"""Shear resistance of a bolt, EN 1993-1-8 Table 3.4."""

import math
from typing import Annotated, Literal, TypedDict

from pydantic import Field

from analysis.steel import GAMMA_M2, status

BoltGrade = Literal["4.6", "5.6", "8.8", "10.9"]

# Nominal ultimate strength fub (MPa), EN 1993-1-8 Table 3.1.
FUB = {"4.6": 400.0, "5.6": 500.0, "8.8": 800.0, "10.9": 1000.0}

# Threads in the shear plane, EN 1993-1-8 Table 3.4 (with the shank in it: 0.6 for all).
ALPHA_V = {"4.6": 0.6, "5.6": 0.6, "8.8": 0.6, "10.9": 0.5}

# Tensile stress area As (mm²) of coarse-pitch threads, ISO 898-1 (tabulated up to M39).
# As = pi/4 · (d - 0.9382 P)² with the pitch P of ISO 262 up to M64, P = 6 mm from M72.
STRESS_AREA = {
    6: 20.1, 8: 36.6, 10: 58.0, 12: 84.3, 14: 115.0, 16: 157.0, 18: 192.0, 20: 245.0,
    22: 303.0, 24: 353.0, 27: 459.0, 30: 561.0, 33: 694.0, 36: 817.0, 39: 976.0,
    42: 1121.0, 45: 1306.0, 48: 1473.0, 52: 1758.0, 56: 2030.0, 60: 2362.0, 64: 2676.0,
    72: 3460.0, 80: 4344.0, 90: 5591.0, 100: 6995.0,
}  # fmt: skip


class BoltCheck(TypedDict):
    resistance: Annotated[float, Field(description="Design shear resistance Fv,Rd of the bolt (N)")]
    utilization: Annotated[float, Field(description="force / resistance")]
    status: Literal["OK", "NOT OK"]
    area: Annotated[float, Field(description="Area of one shear plane (mm²)")]


class Bolt:
    """One bolt of a metric coarse-pitch thread."""

    def __init__(
        self,
        diameter: Annotated[float, Field(description="Bolt diameter in mm", ge=6, le=100, json_schema_extra={"unit": "mm"})],
        grade: BoltGrade,
    ):
        if diameter not in STRESS_AREA:
            sizes = ", ".join(f"M{d}" for d in STRESS_AREA)
            raise ValueError(f"diameter {diameter:g} mm is no standard size; known: {sizes}")
        self.diameter = diameter
        self.material_grade = grade

    def calculate_resistance(
        self,
        force: Annotated[float, Field(description="Design shear force on the bolt Fv,Ed (N)", ge=0)],
        shear_planes: Annotated[int, Field(description="1: single lap, 2: double lap", ge=1, le=2)] = 2,
        threads_in_shear_plane: bool = True,
    ) -> BoltCheck:
        """Design shear resistance of one bolt, EN 1993-1-8 Table 3.4.

        Fv,Rd = n · alpha_v · fub · A / gamma_M2 over n shear planes, with A = As where
        the threads are in the shear plane and the gross area of the shank otherwise.

        Args:
            threads_in_shear_plane: False only where no shear plane can cut the threads.
        """
        if threads_in_shear_plane:
            area = STRESS_AREA[self.diameter]
            alpha_v = ALPHA_V[self.material_grade]
        else:
            area = math.pi * self.diameter**2 / 4
            alpha_v = 0.6
        resistance = shear_planes * alpha_v * FUB[self.material_grade] * area / GAMMA_M2
        utilization = force / resistance
        return {
            "resistance": resistance,
            "utilization": utilization,
            "status": status(utilization),
            "area": area,
        }
