"""Plan sets for some junctions of a city, safe ones and unsafe ones, and the tables of their controllers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from numpy.random import Generator

from scenarios.loader import build, load
from signals.junction import Junction
from signals.plan import Plan, PlanSet
from signals.schedule import Schedule
from signals.stages import stage_sequences
from signals.wire import plans_to_dict
from simulation.controller.commissioning import commissioned
from simulation.controller.tables import Tables

__all__ = ["Documents"]

_EXTRA_S = 20
_LATEST_OFFSET_S = 5


class Documents:
    """Makes plan sets of one cycle and nearly the same offset, so that controllers come into step in one or two minutes.

    Parameters
    ----------
    city
        Name of a scenario.
    """

    def __init__(self, city: str) -> None:
        made = build(load(city))
        self._network = made.network.name
        self._junctions: dict[str, Junction] = {junction.key: junction for junction in made.junctions}
        self.keys = list(self._junctions)
        self._sequences = {
            key: stage_sequences(junction, limit=1)[0] for key, junction in self._junctions.items()
        }
        self._cycle_s = _EXTRA_S + max(sum(self._least_s(key)) for key in self.keys)

    def _least_s(self, key: str) -> list[int]:
        return [int(duration) for duration in self._sequences[key].least_durations_s()]

    def safe(self, name: str, keys: Sequence[str], chance: Generator) -> dict[str, Any]:
        """Return plans: the least durations, and the rest by chance."""
        return dict(json.loads(json.dumps(plans_to_dict(self._plans(name, keys, chance)))))

    def unsafe(self, name: str, keys: Sequence[str], chance: Generator) -> dict[str, Any]:
        """Return plans of which one has a stage of one second, less than any minimum green."""
        document = self.safe(name, keys, chance)
        stages = document["plans"][int(chance.integers(len(keys)))]["stages"]
        stages[0]["duration_s"], stages[-1]["duration_s"] = (
            1,
            stages[-1]["duration_s"] + stages[0]["duration_s"] - 1,
        )
        return document

    def tables(self, backup_s: int) -> list[Tables]:
        """Return the tables of every controller, without keys."""
        import numpy as np  # noqa: PLC0415 - a generator of its own, the same for all runs

        local = Schedule.of_one(self._plans("local", self.keys, np.random.default_rng(0)))
        return [
            commissioned(junction, local, row, time_zone="Asia/Almaty", backup_s=backup_s)
            for row, junction in enumerate(self._junctions.values())
        ]

    def _plans(self, name: str, keys: Sequence[str], chance: Generator) -> PlanSet:
        plans = list[Plan]()
        for key in [key for key in self.keys if key in set(keys)]:
            durations = self._least_s(key)
            while (left := self._cycle_s - sum(durations)) > 0:
                durations[int(chance.integers(len(durations)))] += min(left, 5)
            placed = replace(self._junctions[key], index=len(plans))
            offset = int(chance.integers(_LATEST_OFFSET_S))
            plans.append(Plan(placed, self._cycle_s, offset, self._sequences[key].stages, tuple(durations)))
        return PlanSet(name, self._network, tuple(plans))
