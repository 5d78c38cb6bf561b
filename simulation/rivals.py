"""What the optimiser has to beat: three ways to time signals that know nothing of platoons.

- isolated Webster: every junction on its own, with Webster's cycle and equal degrees of saturation;
- green wave: one common cycle of 60, 80 or 100 s, offsets by travel time along the heaviest flows first;
- random restart: random plans, changed at random, kept while the flow model says that they are better.

Each is as strong as its description permits: they use the optimiser's best stages, and the flow model picks
among their plans.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from signals.greens import movement_greens
from signals.junction import Junction
from signals.optimize import Objective, flow_ratios
from signals.plan import Plan, PlanSet
from signals.sequence import StageSequence
from signals.stages import stage_sequences
from signals.webster import optimum_cycle_s
from traffic.demand import FlowDemand
from traffic.errors import InputError
from traffic.flow import FlowModel
from traffic.network import RoadNetwork

__all__ = ["Rivals", "isolated_webster"]

_MOST_RATIO = 0.95
_SHARED_JUNCTIONS = 0.02


def isolated_webster(network: RoadNetwork, junctions: Sequence[Junction], demand: FlowDemand) -> PlanSet:
    """Return plans in which every junction stands alone (`Rivals.isolated_webster`)."""
    return Rivals(network, junctions, demand).isolated_webster()


class Rivals:
    """Rival plans for one network and demand.

    Parameters
    ----------
    objective
        What the flow model judges by; default: that of the optimiser.
    duration_s
        Length of the run of the flow model that judges.
    """

    def __init__(
        self,
        network: RoadNetwork,
        junctions: Sequence[Junction],
        demand: FlowDemand,
        *,
        objective: Objective | None = None,
        duration_s: int = 3600,
    ) -> None:
        self.network, self.junctions = network, tuple(junctions)
        self.objective, self.duration_s = objective or Objective(), duration_s
        self._flow = FlowModel(network, demand)
        self._movement_veh_s = demand.movement_veh_s(network)
        ratios = flow_ratios(network, junctions, self._movement_veh_s)
        self._timings = [
            _Timing.best(stage_sequences(junction), ratio)
            for junction, ratio in zip(self.junctions, ratios, strict=True)
        ]

    def judge(self, plans: PlanSet) -> float:
        """Return the objective of `plans` in the flow model, seconds per vehicle."""
        result = self._flow.run(movement_greens(self.network, plans), self.duration_s, self.duration_s)
        return self.objective.judge(self.network, result)

    def isolated_webster(self) -> PlanSet:
        """Return Webster's cycle and splits for every junction on its own, offset 0."""
        durations = [timing.durations(timing.webster_cycle_s()) for timing in self._timings]
        return self._plans("isolated Webster", durations, [0] * len(durations))

    def green_wave(self, cycles: Sequence[int] = (60, 80, 100)) -> PlanSet:
        """Return the best plans with one common cycle and greedy green waves."""
        found = [self._wave(cycle) for cycle in cycles]
        return min(found, key=self.judge)

    def random_restart(
        self,
        *,
        seconds: float,
        seed: int = 0,
        restarts: int = 3,
        clock: Callable[[], float] = time.perf_counter,
    ) -> PlanSet:
        """Return the best plans of a random search that takes about `seconds`, in `restarts` equal parts."""
        if not (np.isfinite(seconds) and seconds > 0):
            raise InputError("must be more than 0 s", field="seconds", value=seconds)
        began = clock()
        best: tuple[float, PlanSet] | None = None
        for restart in range(restarts):
            rng = np.random.default_rng([seed, restart])
            plans = self._random_plans(rng)
            value = self.judge(plans)
            while clock() - began < seconds * (restart + 1) / restarts:
                trial = self._changed(plans, rng)
                found = self.judge(trial)
                if found < value:
                    value, plans = found, trial
            if best is None or value < best[0]:
                best = value, plans
        if best is None:
            raise InputError("must be 1 or more", field="restarts", value=restarts)
        return best[1]

    def _plans(self, name: str, durations: Sequence[Sequence[int]], offsets: Sequence[int]) -> PlanSet:
        plans = []
        rows = zip(self.junctions, self._timings, durations, offsets, strict=True)
        for junction, timing, seconds, offset in rows:
            cycle = sum(seconds)
            stages = timing.sequence.stages
            plans.append(Plan(junction, cycle, offset % cycle, stages, tuple(seconds), name=name))
        return PlanSet(name=name, network_name=self.network.name, plans=tuple(plans))

    def _wave(self, cycle_s: int) -> PlanSet:
        durations = [timing.durations(cycle_s) for timing in self._timings]
        offsets = _wave_offsets(self._through(durations), len(self.junctions))
        return self._plans(f"green wave, {cycle_s} s", durations, offsets)

    def _through(self, durations: Sequence[Sequence[int]]) -> list[tuple[float, int, int, float]]:
        """Return flow, both junctions, and the offset between them that carries the heaviest stream of each link."""
        network = self.network
        junction_of = np.full(len(network.nodes), -1)
        junction_of[network.junctions.node] = np.arange(len(network.junctions))
        start = self._green_starts(durations)
        flow = self._movement_veh_s
        into = _heaviest(network.movements.out_link, flow, len(network.links))
        out = _heaviest(network.movements.in_link, flow, len(network.links))
        found = []
        for link in range(len(network.links)):
            first = int(junction_of[network.links.from_node[link]])
            second = int(junction_of[network.links.to_node[link]])
            if first < 0 or second < 0 or into[link] < 0 or out[link] < 0:
                continue
            travel = float(network.links.length_m[link] / network.links.speed_m_s[link])
            shift = travel + start[into[link]] - start[out[link]]
            found.append((float(flow[into[link]]), first, second, shift))
        return found

    def _green_starts(self, durations: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """Return when each movement's longest green starts, seconds after the start of stage 0."""
        start = np.zeros(len(self.network.movements))
        for junction, timing, seconds in zip(self.junctions, self._timings, durations, strict=True):
            begins = np.concatenate([[0], np.cumsum(seconds)])
            green = timing.sequence.green_s(seconds)
            for run in np.argsort(green, kind="stable").tolist():
                group, first, _ = timing.sequence.runs[run].tolist()
                start[list(junction.groups[group].movements)] = begins[first]
        return start

    def _random_plans(self, rng: np.random.Generator) -> PlanSet:
        cycle = int(rng.integers(50, 121))
        durations = [timing.durations(cycle) for timing in self._timings]
        offsets = [int(rng.integers(sum(seconds))) for seconds in durations]
        return self._plans("random restart", durations, offsets)

    def _changed(self, plans: PlanSet, rng: np.random.Generator) -> PlanSet:
        """Return `plans` with offsets and splits of a few random junctions, or the common cycle, changed."""
        if rng.random() < 0.05:
            cycle = int(rng.integers(50, 121))
            scaled = [timing.durations(cycle) for timing in self._timings]
            offsets = [plan.offset_s * sum(s) // plan.cycle_s for plan, s in zip(plans, scaled, strict=True)]
            return self._plans("random restart", scaled, offsets)
        size = max(1, int(len(self.junctions) * _SHARED_JUNCTIONS))
        rows = rng.choice(len(self.junctions), size=min(size, len(self.junctions)), replace=False)
        return plans.with_plans(self._mutated(plans[int(row)], rng) for row in rows)

    def _mutated(self, plan: Plan, rng: np.random.Generator) -> Plan:
        if rng.random() < 0.6 or len(plan.durations_s) < 2:
            return plan.with_offset(int(rng.integers(plan.cycle_s)))
        durations = np.array(plan.durations_s)
        giver, taker = rng.choice(len(durations), size=2, replace=False)
        step = int(rng.integers(1, 9))
        durations[giver] -= step
        durations[taker] += step
        if not plan.sequence.feasible(durations):
            return plan
        return plan.with_durations(durations.tolist())


class _Timing:
    """One junction's stages with the flow ratio of each green."""

    def __init__(self, sequence: StageSequence, group_ratio: NDArray[np.float64]) -> None:
        self.sequence = sequence
        self.ratio = np.where(sequence.always_green, 0.0, group_ratio[sequence.runs[:, 0]])
        # A group with several greens needs each of them only in part.
        self.ratio /= np.bincount(sequence.runs[:, 0])[sequence.runs[:, 0]]
        self.flow_ratio = _critical_ratio(sequence, self.ratio)

    @staticmethod
    def best(sequences: Sequence[StageSequence], group_ratio: NDArray[np.float64]) -> _Timing:
        """Return the stage sequence that leaves most of a cycle of 90 s unused."""
        timings = [_Timing(sequence, group_ratio) for sequence in sequences]
        return min(timings, key=lambda timing: timing.flow_ratio + timing.sequence.lost_s / 90.0)

    def webster_cycle_s(self) -> int:
        """Return Webster's cycle within the junction's bounds."""
        junction = self.sequence.junction
        ratio = min(self.flow_ratio, _MOST_RATIO)
        optimum = round(optimum_cycle_s(self.sequence.lost_s, ratio))
        return min(max(optimum, junction.cycle_min_s), junction.cycle_max_s)

    def durations(self, cycle_s: int) -> list[int]:
        """Return safe durations that add up to about `cycle_s`, with degrees of saturation as equal as can be.

        The cycle is longer where the stages need it, and within the junction's bounds.
        """
        sequence = self.sequence
        durations = sequence.least_durations_s().astype(np.int64)
        most = sequence.junction.cycle_max_s
        wanted = min(max(cycle_s, int(durations.sum()), sequence.junction.cycle_min_s), most)
        members = _members(sequence)
        while durations.sum() < wanted:
            green = np.maximum(sequence.green_s(durations), 1)
            need = np.where(green < sequence.run_max_s, self.ratio / green, -1.0)
            blocked = members[green >= sequence.run_max_s].any(axis=0)
            # Each stage is worth what the neediest of its greens asks for.
            worth = np.where(members, need[:, None], -1.0).max(axis=0) - 1e-9 * np.arange(len(durations))
            worth[blocked] = -np.inf
            if not np.isfinite(worth).any():
                raise InputError(
                    f"the maximum greens leave no cycle of {wanted} s",
                    field=f"junction {sequence.junction.key}",
                    value=durations.tolist(),
                )
            durations[int(worth.argmax())] += 1
        return [int(d) for d in durations]


def _members(sequence: StageSequence) -> NDArray[np.bool_]:
    """Return which stages each green lasts over; greens for ever over none; shape (runs, stages)."""
    count = len(sequence)
    members = np.zeros((len(sequence.runs), count), dtype=bool)
    for row, (_, first, last) in enumerate(sequence.runs.tolist()):
        if not sequence.always_green[row]:
            members[row, [k % count for k in range(first, first + (last - first) % count + 1)]] = True
    return members


def _critical_ratio(sequence: StageSequence, ratio: NDArray[np.float64]) -> float:
    """Return Webster's Y: the least sum of stage parts that gives every green its flow ratio."""
    members = _members(sequence)
    parts = np.zeros(len(sequence))
    for row in np.argsort(members.sum(axis=1), kind="stable").tolist():
        stages = np.flatnonzero(members[row])
        if len(stages):
            parts[stages[-1]] += max(0.0, float(ratio[row] - parts[stages].sum()))
    return float(parts.sum())


def _heaviest(link: NDArray[np.int32], flow: NDArray[np.float64], links: int) -> NDArray[np.int64]:
    """Return the movement with most flow at each link; -1 without any flow."""
    found = np.full(links, -1)
    for movement in np.argsort(flow, kind="stable").tolist():
        if flow[movement] > 0:
            found[link[movement]] = movement
    return found


def _wave_offsets(through: list[tuple[float, int, int, float]], junctions: int) -> list[int]:
    """Set offsets link by link, the heaviest flow first, where the link joins two parts not joined yet."""
    part = np.arange(junctions)
    offset = np.zeros(junctions)
    for _, first, second, shift in sorted(through, key=lambda row: (-row[0], row[1], row[2])):
        if part[first] == part[second]:
            continue
        moved = part == part[second]
        offset[moved] += offset[first] + shift - offset[second]
        part[moved] = part[first]
    return [round(value) for value in offset.tolist()]
