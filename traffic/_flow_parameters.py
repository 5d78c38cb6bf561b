"""The plain numbers of the flow model and where they come from."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from traffic.errors import InputError

__all__ = ["FlowParameters", "Gap"]


def _require(field: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise InputError(f"must be from {low:g} to {high:g}", field=field, value=value)


@dataclass(frozen=True)
class Gap:
    """Critical gap and follow-up time of drivers who give way, seconds."""

    critical_s: float
    follow_up_s: float

    def __post_init__(self) -> None:
        for field in ("critical_s", "follow_up_s"):
            _require(field, getattr(self, field), 0.1, 60.0)

    def capacity_veh_s(self, opposing_veh_s: float) -> float:
        """Return the capacity of one lane, v exp(-v tc) / (1 - exp(-v tf)) (HCM 2000, equation 17-3)."""
        v = opposing_veh_s
        if v < 1e-9:
            return 1.0 / self.follow_up_s
        return v * math.exp(-v * self.critical_s) / -math.expm1(-v * self.follow_up_s)


@dataclass(frozen=True)
class FlowParameters:
    """Parameters of the flow model.

    Attributes
    ----------
    jam_density_veh_m
        Vehicles in a standing queue, per metre and lane; 0.15 is one vehicle every 6.7 m (cars of 4.5 to 5 m with gaps
        of about 2 m, HCM 2000, chapter 16, appendix on back of queue: 7.5 m with some heavy vehicles).
    backward_wave_m_s
        Speed at which a queue's discharge wave runs upstream. `None`: of each link such that its capacity
        is the saturation flow of its running lanes (triangular diagram); never faster than the free speed.
    start_loss_s
        Start-up lost time of each green, HCM 2000, exhibit 10-9: 2 s.
    yellow_use_s
        Part of the yellow in which vehicles still cross the stop line (HCM: extension of effective green, 2 s).
    sneakers_veh
        Vehicles that complete a permissive turn at the end of its green (HCM 2000, appendix C of chapter 16: 2 a
        cycle).
    sneak_time_s
        Seconds after that green, through yellow and all-red, in which they do so, evenly.
    signal_gap
        Permissive turns at signals: 4.5 and 2.5 s (HCM 2000, chapter 16, appendix C).
    major_left_gap, minor_right_gap, minor_through_gap, minor_left_gap
        Two-way stop control, HCM 2000, exhibit 17-5 (two-lane major road).
    pedestrian_factor
        Saturation flow of a permissive turn over a signalised pedestrian crossing, relative to one without
        (HCM 2000, f_Rpb, at about 200 pedestrians an hour of green).
    smoothing_s
        Time over which drivers who give way judge the opposing flow (exponential), about one critical gap.
    give_way_weight
        Part of its capacity with which a movement that gives way competes for the room of a full link.
    """

    jam_density_veh_m: float = 0.15
    backward_wave_m_s: float | None = None
    start_loss_s: float = 2.0
    yellow_use_s: float = 2.0
    sneakers_veh: float = 2.0
    sneak_time_s: int = 4
    signal_gap: Gap = Gap(4.5, 2.5)
    major_left_gap: Gap = Gap(4.1, 2.2)
    minor_right_gap: Gap = Gap(6.2, 3.3)
    minor_through_gap: Gap = Gap(6.5, 4.0)
    minor_left_gap: Gap = Gap(7.1, 3.5)
    pedestrian_factor: float = 0.85
    smoothing_s: float = 4.0
    give_way_weight: float = 0.2

    def __post_init__(self) -> None:
        bounds = {
            "jam_density_veh_m": (0.01, 1.0),
            "start_loss_s": (0.0, 60.0),
            "yellow_use_s": (0.0, 60.0),
            "sneakers_veh": (0.0, 20.0),
            "sneak_time_s": (1, 20),
            "pedestrian_factor": (0.05, 1.0),
            "smoothing_s": (1.0, 60.0),
            "give_way_weight": (0.001, 1.0),
        }
        if self.backward_wave_m_s is not None:
            bounds["backward_wave_m_s"] = (0.5, 50.0)
        for field in fields(self):
            if field.name in bounds:
                low, high = bounds[field.name]
                _require(field.name, getattr(self, field.name), low, high)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """The gap times in the order of `traffic.priority.GapClass`."""
        return (
            self.signal_gap,
            self.major_left_gap,
            self.minor_right_gap,
            self.minor_through_gap,
            self.minor_left_gap,
        )
