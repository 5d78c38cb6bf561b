"""Predictions as updates of trips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
from google.transit import gtfs_realtime_pb2 as pb

from traffic.errors import InputError
from transit.coded import NONE, Coded
from transit.realtime.messages import describe, new_feed
from transit.visits import Relationship

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transit.timetable import Timetable

__all__ = ["Predictions", "trip_updates"]

_EPOCH = date(1970, 1, 1).toordinal()
_TEXTS = ("trip", "vehicle")


@dataclass(frozen=True, eq=False)
class Predictions:
    """When vehicles will call at stops; all columns of shape (predictions,). What is not known is NaN, or no text.

    Attributes
    ----------
    trip
        Identifiers of the timetable's trips.
    day
        Service day of the trip, in days after 1970-01-01.
    sequence
        ``stop_sequence`` of the timetable.
    arrival_s, departure_s
        POSIX seconds.
    arrival_delay_s, departure_delay_s
        Against the timetable, late positive. Where no time is known, the delay stands for it.
    uncertainty_s
        Of both.
    relationship
        `Relationship`: ``SCHEDULED``, ``SKIPPED``, or ``MISSING`` from where on nothing is known.
    vehicle
        That runs the trip, where it is known.
    made_s
        When the prediction was made, POSIX seconds; of a trip the last one counts.
    """

    trip: Coded
    day: NDArray[np.int32]
    sequence: NDArray[np.int32]
    arrival_s: NDArray[np.float64]
    departure_s: NDArray[np.float64]
    arrival_delay_s: NDArray[np.float64]
    departure_delay_s: NDArray[np.float64]
    uncertainty_s: NDArray[np.float64]
    relationship: NDArray[np.int8]
    vehicle: Coded
    made_s: NDArray[np.float64]

    def __post_init__(self) -> None:
        for field in fields(self):
            if len(getattr(self, field.name)) != len(self.day):
                value = len(getattr(self, field.name))
                raise InputError(f"must have {len(self.day)} rows, as day", field=field.name, value=value)
        if (self.trip.code < 0).any():
            raise InputError("must be known of every prediction", field="trip")

    def __len__(self) -> int:
        return len(self.day)

    @classmethod
    def of(cls, rows: int, **columns: Any) -> Predictions:
        """Return predictions of which only some columns are known; arrays, or sequences of texts."""
        found: dict[str, Any] = {}
        for field in fields(cls):
            given = columns.pop(field.name, None)
            if field.name in _TEXTS:
                texts = Coded.none(rows) if given is None else given
                found[field.name] = texts if isinstance(texts, Coded) else Coded.of(texts)
            else:
                dtype, missing = _DTYPES.get(field.name, (np.float64, np.nan))
                found[field.name] = (
                    np.full(rows, missing, dtype) if given is None else np.asarray(given, dtype)
                )
        if columns:
            raise InputError("must be a column of predictions", field=next(iter(columns)))
        return cls(**found)


_DTYPES: dict[str, tuple[Any, Any]] = {
    "day": (np.int32, 0),
    "sequence": (np.int32, 0),
    "relationship": (np.int8, Relationship.SCHEDULED),
}


def trip_updates(
    predictions: Predictions,
    timetable: Timetable,
    *,
    time_s: float,
    canceled: Sequence[tuple[str, date]] = (),
) -> Any:
    """Return a ``FeedMessage`` of predictions, an entity for each trip and day.

    The specification wants times that rise: one that does not is put a second after the one before, and a departure not
    before its arrival. Stops of which neither time nor delay is known are left out.

    Parameters
    ----------
    time_s
        When the feed is made, POSIX seconds.
    canceled
        Trips and days that will not be run.
    """
    feed = new_feed(time_s)
    _require_known(predictions.trip, timetable)
    order = np.lexsort((predictions.sequence, predictions.trip.code, predictions.day))
    keys = np.column_stack([predictions.day[order], predictions.trip.code[order]])
    starts = np.flatnonzero(np.any(np.diff(keys, axis=0, prepend=keys[:1] - 1) != 0, axis=1))
    for rows in np.split(order, starts[1:]) if len(order) else ():
        _add_update(feed, predictions, timetable, rows, time_s)
    for key, day in canceled:
        entity = feed.entity.add(id=_trip_entity(key, day))
        describe(entity.trip_update.trip, timetable, key, day)
        entity.trip_update.trip.schedule_relationship = pb.TripDescriptor.CANCELED
        entity.trip_update.timestamp = int(time_s)
    return feed


def _require_known(trip: Coded, timetable: Timetable) -> None:
    for code in np.unique(trip.code[trip.code != NONE]).tolist():
        if trip.names[code] not in timetable.trip_number:
            hint = "Predict by the timetable that is published beside the feed"
            raise InputError(
                "must be a trip of the timetable", field="trip", value=trip.names[code], hint=hint
            )


def _trip_entity(key: str, day: date) -> str:
    return f"trip:{day:%Y%m%d}:{key}"


def _add_update(
    feed: Any, predictions: Predictions, timetable: Timetable, rows: NDArray[np.int64], time_s: float
) -> None:
    key, day = str(predictions.trip[int(rows[0])]), date.fromordinal(_EPOCH + int(predictions.day[rows[0]]))
    update = pb.TripUpdate()
    describe(update.trip, timetable, key, day)
    made_s = predictions.made_s[rows]
    last_s = float(np.nanmax(made_s)) if np.isfinite(made_s).any() else time_s
    update.timestamp = int(min(last_s, time_s))
    vehicle = next(
        (predictions.vehicle[row] for row in rows[::-1].tolist() if predictions.vehicle[row]), None
    )
    if vehicle:
        update.vehicle.id = vehicle
    number = timetable.trip_number[key]
    calls = slice(int(timetable.trips.first[number]), int(timetable.trips.first[number + 1]))
    stops = dict(
        zip(timetable.times.sequence[calls].tolist(), timetable.times.stop[calls].tolist(), strict=True)
    )
    _add_stops(update, predictions, rows, {k: timetable.stops.key[stop] for k, stop in stops.items()})
    if update.stop_time_update:
        feed.entity.add(id=_trip_entity(key, day)).trip_update.CopyFrom(update)


def _add_stops(update: Any, predictions: Predictions, rows: NDArray[np.int64], stops: dict[int, str]) -> None:
    least_s = -np.inf  # of the next time
    before = None
    for row in rows.tolist():
        sequence = int(predictions.sequence[row])
        if sequence not in stops:
            rule = f"must be a stop_sequence of trip {update.trip.trip_id}"
            raise InputError(rule, field="sequence", value=sequence)
        if sequence == before:
            rule = f"must be predicted once for trip {update.trip.trip_id}"
            raise InputError(rule, field="sequence", value=sequence)
        before = sequence
        stop = pb.TripUpdate.StopTimeUpdate(stop_sequence=sequence, stop_id=stops[sequence])
        stop.schedule_relationship = _relationship(predictions, row)
        if stop.schedule_relationship == stop.SCHEDULED:
            least_s = _add_events(stop, predictions, row, least_s)
        if (
            stop.schedule_relationship != stop.SCHEDULED
            or stop.HasField("arrival")
            or stop.HasField("departure")
        ):
            update.stop_time_update.append(stop)


def _relationship(predictions: Predictions, row: int) -> Any:
    update = pb.TripUpdate.StopTimeUpdate
    names = {Relationship.SKIPPED: update.SKIPPED, Relationship.MISSING: update.NO_DATA}
    return names.get(Relationship(int(predictions.relationship[row])), update.SCHEDULED)


def _add_events(stop: Any, predictions: Predictions, row: int, least_s: float) -> float:
    """Add arrival and departure, and return what the next time must not be before."""
    for name, times_s, delays_s in (
        ("arrival", predictions.arrival_s, predictions.arrival_delay_s),
        ("departure", predictions.departure_s, predictions.departure_delay_s),
    ):
        time_s, delay_s = float(times_s[row]), float(delays_s[row])
        if np.isnan(time_s) and np.isnan(delay_s):
            continue
        event = getattr(stop, name)
        if not np.isnan(time_s):
            event.time = int(max(round(time_s), least_s))
            delay_s += event.time - time_s
            least_s = event.time
        if not np.isnan(delay_s):
            event.delay = round(delay_s)
        if not np.isnan(predictions.uncertainty_s[row]):
            event.uncertainty = round(float(predictions.uncertainty_s[row]))
    return least_s + 1
