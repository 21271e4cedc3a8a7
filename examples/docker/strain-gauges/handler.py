"""Readings of strain gauges: cleaned, resampled and told in numbers, with pandas."""

from dataclasses import dataclass
from typing import Annotated, Dict, List, Optional, TypedDict

import mecapy
import pandas as pd
from pydantic import Field


MAX_STEPS = 100_000


@dataclass
class Reading:
    """What one gauge showed at one time."""

    time: Annotated[float, Field(ge=0, le=1e9, description="Since the start (s)")]
    gauge: Annotated[str, Field(description="Name of the gauge")]
    strain: Annotated[Optional[float], Field(description="Strain (µm/m); null where the reading failed")] = None


class Statistics(TypedDict):
    offset: Annotated[float, Field(description="Mean of the unloaded part, taken off all below (µm/m)")]
    mean: Annotated[float, Field(description="Mean strain (µm/m)")]
    standard_deviation: Annotated[float, Field(description="Of the sample, n - 1 (µm/m)")]
    minimum: Annotated[float, Field(description="Smallest strain (µm/m)")]
    maximum: Annotated[float, Field(description="Largest strain (µm/m)")]
    percentile_95: Annotated[float, Field(description="Linear between steps (µm/m)")]
    peak_stress: Annotated[float, Field(description="E times the largest |strain| (MPa)")]
    peak_time: Annotated[float, Field(description="Start of the first step with that (s)")]
    filled: Annotated[int, Field(description="Steps without a reading")]
    over_limit: Annotated[float, Field(description="Time with |stress| above the limit (s)")]


class Result(TypedDict):
    steps: int
    gauges: Dict[str, Statistics]
    correlation: Annotated[
        Dict[str, Dict[str, Optional[float]]], Field(description="Pearson's; null where a gauge is constant")
    ]
    times: Annotated[List[float], Field(description="Starts of the steps (s)")]
    smoothed: Annotated[Dict[str, List[float]], Field(description="Centred rolling means (µm/m)")]


def calculate(
    readings: Annotated[List[Reading], Field(min_length=1, max_length=100_000)],
    step: Annotated[float, Field(ge=1e-6)] = 1.0,
    unloaded_until: float = 0.0,
    window: Annotated[int, Field(ge=1, le=10_000)] = 5,
    youngs_modulus: Annotated[float, Field(gt=0)] = 210.0,
    stress_limit: Annotated[float, Field(gt=0)] = 235.0,
) -> Result:
    """Statistics and smoothed curves of strain gauges that were read at uneven times.

    Readings are averaged over steps; a step without any is filled linearly in time, and
    what lies before a gauge's first or after its last reading takes the nearest value. The
    mean of the unloaded part is taken off. Stress is uniaxial, sigma = E epsilon.

    Parameters
    ----------
    readings : list
        Time (s), gauge and strain (µm/m), in any order
    step : float
        Length of the steps that readings are averaged over (s)
    unloaded_until : float
        Steps that begin no later than this are without load (s)
    window : int
        Steps that the smoothed curves average over
    youngs_modulus : float
        Young's modulus E (GPa)
    stress_limit : float
        Stress that time is counted above (MPa)
    """
    table = pd.DataFrame([vars(reading) for reading in readings], columns=["time", "gauge", "strain"])
    table["strain"] = pd.to_numeric(table["strain"])
    lost = int(table["strain"].isna().sum())
    table = table.dropna(subset="strain")
    if table.empty:
        raise ValueError("there is no reading")
    if lost:
        mecapy.log(f"{lost} readings failed and were left out", level="warning")

    if (table["time"].max() - table["time"].min()) / step > MAX_STEPS:
        raise ValueError(f"more than {MAX_STEPS} steps: choose a longer step than {step} s")

    # As dates, for the one origin of all steps: they do not depend on the first reading.
    table["time"] = pd.to_datetime(table["time"], unit="s")
    wide = table.pivot_table(index="time", columns="gauge", values="strain", aggfunc="mean")
    raw = wide.resample(pd.Timedelta(seconds=step), origin="epoch").mean()
    even = raw.interpolate(method="time").ffill().bfill()
    times = _seconds(even.index)

    rest = even[times <= unloaded_until]
    if rest.empty:
        raise ValueError(f"no step lies at or before unloaded_until = {unloaded_until} s")
    offset = rest.mean()
    even = even - offset

    stress = even.abs() * youngs_modulus * 1e-3  # GPa · µm/m = 1e-3 MPa
    peak = stress.idxmax()
    columns = {
        "offset": offset,
        "mean": even.mean(),
        "standard_deviation": even.std().fillna(0.0),  # of one step alone
        "minimum": even.min(),
        "maximum": even.max(),
        "percentile_95": even.quantile(0.95),
        "peak_stress": stress.max(),
        "peak_time": _seconds(peak),
        "filled": raw.isna().sum(),
        "over_limit": (stress > stress_limit).sum() * step,
    }
    gauges = pd.DataFrame(columns).to_dict(orient="index")
    for numbers in gauges.values():
        numbers["filled"] = int(numbers["filled"])
    correlation = even.corr().astype(object)
    smoothed = even.rolling(window, center=True, min_periods=1).mean()
    return {
        "steps": len(even),
        "gauges": gauges,
        "correlation": correlation.where(correlation.notna(), None).to_dict(),
        "times": times.tolist(),
        "smoothed": smoothed.to_dict(orient="list"),
    }


def _seconds(dates):
    return (dates - pd.Timestamp(0)) / pd.Timedelta(seconds=1)
