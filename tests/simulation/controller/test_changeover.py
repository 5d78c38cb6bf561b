"""Ways from one course to another: an order in every second, also in those in which a changeover begins, ends or is given up."""

from __future__ import annotations

import os
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from simulation.controller.courses import Changeover
from simulation.controller.days import Method, local_programme
from simulation.controller.gate import checked_plan
from simulation.controller.lamps import Lamp, flash_row
from simulation.controller.runner import Mode, Order, Release, Runner
from simulation.controller.tables import Tables
from tests.simulation.controller.ref_stream import stream_faults
from tests.simulation.controller.safe_plans import always, junction_with_plans
from tests.simulation.controller.signing_desk import day_types

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNS = int(os.environ.get("JASYL_CHANGEOVERS", "40"))
_STOPS = (Mode.FLASH, Mode.ALL_RED)


def _group(name: str, kind: str = "vehicle", least: int = 6, *, flash: int, yellow: int, amber: int) -> dict:
    return {
        "name": name,
        "kind": kind,
        "min_green_s": least,
        "max_green_s": None,
        "flashing_green_s": flash,
        "yellow_s": yellow,
        "red_amber_s": amber,
    }


def _tables(
    groups: list[dict[str, Any]],
    conflict: list[list[int]],
    intergreen: list[list[int]],
    stages: list[tuple[list[str], int]],
) -> Tables:
    rows = [{"groups": names, "duration_s": duration} for names, duration in stages]
    plan = {
        "junction": "j",
        "digest": "d",
        "name": "local",
        "version": 1,
        "cycle_s": sum(duration for _, duration in stages),
        "offset_s": 0,
        "stages": rows,
    }
    document = {
        "format": "jasyl-controller-tables",
        "format_version": 1,
        "junction": "j",
        "digest": "d",
        "time_zone": "UTC",
        "backup_s": 300,
        "cycle_min_s": 40,
        "cycle_max_s": 120,
        "groups": groups,
        "conflict": conflict,
        "intergreen_s": intergreen,
        "schedule": {"plans": [plan], "day_types": day_types(("00:00", "local"))},
        "keys": [],
    }
    return Tables.from_dict(document)


class _Road:
    """A runner and what it has shown since the power came on."""

    def __init__(self, tables: Tables, runner: Runner | None = None, wall: int = 0) -> None:
        self.runner = runner or Runner(tables, local_programme(tables))
        self.wall, self.rows = wall, list[bytes]()

    def go(self, seconds: int) -> list[bytes]:
        rows = []
        for _ in range(seconds):
            self.runner.heard()
            rows.append(self.runner.step(self.wall))
            self.wall += 1
        self.rows += rows
        return rows

    def twin(self) -> _Road:
        """Return a road with the same past, which goes on by itself."""
        runner = copy(self.runner)
        runner.monitor = runner.monitor.copy()
        other = _Road(runner.tables, runner, self.wall)
        other.rows = [*self.rows]
        return other

    def order(self, mode: Mode, seconds: int) -> None:
        self.runner.give(Order(1, mode, None, self.wall + seconds), self.wall)

    def faults(self) -> list[str]:
        """Return what the monitor, and a judge that shares nothing with it, find in the record."""
        tables, fault = self.runner.tables, self.runner.monitor.fault
        flash, part, found = flash_row(tables), [], [] if fault is None else [str(fault)]
        for row in [*self.rows, flash]:
            if row != flash:
                part.append(row)
                continue
            found += stream_faults(tables, part)
            part = []
        return found


def _crossing() -> Tables:
    groups = [
        _group("V", flash=0, yellow=3, amber=1),
        _group("P", "pedestrian", flash=4, yellow=0, amber=0),
    ]
    return _tables(groups, [[0, 2], [2, 0]], [[0, 5], [8, 0]], [(["V"], 30), (["P"], 30)])


def test_a_walk_that_has_just_run_out_is_waited_for() -> None:
    """All red for 4 s while the plan gets another offset: the walk ends in the second in which the way to red does."""
    tables = _crossing()
    found = []
    for start in range(24, 52, 4):
        before = _Road(tables)
        before.go(120 + start)
        for offset in range(0, 60, 3):
            road = before.twin()
            road.order(Mode.ALL_RED, 4)
            plan = checked_plan({**tables.plans[0], "name": "b", "offset_s": offset}, tables)
            road.runner.take({"base": (Release(1, "base", always(plan), 0.0),)})
            road.go(150)
            assert road.runner.in_force().version == 1
            found += [(start, offset, fault) for fault in road.faults()]
    assert found == []


@pytest.mark.parametrize("mode", _STOPS)
def test_an_order_as_a_turn_is_announced_that_gives_way(mode: Mode) -> None:
    """Seconds 14 and 15 of the cycle: L shows red-amber and has to wait for an end of T, which is green with it."""
    groups = [_group(name, flash=0, yellow=3, amber=2) for name in "TLX"]
    conflict, intergreen = [[0, 0, 2], [1, 0, 2], [2, 2, 0]], [[0, 4, 6], [0, 0, 6], [6, 6, 0]]
    stages = [(["T"], 15), (["T", "L"], 20), (["X"], 25)]
    road = _Road(_tables(groups, conflict, intergreen, stages))
    road.go(180)
    found = []
    for second in range(60):
        other = road.twin()
        other.order(mode, 60)
        rows = other.go(100)
        if second in {14, 15}:  # T for one second of L, which begins in 15, and L for its least green
            ends = [
                max(t for t, row in enumerate(rows[:50]) if row[g] == Lamp.GREEN) + second for g in (0, 1)
            ]
            assert ends == [15, 20]
        found += [(second, fault) for fault in other.faults()]
        road.go(1)
    assert found == []


@pytest.mark.parametrize("mode", _STOPS)
@pytest.mark.parametrize("amber", [0, 2])
def test_an_order_as_something_begins_to_be_always_green(mode: Mode, amber: int) -> None:
    groups = [_group(name, flash=0, yellow=3, amber=1) for name in "VW"]
    groups.append(_group("R", flash=3, yellow=3, amber=amber))
    conflict = [[0, 2, 0], [2, 0, 0], [0, 0, 0]]
    tables = _tables(
        groups, conflict, [[0, 5, 0], [5, 0, 0], [0, 0, 0]], [(["V", "R"], 30), (["W", "R"], 30)]
    )
    found = []
    for phase in range(60):
        road = _Road(tables, wall=phase)
        while not road.runner.in_force().in_step:
            other = road.twin()
            road.go(1)
        for second in range(3):  # the one before that in which it is in step, that one, and the next
            other.order(mode, 60)
            other.go(30)
            found += [(phase, second, fault) for fault in other.faults()]
            other = road.twin()
            road.go(1)
    assert found == []


def test_red_amber_follows_a_green_without_yellow_at_once() -> None:
    """A group that is dark for its red-amber only, between two greens of one plan, and an order in each second."""
    groups = [_group("A", flash=2, yellow=0, amber=2), _group("B", flash=0, yellow=3, amber=1)]
    tables = _tables(groups, [[0, 0], [0, 0]], [[0, 0], [0, 0]], [(["A"], 20), (["B"], 2), (["A", "B"], 18)])
    road = _Road(tables)
    road.go(200)
    pairs = {(a[0], b[0]) for a, b in zip(road.rows, road.rows[1:], strict=False)}
    assert (Lamp.FLASHING_GREEN, Lamp.RED_AMBER) in pairs
    assert road.faults() == []
    for _ in range(40):
        other = road.twin()
        other.order(Mode.ALL_RED, 20)
        other.go(100)
        assert other.faults() == []
        road.go(1)


def _changeovers(rng: np.random.Generator) -> Iterator[tuple[_Road, list[Release]]]:
    """Yield a road of a random junction in the second before each of its changeovers is done, and releases for it."""
    _, tables, plans = junction_with_plans(rng, 3)
    methods = tuple(Method)
    releases = [
        Release(version, "base", always(plan, methods[rng.integers(3)]), 0.0)
        for version, (_, plan) in enumerate(plans, 1)
    ]
    road = _Road(tables, Runner(tables, releases[0].programme), wall=int(rng.integers(0, 10_000)))
    for what in ("start", "stop", "plan", "clock"):
        if what == "stop":
            road.order(_STOPS[rng.integers(2)], int(rng.integers(1, 12)))
        elif what == "plan":
            road.runner.take({"base": (releases[rng.integers(3)],)})
        elif what == "clock":
            road.wall += int(rng.integers(1, 100))
        for _ in range(400):
            course = road.runner._course
            if isinstance(course, Changeover) and course.done(road.runner.second + 2):
                yield road.twin(), releases
            road.go(1)


@pytest.mark.parametrize("seed", range(RUNS))
def test_an_order_in_each_second_after_a_changeover(seed: int) -> None:
    """From the second before its end on; half of the time another plan is there when the order ends."""
    rng = np.random.default_rng([2026, seed])
    found = []
    for road, releases in _changeovers(rng):
        for after in range(7):
            other = road.twin()
            mode, lasts = _STOPS[rng.integers(2)], int(rng.integers(1, 25))
            other.order(mode, lasts)
            if rng.random() < 0.5:
                other.runner.take({"base": (releases[rng.integers(3)],)})
            other.go(150)
            found += [(after, mode, lasts, fault) for fault in other.faults()]
            road.go(1)
    assert found == []
