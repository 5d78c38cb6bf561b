"""Messages against the published schemas: what is written passes them, what they refuse is refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from signals.rsmp.alarms import AlarmOrder
from signals.rsmp.messages import (
    CommandArgument,
    CommandRequest,
    CommandResponse,
    CommandValue,
    Identified,
    StatusValue,
    Version,
    written,
)
from signals.rsmp.reading import id_of, message_from
from signals.rsmp.sxl import check
from signals.rsmp.versions import CORE_VERSIONS, SXL_VERSIONS
from tests.signals.rsmp.samples import A_UUID, AT, CODES, SITE, samples
from tests.signals.rsmp.schemas import validator
from traffic.errors import InputError

_SAMPLES = samples()
_DOCUMENTS = [written(message) for message in _SAMPLES]


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "rsmp"


@pytest.mark.parametrize("message", _SAMPLES, ids=lambda message: type(message).__name__)
def test_what_is_written_is_read_back(message):
    assert message_from(json.loads(json.dumps(written(message)))) == message


@pytest.mark.parametrize("core", CORE_VERSIONS)
@pytest.mark.parametrize("sxl", SXL_VERSIONS)
def test_every_message_passes_the_schemas(folder, core, sxl):
    for message in _SAMPLES:
        validator(folder, core, sxl).validate(written(message))
        if isinstance(message, Identified):
            check(message, sxl)


def test_null_of_a_component_that_does_not_exist_passes_the_schemas_as_they_were_meant(folder):
    value = CommandValue("M0002", "timeplan", None, "undefined")
    message = CommandResponse(id=A_UUID, component="?", at=AT, values=(value,))
    validator(folder, "3.2.2", "1.2.1", mended=True).validate(written(message))
    assert not validator(folder, "3.2.2", "1.2.1").is_valid(written(message))  # else this test can go
    assert message_from(written(message)) == message


_junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 300),
    st.text(max_size=4),
    st.sampled_from(
        ["", "0", "-1", "True", "3.2", "suspended", "Suspended", "old", "undefined", "A0001", "S0014"]
    ),
    st.sampled_from(
        ["M0001", "2026-13-01T00:00:00.000Z", "2026-11-27T06:30:00Z", A_UUID, A_UUID[:-1], [], {}, [{}]]
    ),
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inside for place in _places(item, (*path, key)))]


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a message with one or two things wrong or odd."""
    document = copy.deepcopy(draw(st.sampled_from(_DOCUMENTS)))
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from(_places(document)[1:] or [("mType",)]))
        parent: Any = document
        for key in path[:-1]:
            parent = parent[key]
        how = draw(st.sampled_from(["replace", "remove", "add", "double"]))
        if how == "remove":
            del parent[path[-1]]
        elif how == "add" and isinstance(parent, dict):
            parent[draw(st.sampled_from(["x", "q", "v", "s", "cId", "sS", "ack", "aTs"]))] = copy.deepcopy(
                draw(_junk)
            )
        elif how == "double" and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[path[-1]]))
        else:
            parent[path[-1]] = copy.deepcopy(draw(_junk))
    return document


def _taken(document: dict[str, Any], sxl: str) -> bool:
    try:
        message = message_from(document)
        if isinstance(message, Identified):
            check(message, sxl)
    except InputError as error:
        return not (error.rule and error.field)  # one that says nothing is no refusal
    return True


@settings(max_examples=800)
@given(mutated(), st.sampled_from(CORE_VERSIONS), st.sampled_from(SXL_VERSIONS))
@example({**_DOCUMENTS[0], "oMId": A_UUID + "\n"}, "3.2.2", "1.2.1")
def test_what_the_schemas_refuse_is_refused(folder, document, core, sxl):
    schemas = validator(folder, core, sxl, mended=True)
    assert schemas.is_valid(document) or not _taken(document, sxl)


def test_half_of_what_is_mutated_is_refused_by_the_schemas(folder):
    """The test above would say nothing if mutations hardly ever hurt."""
    schemas, refused, seen = validator(folder, "3.2.2", "1.2.1", mended=True), 0, 0

    @settings(max_examples=200, database=None)
    @given(mutated())
    def run(document):
        nonlocal refused, seen
        seen += 1
        refused += not schemas.is_valid(document)

    run()
    assert refused > seen / 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"mType": "rsmsg"}, "message.mType"),
        ({"type": "watchdog"}, "message.type"),
        ({"mId": "x"}, "Watchdog.mId"),
        ({"mId": A_UUID.replace("-4c", "-1c")}, "Watchdog.mId"),
        ({"wTs": "2026-11-27T06:30:00Z"}, "Watchdog.wTs"),
        ({"wTs": "2026-02-30T06:30:00.000Z"}, "Watchdog.wTs"),
        ({"wTs": None}, "Watchdog.wTs"),
    ],
)
def test_errors_name_the_member(change, field):
    document = {"mType": "rSMsg", "type": "Watchdog", "mId": A_UUID, "wTs": "2026-11-27T06:30:00.000Z"}
    message_from(document)
    with pytest.raises(InputError) as caught:
        message_from(document | change)
    assert caught.value.field == field


def test_members_that_no_message_has_are_passed_over():
    assert message_from(_DOCUMENTS[0] | {"more": {"a": 1}, "mType": "rSMsg"}) == _SAMPLES[0]


def test_a_subscription_without_updates_is_refused():
    row = {"sCI": "S0014", "n": "status", "uRt": "0", "sOc": False}
    document = {"mType": "rSMsg", "type": "StatusSubscribe", "mId": A_UUID, "cId": SITE, "sS": [row]}
    with pytest.raises(InputError, match="unless sOc is true"):
        message_from(document)
    row["sOc"] = True
    message_from(document)


def test_an_acknowledgement_needs_a_time():
    with pytest.raises(InputError, match="aTs"):
        AlarmOrder(id=A_UUID, component=SITE, code="A0001", wish="Acknowledge")


def test_the_id_of_a_message_that_is_wrong_otherwise():
    assert id_of({"mId": A_UUID, "type": 3}) == A_UUID
    assert id_of({"mId": "no"}) is None
    assert id_of({}) is None


def test_security_codes_are_in_no_representation_or_error():
    secret = CODES.level_2.reveal()
    argument = CommandArgument("M0002", "securityCode", "setPlan", secret)
    request = CommandRequest(id=A_UUID, component=SITE, arguments=(argument,))
    value = CommandValue("M0002", "securityCode", secret, "recent")
    for shown in (request, argument, value, CODES, StatusValue("S0014", "status", "1", "recent")):
        assert secret not in repr(shown)
        assert secret not in str(shown)
    document = written(request)
    document["arg"][0]["v"] = [secret]
    with pytest.raises(InputError) as caught:
        message_from(document)
    assert secret not in str(caught.value) + str(caught.value.problem())
    assert CODES.hidden_in(f"wrong code {secret}") == "wrong code ***"


def test_versions_are_told_with_every_site_once():
    document = written(Version(id=A_UUID, core=("3.2.2",), sxl="1.2.1", sites=(SITE, SITE)))
    with pytest.raises(InputError, match="twice"):
        message_from(document)
