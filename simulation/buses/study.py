"""The same day under several policies: what each does to punctuality, to passengers who wait, and to other traffic.

Every policy meets the same luck, seed by seed, so that differences are those of the policy. Runs of a study know nothing of each
other, so that they are the same in whatever process they are made (`simulation.buses.workers`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from signals.greens import movement_greens
from signals.priority import PriorityRules, priority_table
from signals.signal_delay import movement_flow_ratio, signal_delay
from simulation.buses.breakdowns import drawn_breakdowns
from simulation.buses.priority import Costs, GrantedPriority
from simulation.buses.replay import Policy, replay
from simulation.buses.street import Fortune, Luck, Street
from simulation.buses.validation import on_time
from simulation.buses.waits import headways_within, left_ahead, printed_wait_s, waits
from simulation.buses.workers import made
from traffic.errors import InputError
from traffic.flow import simulate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from signals.plan import PlanSet
    from signals.signal_delay import SignalDelay
    from simulation.buses.aboard import Riders
    from simulation.buses.replay import Replayed
    from simulation.buses.service import Service
    from traffic.demand import FlowDemand
    from traffic.network import RoadNetwork
    from traffic.progress import Progress
    from transit.lines import Lines

__all__ = ["Outcome", "Runs", "Signals", "Variant", "outcome", "signals_of", "study"]

_BUNCHED = 0.5
_AHEAD_S = 15.0
_BUSY_S = 3600


class Signals(NamedTuple):
    """Plans as buses meet them; one entry for each hour of the day.

    Attributes
    ----------
    delay
        By second of the cycle.
    flow_veh_s, flow_ratio
        Of every movement; shape (24, movements).
    traffic_delay_s
        Delay of other traffic in the flow model, in the hour of the demand, seconds per vehicle.
    """

    plans: PlanSet
    network: RoadNetwork
    delay: Sequence[SignalDelay]
    flow_veh_s: NDArray[np.float64]
    flow_ratio: NDArray[np.float64]
    traffic_delay_s: float


def signals_of(
    network: RoadNetwork, plans: PlanSet, demand: FlowDemand, traffic_by_hour: NDArray[np.float64]
) -> Signals:
    """Return what plans cost buses hour by hour; hours of about the same traffic (to a tenth) share their tables."""
    greens, flow = movement_greens(network, plans), demand.movement_veh_s(network)
    known: dict[float, tuple[SignalDelay, NDArray[np.float64]]] = {}
    rows = []
    for level in np.round(traffic_by_hour, 1).tolist():
        if level not in known:
            ratio, saturation = movement_flow_ratio(network, flow * level)
            known[level] = (signal_delay(greens, ratio, saturation), ratio)
        rows.append((known[level][0], flow * level, known[level][1]))
    delays, flows, ratios = zip(*rows, strict=True)
    traffic = simulate(network, demand, greens, duration_s=_BUSY_S, report_s=_BUSY_S).summary()
    return Signals(
        plans, network, delays, np.array(flows), np.array(ratios), float(traffic["delay_s_per_veh"])
    )


@dataclass(frozen=True)
class Variant:
    """What is done.

    Attributes
    ----------
    signals
        The plans in force; `None` where there are no signals, or nothing is known of them.
    priority
        What buses are granted at signals; `None`: nothing.
    """

    name: str
    signals: Signals | None = field(repr=False)
    policy: Policy = field(default_factory=Policy)
    priority: PriorityRules | None = None


class Outcome(NamedTuple):
    """Figures of one day.

    Attributes
    ----------
    on_time
        Share of visits, departures and at the end of trips arrivals, from 1 min early to 5 min late; trips that were not run
        count against it: `on-time-visits` of `transit.definitions`.
    headway_within_half
        Share of planned headways, ends of trips apart, from which that which was run differs by half of it at most; those of
        vehicles that did not come count against it.
    wait_s, excess_wait_s
        Mean wait of passengers who come at random, from the first planned departure to the last one of each place
        (`simulation.buses.waits`); and what it is above that of the timetable. Of all lines and hours together.
    run_s
        Mean time from the first stop of a trip to its last, of those that were run to both.
    held_s
        Mean time that trips are held.
    dropped, cut
        Share of trips that were not run at all, and of those that were run in part: turned short, or broken down on the way.
    asked, granted, gained_s, others_veh_h
        Of priority: requests, grants, what buses gain, and what others lose in vehicle hours.
    traffic_delay_s
        Delay of other traffic under the plans in force, priority apart, as in `Signals`.
    exchanged
        Share of trips that were run by another vehicle than that of their block.
    printed_wait_s
        Mean wait of passengers who come at the very times of the timetable (`simulation.buses.waits.printed_wait_s`).
    left_ahead, started_ahead
        Share of planned departures, at all stops where somebody boards and at the first stops of trips, that were more than
        15 s ahead of the timetable.
    """

    on_time: float
    headway_within_half: float
    wait_s: float
    excess_wait_s: float
    run_s: float
    held_s: float
    asked: int
    granted: int
    gained_s: float
    others_veh_h: float
    dropped: float = 0.0
    cut: float = 0.0
    traffic_delay_s: float = float("nan")
    exchanged: float = 0.0
    printed_wait_s: float = float("nan")
    left_ahead: float = 0.0
    started_ahead: float = 0.0


def outcome(
    service: Service, found: Replayed, costs: Costs | None = None, *, traffic_delay_s: float = float("nan")
) -> Outcome:
    """Return the figures of a day."""
    wait_s, planned_s = waits(service, found.departure_s)
    first, last = service.first[:-1], service.first[1:] - 1
    costs = costs or Costs()
    run_s = found.arrival_s[last] - found.departure_s[first]
    return Outcome(
        float(on_time(service, found.arrival_s, found.departure_s).mean()),
        headways_within(service, found.departure_s, _BUNCHED),
        wait_s,
        wait_s - planned_s,
        float(run_s[np.isfinite(run_s)].mean()),
        float(found.held_s.sum() / len(service)),
        costs.asked,
        costs.extensions + costs.early_greens,
        costs.gained_s,
        costs.others_veh_s / 3600.0,
        float(found.dropped.mean()),
        float(found.cut.mean()),
        traffic_delay_s,
        float(found.exchanged.mean()),
        printed_wait_s(service, found.departure_s),
        *left_ahead(service, found.departure_s, _AHEAD_S),
    )


class Runs(Protocol):
    """Days that can be run under each of several variants. A task is the seed of a day, and the number of a variant."""

    @property
    def service(self) -> Service:
        """What is run on each."""

    @property
    def variants(self) -> tuple[Variant, ...]:
        """What is done, by number."""

    def __call__(self, task: tuple[int, int]) -> Outcome:
        """Return the figures of a day."""

    def run(self, task: tuple[int, int]) -> tuple[Replayed, Costs | None]:
        """Return the day, and what priority has cost."""


@dataclass(frozen=True, eq=False)
class Days:
    """Days to be run under each of several variants.

    Attributes
    ----------
    fortune
        How different they are.
    riders
        As in `simulation.buses.street.Street`.
    breakdowns
        So many vehicles break down on each day, and are out for the rest of it.
    """

    service: Service
    lines: Lines
    variants: tuple[Variant, ...]
    fortune: Fortune
    riders: Riders | None = None
    breakdowns: int = 0

    def __call__(self, task: tuple[int, int]) -> Outcome:
        """Return the figures of the day of one seed under one variant."""
        run, costs = self.run(task)
        delay_s = _signals(self.variants[task[1]]).traffic_delay_s
        return outcome(self.service, run, costs, traffic_delay_s=delay_s)

    def run(self, task: tuple[int, int]) -> tuple[Replayed, Costs | None]:
        """Return the day of one seed under one variant, and what priority has cost."""
        seed, number = task
        variant = self.variants[number]
        luck = Luck.drawn(self.service, self.fortune, np.random.default_rng([seed, 31_000]))
        signals = _signals(variant)
        priority = None if variant.priority is None else _granted(signals, variant.priority)
        street = Street(
            self.service,
            self.lines,
            luck,
            signals.delay,
            layover_s=self.fortune.layover_s,
            priority=priority,
            riders=self.riders,
        )
        rng = np.random.default_rng([seed, 32_000])
        broken = drawn_breakdowns(self.service, self.breakdowns, rng)
        run = replay(self.service, street, variant.policy, breakdowns=broken)
        return run, None if priority is None else priority.costs


def study(
    days: Runs,
    *,
    seeds: Sequence[int] = range(1, 11),
    workers: int = 1,
    progress: Progress | None = None,
) -> dict[str, list[Outcome]]:
    """Return the figures of every variant for every seed.

    Parameters
    ----------
    workers
        Processes that share the runs; the figures do not depend on it.
    """
    variants = days.variants
    tasks = [(seed, number) for seed in seeds for number in range(len(variants))]
    found: dict[str, list[Outcome]] = {variant.name: [] for variant in variants}
    for done, (task, figures) in enumerate(made(days, tasks, workers=workers), start=1):
        seed, number = task
        found[variants[number].name].append(figures)
        if progress is not None:
            progress(done, len(tasks), f"seed {seed}, {variants[number].name}")
    return found


def _signals(variant: Variant) -> Signals:
    if variant.signals is None:
        raise InputError(
            "must be there: these days are run over signals", field="signals", value=variant.name
        )
    return variant.signals


def _granted(signals: Signals, rules: PriorityRules) -> GrantedPriority:
    table = priority_table(signals.network, signals.plans)
    return GrantedPriority(rules, table, signals.delay, signals.flow_veh_s, signals.flow_ratio)
