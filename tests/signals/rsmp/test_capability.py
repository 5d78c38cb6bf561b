"""Capability files: there and back, and what is wrong with bad ones."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signals.rsmp.capability import Band
from signals.rsmp.capability_file import capability_from, capability_to_dict, read_capability
from tests.signals.rsmp.sites import EW, NS, site, stored_plans, two_stages
from traffic.errors import InputError

_TOML = """
format = "jasyl-rsmp-capability"
format_version = 1
site = "AL+0001=001TC000"
component = "AL+0001=001TC000"
junction = "osm:1"
sxl = "1.2"
security = "osm:1"
groups = [{ name = "N" }, { name = "E", component = "AL+0001=001SG002" }]
intergreens = [{ from = "N", to = "E", seconds = 5 }]

[[plans]]
number = 1
stages = [["N"], ["E"]]
base_s = [20, 20]
cycle_s = 60
cycle_range_s = [50, 90]
remainder = 2
bands = [{ number = 1, stage = 1, min_s = 0, max_s = 30 }]
"""


@settings(max_examples=40)
@given(st.data())
def test_files_come_back(data):
    capability = site(data.draw(stored_plans(1)), data.draw(stored_plans(7)))
    assert capability_from(json.loads(json.dumps(capability_to_dict(capability)))) == capability


def test_toml_and_json(tmp_path: Path):
    toml = tmp_path / "site.toml"
    toml.write_text(_TOML, encoding="utf-8")
    capability = read_capability(toml)
    assert capability.sxl == "1.2.0"
    assert capability.intergreen_s("N", "E") == 5
    assert capability.intergreen_s("E", "N") == 0
    assert capability.plan(1).bands == (Band(1, 1, 0, 30),)
    assert not capability.plan(1).offset_settable
    same = tmp_path / "site.json"
    same.write_text(json.dumps(capability_to_dict(capability)), encoding="utf-8")
    assert read_capability(same) == capability


def _changed(**changes: Any) -> dict[str, Any]:
    return {**capability_to_dict(site()), **changes}


def _plan_changed(**changes: Any) -> dict[str, Any]:
    document = copy.deepcopy(capability_to_dict(site()))
    document["plans"][0] |= changes
    return document


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], "capability"),
        ({}, "capability.format"),
        (_changed(format="jasyl-plans"), "format"),
        (_changed(format_version=True), "format_version"),
        (_changed(securityCode="1234"), "capability"),
        (_changed(site=""), "site"),
        (_changed(sxl="1.0.15"), "sxl"),
        (_changed(counter_epoch_s=0.5), "capability.counter_epoch_s"),
        (_changed(groups=[{"name": "N"}, {"name": "N"}]), "groups"),
        (_changed(groups=[{"name": "N"}]), "intergreens"),
        (_changed(groups=[{"name": "N"}], intergreens=[]), "plan 1, stages"),
        (_changed(intergreens=[{"from": "N", "to": "E", "seconds": -1}]), "intergreens"),
        (_changed(intergreens=[{"from": "N", "to": "E", "seconds": 1}] * 2), "intergreens"),
        (_changed(plans=[]), "plans"),
        (_changed(plans=capability_to_dict(site())["plans"][:1] * 2), "plans"),
        (_plan_changed(number=0), "plan"),
        (_plan_changed(number=100), "plan"),
        (_plan_changed(stages=[["N", "S"]]), "plan 1, stages"),
        (_plan_changed(stages=[["N", "N"], ["E"]]), "capability.plans[0].stages"),
        (_plan_changed(stages=[["N"], ["N"]]), "plan 1, stage 1"),
        (_plan_changed(stages="NS"), "capability.plans[0].stages"),
        (_plan_changed(base_s=[15]), "plan 1, base_s"),
        (_plan_changed(base_s=[15, 0]), "plan 1, base_s"),
        (_plan_changed(base_s=[15, True]), "capability.plans[0].base_s"),
        (_plan_changed(base_s=[100, 100]), "plan 1, base_s"),
        (_plan_changed(cycle_s=39), "plan 1, cycle_s"),
        (_plan_changed(cycle_range_s=[40, 256]), "plan 1, cycle_s"),
        (_plan_changed(cycle_range_s=[40]), "capability.plans[0].cycle_range_s"),
        (_plan_changed(offset_s=256), "plan 1, offset_s"),
        (_plan_changed(offset_settable=1), "capability.plans[0].offset_settable"),
        (_plan_changed(counter_s=40), "plan 1, counter_s"),
        (_plan_changed(remainder=3), "plan 1, remainder"),
        (_plan_changed(remainder=1), "plan 1, band 1, stage"),
        (_plan_changed(bands=[{"number": 11, "stage": 1, "min_s": 0, "max_s": 1}]), "band"),
        (_plan_changed(bands=[{"number": 1, "stage": 1, "min_s": 0, "max_s": 100}]), "band 1"),
        (_plan_changed(bands=[{"number": 1, "stage": 1, "min_s": 2, "max_s": 1}]), "band 1"),
        (_plan_changed(bands=[{"number": 1, "stage": 1, "max_s": 1}]), "capability.plans[0].bands[0].min_s"),
    ],
)
def test_bad_values_are_named(document, field):
    with pytest.raises(InputError) as caught:
        capability_from(document)
    assert caught.value.field == field


def test_two_bands_of_one_stage_could_not_be_told_apart():
    with pytest.raises(InputError, match="another for each band"):
        two_stages(1, bands=(Band(1, 1, 0, 5), Band(2, 1, 0, 5)))


def test_a_plan_that_no_setting_brings_to_its_cycle_is_refused():
    with pytest.raises(InputError, match="add up to a cycle"):
        two_stages(1, remainder=None, base_s=(10, 10), bands=(Band(1, 1, 0, 10),), stages=(NS, EW))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.toml", b"format = ", "must be TOML"),
        ("a.toml", b"\xff", "UTF-8"),
        ("a.json", b"{", "must be JSON"),
        ("a.toml", _TOML.replace('"N" }, {', '"N" }, { x = 1,').encode(), "groups[1]"),
    ],
)
def test_files_that_cannot_be_read_are_named(tmp_path, name, content, said):
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_capability(file)
    assert caught.value.file == str(file)
    assert said in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="exists"):
        read_capability(tmp_path / "none.toml")
