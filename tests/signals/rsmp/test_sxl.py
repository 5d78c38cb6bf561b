"""The table of the signal exchange list against the published one, and messages against the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from signals.rsmp.alarms import AlarmState
from signals.rsmp.arguments import Argument
from signals.rsmp.messages import (
    CommandArgument,
    CommandRequest,
    Identified,
    StatusName,
    StatusRequest,
    StatusResponse,
    StatusValue,
)
from signals.rsmp.sxl import check, offered_command, offered_status
from signals.rsmp.sxl_table import ALARMS, COMMANDS, OTHER_COMMANDS, OTHER_STATUSES, STATUSES
from signals.rsmp.versions import SXL_VERSIONS
from tests.signals.rsmp.samples import A_UUID, AT, CODES, SITE
from traffic.errors import InputError

_KINDS = {"Traffic Light Controller": "controller", "Signal group": "group", "Detector logic": "detector"}


@pytest.fixture(scope="module", params=SXL_VERSIONS)
def published(request: pytest.FixtureRequest, shared_data: Path) -> tuple[str, dict[str, Any]]:
    file = shared_data / "rsmp" / "tlc" / request.param / "sxl.yaml"
    return request.param, yaml.safe_load(file.read_text(encoding="utf-8"))["objects"]


def _all(objects: dict[str, Any], kind: str) -> dict[str, Any]:
    return {code: row for part in objects.values() for code, row in (part.get(kind) or {}).items()}


def _same(argument: Argument, row: dict[str, Any]) -> None:
    assert argument.kind == row["type"]
    assert argument.optional is row.get("optional", False)
    assert (argument.low, argument.high) == (row.get("min"), row.get("max"))
    assert set(argument.values) == set(row.get("values", ()))
    assert (argument.pattern is not None) is ("pattern" in row)
    for part in argument.parts:
        _same(part, row["items"][part.name])
    assert {part.name for part in argument.parts} == set(row.get("items", ()))


def _same_all(arguments: tuple[Argument, ...], rows: dict[str, Any] | None) -> None:
    assert [argument.name for argument in arguments] == list(rows or {})
    for argument in arguments:
        _same(argument, rows[argument.name])


def test_commands_are_the_published_ones(published):
    rows = _all(published[1], "commands")
    assert set(rows) == set(COMMANDS) | set(OTHER_COMMANDS)
    assert not set(COMMANDS) & set(OTHER_COMMANDS)
    for code, row in COMMANDS.items():
        assert row.method == rows[code]["command"]
        _same_all(row.arguments, rows[code]["arguments"])
        level = row.security_level
        said = "" if level is None else f"ecurity code {level}"
        assert said in rows[code]["description"]
    for code, names in OTHER_COMMANDS.items():
        assert names == set(rows[code]["arguments"])


def test_statuses_are_the_published_ones(published):
    version, objects = published
    rows = _all(objects, "statuses")
    assert set(rows) == set(STATUSES) | set(OTHER_STATUSES[version])
    assert not set(STATUSES) & set(OTHER_STATUSES[version])
    for code, arguments in STATUSES.items():
        _same_all(arguments, rows[code]["arguments"])
    for code, names in OTHER_STATUSES[version].items():
        assert names == set(rows[code]["arguments"])


def test_alarms_are_the_published_ones(published):
    for name, part in published[1].items():
        rows = part["alarms"]
        assert {code for code, row in ALARMS.items() if row.of == _KINDS[name]} == set(rows)
        for code, row in rows.items():
            assert (ALARMS[code].priority, "D") == (row["priority"], row["category"])
            _same_all(ALARMS[code].values, row.get("arguments"))


def test_every_command_and_status_of_the_service_is_offered():
    assert set(COMMANDS) == {"M0001", "M0002", "M0014", "M0015", "M0016", "M0017", "M0018", "M0022", "M0104"}
    numbers = (1, 7, 11, 14, 20, 23, 24, 26, 27, 28, 33, 96, 97)
    assert set(STATUSES) == {f"S{number:04}" for number in numbers}
    assert offered_command("M0002")
    assert not offered_command("M0003")
    assert offered_status("S0014")
    assert not offered_status("S0015")


def _command(code: str = "M0002", method: str = "setPlan", **values: str) -> CommandRequest:
    rows = tuple(CommandArgument(code, name, method, value) for name, value in values.items())
    return CommandRequest(id=A_UUID, component=SITE, arguments=rows)


def _status(value: Any, code: str = "S0014", name: str = "status") -> StatusResponse:
    row = StatusValue(code, name, value, "recent")
    return StatusResponse(id=A_UUID, component=SITE, at=AT, values=(row,))


def _asked(code: str, name: str) -> StatusRequest:
    return StatusRequest(id=A_UUID, component=SITE, names=(StatusName(code, name),))


_CODE = CODES.level_2.reveal()


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (_command(status="True", securityCode=_CODE), "M0002"),
        (_command(status="true", securityCode=_CODE, timeplan="1"), "M0002.status"),
        (_command(status="True", securityCode=_CODE, timeplan="0"), "M0002.timeplan"),
        (_command(status="True", securityCode=_CODE, timeplan="256"), "M0002.timeplan"),
        (_command(status="True", securityCode=_CODE, timeplan="1.0"), "M0002.timeplan"),
        (_command(status="True", securityCode=_CODE, timeplan="1", plan="1"), "M0002.n"),
        (_command(method="setplan", status="True", securityCode=_CODE, timeplan="1"), "M0002.status, cO"),
        (_command(code="M0009", status="True"), "cCI"),
        (_command(code="M0003", status="True", plan="1"), "M0003.n"),
        (_command(code="M0003", status="True", securityCode=_CODE), "M0003"),
        (_status("x"), "S0014.status"),
        (_status([]), "S0014.status"),
        (_status("calendar", name="source"), "S0014.source"),
        (_status("1", name="plan"), "S0014.n"),
        (_status("x", "S9999"), "sCI"),
        (_status("1-2", "S0023"), "S0023.status"),
        (_status("", "S0024"), "S0024.status"),
        (_status("Z", "S0001", "signalgroupstatus"), "S0001.signalgroupstatus"),
        (_status("control,", "S0020", "controlmode"), "S0020.controlmode"),
        (_status([{"r": "a", "s": "queued"}], "S0033"), "S0033.status[0].t"),
        (_asked("S0018", "number"), "sCI"),
        (_asked("S0003", "extendedinputstatus"), "S0003.n"),
    ],
)
def test_what_is_not_in_the_list_is_refused_by_name(message, field):
    with pytest.raises(InputError) as caught:
        check(message, "1.2.1")
    assert caught.value.field == field
    assert _CODE not in str(caught.value)


@pytest.mark.parametrize("message", [_asked("S0018", "number"), _asked("S0003", "extendedinputstatus")])
def test_versions_of_the_list_differ(message: Identified):
    check(message, "1.1.0")


def test_an_argument_twice_is_refused():
    rows = _command(status="True", securityCode=_CODE, timeplan="1").arguments
    with pytest.raises(InputError, match="once"):
        check(CommandRequest(id=A_UUID, component=SITE, arguments=(*rows, rows[0])), "1.2.1")


def test_a_site_may_report_a_number_outside_of_the_published_range():
    """The schemas know no ranges, and plan 0 (none chosen) is met in the field."""
    check(_status("0"), "1.2.1")
    argument = STATUSES["S0014"][0]
    with pytest.raises(InputError, match="from 1 to 255"):
        argument.check_range("0", "S0014.status")


def test_an_alarm_is_not_lost_for_a_value_that_the_list_does_not_have():
    values = {
        "acknowledged": False,
        "active": True,
        "suspended": False,
        "at": AT,
        "category": "D",
        "priority": 2,
    }
    place = {"id": A_UUID, "component": SITE, "event": "Issue"}
    check(AlarmState(**place, **values, code="A0201", values=(("color", "red"), ("Temp", "-18.5"))), "1.2.1")
    with pytest.raises(InputError, match=r"A0201\.color: must be one of red"):
        check(AlarmState(**place, **values, code="A0201", values=(("color", "blue"),)), "1.2.1")
    with pytest.raises(InputError, match="alarm of the list"):
        check(AlarmState(**place, **values, code="A0011"), "1.2.1")
