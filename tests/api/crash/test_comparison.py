"""What a crash ledger must find: something lost, something twice, a lamp that is unsafe, a plan that was not published."""

from __future__ import annotations

import json

import pytest

from benchmarks.crash.compare import compared_answers, compared_reports, require_chain, versions_rise
from benchmarks.crash.documents import Documents
from benchmarks.crash.journal import Journal, read_journal
from benchmarks.crash.lamps import Lamps
from benchmarks.crash.shown import compared_shown, incomplete_groups
from simulation.controller.commissioning import write_tables
from simulation.controller.days import local_programme
from simulation.controller.lamps import Lamp
from simulation.controller.runner import Runner

AT = "2026-11-27T12:00:00.000Z"
NOON = 1795780800


@pytest.fixture(scope="module")
def tables():
    return Documents("corridor").tables(30)[0]


def entry(kind, why="", **data):
    return {"kind": kind, "why": why, "data": data, "at": AT}


def row_of(rows, name):
    (found,) = (row for row in rows if row.name == name)
    return found


def people(folder, *records):
    journal = Journal(folder / "people.jsonl")
    for operation, kind, status in records:
        journal.write({"asked": operation, "kind": kind})
        if status is not None:
            journal.write({"answered": operation, "kind": kind, "status": status})


def test_what_is_lost_or_there_twice_or_was_declined_is_found(tmp_path):
    people(
        tmp_path,
        ("1-hold", "hold", 200),
        ("2-hold", "hold", 200),
        ("3-hold", "hold", 200),
        ("4-hold", "hold", 409),
        ("5-hold", "hold", None),
    )
    entries = [entry("junction.held", f"{number}-hold") for number in (1, 3, 3, 4, 5)]
    row = row_of(compared_answers(entries, tmp_path), "hold")
    assert (row.acknowledged, row.once, row.lost, row.double) == (3, 1, 1, 1)
    assert (row.declined, row.anyway, row.unknown, row.bad) == (1, 1, 1, 3)


def test_a_roll_back_is_a_draft_and_a_publication(tmp_path):
    people(tmp_path, ("1-roll_back", "roll_back", 201), ("2-roll_back", "roll_back", 201))
    both = [entry("plan_set.drafted", "1-roll_back"), entry("plan_set.published", "1-roll_back")]
    half = [entry("plan_set.drafted", "2-roll_back")]
    row = row_of(compared_answers([*both, *half], tmp_path), "roll_back")
    assert (row.once, row.bad) == (1, 1)


def test_an_acknowledgement_that_is_lost_is_found(tmp_path):
    journal = Journal(tmp_path / "fleet.jsonl")
    for version in (1, 2):
        journal.write({"acknowledged": ["a", version, "accepted"]})
    entries = [entry("junction.accepted", junction="a", version=1)]
    row = row_of(compared_answers(entries, tmp_path), "controller: accepted")
    assert (row.acknowledged, row.once, row.lost) == (2, 1, 1)


def test_a_report_that_is_lost_there_twice_or_another_one_is_found(tmp_path):
    Journal(tmp_path / "fleet.jsonl").write(
        {"reported": "a", "reports": [[1, "one"], [2, "two"], [3, "three"], [4, "four"]]}
    )
    stored = [("a", 1, "one"), ("a", 2, "two"), ("a", 2, "two"), ("a", 4, "another")]
    row = compared_reports(stored, tmp_path)
    assert (row.acknowledged, row.lost, row.double) == (4, 2, 1)


def test_what_was_answered_after_a_power_cut_is_not_asked_for(tmp_path):
    file = tmp_path / "appendonly.aof"
    journal = Journal(tmp_path / "fleet.jsonl", file)
    for size in (10, 20):
        file.write_bytes(b"x" * size)
        journal.write({"reported": "a", "reports": [[size, "one"]]})
    assert compared_reports([], tmp_path, up_to=9).lost == 0
    assert compared_reports([], tmp_path, up_to=10).lost == 1
    assert compared_reports([], tmp_path, up_to=20).lost == 2


def test_a_journal_whose_last_line_was_torn_goes_on(tmp_path):
    path = tmp_path / "journal"
    Journal(path).write({"number": 1})
    path.write_bytes(path.read_bytes() + b'{"number": 2, "hal')
    Journal(path).write({"number": 3})
    assert [record["number"] for record in read_journal(path)] == [1, 3]


def test_a_chain_that_was_changed_is_found():
    assert any(
        "hash" in problem for problem in require_chain([{"seq": 1, "previous": "0" * 64, "hash": "0"}])
    )
    assert any("follow" in problem for problem in require_chain([{"seq": 2, "previous": "0", "hash": "0"}]))


def test_a_version_that_is_given_twice_is_found():
    published = [entry("plan_set.published", versions={"a": {"version": number}}) for number in (1, 2, 2)]
    assert versions_rise(published) == ["a: version 2 after 2"]


def drafted(*members):
    return entry("plan_set.drafted", plan_set="s", slot="base", groups={"g": list(members)})


def activated(*members):
    return entry(
        "group.activated", plan_set="s", group="g", activate_at=AT, activations=dict.fromkeys(members, "")
    )


def accepted(junction):
    return entry("junction.accepted", plan_set="s", group="g", junction=junction, version=1)


def test_a_group_that_is_activated_in_parts_is_found():
    whole = [drafted("a", "b"), accepted("a"), accepted("b"), activated("a", "b")]
    assert incomplete_groups(whole) == []
    assert incomplete_groups([drafted("a", "b"), accepted("a"), activated("a", "b")])
    assert incomplete_groups([drafted("a", "b"), accepted("a"), accepted("b"), activated("a")])


def shown(folder, tables, *records):
    write_tables([tables], folder / "tables")
    journal = Journal(folder / "seconds.jsonl")
    journal.note({"start": [tables.junction]})
    red = bytes(len(tables.groups)).hex()
    for own, (second, source, version) in enumerate(records):
        row = {"s": second, "own": [own], "rows": [red], "backup": 0, "shown": [[source, version]]}
        journal.note(row)


@pytest.mark.parametrize(
    ("second", "source", "version", "wrong"),
    [
        (NOON, "base", 1, False),
        (NOON + 5, "local", None, False),
        (NOON - 1, "base", 1, True),
        (NOON, "event", 1, True),
        (NOON, "base", 2, True),
        (NOON, "order", None, True),
    ],
)
def test_what_was_not_published_and_activated_is_found(tmp_path, tables, second, source, version, wrong):
    key = tables.junction
    published = entry("plan_set.published", plan_set="s", versions={key: {"version": 1}})
    entries = [drafted(key), published, accepted(key), activated(key)]
    shown(tmp_path, tables, (second, source, version))
    found = compared_shown(entries, tmp_path)
    assert bool(found.unpublished) == wrong
    assert (found.seconds, found.unsafe) == (1, [])


def test_an_older_version_after_a_newer_one_and_a_fault_are_found(tmp_path, tables):
    shown(tmp_path, tables, (NOON, "base", 2), (NOON + 1, "base", 1), (NOON + 2, "fault", None))
    found = compared_shown([], tmp_path)
    assert found.out_of_order == [f"{tables.junction}: base 1 after 2"]
    assert len(found.unsafe) == 1


def rows_of_a_controller(tables, seconds):
    runner = Runner(tables, local_programme(tables))
    return [runner.step(NOON + second) for second in range(seconds)]


def broken_by(tables, rows):
    lamps = Lamps(tables)
    for second, row in enumerate(rows):
        lamps.see(second, bytes(row))
    return lamps.broken


def test_lamps_of_a_controller_are_safe_and_any_green_that_is_put_in_is_found(tables):
    rows = rows_of_a_controller(tables, 300)
    assert broken_by(tables, rows) == []
    green = [second for second, row in enumerate(rows) if Lamp.GREEN in row]
    assert green
    second = green[len(green) // 2]
    changed = [bytearray(row) for row in rows]
    changed[second][:] = bytes([Lamp.GREEN]) * len(tables.groups)
    assert any("green together" in text for text in broken_by(tables, changed))


def test_a_green_that_comes_too_soon_and_one_that_is_cut_off_are_found(tables):
    rows = [bytearray(row) for row in rows_of_a_controller(tables, 300)]
    group = next(g for g, own in enumerate(tables.groups) if own.yellow_s)
    ends = [s for s in range(100, 300) if rows[s - 1][group] == Lamp.GREEN != rows[s][group]]
    early = [bytearray(row) for row in rows]
    early[ends[0]][group] = Lamp.RED
    assert any("no yellow" in text for text in broken_by(tables, early))
    other = next(g for g in range(len(tables.groups)) if tables.needed_s[group][g] > 1 and g != group)
    soon = [bytearray(row) for row in rows]
    soon[ends[0] + 1][other] = Lamp.GREEN
    assert any("after the other's end" in text for text in broken_by(tables, soon))


def test_plan_sets_that_are_meant_to_be_unsafe_are():
    import numpy as np

    from scenarios.loader import build, load
    from signals.payloads import read_schedule_document
    from traffic.errors import InputError

    documents, chance = Documents("corridor"), np.random.default_rng(1)
    junctions = {junction.key: junction for junction in build(load("corridor")).junctions}
    keys = documents.keys[:3]
    read_schedule_document(json.loads(json.dumps(documents.safe("a", keys, chance))), junctions)
    with pytest.raises(InputError):
        read_schedule_document(documents.unsafe("a", keys, chance), junctions)
