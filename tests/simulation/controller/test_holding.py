"""What a controller holds: one answer that is behind, or a clock that is wrong for a moment, takes nothing away for good."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.signing import Signer
from simulation.controller.assignment import Desk
from simulation.controller.holding import MOST_UNNAMED
from simulation.controller.reading import shown_instant
from simulation.controller.verdicts import Acknowledgement
from tests.simulation.controller.signing_desk import NOW, Service, controller_tables

DAY_S = 86_400.0


def _restarted(desk: Desk) -> Desk:
    restored, problems = Desk.restored(desk.tables, json.loads(json.dumps(desk.content())))
    assert not problems
    assert restored.content() == desk.content()
    return restored


def _valid(desk: Desk, now_s: float, slot: str = "base") -> list[int]:
    return [release.version for release in desk.releases[slot] if release.valid(now_s)]


def runs(desk: Desk, now_s: float) -> int | None:
    """Return the base version that a controller runs: the newest that has begun, where that is valid."""
    begun = [r for r in desk.releases["base"] if r.active_s is not None and r.active_s <= now_s]
    newest = max(begun, key=lambda release: release.version, default=None)
    return newest.version if newest is not None and newest.valid(now_s) else None


def test_a_pending_version_outlasts_one_answer_that_does_not_name_it() -> None:
    service = Service()
    desk = Desk(service.tables)
    behind = service.assignment
    service.publish(7)
    assert desk.receive(service.assignment, NOW).acknowledgements == (Acknowledgement(7, "accepted"),)
    assert desk.receive(behind, NOW).changed
    assert desk.releases["base"] == ()
    desk = _restarted(desk)
    assert desk.releases["base"] == ()
    assert desk.receive(service.assignment, NOW).acknowledgements == (Acknowledgement(7, "accepted"),)
    service.activate(at=NOW + 5)
    assert not desk.receive(service.assignment, NOW).problems
    assert _valid(desk, NOW + 5) == [7]


def test_an_activation_that_comes_right_after_an_answer_that_is_behind_counts() -> None:
    service = Service()
    desk = Desk(service.tables)
    behind = service.assignment
    service.publish(7)
    desk.receive(service.assignment, NOW)
    desk.receive(behind, NOW)
    service.activate(at=NOW + 5)
    assert not desk.receive(service.assignment, NOW).problems
    assert _valid(desk, NOW + 5) == [7]


def test_an_incident_rests_while_it_is_not_named_and_goes_on() -> None:
    service = Service()
    desk = Desk(service.tables)
    behind = service.assignment
    service.publish(7, "incident", valid_until=shown_instant(NOW + 900))
    service.activate("incident")
    desk.receive(service.assignment, NOW)
    desk.receive(behind, NOW)
    assert _valid(desk, NOW, "incident") == []
    desk = _restarted(desk)
    assert _valid(desk, NOW, "incident") == []
    desk.receive(service.assignment, NOW)
    assert _valid(desk, NOW, "incident") == [7]


def test_an_event_that_was_ended_stays_ended_whatever_is_replayed() -> None:
    service = Service()
    desk = Desk(service.tables)
    service.publish(7, "event", valid_until=shown_instant(NOW + 9000))
    service.activate("event")
    old = service.assignment
    desk.receive(old, NOW)
    service.activate("event", until=NOW + 60, issued=NOW + 30)
    desk.receive(service.assignment, NOW + 30)
    service.slots.clear()
    desk.receive(service.assignment, NOW + 61)
    for told in (desk, _restarted(desk)):
        received = told.receive(old, NOW + 62)
        assert "must be issued after the one before" in received.problems[0]
        assert _valid(told, NOW + 62, "event") == []


def test_versions_that_are_not_named_are_few_and_those_given_up_are_refused_when_they_come_back() -> None:
    service = Service()
    desk = Desk(service.tables)
    service.publish(1)
    service.activate()
    desk.receive(service.assignment, NOW)
    first = service.publish(2)
    for version in range(3, 30):
        desk.receive(service.assignment, NOW)
        service.publish(version)
    desk.receive(service.assignment, NOW)
    assert [r.version for r in desk.releases["base"]] == [1, 29]
    assert len(desk.content()["plans"]) == 2 + MOST_UNNAMED
    assert _valid(desk, NOW) == [1]
    service.slots["base"]["pending"] = {"version": 2, "plan": first, "activation": None}
    (told,) = desk.receive(service.assignment, NOW).acknowledgements
    assert (told.version, told.result) == (2, "refused")
    assert "had to make room" in told.reason


def test_what_is_in_force_is_not_given_up_however_many_are_activated_for_later() -> None:
    service = Service()
    desk = Desk(service.tables)
    for version in range(1, 20):
        service.publish(version)
        desk.receive(service.assignment, NOW)
        service.activate(at=NOW + (version - 1) * DAY_S)
        desk.receive(service.assignment, NOW, shown=1)
    assert _valid(desk, NOW) == [1]
    assert _valid(desk, NOW + 30 * DAY_S) == [1, 19]
    assert len(desk.content()["plans"]) == 2 + MOST_UNNAMED


def test_a_version_that_was_replaced_before_it_began_does_not_begin() -> None:
    service = Service()
    desk = Desk(service.tables)
    for version, at in ((6, NOW), (7, NOW + DAY_S), (8, NOW + 7 * DAY_S)):
        service.publish(version)
        desk.receive(service.assignment, NOW)
        service.activate(at=at)
        desk.receive(service.assignment, NOW, shown=6)
    assert _valid(desk, NOW + 2 * DAY_S) == [6]


def test_a_clock_that_is_a_day_ahead_for_one_poll_takes_nothing_away() -> None:
    service = Service()
    desk = Desk(service.tables)
    service.publish(6)
    service.activate()
    desk.receive(service.assignment, NOW, shown=None)
    service.publish(7)
    desk.receive(service.assignment, NOW, shown=6)
    service.activate(at=NOW + DAY_S)
    desk.receive(service.assignment, NOW, shown=6)
    assert _valid(desk, NOW) == [6]
    desk.receive(service.assignment, NOW + DAY_S + 3600, shown=6)
    assert _valid(desk, NOW + 1) == [6]
    assert _valid(_restarted(desk), NOW + 1) == [6]


def test_a_controller_without_memory_runs_what_is_in_force_until_its_successor_begins() -> None:
    service = Service()
    service.publish(6)
    service.activate()
    previous = service.slots["base"]["current"]
    service.publish(7)
    service.activate(at=NOW + DAY_S)
    document = service.assignment
    document["slots"]["base"]["previous"] = previous
    desk = Desk(service.tables)
    received = desk.receive(document, NOW)
    assert received.acknowledgements == ()
    assert not received.problems
    assert _valid(desk, NOW) == [6]
    # It is named, so that it stays, though a clock that is ahead shows the other one already.
    desk.receive(document, NOW + DAY_S + 1, shown=7)
    assert _valid(desk, NOW + 1) == [6]
    desk.receive(service.assignment, NOW + DAY_S + 2, shown=7)
    assert _valid(desk, NOW + DAY_S + 2) == [7]
    assert desk.receive(document, NOW + DAY_S + 3, shown=7).acknowledgements == ()
    assert _valid(desk, NOW + DAY_S + 3) == [7]


@pytest.mark.parametrize("heard", ["pending", "activated", "nothing"])
@pytest.mark.parametrize("place", ["current", "previous"])
def test_a_base_version_ends_with_its_successor_that_began_and_ended_unheard(place: str, heard: str) -> None:
    service = Service()
    desk = Desk(service.tables)
    for version, at in ((6, NOW), (7, NOW + DAY_S)):  # the second one is left out, and never begins
        service.publish(version)
        desk.receive(service.assignment, NOW)
        service.activate(at=at)
        desk.receive(service.assignment, NOW, shown=6)
    service.publish(8, valid_until=shown_instant(NOW + 3600))
    if heard == "pending":
        desk.receive(service.assignment, NOW)
    service.activate(at=NOW + 60)
    if heard == "activated":
        desk.receive(service.assignment, NOW)
    over = service.slots["base"]["current"]
    service.slots["base"] = {"current": None, "pending": None} | {place: over}
    for hours in (2, 25, 300):
        received = desk.receive(service.assignment, NOW + hours * 3600, shown=6)
        assert (received.acknowledgements, received.problems) == ((), ())
        assert runs(desk, NOW + hours * 3600) is None
        desk = _restarted(desk)
    assert runs(desk, NOW + DAY_S) is None
    service.publish(9)
    desk.receive(service.assignment, NOW + 301 * 3600)
    service.activate(at=NOW + 302 * 3600)
    desk.receive(service.assignment, NOW + 301 * 3600)
    assert runs(desk, NOW + 301 * 3600) is None
    assert runs(desk, NOW + 302 * 3600) == 9


@pytest.mark.parametrize("heard", [True, False])
def test_a_version_that_was_ended_before_it_begins_takes_the_place_of_those_before_it(*, heard: bool) -> None:
    service = Service()
    desk = Desk(service.tables)
    service.publish(6)
    service.activate()
    desk.receive(service.assignment, NOW)
    service.publish(7, activate_from=shown_instant(NOW + DAY_S))
    service.activate(at=NOW + DAY_S)
    if heard:
        desk.receive(service.assignment, NOW)
    service.activate(at=NOW + DAY_S, until=NOW + 3600, issued=NOW + 60)
    over = service.slots["base"]["current"]
    desk.receive(service.assignment, NOW + 60)
    assert runs(desk, NOW + 3599) == 6
    service.slots["base"] = {"current": None, "pending": None, "previous": over}
    for hours in (1, 24, 300):
        assert not desk.receive(service.assignment, NOW + hours * 3600, shown=6).problems
        desk = _restarted(desk)
        assert runs(desk, NOW + hours * 3600) is None


def test_what_waits_and_has_ended_is_refused() -> None:
    service = Service()
    service.publish(7, valid_until=shown_instant(NOW + 60))
    (told,) = Desk(service.tables).receive(service.assignment, NOW + 60).acknowledgements
    assert (told.version, told.result) == (7, "refused")
    assert "has ended" in told.reason


def test_the_service_is_told_of_a_current_version_that_is_refused() -> None:
    service = Service()
    service.publish(7)
    service.activate()
    desk = Desk(service.tables)
    assert desk.receive(service.assignment, NOW).acknowledgements == ()
    tables = controller_tables(service.signer, digest="new tables")
    desk, problems = Desk.restored(tables, desk.content())
    assert problems
    (told,) = desk.receive(service.assignment, NOW).acknowledgements
    assert (told.version, told.result) == (7, "refused")
    assert "tables: must be 'new tables'" in told.reason


def _rotated(service: Service, *seeds: int) -> list[str]:
    """Let other keys sign, one after the other, each announced by the one before."""
    tokens = []
    for turn, seed in enumerate(seeds, 1):
        new = Signer.of_seed(bytes([seed]) * 32)
        tokens.append(service.keys_token([new, service.signer], issued=NOW + turn))
        service.signer = new
    service.keys = tokens[-1]
    return tokens


def _with(service: Service, announcements: list[Any]) -> dict[str, Any]:
    return service.assignment | {"announcements": announcements}


def test_rotations_that_were_missed_are_made_up_for() -> None:
    service = Service()
    desk = Desk(service.tables)
    tokens = _rotated(service, 2, 3, 4)
    service.publish(7)
    assert desk.receive(service.assignment, NOW + 9).acknowledgements[0].result == "refused"
    received = desk.receive(_with(service, tokens), NOW + 9)
    assert received == type(received)((Acknowledgement(7, "accepted"),), (), changed=True)
    again = _restarted(desk).receive(_with(service, tokens), NOW + 9)
    assert not again.changed
    assert not again.problems


def test_a_controller_of_between_two_rotations_passes_over_what_was_before_it() -> None:
    service = Service()
    first = _rotated(service, 2)
    desk = Desk(service.tables)  # commissioned with the second key
    tokens = first + _rotated(service, 3)
    tokens[1] = service.keys = Service(2).keys_token(
        [service.signer, Signer.of_seed(bytes([2]) * 32)], issued=NOW + 2
    )
    service.publish(7)
    received = desk.receive(_with(service, tokens), NOW + 9)
    assert received.acknowledgements == (Acknowledgement(7, "accepted"),)
    assert not received.problems


def test_tables_with_the_newest_key_alone_keep_the_numbers_of_before() -> None:
    service = Service()
    desk = Desk(service.tables)
    _rotated(service, 2)
    service.publish(7)
    desk.receive(service.assignment, NOW + 9)
    renewed, problems = Desk.restored(controller_tables(service.signer), desk.content())
    assert len(problems) == 1
    assert (renewed.highest_version, [r.version for r in renewed.releases["base"]]) == (7, [7])


def test_announcements_out_of_order_or_of_a_thief_change_nothing_but_what_the_newest_may() -> None:
    service, thief = Service(), Service(seed=9)
    desk = Desk(service.tables)
    tokens = _rotated(service, 2, 3)
    forged = thief.keys_token([thief.signer], issued=NOW + 5)
    document = _with(service, tokens[::-1]) | {"keys": forged}
    assert "must name a trusted key" in desk.receive(document, NOW + 9).problems[0]
    assert desk.content()["keys"] == [tokens[0]]
    assert not desk.receive(_with(service, [forged, *tokens]), NOW + 9).problems
    assert desk.content()["keys"] == tokens


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["publish", "activate", "keep", "behind", "restart", "poll"]),
        st.sampled_from([0.0, 60.0, DAY_S]),
    ),
    max_size=30,
)


@given(steps=_STEPS)
def test_what_is_accepted_and_named_is_held_and_what_is_in_force_stays(
    steps: list[tuple[str, float]],
) -> None:
    """Whatever the service and replicas that are behind have said: a named version that is accepted can be run."""
    service = Service()
    desk = Desk(service.tables)
    version, seen = 1, [service.assignment]
    service.publish(version)
    service.activate()
    for step, ahead_s in steps:
        row = service.slots["base"]
        if step == "publish":
            version += 1
            service.publish(version)
        elif step == "activate" and row["pending"] is not None:
            if desk.receive(service.assignment, NOW).acknowledgements[0].result == "accepted":
                service.activate(at=NOW + ahead_s)
        elif step == "keep":
            row["pending"] = None
        elif step == "behind":
            desk.receive(seen[int(ahead_s) % len(seen)], NOW + ahead_s)
        elif step == "restart":
            desk = _restarted(desk)
        seen.append(service.assignment)
        told = {a.version: a.result for a in desk.receive(service.assignment, NOW + ahead_s).acknowledgements}
        held = {release.version for release in desk.releases["base"]}
        for place in ("current", "pending"):
            named = service.slots["base"][place]
            if named is not None:
                assert named["version"] in held or told.get(named["version"]) == "refused"
        assert service.slots["base"]["current"]["version"] in held
        assert len(desk.content()["plans"]) <= 3 + MOST_UNNAMED
