"""Cross-sections: area, inertia, distribution of shear stress, torsion modulus.

Lengths in mm. ``y`` is the distance from the bending axis (the strong one as drawn).
``shear_ratio(y)`` is Q(y) / b(y) (mm²) of Jourawski's tau = V Q / (I b), with Q the first
moment of the area beyond y and b the width cut there. ``torsion_modulus`` Wt (mm³) gives
the largest torsion stress T / Wt.
"""

import math
from dataclasses import dataclass
from typing import Tuple


@dataclass(frozen=True)
class Rectangle:
    width: float
    height: float

    @property
    def area(self) -> float:
        return self.width * self.height

    @property
    def inertia(self) -> float:
        return self.width * self.height**3 / 12

    @property
    def half_height(self) -> float:
        return self.height / 2

    def shear_ratio(self, y: float) -> float:
        return (self.half_height**2 - y**2) / 2

    @property
    def torsion_modulus(self) -> float:
        """Saint-Venant's series, Timoshenko & Goodier, Theory of Elasticity, section 109.

        With long side a and short side b: T = k1 G theta a b³ and
        tau_max = k G theta b, in the middle of the long side.
        """
        a, b = max(self.width, self.height), min(self.width, self.height)
        odd = range(1, 40, 2)
        k1 = (1 - 192 / math.pi**5 * b / a * sum(math.tanh(n * math.pi * a / (2 * b)) / n**5 for n in odd)) / 3
        k = 1 - 8 / math.pi**2 * sum(_sech(n * math.pi * a / (2 * b)) / n**2 for n in odd)
        return k1 * a * b**2 / k

    @property
    def corners(self) -> Tuple[float, ...]:
        return ()


@dataclass(frozen=True)
class Tube:
    """Circular tube; a solid bar has inner diameter 0."""

    outer: float
    inner: float = 0.0

    @property
    def area(self) -> float:
        return math.pi * (self.outer**2 - self.inner**2) / 4

    @property
    def inertia(self) -> float:
        return math.pi * (self.outer**4 - self.inner**4) / 64

    @property
    def half_height(self) -> float:
        return self.outer / 2

    def shear_ratio(self, y: float) -> float:
        outer = math.sqrt(max(0.0, (self.outer / 2) ** 2 - y**2))  # half chords
        inner = math.sqrt(max(0.0, (self.inner / 2) ** 2 - y**2))
        # Q = 2/3 (c_o³ - c_i³), b = 2 (c_o - c_i)
        return (outer**2 + outer * inner + inner**2) / 3

    @property
    def torsion_modulus(self) -> float:
        """Exact for a circular section: J / R = 2 I / R."""
        return 2 * self.inertia / self.half_height

    @property
    def corners(self) -> Tuple[float, ...]:
        return (self.inner / 2,) if self.inner else ()


@dataclass(frozen=True)
class ISection:
    """Doubly symmetric I of three plates, without root fillets."""

    height: float
    width: float
    web: float
    flange: float

    @property
    def area(self) -> float:
        return 2 * self.width * self.flange + (self.height - 2 * self.flange) * self.web

    @property
    def inertia(self) -> float:
        inner = self.height - 2 * self.flange
        return (self.width * self.height**3 - (self.width - self.web) * inner**3) / 12

    @property
    def half_height(self) -> float:
        return self.height / 2

    def shear_ratio(self, y: float) -> float:
        inside = self.half_height - self.flange
        if y > inside:
            return (self.half_height**2 - y**2) / 2
        flange = self.width * self.flange * (self.half_height - self.flange / 2)
        return (flange + self.web * (inside**2 - y**2) / 2) / self.web

    @property
    def torsion_modulus(self) -> float:
        """Open thin-walled section, Saint-Venant part: tau = T t_max / It, It = sum(b t³) / 3."""
        inner = self.height - 2 * self.flange
        constant = (2 * self.width * self.flange**3 + inner * self.web**3) / 3
        return constant / max(self.flange, self.web)

    @property
    def corners(self) -> Tuple[float, ...]:
        return (self.half_height - self.flange,)


def _sech(x: float) -> float:
    return 2 * math.exp(-x) / (1 + math.exp(-2 * x))
