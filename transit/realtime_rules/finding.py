"""Rules of GTFS-Realtime by number, and what a check finds."""

from __future__ import annotations

from typing import NamedTuple

from transit.problems import Severity

__all__ = ["RULES", "Finding"]

RULES = {
    "E001": "times must be POSIX seconds",
    "E002": "updates of stops must be sorted by stop_sequence",
    "E003": "trip_id must be in the timetable",
    "E004": "route_id must be in the timetable",
    "E006": "a trip that runs by headway must have start_date and start_time",
    "E009": "updates must have stop_sequence where the trip calls at a stop twice",
    "E011": "stop_id must be in the timetable",
    "E012": "the header's timestamp must not be before any other one",
    "E013": "a trip that runs by headway must be UNSCHEDULED, or not say",
    "E015": "stop_id must be of a stop or platform (location_type 0)",
    "E016": "an ADDED trip must not be in the timetable",
    "E017": "the header's timestamp must change when the content does",
    "E018": "the header's timestamp must not go back",
    "E019": "start_time of a trip with exact headway must be one of its starts",
    "E020": "start_time must be HH:MM:SS",
    "E021": "start_date must be YYYYMMDD",
    "E022": "times must rise from stop to stop",
    "E023": "start_time must be the first arrival of the trip",
    "E024": "direction_id must be that of the trip",
    "E025": "departure must not be before the arrival at the stop",
    "E026": "position must be a longitude and a latitude",
    "E027": "bearing must be from 0 to 360",
    "E028": "position must be within a mile of the area that is served",
    "E029": "position must be within 200 m of the shape of the trip",
    "E030": "trip_id of an alert must belong to its route_id",
    "E031": "route_id of an alert must be that of its trip",
    "E032": "an alert must say what it is about",
    "E033": "informed_entity must name something",
    "E034": "agency_id must be in the timetable",
    "E035": "trip_id must belong to route_id",
    "E036": "updates one after the other must not have one stop_sequence",
    "E037": "updates one after the other must not have one stop_id",
    "E038": "gtfs_realtime_version must be 1.0 or 2.0",
    "E039": "FULL_DATASET must not have is_deleted",
    "E040": "an update must have stop_id or stop_sequence",
    "E041": "a trip must have updates, unless it is CANCELED",
    "E042": "NO_DATA must not have an arrival or departure",
    "E043": "an update must have an arrival or departure",
    "E044": "arrival and departure must have a time or a delay",
    "E045": "stop_sequence and stop_id must be of one stop time",
    "E046": "a delay needs a time in the timetable",
    "E047": "vehicle and trip must be paired alike in positions and updates",
    "E048": "the header must have a timestamp",
    "E049": "the header must have incrementality",
    "E050": "timestamps must not be in the future",
    "E051": "stop_sequence must be in the timetable",
    "E052": "vehicle.id must be of one vehicle",
    "W001": "timestamps should be given",
    "W002": "vehicle.id should be given",
    "W003": "ids of positions should be in updates, and the other way round",
    "W004": "speed should be from 0 to 26 m/s",
    "W005": "a trip that runs by headway should have vehicle.id",
    "W006": "trip_id should be given",
    "W007": "a feed should be refreshed every 35 s",
    "W008": "a feed should not be older than 65 s",
    "W009": "schedule_relationship should be given",
}
"""Rules that are checked, by their number in the public validator (E010 is about the timetable alone)."""


class Finding(NamedTuple):
    """A rule that is broken.

    Attributes
    ----------
    rule
        Number of the rule.
    entity
        Identifier of the entity, empty where it is about the header or about two feeds.
    found
        What was found.
    """

    rule: str
    entity: str
    found: str

    @property
    def severity(self) -> Severity:
        """Whether the rule is one that must, or should, be kept."""
        return Severity.ERROR if self.rule.startswith("E") else Severity.WARNING

    def __str__(self) -> str:
        place = f"{self.entity}: " if self.entity else ""
        return f"{self.rule}: {place}{RULES[self.rule]} (got {self.found})"
