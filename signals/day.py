"""From a day's demand to a schedule: few plan sets, and when which of them is in force.

1. The optimiser makes a plan set for each of some representative intervals (`DayDemand.representatives`).
2. Every set is measured in every interval (`signals.day_costs`).
3. Exact dynamic programming chooses the set of each interval (`signals.day_choice`); a switch costs what its transition costs in
   the flow model, by the method that costs least of those allowed.
4. The whole day runs in the flow model, queues and transitions included, with the schedule and with each single set: a
   schedule that is not better there than the best single set is dropped for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from signals.day_choice import Choice, best_choice
from signals.day_costs import DayCosts, SwitchCost
from signals.day_demand import REPORT_S, DayDemand
from signals.optimize import optimize
from signals.schedule import DAY_S, DAYS, DayType, Entry, Schedule
from signals.schedule_greens import Switch
from signals.transition import Method
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from signals.junction import Junction
    from signals.objective import Objective
    from signals.plan import PlanSet
    from traffic.flow import FlowParameters
    from traffic.network import RoadNetwork
    from traffic.progress import Progress

__all__ = ["DayDemand", "DaySchedule", "Row", "candidate_sets", "schedule_day"]


@dataclass(frozen=True)
class Row:
    """One entry of the schedule.

    Attributes
    ----------
    until_s
        Seconds after midnight at which the next entry begins, or the day ends.
    vehicles
        Due in this time.
    single_s, schedule_s
        Delay in the run of the whole day with the single set and with the schedule, seconds per vehicle due.
    transitions
        What the switch to this entry costs by each method that is allowed; none where nothing switches.
    """

    entry: Entry
    until_s: int
    vehicles: float
    single_s: float
    schedule_s: float
    transitions: dict[Method, SwitchCost]


@dataclass(frozen=True, eq=False)
class DaySchedule:
    """The result of `schedule_day`.

    Attributes
    ----------
    single
        The single set that is best in the run of the whole day.
    single_s, schedule_s
        Delay over the whole day with it and with the schedule, seconds per vehicle due.
    left_share
        Share of the day's vehicles that have not arrived when it ends: more than a few mean that queues block each other.
    dropped
        True where a schedule of several sets was found but was not better in the run of the whole day.
    """

    schedule: Schedule
    single: PlanSet
    single_s: float
    schedule_s: float
    rows: tuple[Row, ...]
    left_share: float
    dropped: bool


def candidate_sets(
    network: RoadNetwork,
    junctions: Sequence[Junction],
    day: DayDemand,
    count: int,
    *,
    seed: int = 0,
    seconds: float = 20.0,
    steps: int | None = None,
    objective: Objective | None = None,
    start: PlanSet | None = None,
    progress: Progress | None = None,
) -> tuple[PlanSet, ...]:
    """Return optimised plan sets for up to `count` representative intervals, that of the least demand first.

    Parameters
    ----------
    seconds, steps
        Of all optimisations together, and of each; see `signals.optimize.optimize`.
    """
    if count < 1:
        raise InputError("must be 1 or more", field="sets", value=count)
    chosen = sorted(day.representatives(count), key=lambda k: float(day.levels[k].entry_veh_s.sum()))
    found = []
    for number, k in enumerate(chosen, start=1):
        made = optimize(
            network,
            junctions,
            day.levels[k],
            seed=seed,
            seconds=seconds / len(chosen),
            steps=steps,
            objective=objective,
            start=start,
            progress=progress,
        )
        found.append(replace(made.plans, name=f"set {number}", network_name=network.name))
    return tuple(found)


def schedule_day(
    network: RoadNetwork,
    day: DayDemand,
    sets: Sequence[PlanSet],
    *,
    most_sets: int = 3,
    methods: Sequence[Method] = tuple(Method),
    name: str = "schedule",
    parameters: FlowParameters | None = None,
) -> DaySchedule:
    """Return the best schedule of `sets` for a day.

    Parameters
    ----------
    sets
        Plan sets to choose from, with different names.
    most_sets
        How many of them the schedule may use.
    methods
        Ways of transition that are allowed; each switch takes the one that costs least.
    """
    if not methods:
        raise InputError("must name a method", field="methods", value=0)
    costs = DayCosts(network, day, sets, parameters)
    cost = costs.intervals()

    def cheapest(k: int, before: int, after: int) -> Method:
        return min(methods, key=lambda method: costs.switch(k, before, after, method).delay_veh_s)

    def switch_cost(k: int, before: int, after: int) -> float:
        return costs.switch(k, before, after, cheapest(k, before, after)).delay_veh_s

    choice = best_choice(cost, switch_cost, most_sets)
    constants = [Choice((k,) * len(cost), float(cost[:, k].sum())) for k in range(cost.shape[1])]
    days = [costs.run_day(_switches(costs, constant, {})) for constant in constants]
    single = min(range(len(days)), key=lambda k: float(days[k].delay_s.sum()))
    constant, alone = constants[single], days[single]
    used = {at: cheapest(*at) for at in choice.switches()}
    run = costs.run_day(_switches(costs, choice, used)) if used else alone
    dropped = bool(used) and run.delay_s.sum() >= alone.delay_s.sum()
    if dropped or not used:
        choice, used, run = constant, {}, alone
    vehicles = float(day.due_veh().sum())
    return DaySchedule(
        schedule=_schedule(costs, choice, used, name),
        single=costs.sets[single],
        single_s=float(alone.delay_s.sum()) / vehicles,
        schedule_s=float(run.delay_s.sum()) / vehicles,
        rows=_rows(costs, choice, used, methods, (alone.delay_s, run.delay_s)),
        left_share=run.left_veh / vehicles,
        dropped=dropped,
    )


_Used = dict[tuple[int, int, int], Method]


def _switches(costs: DayCosts, choice: Choice, used: _Used) -> list[Switch]:
    """Return the switches of a day that begins with what the day before ended with."""
    switches = [Switch(-1, costs.sets[choice.sets[-1]], Method.SHORTWAY)]
    switches += [
        Switch(k * costs.day.interval_s, costs.sets[after], method) for (k, _, after), method in used.items()
    ]
    return switches


def _starts(choice: Choice) -> list[int]:
    """Return the intervals at which entries begin."""
    sets = choice.sets
    return [k for k in range(len(sets)) if k == 0 or sets[k] != sets[k - 1]]


def _entries(costs: DayCosts, choice: Choice, used: _Used) -> list[Entry]:
    by_interval = {k: method for (k, _, _), method in used.items()}
    return [
        Entry(
            k * costs.day.interval_s,
            costs.sets[choice.sets[k]].name,
            by_interval.get(k, Method.SHORTWAY),
        )
        for k in _starts(choice)
    ]


def _schedule(costs: DayCosts, choice: Choice, used: _Used, name: str) -> Schedule:
    """Return the schedule with the sets that it uses."""
    sets = tuple(costs.sets[k] for k in sorted(set(choice.sets)))
    every = DayType("every day", DAYS, tuple(_entries(costs, choice, used)))
    return Schedule(name, costs.network.name, sets, (every,))


def _rows(
    costs: DayCosts,
    choice: Choice,
    used: _Used,
    methods: Sequence[Method],
    delays: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> tuple[Row, ...]:
    interval_s, starts = costs.day.interval_s, _starts(choice)
    due = costs.day.due_veh()
    rows = []
    for entry, k, until in zip(_entries(costs, choice, used), starts, [*starts[1:], len(due)], strict=True):
        reports = slice(k * interval_s // REPORT_S, until * interval_s // REPORT_S)
        vehicles = float(due[k:until].sum())
        single_s, schedule_s = (
            float(delay[reports].sum()) / vehicles if vehicles > 0 else 0.0 for delay in delays
        )
        at = next((at for at in used if at[0] == k), None)
        paid = {} if at is None else {method: costs.switch(*at, method) for method in methods}
        rows.append(Row(entry, min(until * interval_s, DAY_S), vehicles, single_s, schedule_s, paid))
    return tuple(rows)
