"""Assignments: what is signed, new, ours and safe is accepted; everything else is refused, and said so."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.junction import Junction
from signals.signing import Signer, Typ
from signals.wire import plan_from_dict
from simulation.controller.assignment import Desk
from simulation.controller.reading import shown_instant
from simulation.controller.runner import Mode
from simulation.controller.tables import Tables
from simulation.controller.verdicts import Acknowledgement
from tests.simulation.controller.signing_desk import NOW, Service, day_types, plan_values
from tests.simulation.controller.tables_for_tests import plan_document, tables_of
from tests.simulation.controller.test_gate import mutated_plans
from traffic.errors import InputError


def _desk(service: Service) -> Desk:
    return Desk(service.tables)


def test_a_safe_signed_plan_is_accepted_and_waits_for_its_activation() -> None:
    service = Service()
    desk = _desk(service)
    service.publish(7)
    received = desk.receive(service.assignment, NOW)
    assert received.acknowledgements == (Acknowledgement(7, "accepted"),)
    assert received.changed
    assert not received.problems
    assert not desk.releases["base"][0].valid(NOW + 1e6)
    service.activate(at=NOW + 30)
    received = desk.receive(service.assignment, NOW)
    assert received.acknowledgements == ()
    release = desk.releases["base"][0]
    assert (release.version, release.active_s, release.until_s) == (7, NOW + 30, None)
    assert not release.valid(NOW + 29)
    assert release.valid(NOW + 30)


def test_the_same_assignment_changes_nothing_and_is_acknowledged_again() -> None:
    service = Service()
    desk = _desk(service)
    service.publish(7)
    desk.receive(service.assignment, NOW)
    again = desk.receive(service.assignment, NOW)
    assert again.acknowledgements == (Acknowledgement(7, "accepted"),)
    assert not again.changed


UNSAFE = plan_values("v7", cycle_s=79)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"plans": [UNSAFE]}, "must add up to the cycle"),
        ({"tables": "another"}, "tables: must be"),
        ({"slot": "event"}, "slot: must be 'base'"),
        ({"epoch": "2000-01-01T00:00:00Z"}, "epoch: must be"),
        ({"time_zone": "Mars/Olympus"}, "must be the name of a time zone"),
        ({"plans": []}, "must be the name of a plan"),
        ({"day_types": []}, "must have every day of the week"),
        ({"day_types": day_types(("06:00", "v7"))}, "must have a first entry at 00:00"),
        ({"day_types": day_types(("00:00", "other"))}, "must be the name of a plan"),
        ({"plans": [plan_values("v7"), plan_values("v7")]}, "must have names that differ"),
        ({"valid_until": shown_instant(NOW)}, "valid_until: has ended"),
        ({"activate_from": "soon"}, "activate_from: must be an instant"),
        ({"plans": [plan_values("v7", junction="other")]}, "junction: must be that of this controller"),
    ],
)
def test_a_signed_plan_that_breaks_a_rule_is_refused_for_good(changes: dict, reason: str) -> None:
    service = Service()
    desk = _desk(service)
    service.publish(7, **changes)
    for _ in range(2):
        (told,) = desk.receive(service.assignment, NOW).acknowledgements
        assert (told.version, told.result) == (7, "refused")
        assert reason in told.reason
    service.activate()
    desk.receive(service.assignment, NOW)
    assert desk.releases["base"] == ()
    assert desk.highest_version == 7


def _tampered(token: str, **changes: Any) -> str:
    import base64

    head, body, signature = token.split(".")
    payload = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))) | changes
    forged = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=").decode()
    return f"{head}.{forged}.{signature}"


def test_what_nobody_trusted_has_signed_uses_no_number_up() -> None:
    service, thief = Service(), Service(seed=2)
    desk = _desk(service)
    forged = [
        thief.publish(9),
        _tampered(service.publish(7), version=9),
        service.sign(Typ.ORDER, service.payload(9)),
        "no token",
    ]
    for token in forged:
        service.slots["base"] = {
            "current": None,
            "pending": {"version": 9, "plan": token, "activation": None},
        }
        received = desk.receive(service.assignment, NOW)
        assert received.acknowledgements[0].result == "refused"
        assert not received.changed
    assert desk.highest_version == 0
    service.publish(7)
    assert desk.receive(service.assignment, NOW).acknowledgements == (Acknowledgement(7, "accepted"),)


def test_a_plan_of_another_junction_or_under_another_number_is_refused() -> None:
    service = Service()
    desk = _desk(service)
    for changes in ({"junction": "other"}, {"version": 8}, {"version": True}):
        service.publish(7, **changes)
        assert desk.receive(service.assignment, NOW).acknowledgements[0].result == "refused"
    assert desk.highest_version == 0


def test_replayed_versions_are_not_run_again() -> None:
    service = Service()
    desk = _desk(service)
    service.publish(6)
    service.activate()
    old = service.assignment
    desk.receive(old, NOW)
    service.publish(7)
    service.activate()
    desk.receive(service.assignment, NOW, shown=7)
    assert [r.version for r in desk.releases["base"]] == [7]
    received = desk.receive(old, NOW)
    assert [r.version for r in desk.releases["base"]] == [7]
    assert not received.changed
    lost = Desk(service.tables, highest_version=7)
    assert lost.receive(old, NOW).problems
    assert lost.releases["base"] == ()


def test_another_plan_under_a_number_that_was_there_is_refused_without_a_word_on_the_first() -> None:
    service = Service()
    desk = _desk(service)
    service.publish(7)
    desk.receive(service.assignment, NOW)
    service.publish(7, plans=[plan_values("v7", offset_s=3)])
    received = desk.receive(service.assignment, NOW)
    assert received.acknowledgements == ()
    assert "must be higher than 7" in received.problems[0]
    assert [r.version for r in desk.releases["base"]] == [7]


def test_the_older_version_is_kept_until_the_newer_one_is_shown() -> None:
    service = Service()
    desk = _desk(service)
    service.publish(6)
    service.activate()
    desk.receive(service.assignment, NOW)
    service.publish(7)
    service.activate(at=NOW + 20)
    desk.receive(service.assignment, NOW)
    assert [r.version for r in desk.releases["base"]] == [6, 7]
    for shown in (None, 6):
        desk.receive(service.assignment, NOW + 21, shown=shown)
        assert [r.version for r in desk.releases["base"]] == [6, 7]
    desk.receive(service.assignment, NOW + 21, shown=7)
    assert [r.version for r in desk.releases["base"]] == [7]


def test_pending_versions_and_events_that_are_taken_back_are_forgotten() -> None:
    service = Service()
    desk = _desk(service)
    service.publish(1)
    service.activate()
    service.publish(2, "event", valid_until=shown_instant(NOW + 900))
    service.activate("event")
    service.publish(3)
    desk.receive(service.assignment, NOW)
    assert {slot: [r.version for r in rows] for slot, rows in desk.releases.items()} == {
        "incident": [],
        "event": [2],
        "base": [1, 3],
    }
    del service.slots["event"]
    service.slots["base"]["pending"] = None
    assert desk.receive(service.assignment, NOW).changed
    assert [r.version for rows in desk.releases.values() for r in rows] == [1]
    service.slots.clear()
    desk.receive(service.assignment, NOW)
    assert [r.version for r in desk.releases["base"]] == [1]


def test_activations_must_be_for_the_accepted_version_and_newer_ones_may_end_it() -> None:
    service, thief = Service(), Service(seed=2)
    desk = _desk(service)
    service.publish(4, "event", valid_until=shown_instant(NOW + 900))
    row = service.slots["event"]["pending"]
    for token in (
        service.activation(5, "event", NOW, until=None, issued=NOW),
        service.activation(4, "base", NOW, until=None, issued=NOW),
        thief.activation(4, "event", NOW, until=None, issued=NOW),
        row["plan"],
    ):
        service.slots["event"]["pending"] = row | {"activation": token}
        assert desk.receive(service.assignment, NOW).problems
        assert desk.releases["event"][0].active_s is None
    service.activate("event")
    desk.receive(service.assignment, NOW)
    first = service.slots["event"]["current"]
    assert desk.releases["event"][0].until_s == NOW + 900
    service.activate("event", until=NOW + 60, issued=NOW + 1)
    desk.receive(service.assignment, NOW)
    assert desk.releases["event"][0].until_s == NOW + 60
    service.slots["event"]["current"] = first
    assert desk.receive(service.assignment, NOW).problems
    assert desk.releases["event"][0].until_s == NOW + 60


def test_orders_must_be_new_and_not_expired() -> None:
    service = Service()
    desk = _desk(service)
    service.order = first = service.order_token(5, "flash")
    assert not desk.receive(service.assignment, NOW).problems
    assert desk.order is not None
    assert (desk.order.mode, desk.order.expires_s) == (Mode.FLASH, NOW + 600)
    assert desk.order.issued_s == NOW
    refused = {
        service.order_token(5, "all_red"): "must be higher than 5",
        service.order_token(4, "none"): "must be higher than 5",
        service.order_token(6, "all_red", expires_at=shown_instant(NOW)): "must not have expired",
        service.order_token(6, "all_red", expires_at=shown_instant(NOW + 43201)): "must expire within 12 h",
        service.order_token(6, "all_red", junction="other"): "must be that of this controller",
        service.order_token(6, "green_wave"): "must be one of flash, all_red, slot, none",
        service.order_token(6, "slot"): "order, slot: must be one of",
        service.publish(7): "must be 'jasyl-order'",
    }
    for token, reason in refused.items():
        service.order = token
        assert reason in desk.receive(service.assignment, NOW).problems[0]
        assert desk.order.sequence == 5
    service.order = None
    desk.receive(service.assignment, NOW)
    assert desk.order.sequence == 5
    service.order = service.order_token(6, "none")
    desk.receive(service.assignment, NOW)
    assert desk.order.mode == Mode.NONE
    service.order = first
    assert desk.receive(service.assignment, NOW).problems
    assert desk.order.mode == Mode.NONE


def test_trust_follows_key_sets_that_are_signed_by_trusted_keys() -> None:
    service, later, thief = Service(), Service(seed=3), Service(seed=2)
    desk = _desk(service)
    service.publish(1)
    service.activate()
    service.keys = thief.keys_token([thief.signer])
    assert desk.receive(service.assignment, NOW).problems
    later.publish(2)
    service.slots["base"]["pending"] = later.slots["base"]["pending"]
    assert desk.receive(service.assignment, NOW).acknowledgements[0].result == "refused"
    service.keys = service.keys_token([service.signer, later.signer])
    assert desk.receive(service.assignment, NOW).acknowledgements[0].result == "accepted"
    service.keys = later.keys_token([later.signer], issued=NOW + 1)
    desk.receive(service.assignment, NOW)
    service.publish(3)
    assert desk.receive(service.assignment, NOW).acknowledgements[0].result == "refused"
    service.keys = service.keys_token([service.signer], issued=NOW + 2)
    assert desk.receive(service.assignment, NOW).problems
    # What was accepted under keys that are gone stays accepted, also after a restart.
    restored, problems = Desk.restored(service.tables, json.loads(json.dumps(desk.content())))
    assert not problems
    assert restored.content() == desk.content()
    assert [r.version for r in restored.releases["base"]] == [1]


def test_what_is_remembered_is_judged_anew() -> None:
    service = Service()
    desk = _desk(service)
    service.publish(1)
    service.activate()
    service.publish(2, "event")
    service.order = service.order_token(3, "all_red")
    desk.receive(service.assignment, NOW)
    content = json.loads(json.dumps(desk.content()))
    restored, problems = Desk.restored(service.tables, content)
    assert not problems
    assert restored.content() == content
    assert restored.order == desk.order
    for slot, rows in desk.releases.items():
        for one, other in zip(rows, restored.releases[slot], strict=True):
            told = [(r.version, r.slot, r.active_s, r.until_s) for r in (one, other)]
            assert told[0] == told[1]
    thief = Service(seed=2)
    for changes in (
        {"plans": [[thief.publish(9), None]]},
        {"plans": [[service.publish(9, plans=[UNSAFE]), None]]},
        {"plans": [[content["plans"][0][0], thief.publish(9)]], "verdicts": content["verdicts"]},
    ):
        restored, problems = Desk.restored(service.tables, content | changes)
        assert len(problems) == 1
        assert not any(restored.releases.values())
        assert restored.highest_version == 2
    restored, problems = Desk.restored(service.tables, content | {"keys": [thief.keys_token([thief.signer])]})
    assert len(problems) == 1
    assert restored.content() == content
    restored, problems = Desk.restored(service.tables, content | {"order": thief.order_token(9, "flash")})
    assert len(problems) == 1
    assert restored.order is None
    for changes in (
        {"plans": [[content["plans"][0][0]]]},
        {"highest_version": "9"},
        {"verdicts": [[1, 2, 3]]},
        {"verdicts": [[1, "hash"]]},
        {"resting": ["1"]},
        {"colour": 1},
    ):
        with pytest.raises(InputError):
            Desk.restored(service.tables, content | changes)


def test_new_tables_refuse_what_the_old_ones_accepted_and_numbers_go_on() -> None:
    service = Service()
    desk = _desk(service)
    service.publish(6)
    service.activate()
    old = service.assignment
    desk.receive(old, NOW)
    content = json.loads(json.dumps(desk.content()))
    longer = [[row * 2 for row in rows] for rows in service.tables.intergreen_s]
    tables = Tables.from_dict(service.tables.to_dict() | {"intergreen_s": longer, "digest": "new"})
    restored, problems = Desk.restored(tables, content)
    assert "tables: must be 'new'" in problems[0]
    assert restored.releases["base"] == ()
    service.slots["base"]["pending"], service.slots["base"]["current"] = (
        service.slots["base"]["current"],
        None,
    )
    assert restored.receive(service.assignment, NOW).acknowledgements[0].result == "refused"
    assert restored.highest_version == 6


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"junction": "other", "slots": {}, "order": None, "keys": None},
        {"junction": "centre", "slots": [], "order": None, "keys": None},
        {"junction": "centre", "slots": {"night": {}}, "order": None, "keys": None},
        {"junction": "centre", "slots": {"base": {"current": 1, "pending": 2}}, "order": None, "keys": None},
    ],
)
def test_what_is_no_assignment_is_refused_whole(document: object) -> None:
    with pytest.raises(InputError):
        _desk(Service()).receive(document, NOW)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    place=st.sampled_from(["slots", "order", "keys", "junction", "plan", "activation", "version"]),
    value=_JSON,
)
def test_garbage_anywhere_changes_nothing(place: str, value: object) -> None:
    service = Service()
    desk = _desk(service)
    service.publish(1)
    service.activate()
    desk.receive(service.assignment, NOW)
    before = desk.content()
    document = service.assignment
    if place in document:
        document[place] = value
    else:
        document["slots"]["base"]["current"] = document["slots"]["base"]["current"] | {place: value}
    if document == service.assignment:
        return
    with contextlib.suppress(InputError):
        desk.receive(document, NOW)
    assert desk.content() == before


def test_unsafe_plans_that_are_well_signed_end_at_the_gate() -> None:
    """The last gate alone: the service has signed whatever it was given."""
    signer, safe, judged = Signer.of_seed(bytes([1]) * 32), 0, 0
    for junction, mutant in mutated_plans(77, 400):
        tables = tables_of(junction, keys=[signer.public])
        document = plan_document(junction, *mutant)
        payload = Service().payload(1, junction=junction.key, tables=junction.digest) | {
            "plans": [document],
            "day_types": day_types(("00:00", "a")),
        }
        row = {"version": 1, "plan": _signed(signer, payload), "activation": None}
        slots = {"base": {"current": None, "pending": row}}
        assignment = {"junction": junction.key, "sequence": 1, "slots": slots, "order": None, "keys": None}
        if row["plan"] is None:
            continue
        (told,) = Desk(tables).receive(assignment, NOW).acknowledgements
        assert (told.result == "refused") == bool(_refusal(document, junction)), (told, document)
        safe, judged = safe + (told.result == "accepted"), judged + 1
    assert judged > 350
    assert judged / 10 < safe < judged * 0.9


def _signed(signer: Signer, payload: dict[str, Any]) -> str | None:
    try:
        return signer.sign(Typ.PLAN, payload)
    except ValueError:  # NaN has no JSON
        return None


def _refusal(document: dict[str, Any], junction: Junction) -> str:
    try:
        plan_from_dict(document, {junction.key: junction})
    except InputError as error:
        return str(error)
    return ""


def test_a_controller_without_keys_cannot_be_served() -> None:
    with pytest.raises(InputError, match="JWK set"):
        Desk(Service().tables.from_dict(Service().tables.to_dict() | {"keys": []}))


def test_signers_are_told_by_their_keys() -> None:
    assert Signer.of_seed(bytes(32)).public != Service().signer.public
