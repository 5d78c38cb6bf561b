"""Sites that invent alarms, or say more than is kept: each costs itself, and the ledger does not grow by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

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
        assert f"more than {MOST_STRANGE} components" in alarms()[others].text
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
