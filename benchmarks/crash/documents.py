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

_LONGEST_EXTRA_S = 30


class Documents:
    """Makes plan sets.

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

    def safe(self, name: str, keys: Sequence[str], chance: Generator) -> dict[str, Any]:
        """Return plans of one cycle: the least durations, and the rest by chance for one of the stages."""
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
        own = [junction for key, junction in self._junctions.items() if key in set(keys)]
        sequences = [stage_sequences(junction, limit=1)[0] for junction in own]
        least = [[int(d) for d in sequence.least_durations_s()] for sequence in sequences]
        cycle = max(map(sum, least)) + int(chance.integers(_LONGEST_EXTRA_S))
        plans = []
        for junction, sequence, durations in zip(own, sequences, least, strict=True):
            durations[int(chance.integers(len(durations)))] += cycle - sum(durations)
            placed = replace(junction, index=len(plans))
            plans.append(Plan(placed, cycle, int(chance.integers(cycle)), sequence.stages, tuple(durations)))
        return PlanSet(name, self._network, tuple(plans))
