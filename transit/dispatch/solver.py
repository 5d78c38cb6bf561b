"""The best plan of a dispatcher's problem: linear programs (OR-Tools), and branch and bound over the courses of vehicles.

Times are bounded by differences, and costs are convex in them, as in the dual of a flow problem. The search is limited in its
steps, not in its time, and runs on one thread: the same problem has the same answer. Mixed-integer solvers gave another one of
equally good plans from run to run, and took longer.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

from ortools.linear_solver import pywraplp

from transit.dispatch.problem import KNOTS_S, Bounds, Pass, Placed, Problem, bounds, cost, placed, wait_s2

__all__ = ["Plan", "solve"]

_NODES = 100
_WHOLE = 1e-6
_SOLVED = (pywraplp.Solver.OPTIMAL, pywraplp.Solver.FEASIBLE)


class Plan(NamedTuple):
    """What is best.

    Attributes
    ----------
    chosen
        The course of each vehicle.
    leave_s
        When it leaves each pass of it.
    cost, cost_before
        Of the plan; and if every vehicle went on and none were held.
    """

    chosen: tuple[int, ...]
    leave_s: tuple[tuple[float, ...], ...]
    cost: float
    cost_before: float


def solve(problem: Problem) -> Plan:
    """Return the plan of least cost; never one that costs more than letting every vehicle go on."""
    within = [[bounds(one) for one in own] for own in problem.courses]
    as_is = tuple(own[0].free_s for own in within)
    nobody = (0,) * len(within)
    before = cost(problem, nobody, as_is)
    found = _Model(problem, within).solved() if _certain_trips_once(problem) else None
    if found is None:
        return Plan(nobody, as_is, before, before)
    chosen, leave_s = found
    reckoned = cost(problem, chosen, leave_s)
    return (
        Plan(chosen, leave_s, reckoned, before) if reckoned < before else Plan(nobody, as_is, before, before)
    )


def _certain_trips_once(problem: Problem) -> bool:
    """Whether no trip is run by two vehicles that have no choice."""
    certain = [trip for own in problem.courses if len(own) == 1 for trip in own[0].trips]
    return len(certain) == len(set(certain))


class _Model:
    """Variables of the plan. Times count from the first one, so that they are small."""

    def __init__(self, problem: Problem, within: list[list[Bounds]]) -> None:
        self.problem, self.within = problem, within
        self.solver = pywraplp.Solver.CreateSolver("GLOP")
        self.variables: list[pywraplp.Variable] = []
        self.costs: list[float] = []
        self.values: list[float] = []
        self.zero_s = min((t for own in within for one in own for t in one.free_s), default=0.0)
        self.run = [self._choices(len(own)) for own in problem.courses]
        self.leave = [[self._times(v, c) for c in range(len(own))] for v, own in enumerate(problem.courses)]
        self._trips()
        free = [[one.free_s for one in own] for own in within]
        for place, rows in placed(problem, free).items():
            self._headways(place, rows)

    def solved(self) -> tuple[tuple[int, ...], tuple[tuple[float, ...], ...]] | None:
        """Return the courses and times of the best plan."""
        objective = self.solver.Objective()
        for variable, each in zip(self.variables, self.costs, strict=True):
            if each:
                objective.SetCoefficient(variable, each)
        self.values = self._branched()
        if not self.values:
            return None
        values = [[self._value(run) for run in own] for own in self.run]
        chosen = tuple(own.index(max(own)) for own in values)
        return chosen, tuple(self._kept(v, c) for v, c in enumerate(chosen))

    def _branched(self) -> list[float]:
        """Return the values of all variables in the best solution whose choices are whole, depth first; or nothing."""
        choices = [run for own in self.run for run in own if run is not None]
        least, best = math.inf, list[float]()
        nodes: list[dict[int, float]] = [{}]
        for _ in range(_NODES):
            if not nodes:
                break
            node = nodes.pop()
            for run in choices:
                low, high = (node[run], node[run]) if run in node else (0.0, 1.0)
                self.variables[run].SetBounds(low, high)
            if self.solver.Solve() not in _SOLVED:
                continue
            reached = self.solver.Objective().Value()
            if reached >= least - _WHOLE * max(abs(least), 1.0):
                continue
            values = [variable.solution_value() for variable in self.variables]
            open_runs = [run for run in choices if _WHOLE < values[run] < 1.0 - _WHOLE]
            if open_runs:
                run = max(open_runs, key=lambda one, values=values: values[one])  # type: ignore[misc]
                nodes += [{**node, run: 0.0}, {**node, run: 1.0}]
            else:
                least, best = reached, values
        return best

    def _choices(self, courses: int) -> list[int | None]:
        """Return a variable for each course that is 1 where it is chosen; `None` where there is no other."""
        if courses == 1:
            return [None]
        found = [self._variable(0.0, 1.0) for _ in range(courses)]
        self._row(1.0, 1.0, [(one, 1.0) for one in found])
        return list(found)

    def _times(self, v: int, c: int) -> list[int]:
        """Return when a vehicle leaves its passes, with what holding and lateness cost."""
        course, (free_s, latest_s) = self.problem.courses[v][c], self.within[v][c]
        weights, run = self.problem.weights, self.run[v][c]
        self._charge(run, course.cost)
        found: list[int] = []
        for k, at in enumerate(course.passes):
            soon_s, late_s = free_s[k] - self.zero_s, latest_s[k] - self.zero_s
            leave = self._variable(soon_s, late_s)
            held = weights.aboard * at.aboard
            self._add(leave, held)
            if k:
                longest_s = math.inf if at.terminal else at.run_s + at.longest_s
                self._row(at.run_s, longest_s, [(leave, 1.0), (found[-1], -1.0)])
                self._add(found[-1], -held)
            planned_s, each = at.planned_s - self.zero_s, weights.late * at.stops
            self._beyond(
                leave, 1.0, late_s - planned_s - weights.late_s, planned_s + weights.late_s, each, run
            )
            edge_s = planned_s - weights.early_s
            self._beyond(leave, -1.0, edge_s - soon_s, -edge_s, each, run)
            found.append(leave)
        return found

    def _beyond(
        self,
        leave: int,
        sign: float,
        most_s: float,
        edge_s: float,
        each: float,
        run: int | None,
    ) -> None:
        """Charge `each` second by which ``sign * leave`` is beyond an edge, where the course is run."""
        if most_s <= 0.0 or each == 0.0:
            return
        outside = self._variable(0.0, most_s)
        self._add(outside, each)
        row = [(outside, 1.0), (leave, -sign)]
        if run is None:
            self._row(-edge_s, math.inf, row)
        else:
            self._row(-edge_s - most_s, math.inf, [*row, (run, -most_s)])

    def _trips(self) -> None:
        """Have each trip run by one vehicle at most, and charge those that nobody runs."""
        runs: dict[int, list[int]] = {}
        certain: set[int] = set()
        for own, chosen in zip(self.problem.courses, self.run, strict=True):
            for course, run in zip(own, chosen, strict=True):
                for trip in course.trips:
                    if run is None:
                        certain.add(trip)
                    else:
                        runs.setdefault(trip, []).append(run)
        for trip, rows in runs.items():
            if trip in certain:
                self._row(0.0, 0.0, [(one, 1.0) for one in rows])
            elif trip in self.problem.due:
                lost = self._variable(0.0, 1.0)
                self._add(lost, self.problem.due[trip])
                self._row(1.0, 1.0, [(lost, 1.0), *((one, 1.0) for one in rows)])
            else:
                self._row(0.0, 1.0, [(one, 1.0) for one in rows])

    def _headways(self, place: int, rows: list[Placed]) -> None:
        """Charge the waits between each two vehicles that may follow each other."""
        last_s = self.problem.last_s.get(place, math.nan)
        for j, after in enumerate(rows):
            between: list[Placed] = []
            for before in reversed(rows[:j]):
                if before.vehicle != after.vehicle or before.course == after.course:
                    self._gap(before, after, between)
                between.append(before)
                if self.run[before.vehicle][before.course] is None:
                    break
            else:
                if not math.isnan(last_s):
                    self._first(after, last_s, between)
        if place in self.problem.next_s:
            self._last(rows, last_s, self.problem.next_s[place])

    def _last(self, rows: list[Placed], last_s: float, next_s: float) -> None:
        """Charge the waits for the next vehicle after all these."""
        rate_s = self._pass(rows[-1]).rate_s
        between: list[Placed] = []
        for before in reversed(rows):
            free_s, latest_s = self._within(before)
            row = [(self._leave(before), -1.0)]
            within = (max(next_s - latest_s, 0.0), max(next_s - free_s, 0.0))
            follows = self._follows([before], between)
            self._charge_wait(rate_s, row, self.zero_s - next_s, within, follows)
            between.append(before)
            if self.run[before.vehicle][before.course] is None:
                return
        if not math.isnan(last_s):
            self._charge(self._follows([], between), rate_s * wait_s2(next_s - last_s))

    def _first(self, after: Placed, last_s: float, between: list[Placed]) -> None:
        free_s, latest_s = self._within(after)
        within = (max(free_s - last_s, 0.0), max(latest_s - last_s, 0.0))
        follows, row = self._follows([after], between), [(self._leave(after), 1.0)]
        self._charge_wait(self._pass(after).rate_s, row, last_s - self.zero_s, within, follows)

    def _gap(self, before: Placed, after: Placed, between: list[Placed]) -> None:
        free_i, latest_i = self._within(before)
        free_j, latest_j = self._within(after)
        within = (max(free_j - latest_i, 0.0), latest_j - free_i)
        follows = self._follows([before, after], between)
        row = [(self._leave(after), 1.0), (self._leave(before), -1.0)]
        lag_s = latest_i - free_j
        if lag_s > 0.0:  # one might overtake the other
            if follows is None:
                self._row(0.0, math.inf, row)
            else:
                self._row(-lag_s, math.inf, [*row, (follows, -lag_s)])
        self._charge_wait(self._pass(after).rate_s, row, 0.0, within, follows)

    def _follows(self, ends: list[Placed], between: list[Placed]) -> int | None:
        """Return a variable that is 1 where the vehicles at both ends run and none between; `None` where that is certain."""
        known = (self.run[one.vehicle][one.course] for one in ends)
        runs = list(dict.fromkeys(one for one in known if one is not None))
        if not runs and not between:
            return None
        follows = self._variable(0.0, 1.0)
        middle: dict[int, float] = {}
        for one in between:
            run = self.run[one.vehicle][one.course]
            assert run is not None
            middle[run] = 1.0
        terms = [(follows, 1.0), *((one, -1.0) for one in runs), *middle.items()]
        if not any(one in middle for one in runs):  # else never: a vehicle that comes twice
            self._row(1.0 - len(runs), math.inf, terms)
        return follows

    def _charge_wait(
        self,
        rate_s: float,
        headway: list[tuple[int, float]],
        since_s: float,
        within: tuple[float, float],
        follows: int | None,
    ) -> None:
        """Charge the wait of a headway, ``sum(headway) - since_s``, piece by piece from the shortest that it may be."""
        if rate_s == 0.0:
            return
        low, high = within
        self._charge(follows, rate_s * wait_s2(low))
        pieces = []
        edges = [low, *(knot for knot in KNOTS_S if low < knot < high), max(high, low)]
        for begin, end in pairwise(edges):
            if end > begin:
                piece = self._variable(0.0, end - begin)
                self._add(piece, rate_s * (wait_s2(end) - wait_s2(begin)) / (end - begin))
                pieces.append((piece, 1.0))
        row = [*pieces, *((one, -sign) for one, sign in headway)]
        if follows is None:
            self._row(-since_s - low, math.inf, row)
        else:
            self._row(-since_s - high, math.inf, [*row, (follows, low - high)])

    def _within(self, who: Placed) -> tuple[float, float]:
        """Return between which moments somebody leaves."""
        free_s, latest_s = self.within[who.vehicle][who.course]
        return free_s[who.position], latest_s[who.position]

    def _leave(self, who: Placed) -> int:
        return self.leave[who.vehicle][who.course][who.position]

    def _pass(self, who: Placed) -> Pass:
        return self.problem.courses[who.vehicle][who.course].passes[who.position]

    def _kept(self, v: int, c: int) -> tuple[float, ...]:
        """Return times of the solution to a millisecond, that keep all limits whatever the solver's tolerances."""
        course, (free_s, latest_s) = self.problem.courses[v][c], self.within[v][c]
        found: list[float] = []
        for k, (at, leave) in enumerate(zip(course.passes, self.leave[v][c], strict=True)):
            least_s = free_s[k] if k == 0 else max(found[-1] + at.run_s, at.earliest_s)
            most_s = latest_s[k] if k == 0 or at.terminal else least_s + at.longest_s
            wanted_s = round(self._value(leave) + self.zero_s, 3)
            found.append(max(min(wanted_s, most_s), least_s))
        return tuple(found)

    def _variable(self, low: float, high: float) -> int:
        self.variables.append(self.solver.NumVar(low, high, ""))
        self.costs.append(0.0)
        return len(self.variables) - 1

    def _value(self, number: int | None) -> float:
        return 1.0 if number is None else self.values[number]

    def _row(self, low: float, high: float, terms: list[tuple[int, float]]) -> None:
        row = self.solver.Constraint(low, high)
        for number, factor in terms:
            row.SetCoefficient(self.variables[number], factor)

    def _add(self, number: int, each: float) -> None:
        self.costs[number] += each

    def _charge(self, when: int | None, amount: float) -> None:
        """Charge an amount where a variable is 1; what is charged in any case changes nothing."""
        if when is not None:
            self._add(when, amount)
