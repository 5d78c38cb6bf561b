"""Rules of GTFS-Realtime: each one is broken by a feed that breaks it, and by no other; the public validator says the same."""

from __future__ import annotations

import datetime as dt
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from tests.transit.feeds import folder, zipped
from tests.transit.feeds_realtime import BROKEN, NOW_S, TIMETABLE, alert, empty, good, position, trip
from transit.gtfs import read_gtfs
from transit.problems import Severity
from transit.realtime_rules import RULES, Finding, check
from transit.timetable import Timetable

_PAIRS = {"W003", "E047"}  # of two feeds
_CLOCK = {"E050", "W008"}
_BEFORE = {"E017", "E018", "W007"}


@pytest.fixture(scope="module")
def timetable(tmp_path_factory: pytest.TempPathFactory) -> Timetable:
    feed = read_gtfs(folder(tmp_path_factory.mktemp("gtfs") / "feed", TIMETABLE))
    assert feed.problems == ()
    return feed.timetable


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The public validator with the same timetable: a function of feeds that returns the numbers of rules, or `None`."""
    if importlib.util.find_spec("gtfs_rt_validator") is None:
        return None
    api = importlib.import_module("gtfs_rt_validator.api")
    path = tmp_path_factory.mktemp("public")
    prepared = api.prepare_feed(zipped(path / "feed.zip", TIMETABLE), mode=api.Mode.MODERN)
    runs = 0

    def rules(feeds: dict[str, Any], now_s: float = NOW_S) -> set[str]:
        nonlocal runs
        runs += 1
        here = path / str(runs)
        here.mkdir()
        for name, feed in feeds.items():
            (here / f"{name}.pb").write_bytes(feed.SerializePartialToString())
        if set(feeds) == {"tu", "vp"}:
            inputs = api.resolve_roles({name: str(here / f"{name}.pb") for name in feeds})
        else:
            inputs = api.resolve(str(here), sort_by=api.SortBy.NAME)
        at = dt.datetime.fromtimestamp(now_s, dt.UTC)
        result = api.validate(
            api.Request(mode=api.Mode.MODERN, gtfs=prepared, inputs=inputs, at=at, sort_by=api.SortBy.NAME)
        )
        return set(result.run.notices.rule_ids()) & set(RULES)

    return rules


def _rules(found: list[Finding]) -> set[str]:
    return {finding.rule for finding in found}


def _broken(name: str) -> Any:
    feed = good()
    BROKEN[name].change(feed)
    return feed


def test_a_feed_that_keeps_all_rules_is_told_nothing(timetable: Timetable, public: Any) -> None:
    assert check(good(), timetable, now_s=NOW_S) == []
    assert public is None or public({"rt": good()}) == set()


@pytest.mark.parametrize("name", BROKEN)
def test_a_feed_that_breaks_a_rule_is_told_so(name: str, timetable: Timetable) -> None:
    rule = name.split(maxsplit=1)[0]
    found = [
        finding for finding in check(_broken(name), timetable, now_s=NOW_S) if finding.rule not in _PAIRS
    ]
    assert _rules(found) == {rule} | BROKEN[name].also
    assert all(
        finding.severity is (Severity.ERROR if finding.rule[0] == "E" else Severity.WARNING)
        for finding in found
    )
    assert all(
        str(finding).startswith(finding.rule) and RULES[finding.rule] in str(finding) for finding in found
    )


@pytest.mark.parametrize("name", BROKEN)
def test_the_public_validator_says_the_same(name: str, timetable: Timetable, public: Any) -> None:
    if public is None:
        pytest.skip("gtfs-rt-validator is not installed")
    ours = _rules(check(_broken(name), timetable, now_s=NOW_S)) - _PAIRS
    theirs = public({"rt": _broken(name)}) - _PAIRS
    assert theirs == (set() if name == "E021 of no day" else ours)  # which the public one takes for the 30th


def test_every_rule_is_tested() -> None:
    assert {name.split()[0] for name in BROKEN} | _PAIRS | _CLOCK | _BEFORE == set(RULES)


@pytest.mark.parametrize(
    ("now_s", "rules"),
    [
        (NOW_S, set()),
        (NOW_S + 65, set()),
        (NOW_S + 66, {"W008"}),
        (NOW_S - 60, set()),
        (NOW_S - 61, {"E050"}),
    ],
)
def test_age(now_s: int, rules: set[str], timetable: Timetable, public: Any) -> None:
    feed = empty()
    alert(feed, route_id="r1")
    assert _rules(check(feed, timetable, now_s=now_s)) == rules
    assert public is None or public({"rt": feed}, now_s) == rules


def test_without_a_clock_nothing_is_old(timetable: Timetable) -> None:
    assert check(good(), timetable) == []


@pytest.mark.parametrize(
    ("later_s", "changed", "rules"),
    [
        (0, True, {"E017"}),
        (-1, True, {"E018"}),
        (35, True, set()),
        (36, True, {"W007"}),
        (20, False, set()),
    ],
)
def test_against_the_feed_before(
    later_s: int, changed: bool, rules: set[str], timetable: Timetable, public: Any
) -> None:
    before, after = good(), good()
    before.header.timestamp -= later_s
    if later_s < 0:
        for feed in (before, after):
            feed.header.timestamp -= 5
            for entity in feed.entity[:2]:
                (entity.trip_update if entity.HasField("trip_update") else entity.vehicle).timestamp -= 30
    for entity in before.entity[:2]:
        message = entity.trip_update if entity.HasField("trip_update") else entity.vehicle
        message.timestamp = min(message.timestamp, before.header.timestamp)
    if changed:
        after.entity[1].vehicle.position.speed = 5.0
    assert _rules(check(after, timetable, before, now_s=NOW_S)) == rules
    assert public is None or public({"1": before, "2": after}) == rules


def test_the_same_feed_twice_is_no_change(timetable: Timetable) -> None:
    assert check(good(), timetable, good(), now_s=NOW_S) == []


@pytest.mark.parametrize(
    ("updates", "positions", "rules"),
    [
        ([("t1", "v1")], [("v1", "t1")], set()),
        ([("t1", "v1")], [("v1", "")], {"W003"}),
        ([("t1", "v1"), ("t2", "v1")], [("v1", "t1")], {"W003"}),
        ([("t1", "v1")], [("v1", "t1"), ("v2", "t2")], {"W003"}),
        ([("t1", "v1")], [("v2", "t1")], {"W003", "E047"}),
        ([("t3", "v1")], [("v1", "t1")], {"W003", "E047"}),
        ([("t2", "v1")], [("v1", "t1")], {"W003"}),  # of one block
        ([("t1", "v1"), ("t2", "")], [("v1", "t1"), ("v2", "t2")], {"W003", "W002"}),
        ([("t1", "v1")], [], set()),
        ([], [("v1", "t1")], set()),
    ],
)
def test_updates_and_positions_name_the_same_trips_and_vehicles(
    updates: list[tuple[str, str]],
    positions: list[tuple[str, str]],
    rules: set[str],
    timetable: Timetable,
    public: Any,
) -> None:
    stops = {"t1": "1:s1 2:s2", "t2": "1:s4 2:s3", "t3": "1:s1 2:s4"}
    one, other = empty(), empty()
    for key, vehicle in updates:
        trip(one, key, stops[key], vehicle=vehicle)
    for vehicle, key in positions:
        position(other, vehicle, key)
    assert _rules(check(one, timetable, beside=other, now_s=NOW_S)) == rules
    both = empty()
    both.MergeFrom(one)
    both.entity.extend(other.entity)
    assert _rules(check(both, timetable, now_s=NOW_S)) == rules
    if public is not None and updates and positions:
        assert public({"tu": one, "vp": other}) == rules


@pytest.mark.parametrize("by", ["trip_id", "route_id"])
def test_a_vehicle_on_a_detour_may_leave_its_line(by: str, timetable: Timetable, public: Any) -> None:
    feed = _broken("E029")
    feed.entity[1].vehicle.trip.route_id = "r1"
    assert _rules(check(feed, timetable, now_s=NOW_S)) == {"E029"}
    found = feed.entity[2].alert
    found.effect = found.DETOUR
    about = found.informed_entity.add().trip
    about.schedule_relationship = about.SCHEDULED
    setattr(about, by, {"trip_id": "t1", "route_id": "r1"}[by])
    expected = set() if by == "trip_id" else {"W006"}
    assert _rules(check(feed, timetable, now_s=NOW_S)) == expected
    assert public is None or public({"rt": feed}) == expected


def test_stops_are_found_by_their_names_where_there_is_no_sequence(timetable: Timetable, public: Any) -> None:
    for stops, rules in ((":s1 :s2 :s4", set()), (":s2 :s1", {"E002"}), (":s1 :s9 :s2", {"E002", "E011"})):
        feed = empty()
        trip(feed, "t1", stops)
        assert _rules(check(feed, timetable, now_s=NOW_S)) == rules
        assert public is None or public({"rt": feed}) == rules


def test_feeds_of_real_agencies_are_checked(shared_data: Path) -> None:
    pb = pytest.importorskip("google.transit.gtfs_realtime_pb2")
    api = pytest.importorskip("gtfs_rt_validator.api")
    here = shared_data / "transit" / "caltrain_rt"
    made = read_gtfs(here / "ct.zip").timetable
    prepared = api.prepare_feed(here / "ct.zip", mode=api.Mode.MODERN)
    for name in ("ct-trip-updates.pb", "ct-vehicle-positions.pb"):
        feed = pb.FeedMessage.FromString((here / name).read_bytes())
        at = dt.datetime.fromtimestamp(feed.header.timestamp, dt.UTC)
        result = api.validate(
            api.Request(mode=api.Mode.MODERN, gtfs=prepared, inputs=api.resolve(str(here / name)), at=at)
        )
        theirs = set(result.run.notices.rule_ids()) & set(RULES)
        assert _rules(check(feed, made, now_s=feed.header.timestamp)) == theirs
