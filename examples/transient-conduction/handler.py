"""Transient conduction through a plate by explicit finite differences."""

import math
from dataclasses import dataclass
from typing import Annotated, List, TypedDict

import mecapy
from pydantic import Field

SAMPLES = 100


@dataclass
class Face:
    """Convection to a fluid."""

    temperature: Annotated[float, Field(ge=-273.15, description="Fluid temperature (°C)")]
    coefficient: Annotated[float, Field(ge=0, description="Heat transfer coefficient h (W/(m²·K))")]


class Result(TypedDict):
    left_temperature: Annotated[float, Field(description="Left face at the end (°C)")]
    middle_temperature: Annotated[float, Field(description="Mid-plane at the end (°C)")]
    right_temperature: Annotated[float, Field(description="Right face at the end (°C)")]
    heat_absorbed: Annotated[float, Field(description="Through both faces (kJ/m²)")]
    balance_error: Annotated[float, Field(description="|stored - absorbed| / largest heat flow in time")]
    steps: int
    history: Annotated[List[List[float]], Field(description="Rows of time (s), left, middle, right (°C)")]
    profile: Annotated[List[List[float]], Field(description="Rows of depth (mm), temperature (°C), at the end")]


def calculate(
    thickness: Annotated[float, Field(gt=0)] = 100.0,
    conductivity: Annotated[float, Field(gt=0)] = 45.0,
    density: Annotated[float, Field(gt=0)] = 7850.0,
    specific_heat: Annotated[float, Field(gt=0)] = 480.0,
    initial_temperature: Annotated[float, Field(ge=-273.15)] = 850.0,
    left: Face = Face(temperature=60.0, coefficient=500.0),
    right: Face = Face(temperature=20.0, coefficient=25.0),
    duration: Annotated[float, Field(gt=0)] = 3600.0,
    nodes: Annotated[int, Field(ge=3, le=401)] = 121,
) -> Result:
    """Temperature of a plate with convection on both faces.

    T_t = a T_xx with a = k / (rho c), cells of width dx around the nodes and half cells at
    the faces; the step is 0.9 of the largest stable one, Fo (1 + Bi) <= 1/2.
    Incropera et al., Fundamentals of Heat and Mass Transfer, section 5.10.

    Parameters
    ----------
    thickness : float
        Thickness of the plate (mm)
    conductivity : float
        Thermal conductivity k (W/(m·K))
    density : float
        Density rho (kg/m³)
    specific_heat : float
        Specific heat c (J/(kg·K))
    initial_temperature : float
        Uniform temperature at the start (°C)
    left : Face
        Fluid on the left
    right : Face
        Fluid on the right
    duration : float
        Time to simulate (s)
    nodes : int
        Grid points across the plate; an odd number has one on the mid-plane
    """
    dx = thickness / 1e3 / (nodes - 1)  # m
    capacity = density * specific_heat  # J/(m³·K)
    diffusivity = conductivity / capacity  # m²/s
    bi_left = left.coefficient * dx / conductivity
    bi_right = right.coefficient * dx / conductivity
    dt = 0.9 * 0.5 * dx**2 / diffusivity / (1 + max(bi_left, bi_right))
    steps = max(SAMPLES, math.ceil(duration / dt))
    dt = duration / steps
    fo = diffusivity * dt / dx**2
    mecapy.log(f"{nodes} nodes, {steps} steps of {dt:.4g} s, Fo = {fo:.3f}")
    if nodes % 2 == 0:
        mecapy.log("no node on the mid-plane: its temperature is the mean of two", level="warning")

    T = [float(initial_temperature)] * nodes
    history = [[0.0, T[0], _middle(T), T[-1]]]
    flow_left = flow_right = 0.0  # J/m², into the plate
    done = 0
    for sample in range(1, SAMPLES + 1):
        target = steps * sample // SAMPLES
        for _ in range(target - done):
            gain_left = bi_left * (left.temperature - T[0])
            gain_right = bi_right * (right.temperature - T[-1])
            flow_left += gain_left
            flow_right += gain_right
            inner = [c + fo * (l - 2.0 * c + r) for l, c, r in zip(T, T[1:], T[2:])]
            first = T[0] + 2.0 * fo * (T[1] - T[0] + gain_left)
            last = T[-1] + 2.0 * fo * (T[-2] - T[-1] + gain_right)
            T = [first, *inner, last]
        done = target
        history.append([done * dt, T[0], _middle(T), T[-1]])
        mecapy.progress(sample / SAMPLES, f"t = {done * dt:.0f} s, mid-plane {_middle(T):.1f} °C")

    # bi · dT · k / dx is the flux in W/m².
    absorbed = (flow_left + flow_right) * conductivity / dx * dt
    stored = capacity * dx * (sum(T) - (T[0] + T[-1]) / 2 - (nodes - 1) * initial_temperature)
    scale = max(abs(flow_left), abs(flow_right)) * conductivity / dx * dt
    print(f"absorbed {absorbed / 1e3:.6g} kJ/m², stored {stored / 1e3:.6g} kJ/m²")
    return {
        "left_temperature": T[0],
        "middle_temperature": _middle(T),
        "right_temperature": T[-1],
        "heat_absorbed": absorbed / 1e3,
        "balance_error": abs(stored - absorbed) / scale if scale else 0.0,
        "steps": steps,
        "history": history,
        "profile": [[i * dx * 1e3, t] for i, t in enumerate(T)],
    }


def _middle(T: List[float]) -> float:
    n = len(T)
    return (T[(n - 1) // 2] + T[n // 2]) / 2
