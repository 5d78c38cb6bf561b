"""Alerts for passengers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.transit import gtfs_realtime_pb2 as pb

from traffic.errors import InputError
from transit.realtime.messages import describe, new_feed

if TYPE_CHECKING:
    from transit.timetable import Timetable

__all__ = ["Alert", "Informed", "alerts"]


@dataclass(frozen=True)
class Informed:
    """What an alert is about: all that is named must hold."""

    route: str = ""
    trip: str = ""
    stop: str = ""
    agency: str = ""


@dataclass(frozen=True)
class Alert:
    """Something that passengers should know.

    Attributes
    ----------
    key
        Identifier, the same as long as it is the same alert.
    header, description
        Texts by language (``"kk"``, ``"ru"``, ``"en"``); the empty language is any.
    cause, effect
        Names of the specification: ``"CONSTRUCTION"``, ``"DETOUR"``.
    active_s
        When it holds, POSIX seconds from and to; either may be `None`.
    """

    key: str
    header: dict[str, str]
    informed: tuple[Informed, ...]
    description: dict[str, str] | None = None
    cause: str = "UNKNOWN_CAUSE"
    effect: str = "UNKNOWN_EFFECT"
    active_s: tuple[tuple[int | None, int | None], ...] = ()

    def __post_init__(self) -> None:
        if not self.key:
            raise InputError("must be given", field="alert.key")
        self._check_texts()
        for start_s, end_s in self.active_s:
            if start_s is not None and end_s is not None and end_s <= start_s:
                rule, value = "must end after it begins", f"{start_s} to {end_s}"
                raise InputError(rule, field=f"alert {self.key}.active", value=value)
        if not self.informed or any(each == Informed() for each in self.informed):
            hint = "Name a route, trip, stop or agency"
            raise InputError(
                "must say what the alert is about", field=f"alert {self.key}.informed", hint=hint
            )
        for name, values in (("cause", pb.Alert.Cause.keys()), ("effect", pb.Alert.Effect.keys())):
            if getattr(self, name) not in values:
                rule = f"must be one of {', '.join(values)}"
                raise InputError(rule, field=f"alert {self.key}.{name}", value=getattr(self, name))

    def _check_texts(self) -> None:
        if not self.header:
            raise InputError("must have a text", field=f"alert {self.key}.header")
        for name, texts in (("header", self.header), ("description", self.description or {})):
            if "" in texts and len(texts) > 1:
                rule, value = "must name the language of each text where there are several", ", ".join(texts)
                raise InputError(rule, field=f"alert {self.key}.{name}", value=value)


def alerts(given: Sequence[Alert], timetable: Timetable, *, time_s: float) -> Any:
    """Return a ``FeedMessage`` of alerts."""
    feed = new_feed(time_s)
    keys = [alert.key for alert in given]
    for alert in given:
        if keys.count(alert.key) > 1:
            raise InputError("must be the key of one alert", field="alert.key", value=alert.key)
        found = feed.entity.add(id=f"alert:{alert.key}").alert
        found.cause = pb.Alert.Cause.Value(alert.cause)
        found.effect = pb.Alert.Effect.Value(alert.effect)
        for start_s, end_s in alert.active_s:
            found.active_period.add(start=start_s, end=end_s)
        for texts, target in (
            (alert.header, found.header_text),
            (alert.description or {}, found.description_text),
        ):
            for language, text in texts.items():
                target.translation.add(text=text, language=language or None)
        for each in alert.informed:
            _inform(found.informed_entity.add(), each, timetable, f"alert {alert.key}.informed")
    return feed


def _inform(selector: Any, informed: Informed, timetable: Timetable, place: str) -> None:
    known = (
        ("trip", informed.trip, timetable.trip_number),
        ("route", informed.route, timetable.routes.key),
        ("stop", informed.stop, timetable.stops.key),
        ("agency", informed.agency, timetable.agencies),
    )
    for name, key, keys in known:
        if key and key not in keys:
            raise InputError("must be in the timetable", field=f"{place}.{name}", value=key)
    if informed.trip:
        describe(selector.trip, timetable, informed.trip, None)
        if informed.route and informed.route != selector.trip.route_id:
            raise InputError("must be the route of the trip", field=f"{place}.route", value=informed.route)
    if informed.route:
        selector.route_id = informed.route
    if informed.stop:
        selector.stop_id = informed.stop
    if informed.agency:
        selector.agency_id = informed.agency
