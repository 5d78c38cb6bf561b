"""Punctuality by plain loops over rows: one dictionary a visit, one rule a function."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from transit.visits import Point, Relationship

Row = dict[str, Any]
Judged = tuple[float, float, bool, bool]  # numerator, denominator, due, silent
NOTHING: Judged = (0, 0, False, False)


class Reference:
    """Figures of the rows of one zone."""

    def __init__(self, rows: list[Row], zone: str, *, dropped: bool = True, cut_visits: int = 2) -> None:
        self.rows = [dict(row) for row in rows]
        self.zone = zone
        self.trips: dict[tuple[int, str], list[Row]] = defaultdict(list)
        for row in self.rows:
            row["due"] = row["relationship"] != Relationship.ADDED
            row["beyond"] = False
            row["seen"] = known(row["arrival_s"]) or known(row["departure_s"])
            row["silent"] = row["due"] and not row["seen"] and row["relationship"] != Relationship.SKIPPED
            self._read_times(row)
            if row["due"] and row["trip"]:
                self.trips[row["day"], row["trip"]].append(row)
        for visits in self.trips.values():
            visits.sort(key=lambda row: (row["sequence"], row["stop"] or ""))
        self._tell_fates(dropped, cut_visits)
        self._tell_headways()
        self._take_given_headways()
        self._tell_running()

    def _read_times(self, row: Row) -> None:
        arrival = row["scheduled_arrival_s"], row["arrival_s"]
        departure = row["scheduled_departure_s"], row["departure_s"]
        row["of"] = {"arrival": arrival, "departure": departure}
        pairs = (arrival, departure) if row["point"] == Point.END else (departure, arrival)
        whole = [pair for pair in pairs if known(pair[0]) and known(pair[1])]
        some = [pair for pair in pairs if known(pair[0])]
        row["of"]["point"] = (whole or some or pairs)[0]
        row["scheduled"] = next((pair[0] for pair in pairs if known(pair[0])), math.nan)
        row["actual"] = next((pair[1] for pair in pairs if known(pair[1])), math.nan)
        moment = row["scheduled"] if known(row["scheduled"]) else row["actual"]
        row["hour"] = (
            datetime.fromtimestamp(moment, tz=UTC).astimezone(ZoneInfo(self.zone)).hour
            if known(moment)
            else None
        )

    def _tell_fates(self, dropped: bool, cut_visits: int) -> None:
        for row in self.rows:
            row["fate"] = "unknown"
            if not row["due"]:
                row["fate"] = "extra"
            elif row["relationship"] == Relationship.SKIPPED:
                row["fate"] = "lost"
            elif row["seen"]:
                row["fate"] = "seen"
        for visits in self.trips.values():
            seen = [place for place, row in enumerate(visits) if row["fate"] == "seen"]
            if not seen:
                lost = visits if dropped else []
            else:
                head, tail = visits[: seen[0]], visits[seen[-1] + 1 :]
                for part, end, sign in ((head, visits[seen[0]], 1), (tail, visits[seen[-1]], -1)):
                    for row in part:
                        row["beyond"] = self._beyond(row, end, sign)
                head, tail = ([row for row in part if not row["beyond"]] for part in (head, tail))
                lost = [
                    row for part in (head, tail) if cut_visits and len(part) >= cut_visits for row in part
                ]
            for row in lost:
                row["fate"] = "lost"

    def _beyond(self, row: Row, end: Row, sign: int) -> bool:
        """Tell whether a visit was to be within 5 min of the first (sign 1) or last (-1) record of its day, or beyond it."""
        if row["relationship"] != Relationship.MISSING:
            return False
        same = [other for other in self.rows if other["day"] == row["day"]]
        times = [other[k] for other in same for k in ("arrival_s", "departure_s") if known(other[k])]
        late = end["actual"] - end["scheduled"]
        late = late if known(late) and sign * late < 0 else 0.0
        edge = min(times) if sign > 0 else max(times)
        return bool(sign * (row["scheduled"] + late - edge) < 300)

    def _tell_headways(self) -> None:
        lines = defaultdict(list)
        for row in self.rows:
            row["scheduled_headway"] = row["headway"] = row["gap"] = math.nan
            if row["route"] and row["stop"] and (row["trip"] or row["vehicle"]):
                earlier = 0
                if row["trip"]:
                    same = [
                        other
                        for other in self.rows
                        if all(other[k] == row[k] for k in ("day", "trip", "stop"))
                    ]
                    earlier = sum(other["sequence"] < row["sequence"] for other in same)
                row["line"] = (row["route"], row["direction"], row["stop"], earlier, row["day"])
                lines[row["line"]].append(row)
            else:
                row["line"] = None
        for visits in lines.values():
            planned = [row for row in visits if row["due"] and known(row["scheduled"])]
            planned.sort(key=lambda row: (row["scheduled"], row["trip"] or "", row["vehicle"] or ""))
            for before, row in pairwise(planned):
                row["scheduled_headway"] = round(row["scheduled"] - before["scheduled"], 3)
            came = []
            for row in visits:
                time = row["scheduled"] if row["fate"] == "unknown" else row["actual"]
                if row["fate"] != "lost" and known(time):
                    came.append((time, row["trip"] or "", row["vehicle"] or "", row))
            self._tell_between(came, "headway")
            times = [time for time, _, _, _ in came]
            for row in planned:
                first, last = planned[0]["scheduled"], planned[-1]["scheduled"]
                begins = row["scheduled"] == first and all(time > first for time in times)
                ends = row["scheduled"] == last and all(time < last for time in times)
                if row["fate"] == "lost" and (begins or ends):
                    came.append((row["scheduled"], row["trip"] or "", row["vehicle"] or "", row))
            self._tell_between(came, "gap")

    def _tell_between(self, came: list[tuple[float, str, str, Row]], name: str) -> None:
        came.sort(key=lambda one: one[:3])
        for (time, _, _, before), (later, _, _, row) in pairwise(came):
            if before["fate"] != "unknown" and row["fate"] != "unknown":
                row[name] = round(later - time, 3)

    def _take_given_headways(self) -> None:
        for row in self.rows:
            row["given"] = known(row["scheduled_headway_s"])
            if row["given"]:
                row["scheduled_headway"] = row["scheduled_headway_s"]
            if known(row["headway_s"]):
                row["headway"] = row["headway_s"]
                if row["fate"] != "lost":
                    row["gap"] = row["headway_s"]
        self.given = any(row["given"] for row in self.rows)
        of_route = defaultdict(list)
        for row in self.rows:
            if row["due"] and row["route"] and known(row["scheduled_headway"]):
                of_route[row["route"]].append(row["scheduled_headway"])
        for row in self.rows:
            row["route_headway"] = quantile(of_route.get(row["route"], []), 50)

    def _tell_running(self) -> None:
        starts = {
            (row["day"], row["trip"]): row["of"]["point"]
            for row in self.rows
            if row["point"] == Point.START and row["trip"]
        }
        for row in self.rows:
            start = starts.get((row["day"], row["trip"]))
            whole = row["point"] == Point.END and row["trip"] and start
            row["running"] = [
                b - a if whole else math.nan for a, b in zip(start or (0, 0), row["of"]["point"], strict=True)
            ]

    def group(self, row: Row, by: tuple[str, ...]) -> tuple[Any, ...]:
        """Return the label of the group of a row."""
        label = []
        for field in by:
            value = row[field]
            if field == "day":
                value = str(date(1970, 1, 1) + timedelta(days=value))
            label.append(None if value in {"", -1} else value)
        return tuple(label)

    def summed(
        self, rule: Callable[[Row], Judged], by: tuple[str, ...]
    ) -> dict[tuple[Any, ...], tuple[float | None, ...]]:
        """Return value, numerator, denominator and unobserved share of each group."""
        sums: dict[tuple[Any, ...], list[Fraction]] = {} if by else {(): [Fraction(0)] * 4}
        for row in self.rows:
            group = self.group(row, by)
            before = sums.setdefault(group, [Fraction(0)] * 4)
            sums[group] = [a + Fraction(b) for a, b in zip(before, rule(row), strict=True)]
        return {
            group: (
                float(numerator / denominator) if denominator else None,
                float(numerator),
                float(denominator),
                float(silent / due) if due else 0.0,
            )
            for group, (numerator, denominator, due, silent) in sums.items()
        }

    def on_time(self, row: Row, event: str, early: float, late: float, *, losses: bool = True) -> Judged:
        """Judge one visit by a window."""
        scheduled, actual = row["of"][event]
        if not row["due"] or not known(scheduled):
            return NOTHING
        deviation = round(actual - scheduled, 3)
        return self._share(row, deviation, -early <= deviation <= late, losses=losses)

    def _share(self, row: Row, evidence: float, good: bool, *, losses: bool) -> Judged:
        if row["fate"] == "seen" and known(evidence):
            return int(good), 1, True, False
        if row["fate"] == "lost":
            return 0, int(losses), True, row["silent"]
        return 0, 0, True, True

    def headway_within(self, row: Row, limit: float, part: float | None, tolerance: float | None) -> Judged:
        """Judge the headway of one visit."""
        scheduled = row["scheduled_headway"]
        if not row["due"] or not scheduled > 0 or not scheduled <= limit:
            return NOTHING
        off = abs(row["headway"] - scheduled)
        return self._share(row, off, off <= (tolerance if part is None else scheduled * part), losses=True)

    def mbta(self, row: Row, *, losses: bool) -> Judged:
        """Judge one visit by the rules of the MBTA."""
        frequent = row["given"] if self.given else row["scheduled_headway"] <= 900
        if not row["due"]:
            return NOTHING
        if not frequent:
            early, late = {Point.START: (0, 180), Point.MIDDLE: (60, 360), Point.END: (math.inf, 300)}[
                row["point"]
            ]
            return self.on_time(row, "point", early, late, losses=losses)
        if row["point"] == Point.END:
            planned, took = row["running"]
            return self._share(row, took - planned, took <= 1.2 * planned, losses=losses)
        excess = row["headway_s"] - row["scheduled_headway_s"]
        if not self.given:
            excess = row["headway"] - row["scheduled_headway"]
        return self._share(row, excess, excess <= 180, losses=losses)

    def trip_regular(self, row: Row, tolerance: float, places: Callable[[Row], bool]) -> Judged:
        """Judge the trip that this is the first visit of."""
        visits = self._trip_begun(row)
        judged = [self.on_time(one, "point", tolerance, tolerance) for one in visits if places(one)]
        judged = [one for one in judged if one[2]]
        if not judged:
            return NOTHING
        whole = all(one[1] for one in judged)
        return int(whole and all(one[0] for one in judged)), int(whole), True, any(one[3] for one in judged)

    def trip_lost(self, row: Row, *, part: bool) -> Judged:
        """Tell whether the trip that this is the first visit of was dropped, or cut."""
        visits = self._trip_begun(row)
        if not visits:
            return NOTHING
        fates = {one["fate"] for one in visits}
        lost = "lost" in fates and ("seen" in fates) == part
        judged, silent = bool(fates & {"lost", "seen"}), all(one["silent"] for one in visits)
        if part and lost:
            silent = not any(one["fate"] == "lost" and not one["silent"] for one in visits)
        elif part and any(one["beyond"] for one in visits):
            judged, silent = False, True
        return int(lost), int(judged), True, silent

    def _trip_begun(self, row: Row) -> list[Row]:
        visits = self.trips.get((row["day"], row["trip"]), [])
        return visits if visits and visits[0] is row else []

    def waited(self, row: Row, *, excess: bool) -> Judged:
        """Return what passengers waited before one visit, at routes of which the median headway is 12 min or less."""
        if not row["route_headway"] <= 720:
            return NOTHING
        came = known(row["gap"]) and row["fate"] in {"seen", "extra", "lost"}
        due = row["due"] and known(row["scheduled_headway"])
        silent = due and (row["silent"] or not (came or row["fate"] == "lost"))
        if not came or (row["due"] and not due):
            return 0, 0, due, silent
        headway, planned = Fraction(row["gap"]), Fraction(0)
        if excess:
            cell = [
                Fraction(other["scheduled_headway"])
                for other in self.rows
                if other["due"]
                and (other["line"], other["hour"]) == (row["line"], row["hour"])
                and known(other["scheduled_headway"])
                and other["route_headway"] <= 720
            ]
            if not sum(cell):
                return 0, 0, due, silent
            planned = sum(one**2 for one in cell) / 2 / sum(cell)
        return headway * (headway / 2 - planned), headway, due, silent  # type: ignore[return-value]

    def planned_wait(self, row: Row) -> Judged:
        """Return what passengers were to wait before one visit."""
        headway = row["scheduled_headway"]
        if not (row["due"] and known(headway) and row["route_headway"] <= 720):
            return NOTHING
        return headway**2 / 2, headway, True, False

    def deviation(self, percent: int, by: tuple[str, ...]) -> dict[tuple[Any, ...], tuple[float | None, ...]]:
        """Return the percentile of each group, outliers put aside."""
        counts = self.summed(lambda row: self.on_time(row, "point", 3600, 7200, losses=False), by)
        values = defaultdict(list)
        for row in self.rows:
            if self.on_time(row, "point", 3600, 7200)[0]:
                scheduled, actual = row["of"]["point"]
                values[self.group(row, by)].append(round(actual - scheduled, 3))
        found = {}
        for group, (_, _, _, unobserved) in counts.items():
            value = quantile(values[group], percent)
            below = sum(one <= value for one in values[group])
            found[group] = (value if known(value) else None, below, len(values[group]), unobserved)
        return found

    def spread(
        self, *, planned: bool, by: tuple[str, ...]
    ) -> dict[tuple[Any, ...], tuple[float | None, ...]]:
        """Return the standard deviation of headways over their mean, of each group."""

        def judged(row: Row) -> Judged:
            if not row["due"] or not known(row["scheduled_headway"]):
                return NOTHING
            return self._share(row, row["headway"], good=True, losses=False)

        found = {}
        for group, (_, _, _, unobserved) in self.summed(judged, by).items():
            kept = [row for row in self.rows if judged(row)[0] and self.group(row, by) == group]
            values = [row["headway"] - row["scheduled_headway"] * planned for row in kept]
            bases = [row["scheduled_headway" if planned else "headway"] for row in kept]
            if len(kept) < 2 or not sum(bases) > 0:
                found[group] = (None, 0.0, 0.0, unobserved)
                continue
            middle = math.fsum(values) / len(values)
            deviation = math.sqrt(math.fsum((value - middle) ** 2 for value in values) / len(values))
            mean = math.fsum(bases) / len(bases)
            found[group] = (deviation / mean, deviation, mean, unobserved)
        return found

    def rules(self) -> dict[str, Callable[[Row], Judged]]:
        """Return the rule of every definition that is a sum over visits."""
        point = {kind: (lambda row, kind=kind: row["point"] == kind) for kind in Point}
        middle_timepoint = lambda row: row["point"] == Point.MIDDLE and row["timepoint"]  # noqa: E731
        arrives, departs = (lambda row: not point[Point.START](row)), (lambda row: not point[Point.END](row))
        anywhere = lambda _: True  # noqa: E731
        timepoint = lambda row: row["timepoint"]  # noqa: E731

        def at(
            where: Callable[[Row], bool], event: str, early: float, late: float, *, losses: bool = True
        ) -> Callable[[Row], Judged]:
            return lambda row: self.on_time(row, event, early, late, losses=losses) if where(row) else NOTHING

        def uk(row: Row) -> Judged:
            if row["point"] == Point.END:
                return self.on_time(row, "point", math.inf, 300)
            chosen = row["point"] == Point.START or middle_timepoint(row)
            return self.on_time(row, "point", 60, 300) if chosen else NOTHING

        tfl = at(lambda row: departs(row) and row["timepoint"], "departure", 120, 300)
        return {
            "on-time-arrivals": at(arrives, "arrival", 60, 300),
            "on-time-arrivals-seen": at(arrives, "arrival", 60, 300, losses=False),
            "on-time-departures": at(departs, "departure", 60, 300),
            "on-time-departures-seen": at(departs, "departure", 60, 300, losses=False),
            "on-time-visits": at(anywhere, "point", 60, 300),
            "on-time-visits-seen": at(anywhere, "point", 60, 300, losses=False),
            "on-time-timepoints": at(timepoint, "point", 60, 300),
            "on-time-timepoints-seen": at(timepoint, "point", 60, 300, losses=False),
            "uk-on-time": uk,
            "mbta-on-time": lambda row: self.mbta(row, losses=False),
            "mbta-on-time-2024": lambda row: self.mbta(row, losses=True),
            "tfl-on-time": lambda row: NOTHING if row["route_headway"] <= 720 else tfl(row),
            "tfl-excess-wait": lambda row: self.waited(row, excess=True),
            "ttc-departures": at(point[Point.START], "point", 60, 300),
            "ttc-arrivals": at(point[Point.END], "point", 60, 300),
            "ttc-headways": lambda row: self.headway_within(row, 600, 0.5, None),
            "regularity-trips": lambda row: self.trip_regular(row, 120, timepoint),
            "regularity-dispatch": lambda row: self.trip_regular(row, 120, point[Point.START]),
            "regularity-intervals": lambda row: self.headway_within(row, math.inf, None, 120),
            "trips-dropped": lambda row: self.trip_lost(row, part=False),
            "trips-cut": lambda row: self.trip_lost(row, part=True),
            "headway-within-50": lambda row: self.headway_within(row, math.inf, 0.5, None),
            "wait": lambda row: self.waited(row, excess=False),
            "scheduled-wait": self.planned_wait,
            "excess-wait": lambda row: self.waited(row, excess=True),
            "deviation-put-aside": self._put_aside,
        }

    def figures(self, by: tuple[str, ...]) -> dict[str, dict[tuple[Any, ...], tuple[float | None, ...]]]:
        """Return the figures of all definitions, by name and group."""
        found = {name: self.summed(rule, by) for name, rule in self.rules().items()}
        for percent in (5, 15, 50, 85, 95):
            found[f"deviation-p{percent:02d}"] = self.deviation(percent, by)
        found["headway-cv"] = self.spread(planned=False, by=by)
        found["headway-cv-scheduled"] = self.spread(planned=True, by=by)
        return found

    def _put_aside(self, row: Row) -> Judged:
        good, judged, due, silent = self.on_time(row, "point", 3600, 7200, losses=False)
        return judged - good, judged, due, silent


def known(number: float) -> bool:
    """Return whether a number is there."""
    return math.isfinite(number)


def quantile(values: list[float], percent: int) -> float:
    """Return the least value with so many per cent at or below it."""
    for value in sorted(values):
        if 100 * sum(one <= value for one in values) >= percent * len(values):
            return value
    return math.nan
