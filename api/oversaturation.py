"""Whether the vehicles due arrive within a run, and what to say where they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["oversaturation_warning"]

_ARRIVED_ENOUGH = 0.8
_OUTSIDE_TOO_MANY = 0.01


def oversaturation_warning(runs: Mapping[str, Mapping[str, float]], *, minutes: float) -> str:
    """Return a warning where the vehicles due did not all find their way within a run, else nothing.

    That is where less than 80 % of them arrived, or where more than 1 % still waited outside of the entries at the
    end: what waits there is a queue that no signal in the network clears, however many others arrive.

    Parameters
    ----------
    runs
        Figures of each run (`FlowResult.summary`) by what it is called.
    minutes
        Length of the runs.
    """
    few = {name: run for name, run in runs.items() if run["arrived"] < _ARRIVED_ENOUGH * run["vehicles"]}
    outside = {
        name: run
        for name, run in runs.items()
        if run["waiting_to_enter"] > _OUTSIDE_TOO_MANY * run["vehicles"]
    }
    short = {name: run for name, run in runs.items() if name in few or name in outside}
    if not short:
        return ""
    told = "; ".join(
        f"{name}: {int(100 * run['arrived'] / run['vehicles'])} % arrived, "
        f"{run['under_way']:,.0f} vehicles were still under way and {run['waiting_to_enter']:,.0f} waited outside"
        for name, run in short.items()
    )
    longest_s = max(_free_s(run) for run in short.values())
    if not outside and longest_s > (1.0 - _ARRIVED_ENOUGH) * 60.0 * minutes:
        cause, remedy = "The run is too short for the journeys", "Make the run longer ([run] duration_s)."
    else:
        cause, remedy = (
            "The network is oversaturated in the model",
            "Compare the plans at a lower demand too (--scale).",
        )
    found = []
    if few:
        found.append(f"less than {100 * _ARRIVED_ENOUGH:.0f} % of the vehicles due arrived")
    if outside:
        found.append(
            f"more than {100 * _OUTSIDE_TOO_MANY:.0f} % of the vehicles due still waited outside of the entries at the end"
        )
    return (
        f"{cause}: within the {minutes:,.0f} minutes of the run {' and '.join(found)} ({told}). The figures of delay "
        "count those vehicles too, but only up to the end of the run, so their journeys take longer than the figures "
        f"say. {remedy}"
    )


def _free_s(run: Mapping[str, float]) -> float:
    """Return the time at free speed within the run, seconds per vehicle: as many would be under way in any case."""
    return run["total_time_s_per_veh"] - run["delay_s_per_veh"]
