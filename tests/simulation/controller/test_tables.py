"""The controller's tables: what they say is kept, and whatever is wrong in them is named."""

from __future__ import annotations

import copy
import json

import pytest

from simulation.controller.tables import Tables, read_tables
from tests.signals.hand_plans import crossroads_junction
from tests.signals.junctions import random_junction
from tests.simulation.controller.signing_desk import Service
from tests.simulation.controller.tables_for_tests import tables_of
from traffic.errors import InputError


def test_tables_are_written_and_read(tmp_path) -> None:
    tables = Service().tables
    path = tmp_path / "tables.json"
    path.write_text(json.dumps(tables.to_dict()), encoding="utf-8")
    assert read_tables(path) == tables
    assert tables.clearance_s == 14
    assert tables.needed_s[0][0] == 4  # yellow of 3 s and red-amber of 1 s
    assert tables.gives_way(1, 0)
    assert not tables.gives_way(0, 4)  # to pedestrians, who see nothing of it


def test_whatever_a_junction_may_be_is_a_table() -> None:
    import numpy as np

    rng = np.random.default_rng(4)
    for _ in range(300):
        junction = random_junction(rng)
        tables = tables_of(junction)
        assert tables.names == tuple(group.name for group in junction.groups)
        assert Tables.from_dict(tables.to_dict()) == tables


def _set(*path: object, value: object):
    def change(document: dict) -> None:
        place = document
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_set("format", value="jasyl-plans"), "format: must be 'jasyl-controller-tables'"),
        (_set("format_version", value=2), "format_version: must be from 1 to 1"),
        (_set("format_version", value=True), "format_version: must be a whole number"),
        (_set("colour", value=1), "file: must be a known key"),
        (_set("junction", value=""), "junction: must be text"),
        (_set("digest", value=None), "digest: must be text"),
        (_set("time_zone", value="Almaty"), "time_zone: must be the name of a time zone"),
        (_set("time_zone", value="../../etc/passwd"), "time_zone: must be the name of a time zone"),
        (_set("backup_s", value=0), "backup_s: must be 1 or more"),
        (_set("backup_s", value=1.5), "backup_s: must be a whole number"),
        (_set("cycle_min_s", value=121), "cycle_min_s: must be from 1 to 120"),
        (_set("groups", value=[]), "groups: must have a signal group"),
        (_set("groups", 1, "name", value="NS"), "groups: must have names that differ"),
        (_set("groups", 0, "kind", value="tram"), "group NS, kind: must be one of vehicle, pedestrian"),
        (_set("groups", 0, "min_green_s", value=0), "group NS, min_green_s: must be 1 or more"),
        (_set("groups", 0, "max_green_s", value=4), "group NS, max_green_s: must be 5 or more"),
        (_set("groups", 0, "flashing_green_s", value=6), "must fit into the minimum green of 5 s"),
        (_set("groups", 0, "yellow_s", value=-1), "group NS, yellow_s: must be 0 or more"),
        (_set("groups", 0, "red_amber_s", value="1"), "group NS, red_amber_s: must be a whole number"),
        (_set("conflict", 0, value=[0] * 4), "conflict: must be 5 x 5"),
        (_set("conflict", 0, 1, value=3), "conflict: must be from 0 to 2"),
        (_set("conflict", 0, 0, value=2), "no group conflicts with itself"),
        (_set("conflict", 0, 2, value=0), "must be full both ways"),
        (_set("conflict", 4, 0, value=1), "pedestrians never yield"),
        (_set("intergreen_s", value=[]), "intergreen_s: must be 5 x 5"),
        (_set("intergreen_s", 0, 2, value=2), "must be 3 s or more: the yellow of the one"),
        (_set("intergreen_s", 0, 1, value=None), "intergreen_s: must be a whole number"),
        (_set("schedule", value=[]), "schedule: must be an object"),
        (_set("schedule", "plans", value={}), "schedule, plans: must be a list"),
        (_set("keys", value=["key"]), "keys: must be an object"),
    ],
)
def test_what_is_wrong_is_named(change, told: str, tmp_path) -> None:
    document = copy.deepcopy(tables_of(crossroads_junction()).to_dict())
    change(document)
    path = tmp_path / "tables.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_tables(path)
    assert told in str(caught.value)
    assert caught.value.file == str(path)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[1]", b'{"a": 1, "a": 2}', b'{"format": NaN}', b"[" * 100_000]
)
def test_files_that_hold_no_tables_are_refused(content: bytes, tmp_path) -> None:
    path = tmp_path / "tables.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_tables(path)
    assert caught.value.file == str(path)


def test_a_missing_file_is_said(tmp_path) -> None:
    with pytest.raises(InputError, match="must be a file that exists"):
        read_tables(tmp_path / "tables.json")
