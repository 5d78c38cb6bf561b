"""Running over streets with signals: free running by time of day, the plan in force at each signal, passengers by headway.

All luck is drawn beforehand from one generator: of trips (drivers who are quick or slow, and leave early or late), of stretches
between stops, of stops. The same seed gives the same luck to every plan and policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulation.buses.aboard import Aboard, DwellByLoad
from simulation.buses.conditions import Passengers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from signals.signal_delay import SignalDelay
    from simulation.buses.aboard import Riders
    from simulation.buses.priority import GrantedPriority
    from simulation.buses.service import Service
    from transit.lines import Lines

__all__ = ["Fortune", "Luck", "Street"]

HOUR_S = 3600.0


class Fortune(NamedTuple):
    """How different one day and one trip are from another.

    Attributes
    ----------
    trip, stretch
        Standard deviation of the logarithm of running times, of whole trips and of each stretch between stops.
    passengers
        Coefficient of variation of passengers at a stop.
    begin_early_s, begin_late_s
        Drivers leave terminals so much early at most, and so much late in the mean of those who are late (exponential).
    begin_late_share
        Part of the drivers who leave late.
    layover_s
        What a vehicle needs between two trips.
    """

    trip: float = 0.094
    stretch: float = 0.18
    passengers: float = 0.35
    begin_early_s: float = 60.0
    begin_late_s: float = 120.0
    begin_late_share: float = 0.3
    layover_s: float = 180.0


class Luck(NamedTuple):
    """One day's luck: factor of the running time of each call, of its passengers, and lateness at the start of each trip."""

    running: NDArray[np.float64]
    passengers: NDArray[np.float64]
    begin_s: NDArray[np.float64]

    @classmethod
    def drawn(cls, service: Service, fortune: Fortune, rng: np.random.Generator) -> Luck:
        """Draw the luck of a day."""
        calls, trips = len(service.call), len(service)
        of_trip = rng.normal(0.0, fortune.trip, trips)[service.trip_of_call]
        running = np.exp(of_trip + rng.normal(0.0, fortune.stretch, calls))
        passengers = np.maximum(rng.normal(0.0, fortune.passengers, calls), -1.0)
        late = rng.random(trips) < fortune.begin_late_share
        early_s = -rng.uniform(0.0, fortune.begin_early_s, trips)
        begin_s = np.where(late, rng.exponential(fortune.begin_late_s, trips), early_s)
        return cls(running, passengers, begin_s)


class Street:
    """Conditions of a day in the street (`simulation.buses.conditions.Conditions`).

    Parameters
    ----------
    signals
        Delay at signals for each hour of the day: 24, or one that holds all day.
    priority
        Who is granted what at signals; default: nobody anything.
    riders
        Who comes and leaves, where that is known: then vehicles stand by their load. Default: those of `lines` board.
    dwell
        How long vehicles stand for `riders`.

    Attributes
    ----------
    aboard
        The riders on board, where there are any; of one run.
    """

    def __init__(
        self,
        service: Service,
        lines: Lines,
        luck: Luck,
        signals: Sequence[SignalDelay],
        *,
        passengers: Passengers | None = None,
        layover_s: float = Fortune().layover_s,
        priority: GrantedPriority | None = None,
        riders: Riders | None = None,
        dwell: DwellByLoad | None = None,
    ) -> None:
        boarding = passengers or Passengers()
        self._passengers = boarding
        self._layover_s, self._start_s = layover_s, service.timetable.start_s(service.day)
        self._pieces = [lines.pieces[call] for call in service.call.tolist()]
        self._running: list[float] = luck.running.tolist()
        self._by_hour: list[float] = lines.running_by_hour.tolist()
        self._planned_s: list[float] = service.departure_s.tolist()
        hour = ((service.departure_s - self._start_s) // HOUR_S).astype(np.int64) % 24
        rate_s = lines.passengers_s[service.call] * lines.passengers_by_hour[hour]
        self._rate_s: list[float] = (rate_s * (1.0 + luck.passengers)).tolist()
        self.aboard: Aboard | None = None
        if riders is not None:
            self.aboard = Aboard(service, riders, dwell or DwellByLoad(), 1.0 + luck.passengers)
        usual_s = np.where(np.isnan(service.headway_s), 0.0, service.headway_s)
        self._usual_s: list[float] = usual_s.tolist()
        begin = service.first[:-1]
        self._begin_s: list[float] = (service.departure_s[begin] + luck.begin_s).tolist()
        hours = list(signals) * 24 if len(signals) == 1 else list(signals)
        self._begin: list[int] = hours[0].begin.tolist()
        self._period: list[int] = hours[0].period_s.tolist()
        tables = {id(one): one.delay_s.tolist() for one in {id(one): one for one in hours}.values()}
        self._delay: list[list[float]] = [tables[id(one)] for one in hours]
        self.priority = priority

    def begin_s(self, trip: int) -> float:
        """Return when the driver would leave the terminal."""
        return self._begin_s[trip]

    def layover_s(self, trip: int) -> float:  # noqa: ARG002 - the same for all
        """Return the shortest layover."""
        return self._layover_s

    def dwell_s(self, call: int, headway_s: float) -> float:
        """Return how long those take to board who have come and not boarded before, and others to get off."""
        since_s = self._usual_s[call] if headway_s != headway_s else headway_s  # noqa: PLR0124 - NaN: nobody before
        if self.aboard is not None:
            return self.aboard.dwell_s(call, since_s)
        return self._passengers.dwell_s(self._rate_s[call], since_s)

    def stay(self, call: int, stood_s: float) -> None:
        """Let those board who come while the vehicle is held."""
        if self.aboard is not None:
            self.aboard.stay(call, stood_s)

    def run_s(self, call: int, leave_s: float) -> float:
        """Return the time over the stretch: free running, and what each signal costs in the second in which it is reached."""
        hour = int((leave_s - self._start_s) // HOUR_S) % 24
        factor, now_s = self._running[call] * self._by_hour[hour], leave_s
        delay, priority = self._delay[hour], self.priority
        for free_s, movement in self._pieces[call]:
            now_s += free_s * factor
            if movement >= 0 and (begin := self._begin[movement]) >= 0:
                place = begin + int(now_s) % self._period[movement]
                wait_s = delay[place]
                if priority is not None:
                    late_s = leave_s - self._planned_s[call]
                    wait_s = priority.delay_s(movement, now_s, place, wait_s, late_s, hour)
                now_s += wait_s
        return now_s - leave_s
