"""Rolled sections and steels, read from ``data/``."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Dict

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Section:
    """Doubly symmetric rolled I or H; dimensions in mm, A in mm², inertias in mm⁴."""

    name: str
    family: str
    h: float
    b: float
    tw: float
    tf: float
    r: float
    area: float
    inertia_y: float
    inertia_z: float

    @property
    def mass(self) -> float:
        """kg/m, 7850 kg/m³ (EN 1991-1-1 Table A.4)."""
        return self.area * 7850e-6

    def compression_class(self, fy: float) -> int:
        """Class under uniform compression, EN 1993-1-1 Table 5.2."""
        epsilon = math.sqrt(235 / fy)
        web = (self.h - 2 * self.tf - 2 * self.r) / self.tw
        flange = (self.b - self.tw - 2 * self.r) / 2 / self.tf
        limits = enumerate([(33, 9), (38, 10), (42, 14)], start=1)
        return next((n for n, (w, f) in limits if web <= w * epsilon and flange <= f * epsilon), 4)


def load_sections() -> Dict[str, Section]:
    with open(DATA / "sections.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        row["name"]: Section(
            name=row["name"],
            family=row["family"],
            **{key: float(row[f"{key}_mm"]) for key in ("h", "b", "tw", "tf", "r")},
            area=float(row["A_cm2"]) * 1e2,
            inertia_y=float(row["Iy_cm4"]) * 1e4,
            inertia_z=float(row["Iz_cm4"]) * 1e4,
        )
        for row in rows
    }


def load_steels() -> Dict[str, list]:
    return json.loads((DATA / "steels.json").read_text(encoding="utf-8"))["steels"]


SECTIONS = load_sections()
STEELS = load_steels()


def yield_strength(steel: str, thickness: float) -> float:
    """fy (MPa) for a nominal thickness (mm)."""
    for row in STEELS[steel]:
        if thickness <= row["max_thickness"]:
            return float(row["fy"])
    raise ValueError(f"{steel} is not tabulated for a thickness of {thickness:g} mm")
