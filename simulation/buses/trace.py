"""A recorded day run as it was: what comes out must be what went in, visit by visit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simulation.buses.conditions import recorded
from simulation.buses.record import divided
from simulation.buses.replay import replay
from transit.punctuality import punctuality

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulation.buses.record import RecordedDay
    from simulation.buses.service import Service
    from traffic.progress import Progress
    from transit.punctuality import Figure
    from transit.visits import StopVisits

__all__ = ["Came", "Traced", "bridged", "traced"]


class Came(NamedTuple):
    """How recorded times came out.

    Attributes
    ----------
    recorded, same
        How many there are, and how many of them are the same to the last bit.
    largest_s
        The largest difference.
    """

    recorded: int
    same: int
    largest_s: float


@dataclass(frozen=True, eq=False)
class Traced:
    """A day as it was recorded, and as it was run.

    Attributes
    ----------
    record, replay
        Visits of the trips that were run, and of those that nobody saw; headways are those of the times.
    trips, calls
        That were run.
    bridged
        Calls of these trips that nobody saw: they are passed between those that were seen, and remain not seen.
    backwards
        Trips that cannot be run, as their times go back.
    divided
        So many more vehicles than blocks run, as a block's next trip begins before the one before has ended.
    """

    record: StopVisits
    replay: StopVisits
    trips: int
    calls: int
    bridged: int
    backwards: int
    divided: int

    @property
    def arrivals(self) -> Came:
        """How arrivals came out."""
        return _came(self.record.arrival_s, self.replay.arrival_s)

    @property
    def departures(self) -> Came:
        """How departures came out."""
        return _came(self.record.departure_s, self.replay.departure_s)

    @cached_property
    def figures(self) -> tuple[tuple[Figure, Figure], ...]:
        """Figures of every definition that the record allows, each of the record and of the replay."""
        both = zip(punctuality(self.record), punctuality(self.replay), strict=True)
        return tuple(pair for pair in both if any(figure.value is not None for figure in pair))

    def records(self) -> list[dict[str, Any]]:
        """Return the figures as plain values."""
        return [
            {"definition": was.definition, "record": _parts(was), "replay": _parts(now)}
            for was, now in self.figures
        ]

    def counts(self) -> dict[str, Any]:
        """Return what was run, and what came of it."""
        return {
            "label": "the record, run as it was",
            "trips_whose_times_go_back": self.backwards,
            "trips_run": self.trips,
            "calls": self.calls,
            "calls_not_seen": self.bridged,
            "blocks_divided": self.divided,
            "arrivals": self.arrivals._asdict(),
            "departures": self.departures._asdict(),
            "exact": self.exact,
        }

    @property
    def exact(self) -> bool:
        """Whether all that was recorded came out, and every figure of punctuality with it."""
        came = (self.arrivals, self.departures)
        return all(one.recorded == one.same for one in came) and all(was == now for was, now in self.figures)


def traced(day: RecordedDay, *, progress: Progress | None = None) -> Traced:
    """Run a day as it was recorded."""
    planned, arrival_s, departure_s = day.of(day.rising)
    seen = np.isfinite(arrival_s)
    arrival_s, departure_s = bridged(planned, arrival_s, departure_s)
    first, last = planned.first[:-1], planned.first[1:] - 1
    service = divided(planned, departure_s[first], departure_s[last])
    found = replay(service, recorded(service, arrival_s, departure_s), progress=progress)
    rising = day.rising[day.service.trip_of_call]
    told = np.ones(len(day.visits), dtype=bool)
    told[day.row[~rising]] = False
    record = replace(day.visits, headway_s=np.full(len(day.visits), np.nan))
    row = day.row[rising]
    came = replace(
        record,
        arrival_s=_instead(record.arrival_s, row, found.arrival_s),
        departure_s=_instead(record.departure_s, row, found.departure_s),
    )
    return Traced(
        record.take(told),
        came.take(told),
        len(service),
        len(service.call),
        int(np.count_nonzero(~seen)),
        int(np.count_nonzero(~day.rising)),
        len(service.duties) - len(planned.duties),
    )


def bridged(
    service: Service, arrival_s: NDArray[np.float64], departure_s: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the times of all calls: one that was not seen is passed where it is in the timetable between two that were.

    Before the first that was seen, and after the last one, the timetable is kept from there. Vehicles do not stand at these.

    Parameters
    ----------
    arrival_s, departure_s
        As recorded, POSIX seconds, both known or neither, one of each trip at least; shape (calls,).
    """
    calls = np.arange(len(service.call))
    seen, trip = np.isfinite(arrival_s), service.trip_of_call
    before = np.maximum.accumulate(np.where(seen, calls, -1))
    after = np.minimum.accumulate(np.where(seen, calls, len(calls))[::-1])[::-1]
    begun = (before >= 0) & (trip[before] == trip)
    ending = after < len(calls)
    ending[ending] = trip[after[ending]] == trip[ending]
    before, after = np.where(begun, before, after), np.where(ending, after, before)
    due_s, left_s, comes_s = service.departure_s, departure_s[before], arrival_s[after]
    way_s, whole_s = due_s - due_s[before], due_s[after] - due_s[before]
    share = np.divide(way_s, whole_s, out=np.zeros(len(calls)), where=whole_s > 0.0)
    between_s = np.clip(left_s + share * (comes_s - left_s), left_s, np.maximum(comes_s, left_s))
    head_s, tail_s = comes_s + (due_s - due_s[after]), left_s + way_s
    passed_s = np.where(~begun, head_s, np.where(~ending, tail_s, between_s))
    return np.where(seen, arrival_s, passed_s), np.where(seen, departure_s, passed_s)


def _instead(
    recorded_s: NDArray[np.float64], row: NDArray[np.int64], time_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return a column with what came out in some rows, as far as it was recorded there."""
    found = recorded_s.copy()
    found[row] = np.where(np.isfinite(found[row]), time_s, np.nan)
    return found


def _parts(figure: Figure) -> dict[str, Any]:
    return {name: value for name, value in figure.record().items() if name not in {"definition", "group"}}


def _came(recorded_s: NDArray[np.float64], replayed_s: NDArray[np.float64]) -> Came:
    known = np.isfinite(recorded_s)
    apart_s = np.abs(replayed_s - recorded_s)[known]
    return Came(int(known.sum()), int(np.count_nonzero(apart_s == 0.0)), float(apart_s.max(initial=0.0)))
