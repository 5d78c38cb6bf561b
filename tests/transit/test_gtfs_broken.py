"""Feeds that are broken: what is wrong is told by file, line and field, and nothing that is right is lost."""

from __future__ import annotations

import zipfile
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transit.feeds import BROKEN, GOOD, added, folder, zipped
from traffic.errors import InputError
from transit.coded import Coded
from transit.gtfs import GtfsFeed, frequencies, read_gtfs, source

_FILES = {  # of notices that do not name it
    "inconsistent_agency_timezone": "agency.txt",
    "missing_trip_edge": "stop_times.txt",
    "overlapping_frequency": "frequencies.txt",
    "route_both_short_and_long_name_missing": "routes.txt",
    "single_shape_point": "shapes.txt",
    "stop_time_with_arrival_before_previous_departure_time": "stop_times.txt",
    "stop_time_with_only_arrival_or_departure_time": "stop_times.txt",
    "stop_too_far_from_shape": "stop_times.txt",
    "stop_without_location": "stops.txt",
    "unusable_trip": "trips.txt",
}
_LINES = ("csvRowNumber", "newCsvRowNumber", "currCsvRowNumber", "stopTimeCsvRowNumber")
_AFTER = (
    "the trip is left out",
    "a stop that has a place",
)  # what follows from an error that was told elsewhere


def _seen(feed: GtfsFeed) -> tuple[tuple[str, str, int, str], ...]:
    return tuple((str(found.severity), found.file, found.line, found.field) for found in feed.problems)


def _told_once(feed: GtfsFeed) -> list[tuple[str, str, int, str]]:
    """Return what was told, of all stop times of a trip that was lost with its row only the first."""
    seen = _seen(feed)
    lost = [
        found
        for found in seen
        if found[0] == "error" and found[1] == "stop_times.txt" and found[3] == "trip_id"
    ]
    return [found for found in seen if found not in lost[1:]]


def _trip(feed: GtfsFeed, key: str) -> tuple[object, ...]:
    timetable = feed.timetable
    trip = timetable.trip_number[key]
    rows = slice(timetable.trips.first[trip], timetable.trips.first[trip + 1])
    stops = [timetable.stops.key[stop] for stop in timetable.times.stop[rows]]
    times = timetable.times
    service = timetable.days[timetable.trips.service[trip]]
    return stops, times.arrival_s[rows].tolist(), times.departure_s[rows].tolist(), service


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_told_and_what_is_right_is_used(name: str, tmp_path: Path) -> None:
    broken = BROKEN[name]
    good = read_gtfs(folder(tmp_path / "good", GOOD))
    feed = read_gtfs(folder(tmp_path / "broken", broken.change(dict(GOOD))))
    assert tuple(dict.fromkeys(_told_once(feed))) == broken.found
    assert feed.timetable.trips.key == broken.left
    for key in set(broken.left) & set(good.timetable.trips.key):
        if name not in {
            "arrival only",
            "departure only",
            "stop far from the shape",
        }:  # which change t1 itself
            assert _trip(feed, key) == _trip(good, key)
    again = read_gtfs(zipped(tmp_path / "broken.zip", broken.change(dict(GOOD))))
    assert again.problems == feed.problems
    assert again.timetable.trips.key == feed.timetable.trips.key


@pytest.mark.parametrize("name", BROKEN)
def test_a_strict_reader_refuses_errors_and_not_warnings(name: str, tmp_path: Path) -> None:
    path = folder(tmp_path / "feed", BROKEN[name].change(dict(GOOD)))
    errors = [found for found in BROKEN[name].found if found[0] == "error"]
    if not errors:
        assert read_gtfs(path, strict=True).timetable.trips.key == BROKEN[name].left
        return
    with pytest.raises(InputError, match=f"{errors[0][1]}, line"):
        read_gtfs(path, strict=True)


@pytest.mark.parametrize("name", BROKEN)
def test_errors_agree_with_the_public_validator(name: str, tmp_path: Path) -> None:
    """Each error of its kind is on a line that Jasyl has a problem on, and each error of Jasyl is one of its notices."""
    notices = pytest.importorskip("gtfs_validator.notices")
    pipeline = pytest.importorskip("gtfs_validator.pipeline")
    path = zipped(tmp_path / "feed.zip", BROKEN[name].change(dict(GOOD)))
    theirs, system = notices.NoticeContainer(), notices.NoticeContainer()
    _, opened = pipeline.run_validation(path, theirs, system, validation_date=date(2026, 11, 27))
    assert opened
    places = [(notice.severity, _place(notice)) for notice in theirs.in_order()]
    error_places = {place for severity, place in places if severity == notices.Severity.ERROR}
    problems = read_gtfs(path).problems
    if name == "quotation mark left open":  # where the public one loses the rest of the file
        assert {file for file, _ in error_places} == {"trips.txt"}
        return
    assert error_places <= {(found.file, found.line) for found in problems}
    errors = {
        (found.file, found.line)
        for found in problems
        if found.severity == "error" and not any(after in found.rule for after in _AFTER)
    }
    assert errors <= {place for _, place in places}


def _place(notice: Any) -> tuple[str, int]:
    context = notice.context
    file = context.get("filename") or context.get("childFilename") or _FILES.get(notice.code, "")
    line = next((context[name] for name in _LINES if name in context), 0)
    return str(file), int(line)


def test_a_good_feed_has_no_problems(tmp_path: Path) -> None:
    assert read_gtfs(folder(tmp_path / "feed", GOOD), strict=True).problems == ()


_GONE = [name for name in GOOD if name not in {"shapes.txt", "calendar.txt", "calendar_dates.txt"}]


@pytest.mark.parametrize("name", _GONE)
def test_a_feed_without_a_file_that_it_needs_is_refused(name: str, tmp_path: Path) -> None:
    files = {file: content for file, content in GOOD.items() if file != name}
    with pytest.raises(InputError, match=f"must hold {name}.*[.] (Add the file|Pack the text files)"):
        read_gtfs(folder(tmp_path / "feed", files))


@pytest.mark.parametrize("name", _GONE)
@pytest.mark.parametrize("content", ["", "\n\n"])
def test_an_empty_file_that_is_needed_is_refused(name: str, content: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{name}: must have a header. Put the names"):
        read_gtfs(folder(tmp_path / "feed", {**GOOD, name: content}))


def test_a_header_with_an_open_quotation_mark_is_refused(tmp_path: Path) -> None:
    files = {**GOOD, "agency.txt": '"' + GOOD["agency.txt"]}
    with pytest.raises(InputError, match=r"agency.txt: header: must close its quotation marks"):
        read_gtfs(folder(tmp_path / "feed", files))


def test_a_file_with_nothing_but_a_header_leaves_no_trip(tmp_path: Path) -> None:
    header = GOOD["stop_times.txt"].split("\n", 1)[0]
    with pytest.raises(
        InputError, match=r"must have a trip that can be used .*trips.txt, line 2.*and 2 more"
    ):
        read_gtfs(folder(tmp_path / "feed", {**GOOD, "stop_times.txt": header}))


def test_a_feed_without_any_calendar_is_refused(tmp_path: Path) -> None:
    files = {file: content for file, content in GOOD.items() if not file.startswith("calendar")}
    with pytest.raises(InputError, match=r"must hold calendar.txt or calendar_dates.txt"):
        read_gtfs(folder(tmp_path / "feed", files))


@pytest.mark.parametrize("name", ["shapes.txt", "calendar_dates.txt", "frequencies.txt"])
def test_a_broken_file_that_is_not_needed_is_left_out(name: str, tmp_path: Path) -> None:
    feed = read_gtfs(folder(tmp_path / "feed", {**GOOD, name: "a,b\n1,2\n"}))
    assert ("error", name, 0, "header") in _seen(feed)
    assert {"t1", "t2"} <= set(feed.timetable.trips.key)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("stops.txt", "stop_lat", "latitude"),
        ("trips.txt", "service_id", "service"),
        ("stop_times.txt", "stop_sequence", "order"),
        ("agency.txt", "agency_timezone", "zone"),
    ],
)
def test_a_needed_file_without_a_needed_column_is_refused(
    name: str, old: str, new: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=f"{name}: header: must have the column {old}"):
        read_gtfs(folder(tmp_path / "feed", {**GOOD, name: GOOD[name].replace(old, new)}))


@pytest.mark.parametrize("zone", ["Almaty", "", "../zone", "Asia"])
def test_a_feed_without_a_time_zone_is_refused(zone: str, tmp_path: Path) -> None:
    files = {**GOOD, "agency.txt": GOOD["agency.txt"].replace("Asia/Almaty", zone)}
    with pytest.raises(InputError, match=r"agency.txt: agency_timezone: must be a time zone"):
        read_gtfs(folder(tmp_path / "feed", files))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_a_file_of_another_encoding_is_refused(encoding: str, tmp_path: Path) -> None:
    files = {**GOOD, "stops.txt": GOOD["stops.txt"].encode(encoding)}
    with pytest.raises(InputError, match=r"stops.txt: must be text in UTF-8 .*Save it in UTF-8"):
        read_gtfs(folder(tmp_path / "feed", files))


def test_bytes_that_are_not_utf8_are_kept_apart(tmp_path: Path) -> None:
    files = BROKEN["bytes that are not UTF-8"].change(dict(GOOD))
    assert read_gtfs(folder(tmp_path / "feed", files)).timetable.stops.name[1] == "S\\xe3o Jo\\xe3o"


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 0.99])
def test_a_zip_file_that_was_cut_off_is_refused(share: float, tmp_path: Path) -> None:
    whole = zipped(tmp_path / "whole.zip", GOOD).read_bytes()
    cut = tmp_path / "cut.zip"
    cut.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match=r"must be a whole zip file .*get it again"):
        read_gtfs(cut)


def _damaged(path: Path, name: str) -> Path:
    """Change a byte of the packed content of one file."""
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(name)
    content = bytearray(path.read_bytes())
    content[info.header_offset + 30 + len(name) + info.compress_size // 2] ^= 0xFF
    path.write_bytes(content)
    return path


def test_a_damaged_file_that_is_not_needed_is_left_out(tmp_path: Path) -> None:
    feed = read_gtfs(_damaged(zipped(tmp_path / "feed.zip", GOOD), "shapes.txt"))
    assert _seen(feed) == (("error", "shapes.txt", 0, "file content"),)
    assert feed.timetable.trips.key == ("t1", "t2", "t3")
    assert (feed.timetable.trips.shape == -1).all()


def test_a_damaged_file_that_is_needed_is_told(tmp_path: Path) -> None:
    path = _damaged(zipped(tmp_path / "feed.zip", GOOD), "stop_times.txt")
    with pytest.raises(InputError, match=r"must hold stop_times.txt.*stop_times.txt: file content"):
        read_gtfs(path)


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = zipped(tmp_path / "bomb.zip", {**GOOD, "shapes.txt": b"0" * (17 << 20)})
    with pytest.raises(InputError, match=r"shapes.txt: must not be packed to less than 1/200"):
        read_gtfs(path)


def test_a_large_file_that_is_packed_as_timetables_are_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_SMALL_BYTES", 1000)
    generator = np.random.default_rng(1)
    more = "".join(f"x,{lat:.6f},76.9,{k}\n" for k, lat in enumerate(generator.uniform(43, 44, 1000)))
    feed = read_gtfs(zipped(tmp_path / "feed.zip", {**GOOD, "shapes.txt": GOOD["shapes.txt"] + more}))
    assert len(feed.timetable.shapes.lon) == 1003
    assert not feed.problems


def test_more_than_fits_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_MOST_BYTES", 1000)
    with pytest.raises(InputError, match="GiB or less when unpacked"):
        read_gtfs(zipped(tmp_path / "feed.zip", GOOD))


@pytest.mark.parametrize("name", ["no.zip", "text.zip"])
def test_what_is_no_zip_file_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("agency_id\n")
    with pytest.raises(InputError, match=r"must be a (folder or a zip file that exists|whole zip file)"):
        read_gtfs(tmp_path / name)


def test_an_encrypted_zip_file_is_told(tmp_path: Path) -> None:
    path = zipped(tmp_path / "feed.zip", GOOD)
    content = bytearray(path.read_bytes())
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(mark)
        while at >= 0:
            content[at + flags] |= 1
            at = content.find(mark, at + 4)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"must hold agency.txt and .*password required"):
        read_gtfs(path)


def test_a_feed_in_a_folder_of_the_zip_file_is_read_and_told(tmp_path: Path) -> None:
    feed = read_gtfs(zipped(tmp_path / "feed.zip", {f"gtfs/{name}": text for name, text in GOOD.items()}))
    assert _seen(feed) == (("warning", "stop_times.txt", 0, "file name"),)
    assert feed.timetable.trips.key == ("t1", "t2", "t3")


def test_two_feeds_in_a_zip_file_are_refused(tmp_path: Path) -> None:
    files = {f"{place}/{name}": text for name, text in GOOD.items() for place in ("bus", "tram")}
    with pytest.raises(InputError, match=r"must hold one feed .*bus, tram"):
        read_gtfs(zipped(tmp_path / "feed.zip", files))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.replace("\n", "\n\n").rstrip("\n"),
        lambda text: "\n" + text + "\n\n  \n",
        lambda text: "\n".join(
            ",".join(f"  {cell} " for cell in line.split(",")) for line in text.split("\n")
        ),
        lambda text: "\n".join(
            ",".join(f'"{cell}"' for cell in line.split(",")) if '"' not in line else line
            for line in text.rstrip("\n").split("\n")
        ),
    ],
    ids=["byte order mark", "CRLF", "CR", "empty lines", "lines of spaces", "spaces", "quotation marks"],
)
def test_the_form_of_files_does_not_matter(change: object, tmp_path: Path) -> None:
    assert callable(change)
    plain = {**GOOD, "trips.txt": GOOD["trips.txt"].replace('"East, fast"', "East")}
    files = {name: change(text) for name, text in plain.items()}
    feed, good = read_gtfs(folder(tmp_path / "feed", files)), read_gtfs(folder(tmp_path / "good", plain))
    assert feed.problems == ()
    _assert_equal(feed.timetable, good.timetable)


def _assert_equal(one: object, other: object) -> None:
    for field in fields(one):  # type: ignore[arg-type]
        left, right = getattr(one, field.name), getattr(other, field.name)
        if isinstance(left, np.ndarray):
            np.testing.assert_array_equal(left, right)
        elif isinstance(left, Coded):
            assert left.texts() == right.texts()
        elif hasattr(left, "__dataclass_fields__"):
            _assert_equal(left, right)
        else:
            assert left == right


def test_lines_are_counted_past_empty_ones_and_values_of_several(tmp_path: Path) -> None:
    text = '\n\n"stop_id",stop_name,stop_lat,stop_lon\n\ns0,"one\ntwo",43.2,76.9\n\ns9,bad,x,76.9\n'
    rest = GOOD["stops.txt"].split("\n", 1)[1]
    feed = read_gtfs(folder(tmp_path / "feed", {**GOOD, "stops.txt": text + rest + "s8,bad,x,76.9\n"}))
    assert [found[2:] for found in _seen(feed)] == [(6, "row"), (8, "stop_lat"), (13, "stop_lat")]
    assert feed.timetable.stops.name[0] == "one two"


def test_names_of_files_and_columns_in_capitals_are_read_and_told(tmp_path: Path) -> None:
    files = {name: text for name, text in GOOD.items() if name != "stops.txt"}
    files["STOPS.TXT"] = GOOD["stops.txt"].replace("stop_lat", "Stop_Lat")
    feed = read_gtfs(folder(tmp_path / "feed", files))
    assert _seen(feed) == (("warning", "stops.txt", 0, "file name"), ("warning", "stops.txt", 1, "header"))
    assert len(feed.timetable.stops) == 4


def test_a_column_that_stands_twice_is_told_and_the_first_is_read(tmp_path: Path) -> None:
    text = GOOD["stops.txt"].replace("stop_lon\n", "stop_lon,stop_name\n").replace("76.9", "76.9,x")
    text = "\n".join(line.replace(",x", "") + ",x" if ",x" in line else line for line in text.split("\n"))
    feed = read_gtfs(folder(tmp_path / "feed", {**GOOD, "stops.txt": text}))
    assert _seen(feed) == (("warning", "stops.txt", 1, "header"),)
    assert feed.timetable.stops.name == ("West", "Inner", "Middle", "East")


def test_a_service_without_end_is_cut(tmp_path: Path) -> None:
    feed = read_gtfs(
        folder(tmp_path / "feed", added("calendar.txt", "ever,1,1,1,1,1,1,1,20260101,99991231")(dict(GOOD)))
    )
    assert _seen(feed) == (("warning", "calendar.txt", 3, "end_date"),)
    days = feed.timetable.days[feed.timetable.services.index("ever")]
    assert len(days) == 20 * 366 + 1
    assert min(days) == date(2026, 1, 1)


def test_more_trips_than_can_be_made_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frequencies, "_MOST_TRIPS", 100)
    text = "trip_id,start_time,end_time,headway_secs\nt3,8:00:00,9:00:00,60\nt3,9:00:00,10:00:00,60\n"
    feed = read_gtfs(folder(tmp_path / "feed", {**GOOD, "frequencies.txt": text}))
    assert _seen(feed) == (("error", "frequencies.txt", 3, "headway_secs"),)
    assert len(feed.timetable.trips) == 2 + 60


@settings(max_examples=150)
@given(
    name=st.sampled_from([*GOOD, "frequencies.txt"]),
    cut=st.tuples(st.floats(0.0, 1.0), st.integers(0, 30)),
    put=st.one_of(
        st.binary(max_size=4),
        st.sampled_from(
            [b'"', b"\n", b",", b"\r\n", b"\xff", b"\0", b"24:00:00", b"-1", b"1e999", b"\xe2\x80\xa8", b'""']
        ),
    ),
)
def test_any_damage_leaves_a_timetable_or_a_clear_refusal(
    name: str, cut: tuple[float, int], put: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Nothing but the error that says what to do gets out, and a trip that is left is one that was there."""
    frequent = "trip_id,start_time,end_time,headway_secs\nt3,8:00:00,9:00:00,600\n"
    files: dict[str, str | bytes] = {**GOOD, "frequencies.txt": frequent}
    content = str(files[name]).encode()
    at = int(cut[0] * len(content))
    files[name] = content[:at] + put + content[at + cut[1] :]
    try:
        feed = read_gtfs(folder(tmp_path_factory.mktemp("gtfs") / "feed", files))
    except InputError as error:
        assert error.hint  # noqa: PT017 - either outcome will do
        return
    assert all(found.rule and found.file for found in feed.problems)
    if name not in {"trips.txt", "stop_times.txt", "frequencies.txt"}:
        assert {key.split("@")[0] for key in feed.timetable.trips.key} <= {"t1", "t2", "t3"}
