"""Pipe flow, metering, valves, tanks and gases by fluids, without numpy and scipy."""

from typing import List

import fluids


def pipe(flow_rate: float, diameter: float, length: float, roughness: float, density: float, viscosity: float) -> dict:
    """Pressure drop of a straight pipe.

    Args:
        flow_rate: Volume flow (m³/s)
        diameter: Inner diameter (m)
        length: Length (m)
        roughness: Absolute roughness (m)
        density: Density (kg/m³)
        viscosity: Dynamic viscosity (Pa·s)
    """
    speed = flow_rate / (3.141592653589793 / 4 * diameter**2)
    reynolds = fluids.Reynolds(V=speed, D=diameter, rho=density, mu=viscosity)
    friction = fluids.friction_factor(Re=reynolds, eD=roughness / diameter)
    loss = fluids.dP_from_K(K=fluids.K_from_f(fd=friction, L=length, D=diameter), rho=density, V=speed)
    direct = fluids.one_phase_dP(
        m=flow_rate * density, rho=density, mu=viscosity, D=diameter, roughness=roughness, L=length
    )
    assert abs(loss - direct) <= 1e-9 * loss
    return {"speed": speed, "reynolds": reynolds, "friction_factor": friction, "pressure_drop": loss}


def orifice(D: float, d: float, upstream: float, downstream: float, density: float, viscosity: float) -> dict:
    """Mass flow (kg/s) of a liquid through an ISO 5167-2 orifice with D and D/2 taps (m, Pa)."""
    flow = fluids.differential_pressure_meter_solver(
        D=D, D2=d, P1=upstream, P2=downstream, rho=density, mu=viscosity, k=1.33,
        meter_type="ISO 5167 orifice", taps="D", epsilon_specified=1.0,
    )  # fmt: skip
    coefficient = fluids.C_Reader_Harris_Gallagher(D=D, Do=d, rho=density, mu=viscosity, m=flow, taps="D")
    return {"mass_flow": flow, "discharge_coefficient": coefficient}


def valve(flow_rate: float, upstream: float, downstream: float, density: float, vapour_pressure: float) -> dict:
    """Kv (m³/h) of a liquid control valve to IEC 60534-2-1 (m³/s, Pa)."""
    answer = fluids.control_valve.size_control_valve_l(
        rho=density, Psat=vapour_pressure, Pc=22120e3, mu=3.1472e-4, P1=upstream, P2=downstream,
        Q=flow_rate, D1=0.15, D2=0.15, d=0.15, FL=0.9, Fd=0.46, full_output=True,
    )  # fmt: skip
    return {"kv": answer["Kv"], "choked": bool(answer["choked"])}


def tank(diameter: float, length: float, levels: List[float]) -> dict:
    """Contents (m³) of a horizontal cylinder at the levels (m)."""
    vessel = fluids.TANK(D=diameter, L=length, horizontal=True)
    volumes = [vessel.V_from_h(level) for level in levels]
    back = [vessel.h_from_V(volume) for volume in volumes]
    # A full tank has dV/dh = 0, where the level is hard to tell from the volume.
    assert all(abs(a - b) < 1e-6 for a, b in zip(levels, back))
    return {"total": vessel.V_total, "volumes": volumes}


def gas(altitude: float, pressure: float, ratio: float) -> dict:
    """Standard atmosphere at an altitude (m), and choked flow from a vessel (Pa)."""
    air = fluids.ATMOSPHERE_1976(altitude)
    return {
        "temperature": air.T,
        "pressure": air.P,
        "density": air.rho,
        "critical_pressure": fluids.P_critical_flow(P=pressure, k=ratio),
        "choked": bool(fluids.is_critical_flow(pressure, air.P, ratio)),
    }


def schedule(nps: float, schedule: str) -> dict:
    """Pipe sizes of ASME B36.10M (mm)."""
    nominal, inner, outer, wall = fluids.nearest_pipe(NPS=nps, schedule=schedule)
    return {"outer": outer * 1e3, "inner": inner * 1e3, "wall": wall * 1e3}
