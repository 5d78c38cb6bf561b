"""Sites that invent alarms, or say more than is kept: each costs itself, and the ledger does not grow by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from api.centre.damping import MOST_CLEARED
from api.rsmp.errors import NotTakenError
from api.rsmp_bridge.sites import MOST_STRANGE
from api.store.reports import Reports
from signals.rsmp.alarms import AlarmState
from signals.rsmp.messages import StatusUpdate, StatusValue
from signals.rsmp.sxl import check
from tests.api.rsmp.bridging import Bridged, bridging, capabilities, until
from tests.api.rsmp.world import new_id

if TYPE_CHECKING:
    from pathlib import Path

    from signals.rsmp.capability import Capability

_LONGEST = 200


async def _connected(made: Bridged, one: Capability) -> None:
    site = made.bridge.sites.by_junction[one.junction]
    await until(lambda: site.connected_at is not None and site.values)


def _alarm(made: Bridged, component: str, *, active: bool = True, **changes: Any) -> AlarmState:
    values = {
        "code": "A0001",
        "event": "Issue",
        "acknowledged": False,
        "suspended": False,
        "category": "D",
        "priority": 2,
        **changes,
    }
    return AlarmState(id=new_id(), component=component, active=active, at=made.service.clock.at, **values)


async def _faults(made: Bridged, one: Capability) -> list[tuple[str, bool]]:
    """What the reports hold of alarms: components, and whether the alarm was active."""
    page = await made.service.context.part(Reports).read(junction=one.junction, limit=1000)
    return [(row.data["component"], row.data["active"]) for row in page.reports if row.kind == "fault"]


def test_invented_components_do_not_fill_the_ledger(tmp_path: Path) -> None:
    (one,) = found = capabilities(1)
    others = f"rsmp:{one.junction}:alarms"

    async def test(made: Bridged) -> None:
        await _connected(made, one)
        witness, alarms = made.bridge.witness, lambda: made.service.centre.plans.alarms
        names = [f"{number:_>{_LONGEST}}" for number in range(MOST_STRANGE + 50)]
        for name in names:
            await witness.alarm(one.site, _alarm(made, name))
        assert len(alarms()) == MOST_STRANGE + 1
        assert f"more than {MOST_STRANGE} alarms" in alarms()[others].text
        entries = made.service.centre.ledger.seq
        for name in names[MOST_STRANGE:]:
            await witness.alarm(one.site, _alarm(made, name, active=False))
            await witness.alarm(one.site, _alarm(made, name))
        assert made.service.centre.ledger.seq == entries
        await witness.alarm(one.site, _alarm(made, one.component))  # what is known is told apart all the same
        assert f"rsmp:{one.junction}:alarm:{one.component}:A0001" in alarms()
        path = quote(f"rsmp:{one.junction}:alarm:{names[0]}:A0001", safe="")
        why = {"why": "seen"}
        await made.service.done("POST", f"/alarms/{path}/acknowledge", why, who="engineer", status=204)
        await made.disconnect(one.junction)
        made.connect(one)
        await _connected(made, one)
        assert others in alarms()

    bridging(tmp_path, found, test)


def test_detectors_that_fail_over_the_years_have_alarms_of_their_own(tmp_path: Path) -> None:
    (one,) = found = capabilities(1)

    async def test(made: Bridged) -> None:
        await _connected(made, one)
        witness, alarms = made.bridge.witness, lambda: made.service.centre.plans.alarms
        names = [f"DL{number}" for number in range(MOST_STRANGE + 20)]
        for name in names:
            await witness.alarm(one.site, _alarm(made, name))
            assert set(alarms()) == {f"rsmp:{one.junction}:alarm:{name}:A0001"}
            await witness.alarm(one.site, _alarm(made, name, active=False))
            assert not alarms()
            made.service.clock.wait(hours=9)
        assert await _faults(made, one) == [(name, active) for name in names for active in (True, False)]

    bridging(tmp_path, found, test)


def test_what_is_not_told_apart_is_reported_to_its_end(tmp_path: Path) -> None:
    (one,) = found = capabilities(1)
    others = f"rsmp:{one.junction}:alarms"

    async def test(made: Bridged) -> None:
        await _connected(made, one)
        witness, alarms = made.bridge.witness, lambda: made.service.centre.plans.alarms
        names = [f"DL{number}" for number in range(MOST_STRANGE + 2)]
        for name in names:
            await witness.alarm(one.site, _alarm(made, name))
        for name in names[MOST_STRANGE:]:
            assert others in alarms()
            await witness.alarm(one.site, _alarm(made, name, active=False))
            await witness.alarm(
                one.site, _alarm(made, name, active=False)
            )  # told of again, as when it connects
        assert others not in alarms()
        ended = [name for name, active in await _faults(made, one) if not active]
        assert ended == names[MOST_STRANGE:]
        await witness.alarm(one.site, _alarm(made, names[0], active=False))
        await witness.alarm(one.site, _alarm(made, names[-1]))  # there is room now
        assert f"rsmp:{one.junction}:alarm:{names[-1]}:A0001" in alarms()
        assert others not in alarms()

    bridging(tmp_path, found, test)


def test_invented_alarms_that_end_at_once_do_not_fill_the_ledger_either(tmp_path: Path) -> None:
    (one,) = found = capabilities(1)

    async def test(made: Bridged) -> None:
        await _connected(made, one)
        entries = made.service.centre.ledger.seq
        for number in range(2 * MOST_STRANGE):
            for active in (True, False):
                await made.bridge.witness.alarm(one.site, _alarm(made, f"{number}", active=active))
        # Room is made by what is cleared, so the others are raised once and stand.
        assert made.service.centre.ledger.seq - entries == MOST_STRANGE + 2 * MOST_CLEARED + 1

    bridging(tmp_path, found, test)


def test_more_than_can_be_kept_in_mind_are_reported_to_their_end_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.rsmp_bridge.sites.MOST_STRANGE", 1)
    monkeypatch.setattr("api.rsmp_bridge.sites.MOST_UNTOLD", 2)
    (one,) = found = capabilities(1)

    async def test(made: Bridged) -> None:
        await _connected(made, one)
        names = [f"DL{number}" for number in range(4)]
        for active in (True, False):
            for name in names:
                await made.bridge.witness.alarm(one.site, _alarm(made, name, active=active))
        assert await _faults(made, one) == [(name, active) for active in (True, False) for name in names]
        assert set(made.service.centre.plans.alarms) == {f"rsmp:{one.junction}:alarms"}

    bridging(tmp_path, found, test)


def test_what_has_ended_while_a_site_was_away_is_reported(tmp_path: Path) -> None:
    (one,) = found = capabilities(1)

    async def test(made: Bridged) -> None:
        await _connected(made, one)
        await made.bridge.witness.alarm(one.site, _alarm(made, "DL1"))
        await made.disconnect(one.junction)
        made.connect(one)
        await _connected(made, one)
        await made.bridge.witness.alarm(one.site, _alarm(made, "DL1", active=False))
        assert await _faults(made, one) == [("DL1", True), ("DL1", False)]

    bridging(tmp_path, found, test)


@pytest.mark.parametrize("component", ["x" * (_LONGEST + 1), "two\nlines"])
def test_a_component_that_no_alarm_can_be_called_by_is_refused(tmp_path: Path, component: str) -> None:
    (one,) = found = capabilities(1)

    async def test(made: Bridged) -> None:
        await _connected(made, one)
        entries = made.service.centre.ledger.seq
        with pytest.raises(NotTakenError, match="a line of up to 200"):
            await made.bridge.witness.alarm(one.site, _alarm(made, component))
        assert made.service.centre.ledger.seq == entries

    bridging(tmp_path, found, test)


def test_what_is_too_long_to_be_kept_is_refused_and_forgotten(tmp_path: Path) -> None:
    (one,) = found = capabilities(1)

    async def test(made: Bridged) -> None:
        await _connected(made, one)
        site, witness = made.bridge.sites.by_junction[one.junction], made.bridge.witness
        long = _alarm(made, one.component, code="A0302", values=(("detector", "x" * 70_000),))
        check(long, one.sxl)
        with pytest.raises(NotTakenError, match="65536 bytes"):
            await witness.alarm(one.site, long)
        assert not site.alarms
        assert not made.service.centre.plans.alarms
        before = dict(site.values)

        def update(value: str) -> StatusUpdate:
            rows = (StatusValue("S0007", "intersection", value, "recent"),)
            return StatusUpdate(id=new_id(), component=one.component, at=made.service.clock.at, values=rows)

        with pytest.raises(NotTakenError, match="65536 bytes"):
            await witness.status(one.site, update("1" * 70_000))
        assert site.values == before
        await witness.status(one.site, update("1"))
        assert site.values["S0007", "intersection"] == "1"

    bridging(tmp_path, found, test)


def test_a_site_that_says_more_than_it_may_waits(tmp_path: Path) -> None:
    (one,) = found = capabilities(1)

    async def test(made: Bridged) -> None:
        reports, waits, asked = made.service.context.part(Reports), [0.02, 0.01, 0.0], []

        def wait_s(junction: str, size: int) -> float:
            asked.append((junction, size > 100, stored))
            return waits.pop(0)

        witness = made.bridge.witness
        witness._wait_s = wait_s
        stored = await reports.accepted_until(one.junction)
        await witness.alarm(one.site, _alarm(made, one.component))
        assert asked == [(one.junction, True, stored)] * 3
        assert await reports.accepted_until(one.junction) == stored + 1

    bridging(tmp_path, found, test, connect=False)


def test_sites_have_the_budget_of_the_settings(tmp_path: Path) -> None:
    (one,) = found = capabilities(1)

    async def test(made: Bridged) -> None:
        least = made.service.context.settings.report_bytes_per_minute
        wait_s = made.bridge.witness._wait_s
        assert wait_s("elsewhere", least) == 0.0
        assert 0.0 < wait_s("elsewhere", 1) < 1.0
        assert wait_s(one.junction, 1) == 0.0

    bridging(tmp_path, found, test, connect=False)
