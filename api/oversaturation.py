"""Whether the vehicles due arrive within a run, and what to say where they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["oversaturation_warning"]

_ARRIVED_ENOUGH = 0.8


def oversaturation_warning(runs: Mapping[str, Mapping[str, float]], *, minutes: float) -> str:
    """Return a warning where less than 80 % of the vehicles due arrived within a run, else nothing.

    Parameters
    ----------
    runs
        Figures of each run (`FlowResult.summary`) by what it is called.
    minutes
        Length of the runs.
    """
    short = {name: run for name, run in runs.items() if run["arrived"] < _ARRIVED_ENOUGH * run["vehicles"]}
    if not short:
        return ""
    told = "; ".join(
        f"{name}: {int(100 * run['arrived'] / run['vehicles'])} % arrived, "
        f"{run['under_way']:,.0f} vehicles were still under way and {run['waiting_to_enter']:,.0f} waited outside"
        for name, run in short.items()
    )
    longest_s = max(_free_s(run) for run in short.values())
    if longest_s > (1.0 - _ARRIVED_ENOUGH) * 60.0 * minutes:
        cause, remedy = "The run is too short for the journeys", "Make the run longer ([run] duration_s)."
    else:
        cause, remedy = (
            "The network is oversaturated in the model",
            "Compare the plans at a lower demand too (--scale).",
        )
    return (
        f"{cause}: less than {100 * _ARRIVED_ENOUGH:.0f} % of the vehicles due arrived within the {minutes:,.0f} "
        f"minutes of the run ({told}). The figures of delay count those vehicles too, but only up to the end of the "
        f"run, so their journeys take longer than the figures say. {remedy}"
    )


def _free_s(run: Mapping[str, float]) -> float:
    """Return the time at free speed within the run, seconds per vehicle: as many would be under way in any case."""
    return run["total_time_s_per_veh"] - run["delay_s_per_veh"]
