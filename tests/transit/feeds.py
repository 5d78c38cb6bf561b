"""Small feeds in GTFS, whole and broken."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

Files = dict[str, str | bytes]

GOOD: Mapping[str, str] = {
    "agency.txt": "agency_id,agency_name,agency_url,agency_timezone\nA,Buses,https://example.org,Asia/Almaty\n",
    "stops.txt": (
        "stop_id,stop_name,stop_lat,stop_lon\n"
        "s1,West,43.25,76.90\ns2,Inner,43.25,76.91\ns3,Middle,43.25,76.92\ns4,East,43.25,76.94\n"
    ),
    "routes.txt": (
        "route_id,agency_id,route_short_name,route_long_name,route_type\nr1,A,32,,3\nr2,A,,Airport line,3\n"
    ),
    "calendar.txt": (
        "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
        "week,1,1,1,1,1,0,0,20261123,20261206\n"
    ),
    "calendar_dates.txt": "service_id,date,exception_type\nweek,20261127,2\nweek,20261128,1\nextra,20261201,1\n",
    "trips.txt": (
        "route_id,service_id,trip_id,trip_headsign,direction_id,block_id,shape_id\n"
        'r1,week,t1,"East, fast",0,b1,east\nr1,week,t2,West,1,b1,\nr2,extra,t3,,0,,east\n'
    ),
    "stop_times.txt": (
        "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
        "t1,08:00:00,08:00:00,s1,1\nt1,08:02:00,08:02:30,s2,2\nt1,,,s3,5\nt1,08:10:00,08:10:00,s4,9\n"
        "t2,23:50:00,23:50:00,s4,1\nt2,24:05:10,24:05:40,s3,2\nt2,25:01:02,25:01:02,s1,3\n"
        "t3,09:00:00,09:00:00,s1,1\nt3,09:10:00,09:10:00,s4,2\n"
    ),
    "shapes.txt": (
        "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\n"
        "east,43.25,76.90,1\neast,43.25,76.92,2\neast,43.25,76.94,3\n"
    ),
}


def folder(path: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files into a new folder."""
    path.mkdir(parents=True)
    for name, content in files.items():
        (path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def zipped(path: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files into a zip file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def changed(file: str, old: str, new: str) -> Callable[[Files], Files]:
    """Return a change of one text of one file."""

    def change(files: Files) -> Files:
        text = files[file]
        assert isinstance(text, str)
        assert text.count(old) == 1
        return {**files, file: text.replace(old, new)}

    return change


def added(file: str, line: str) -> Callable[[Files], Files]:
    """Return a change that adds a line at the end of a file."""
    return lambda files: {**files, file: str(files[file]) + line + "\n"}


def new(file: str, content: str | bytes) -> Callable[[Files], Files]:
    """Return a change of the whole content of a file."""
    return lambda files: {**files, file: content}


class Broken(NamedTuple):
    """A feed that is broken in one place.

    Attributes
    ----------
    found
        Severity, file, line and field of the problems, by file and line.
    left
        The trips that can be used.
    """

    change: Callable[[Files], Files]
    found: tuple[tuple[str, str, int, str], ...]
    left: tuple[str, ...] = ("t1", "t2", "t3")


_LATIN = GOOD["stops.txt"].replace("Inner", "São João").encode("latin-1")

BROKEN: Mapping[str, Broken] = {
    "time that is none": Broken(
        changed("stop_times.txt", "t1,08:02:00,", "t1,08:62:00,"),
        (("error", "stop_times.txt", 3, "arrival_time"), ("error", "trips.txt", 2, "trip_id")),
        ("t2", "t3"),
    ),
    "time in words": Broken(
        changed("stop_times.txt", "t3,09:10:00,09:10:00", "t3,09:10:00,soon"),
        (("error", "stop_times.txt", 10, "departure_time"), ("error", "trips.txt", 4, "trip_id")),
        ("t1", "t2"),
    ),
    "time that falls after midnight": Broken(
        changed("stop_times.txt", "t2,25:01:02,25:01:02", "t2,01:01:02,01:01:02"),
        (("error", "stop_times.txt", 8, "arrival_time"), ("error", "trips.txt", 3, "trip_id")),
        ("t1", "t3"),
    ),
    "departure before arrival": Broken(
        changed("stop_times.txt", "08:02:00,08:02:30", "08:02:00,08:01:30"),
        (("error", "stop_times.txt", 3, "departure_time"), ("error", "trips.txt", 2, "trip_id")),
        ("t2", "t3"),
    ),
    "no time at the end": Broken(
        changed("stop_times.txt", "t1,08:10:00,08:10:00", "t1,,"),
        (("error", "stop_times.txt", 5, "arrival_time"), ("error", "trips.txt", 2, "trip_id")),
        ("t2", "t3"),
    ),
    "arrival only": Broken(
        changed("stop_times.txt", "t1,08:02:00,08:02:30", "t1,08:02:00,"),
        (("warning", "stop_times.txt", 3, "departure_time"),),
    ),
    "departure only": Broken(
        changed("stop_times.txt", "t1,08:02:00,08:02:30", "t1,,08:02:30"),
        (("warning", "stop_times.txt", 3, "arrival_time"),),
    ),
    "stop time of no trip": Broken(
        added("stop_times.txt", "t9,09:00:00,09:00:00,s1,1"),
        (("error", "stop_times.txt", 11, "trip_id"),),
    ),
    "stop time of no stop": Broken(
        changed("stop_times.txt", "24:05:40,s3", "24:05:40,s9"),
        (("error", "stop_times.txt", 7, "stop_id"), ("error", "trips.txt", 3, "trip_id")),
        ("t1", "t3"),
    ),
    "sequence twice": Broken(
        changed("stop_times.txt", "s3,5", "s3,2"),
        (("error", "stop_times.txt", 4, "stop_sequence"), ("error", "trips.txt", 2, "trip_id")),
        ("t2", "t3"),
    ),
    "stop time twice": Broken(
        added("stop_times.txt", "t3,09:10:00,09:10:00,s4,2"),
        (("warning", "stop_times.txt", 11, "stop_sequence"),),
    ),
    "sequence that is none": Broken(
        changed("stop_times.txt", "s3,5", "s3,-5"),
        (("error", "stop_times.txt", 4, "stop_sequence"), ("error", "trips.txt", 2, "trip_id")),
        ("t2", "t3"),
    ),
    "coordinate NaN": Broken(
        changed("stops.txt", "s2,Inner,43.25,76.91", "s2,Inner,NaN,76.91"),
        (
            ("error", "stop_times.txt", 3, "stop_id"),
            ("error", "stops.txt", 3, "stop_lat"),
            ("error", "trips.txt", 2, "trip_id"),
        ),
        ("t2", "t3"),
    ),
    "coordinate beyond the pole": Broken(
        changed("stops.txt", "s2,Inner,43.25,76.91", "s2,Inner,443.25,76.91"),
        (
            ("error", "stop_times.txt", 3, "stop_id"),
            ("error", "stops.txt", 3, "stop_lat"),
            ("error", "trips.txt", 2, "trip_id"),
        ),
        ("t2", "t3"),
    ),
    "coordinates 0 and 0": Broken(
        changed("stops.txt", "s2,Inner,43.25,76.91", "s2,Inner,0,0"),
        (
            ("error", "stop_times.txt", 3, "stop_id"),
            ("error", "stops.txt", 3, "stop_lat"),
            ("error", "trips.txt", 2, "trip_id"),
        ),
        ("t2", "t3"),
    ),
    "no coordinate": Broken(
        changed("stops.txt", "s2,Inner,43.25,76.91", "s2,Inner,43.25,"),
        (
            ("error", "stop_times.txt", 3, "stop_id"),
            ("error", "stops.txt", 3, "stop_lon"),
            ("error", "trips.txt", 2, "trip_id"),
        ),
        ("t2", "t3"),
    ),
    "stop twice": Broken(
        added("stops.txt", "s1,Elsewhere,43.30,76.90"), (("error", "stops.txt", 6, "stop_id"),)
    ),
    "trip twice": Broken(
        added("trips.txt", "r2,week,t1,,0,,"),
        (("error", "trips.txt", 5, "trip_id"),),
    ),
    "route twice": Broken(added("routes.txt", "r1,A,99,,3"), (("error", "routes.txt", 4, "route_id"),)),
    "service twice": Broken(
        added("calendar.txt", "week,1,1,1,1,1,1,1,20261123,20261206"),
        (("error", "calendar.txt", 3, "service_id"),),
    ),
    "trip of no route": Broken(
        changed("trips.txt", "r2,extra", "r9,extra"), (("error", "trips.txt", 4, "route_id"),), ("t1", "t2")
    ),
    "trip of no service": Broken(
        changed("trips.txt", "r2,extra", "r2,never"), (("error", "trips.txt", 4, "service_id"),), ("t1", "t2")
    ),
    "trip of no shape": Broken(
        changed("trips.txt", "r2,extra,t3,,0,,east", "r2,extra,t3,,0,,north"),
        (("warning", "trips.txt", 4, "shape_id"),),
    ),
    "trip without stop times": Broken(
        added("trips.txt", "r2,week,t4,,0,,"), (("error", "trips.txt", 5, "trip_id"),)
    ),
    "trip with one stop time": Broken(
        lambda files: added("trips.txt", "r2,week,t4,,0,,")(
            added("stop_times.txt", "t4,09:00:00,09:00:00,s1,1")(files)
        ),
        (("warning", "trips.txt", 5, "trip_id"),),
        ("t1", "t2", "t3", "t4"),
    ),
    "shape of one point": Broken(
        added("shapes.txt", "dot,43.25,76.90,1"), (("error", "shapes.txt", 5, "shape_id"),)
    ),
    "point of a shape twice": Broken(
        added("shapes.txt", "east,43.26,76.94,3"), (("error", "shapes.txt", 5, "shape_pt_sequence"),)
    ),
    "day that is none": Broken(
        added("calendar_dates.txt", "week,20260230,1"), (("error", "calendar_dates.txt", 5, "date"),)
    ),
    "end before start": Broken(
        added("calendar.txt", "odd,1,1,1,1,1,0,0,20261123,20261122"),
        (("error", "calendar.txt", 3, "end_date"),),
    ),
    "kind of exception that is none": Broken(
        added("calendar_dates.txt", "week,20261130,3"),
        (("error", "calendar_dates.txt", 5, "exception_type"),),
    ),
    "agency that is not there": Broken(
        added("routes.txt", "r3,B,3,,3"), (("warning", "routes.txt", 4, "agency_id"),)
    ),
    "route without a name": Broken(
        added("routes.txt", "r3,A,,,3"), (("warning", "routes.txt", 4, "route_short_name"),)
    ),
    "kind of route that is none": Broken(
        added("routes.txt", "r3,A,3,,bus"), (("warning", "routes.txt", 4, "route_type"),)
    ),
    "two time zones": Broken(
        added("agency.txt", "B,Trams,https://example.org,Asia/Tashkent"),
        (("warning", "agency.txt", 3, "agency_timezone"),),
    ),
    "row too short": Broken(
        added("stop_times.txt", "t3,09:20:00,09:20:00,s4"), (("error", "stop_times.txt", 11, "row"),)
    ),
    "row too long": Broken(
        added("stops.txt", "s5,Far, far away,43.25,76.95"), (("error", "stops.txt", 6, "row"),)
    ),
    "bytes that are not UTF-8": Broken(new("stops.txt", _LATIN), (("warning", "stops.txt", 3, "row"),)),
    "quotation mark left open": Broken(
        changed("trips.txt", '"East, fast"', '"East'),
        (("error", "stop_times.txt", 2, "trip_id"), ("error", "trips.txt", 2, "row")),
        ("t2", "t3"),
    ),
    "value of two lines": Broken(
        changed("trips.txt", '"East, fast"', '"East,\nfast"'), (("warning", "trips.txt", 3, "row"),)
    ),
    "stop far from the shape": Broken(
        changed("shapes.txt", "east,43.25,76.90,1", "east,43.28,76.90,1"),
        (("warning", "stop_times.txt", 2, "stop_id"), ("warning", "stop_times.txt", 3, "stop_id")),
    ),
    "headway of nothing": Broken(
        new("frequencies.txt", "trip_id,start_time,end_time,headway_secs\nt3,10:00:00,11:00:00,0\n"),
        (("error", "frequencies.txt", 2, "headway_secs"),),
    ),
    "headways that overlap": Broken(
        new(
            "frequencies.txt",
            "trip_id,start_time,end_time,headway_secs\nt3,10:00:00,10:40:00,1200\nt3,10:30:00,11:00:00,600\n",
        ),
        (("error", "frequencies.txt", 3, "start_time"),),
        ("t1", "t2", "t3@10:00:00", "t3@10:20:00"),
    ),
}
