"""Lightest cross-sections of a plane truss under stress limits, with scipy."""

from dataclasses import dataclass
from typing import Annotated, Dict, List, TypedDict

import mecapy
import numpy as np
from pydantic import Field
from scipy.optimize import minimize


@dataclass
class Node:
    """A joint of the truss, free to turn."""

    x: Annotated[float, Field(description="Coordinate (m)")]
    y: Annotated[float, Field(description="Coordinate (m)")]
    fixed: Annotated[str, Field(pattern="^(|x|y|xy)$", description="Directions that are held: x, y or xy")] = ""


@dataclass
class Bar:
    """A bar between two joints."""

    start: Annotated[str, Field(description="Name of a joint")]
    end: Annotated[str, Field(description="Name of a joint")]
    group: Annotated[str, Field(description="Bars of one group have the same area; alone if empty")] = ""


@dataclass
class Force:
    """A force on a joint."""

    node: Annotated[str, Field(description="Name of a joint")]
    x: Annotated[float, Field(description="Component (kN)")] = 0.0
    y: Annotated[float, Field(description="Component (kN)")] = 0.0


class BarResult(TypedDict):
    area: Annotated[float, Field(description="Area of the cross-section (mm²)")]
    stress: Annotated[List[float], Field(description="In each load case, positive in tension (MPa)")]
    utilization: Annotated[float, Field(description="Largest |stress| / limit")]


class Result(TypedDict):
    mass: Annotated[float, Field(description="Mass of all bars (kg)")]
    bars: Dict[str, BarResult]
    displacement: Annotated[float, Field(description="Largest of a joint in any load case (mm)")]
    iterations: int


Positive = Annotated[float, Field(gt=0)]


def calculate(
    nodes: Annotated[Dict[str, Node], Field(min_length=2, max_length=200)],
    bars: Annotated[Dict[str, Bar], Field(min_length=1, max_length=500)],
    load_cases: Annotated[List[List[Force]], Field(min_length=1, max_length=20)],
    youngs_modulus: Positive = 210.0,
    density: Positive = 7850.0,
    tension_limit: Positive = 235.0,
    compression_limit: Positive = 235.0,
    minimum_area: Positive = 10.0,
) -> Result:
    """Areas of the bars that make a truss lightest while no stress limit is crossed.

    Linear elastic, small displacements, joints without friction; the direct stiffness
    method, K(A) u = F, and sigma = E (u_end - u_start)·n / L. The areas are found by
    sequential quadratic programming (SLSQP) with exact gradients: for a bar j,
    dK/dA_j = E b_j b_jᵀ / L_j, where b_j u is the bar's elongation, hence
    du/dA_j = -K⁻¹ b_j (E b_jᵀ u / L_j). Neither the bars' own weight nor buckling counts.

    Parameters
    ----------
    nodes : dict
        Joints by name, with coordinates in m and the directions that are held
    bars : dict
        Bars by name, between two joints; those of one group get one area
    load_cases : list
        Sets of forces in kN that act one after the other
    youngs_modulus : float
        Young's modulus E (GPa)
    density : float
        Density (kg/m³)
    tension_limit : float
        Largest stress in tension (MPa)
    compression_limit : float
        Largest stress in compression, positive (MPa)
    minimum_area : float
        Smallest area of a bar (mm²)
    """
    truss = _Truss(nodes, bars, youngs_modulus * 1e3, load_cases)  # N, mm, MPa
    groups = sorted({bar.group or f"\0{name}" for name, bar in bars.items()})
    share = np.array([[bar.group == g or g == f"\0{name}" for g in groups] for name, bar in bars.items()], float)
    volume = truss.lengths @ share  # mm³ per mm² of each group

    # Areas in units of what the largest force would need if a bar bore it alone, and stresses
    # in units of their limits: so that all numbers are near 1.
    limit = min(tension_limit, compression_limit)
    scale = max(np.abs(truss.forces).max() / limit, minimum_area)

    def margins(x):
        stress = truss.solve(share @ x * scale)[1].ravel()
        return np.concatenate([1 - stress / tension_limit, 1 + stress / compression_limit])

    def gradients(x):
        change = truss.stress_gradient(share @ x * scale) @ share * scale
        change = change.reshape(-1, len(groups))
        return np.concatenate([-change / tension_limit, change / compression_limit])

    # Begin where the most stressed bar is just at its limit: inside of what is allowed.
    worst = truss.utilization(np.full(len(bars), scale), tension_limit, compression_limit).max()
    start = np.full(len(groups), max(worst, minimum_area / scale) * 1.1)
    whole = volume.sum() * start[0]
    found = minimize(
        lambda x: volume @ x / whole,
        start,
        jac=lambda x: volume / whole,
        method="SLSQP",
        bounds=[(minimum_area / scale, None)] * len(groups),
        constraints={"type": "ineq", "fun": margins, "jac": gradients},
        options={"maxiter": 1000, "ftol": 1e-13},
    )
    areas = share @ found.x * scale
    utilization = truss.utilization(areas, tension_limit, compression_limit)
    if not found.success and utilization.max() > 1 + 1e-9:
        raise ValueError(f"no areas were found: {found.message}")
    mecapy.log(f"{len(bars)} bars in {len(groups)} groups: {found.nit} iterations, {found.message}")
    displacements, stresses = truss.solve(areas)
    return {
        "mass": float(volume @ found.x * scale * density * 1e-9),
        "bars": {
            name: {
                "area": float(areas[i]),
                "stress": stresses[:, i].tolist(),
                "utilization": float(utilization[i]),
            }
            for i, name in enumerate(bars)
        },
        "displacement": float(np.linalg.norm(displacements.reshape(len(load_cases), -1, 2), axis=2).max()),
        "iterations": int(found.nit),
    }


class _Truss:
    """Stiffness of a plane truss as a function of its bars' areas; N, mm, MPa."""

    def __init__(self, nodes, bars, modulus, load_cases):
        number = {name: i for i, name in enumerate(nodes)}
        place = np.array([[node.x, node.y] for node in nodes.values()]) * 1e3  # mm
        self.modulus = modulus
        self.elongation = np.zeros((len(bars), 2 * len(nodes)))  # of each bar, per displacement
        self.lengths = np.zeros(len(bars))
        for i, (name, bar) in enumerate(bars.items()):
            for end in (bar.start, bar.end):
                if end not in number:
                    raise ValueError(f"bar {name}: there is no node {end!r}")
            start, end = number[bar.start], number[bar.end]
            along = place[end] - place[start]
            self.lengths[i] = np.linalg.norm(along)
            if self.lengths[i] == 0:
                raise ValueError(f"bar {name} has no length")
            self.elongation[i, 2 * end : 2 * end + 2] += along / self.lengths[i]
            self.elongation[i, 2 * start : 2 * start + 2] -= along / self.lengths[i]
        self.forces = np.zeros((len(load_cases), 2 * len(nodes)))
        for case, forces in enumerate(load_cases):
            for force in forces:
                if force.node not in number:
                    raise ValueError(f"load case {case + 1}: there is no node {force.node!r}")
                self.forces[case, 2 * number[force.node] :][:2] += [force.x * 1e3, force.y * 1e3]
        if not self.forces.any():
            raise ValueError("there is no load")
        held = [axis in node.fixed for node in nodes.values() for axis in "xy"]
        self.free = np.flatnonzero(~np.array(held))
        if np.linalg.matrix_rank(self.elongation[:, self.free]) < len(self.free):
            raise ValueError("the truss is a mechanism: it moves without any bar getting longer")

    def _stiffness(self, areas):
        part = self.elongation[:, self.free]
        return part.T @ (part * (self.modulus * areas / self.lengths)[:, None])

    def solve(self, areas):
        """Displacements and stresses of each load case."""
        displacements = np.zeros_like(self.forces)
        displacements[:, self.free] = np.linalg.solve(self._stiffness(areas), self.forces[:, self.free].T).T
        return displacements, displacements @ self.elongation.T * (self.modulus / self.lengths)

    def stress_gradient(self, areas):
        """d stress / d area: by load case, bar, and bar whose area changes."""
        displacements, _ = self.solve(areas)
        part = self.elongation[:, self.free]
        flexibility = part @ np.linalg.solve(self._stiffness(areas), part.T)  # elongations per bar force
        strain = displacements @ self.elongation.T / self.lengths
        factor = self.modulus / self.lengths
        return -factor[:, None] * flexibility * (self.modulus * strain)[:, None, :]

    def utilization(self, areas, tension, compression):
        _, stresses = self.solve(areas)
        return np.where(stresses > 0, stresses / tension, -stresses / compression).max(axis=0)
