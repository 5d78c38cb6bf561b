"""Controllers that are silent, report faults, or whose clocks are wrong: seen by operators for as long as it lasts."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from api.centre.damping import MOST_CLEARED
from api.centre.lookout import Lookout
from api.centre.presence import Presence
from api.centre.security import issue, register_controller
from api.store.errors import StoreUnavailable
from api.store.ledger import Ledger
from signals.lifecycle.watch import Finding
from tests.api.service.centres import Service, service, serving
from tests.api.service.test_plan_sets import keys

if TYPE_CHECKING:
    from pathlib import Path

KEY = keys()[0]


async def alarms(service: Service) -> dict[str, str]:
    found = await service.done("GET", "/alarms", who="viewer")
    return {alarm["id"]: alarm["text"] for alarm in found["alarms"]}


async def tell(service: Service, number: int, at: str, fault: str | None, sent: str | None = None) -> Any:
    status = {"number": number, "kind": "status", "at": at, "data": {"fault": fault}}
    body = {"reports": [status]} if sent is None else {"reports": [status], "at": sent}
    return await service.done("POST", f"/controllers/{KEY}/reports", body, who=KEY)


def test_a_fault_is_an_alarm_until_it_is_gone(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(KEY)
        accepted = await tell(service, 1, "2026-11-27T07:00:00Z", "conflict monitor: N and E")
        assert accepted == {"accepted_until": 1, "new": 1, "missing": 0}
        fault = f"status:{KEY}:fault"
        assert await alarms(service) == {fault: f"{KEY} reports a fault: conflict monitor: N and E"}
        await service.done(
            "POST", f"/alarms/{fault}/acknowledge", {"why": "seen"}, who="engineer", status=204
        )
        assert list(await alarms(service)) == [fault]
        await tell(service, 2, "2026-11-27T07:00:01Z", None)
        assert list(await alarms(service)) == [fault]  # it may come back
        service.clock.wait(seconds=60)
        await service.context.part(Lookout).step()
        assert await alarms(service) == {}
        await tell(service, 1, "2026-11-27T07:00:00Z", "conflict monitor: N and E")  # sent twice: old news
        assert await alarms(service) == {}
        page = await service.done("GET", f"/reports?junction={KEY}", who="viewer")
        assert [row["number"] for row in page["reports"]] == [1, 2]
        assert (await service.done("GET", f"/reports?after={page['next']}", who="viewer"))["reports"] == []
        (latest,) = (await service.done("GET", "/reports/latest", who="viewer"))["statuses"]
        assert (latest["junction"], latest["number"], latest["data"]) == (KEY, 2, {"fault": None})

    serving(tmp_path, test)


async def entries(service: Service) -> int:
    return sum(entry.kind.startswith("alarm.") for entry in service.centre.ledger._in_memory(1))


def test_a_controller_that_does_not_settle_makes_few_entries(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(KEY)
        lookout = service.context.part(Lookout)
        for _ in range(60):  # a fault that is there every other second, for two minutes
            for fault in ("conflict", None):
                await lookout.status(KEY, fault, service.clock(), service.clock())
                service.clock.wait(seconds=1)
        assert await entries(service) == 1
        for _ in range(40):  # one that is there every other 61 s, for more than an hour
            service.clock.wait(seconds=61)
            await lookout.step()
            await lookout.status(KEY, "conflict", service.clock(), service.clock())
            await lookout.status(KEY, None, service.clock(), service.clock())
        assert await entries(service) == 1 + 2 * MOST_CLEARED
        service.clock.wait(hours=1)
        await lookout.status(KEY, None, service.clock(), service.clock())
        assert await alarms(service) == {}

    serving(tmp_path, test, silent_after_s=86_400)


def test_a_clock_at_the_limit_is_one_alarm(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(KEY)
        lookout = service.context.part(Lookout)
        for minute in range(60):
            ahead = timedelta(seconds=2.001 if minute % 2 else 1.999)
            await lookout.status(KEY, None, service.clock() + ahead, service.clock())
            service.clock.wait(minutes=1)
        assert await entries(service) == 1
        for left in (1, 0):
            await lookout.status(KEY, None, service.clock() + timedelta(seconds=1), service.clock())
            assert len(await alarms(service)) == left
            service.clock.wait(minutes=1)

    serving(tmp_path, test, silent_after_s=86_400)


def test_alarms_on_a_controller_end_with_it(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(KEY)
        await tell(service, 1, "2026-11-27T07:10:00Z", "conflict monitor: N and E")
        assert len(await alarms(service)) == 2
        await service.done("POST", f"/controllers/{KEY}/revoke", {"why": "replaced"}, who="admin", status=204)
        await service.context.part(Lookout).step()
        assert await alarms(service) == {}

    serving(tmp_path, test)


def test_alarms_on_junctions_that_the_city_has_no_more_end(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        found = {"status:gone:fault": Finding("controller_fault", "gone reports a fault", "gone")}
        lookout = service.context.part(Lookout)
        await lookout.tell("status:gone:", found)
        await service.centre.ledger.commit(
            lambda state, _at: register_controller(state.access, "gone", issue(secrets.token_bytes)),
            who="admin",
            why="of another city",
        )
        service.clock.wait(hours=1)
        await lookout.step()
        assert await alarms(service) == {}

    serving(tmp_path, test)


def test_a_fault_is_an_alarm_also_where_the_service_ends_in_the_middle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"number": number, "kind": "fault", "at": "2026-11-27T07:00:00Z", "data": {"text": f"fault {number}"}}
        for number in (1, 2, 3)
    ]

    async def again(service: Service, count: int, part: type, name: str) -> None:
        """Have a call fail as where the service is killed before it, and send the same reports again."""
        path, body = f"/controllers/{KEY}/reports", {"reports": rows[:count]}

        async def fails(*_values: object, **_named: object) -> None:
            raise StoreUnavailable("killed")

        with monkeypatch.context() as patch:
            patch.setattr(part, name, fails)
            assert (await service.ask("POST", path, body, who=KEY)).status_code == 503
        accepted = await service.done("POST", path, body, who=KEY)
        assert accepted["accepted_until"] == count

    async def test(service: Service) -> None:
        await service.register(KEY)
        alarm = f"reported:{KEY}:fault"
        for count, (part, name) in enumerate(((Lookout, "fault"), (Lookout, "tell"), (Ledger, "commit")), 1):
            await again(service, count, part, name)
            (text,) = (await alarms(service)).values()
            assert text.endswith(f"fault {count}")  # those before it are known
            await service.done(
                "POST", f"/alarms/{alarm}/acknowledge", {"why": "seen"}, who="engineer", status=204
            )
            assert await alarms(service) == {}

    serving(tmp_path, test)


def test_a_fault_that_is_reported_is_an_alarm_that_names_junction_and_text(tmp_path: Path) -> None:
    async def report(service: Service, number: int, text: str) -> None:
        row = {"number": number, "kind": "fault", "at": "2026-11-27T06:59:58Z", "data": {"text": text}}
        await service.done("POST", f"/controllers/{KEY}/reports", {"reports": [row]}, who=KEY)

    async def test(service: Service) -> None:
        await service.register(KEY)
        alarm = f"reported:{KEY}:fault"
        told = f"{KEY} reported a fault at 2026-11-27T06:59:58.000Z: lamp 3 of N is dark"
        await report(service, 1, "lamp 3 of N\nis dark")
        assert await alarms(service) == {alarm: told}
        entries = service.centre.ledger.seq
        await report(service, 1, "lamp 3 of N\nis dark")  # sent twice
        await report(service, 2, "lamp 3 of N\nis dark")
        await tell(service, 3, "2026-11-27T07:00:00Z", None)
        assert service.centre.ledger.seq == entries
        assert list(await alarms(service)) == [alarm]
        service.clock.wait(minutes=5)
        await tell(service, 4, "2026-11-27T07:05:00Z", None)
        service.clock.wait(minutes=2)
        await tell(service, 5, "2026-11-27T07:07:00Z", None)
        assert await alarms(service) == {}
        await report(service, 6, "again")
        await service.done(
            "POST", f"/alarms/{alarm}/acknowledge", {"why": "seen"}, who="engineer", status=204
        )
        assert await alarms(service) == {}

    serving(tmp_path, test)


def test_a_clock_that_is_wrong_by_hours_is_an_alarm(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(KEY)
        await tell(service, 1, "2026-11-27T12:00:00+00:00", None)
        (text,) = (await alarms(service)).values()
        assert text == f"The clock of {KEY} is 18000 s ahead: its offset does not hold"

    serving(tmp_path, test)


def test_a_status_that_has_waited_says_nothing_of_the_clock(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(KEY)
        await tell(service, 1, "2026-11-27T06:50:00Z", None)
        await tell(service, 2, "2026-11-27T06:51:00Z", None, sent="2026-11-27T07:00:00Z")
        assert await alarms(service) == {}
        await tell(service, 3, "2026-11-27T06:59:00Z", None, sent="2026-11-27T06:59:01Z")
        assert await alarms(service) == {}  # on its way for 59 s, or a clock that is behind
        await tell(service, 4, "2026-11-27T06:59:00Z", None, sent="2026-11-27T07:00:00Z")
        assert await alarms(service) == {}
        for number in (5, 6):
            await tell(service, number, "2026-11-27T06:59:00Z", None, sent="2026-11-27T06:59:01Z")
        (text,) = (await alarms(service)).values()
        assert text == f"The clock of {KEY} is 59 s behind: its offset does not hold"

    serving(tmp_path, test)


def test_a_silent_controller_is_an_alarm_until_it_is_heard(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(KEY)
        lookout = service.context.part(Lookout)
        service.clock.wait(seconds=120)
        await lookout.step()
        assert await alarms(service) == {}
        service.clock.wait(seconds=1)
        await lookout.step()
        assert list(await alarms(service)) == [f"silent:{KEY}"]
        await service.done("GET", f"/controllers/{KEY}/assignment", who=KEY)
        await lookout.step()
        assert await alarms(service) == {}
        (row,) = (await service.done("GET", "/controllers", who="viewer"))["controllers"]
        assert row["last_heard"] == "2026-11-27T07:02:01.000Z"

    serving(tmp_path, test)


def test_replicas_share_who_was_heard(tmp_path: Path) -> None:
    async def test(one: Service) -> None:
        await one.register(KEY)
        url = f"unix://{tmp_path / 'redis' / 'redis.sock'}"
        copy = tmp_path / "other"
        (copy / "keys").mkdir(parents=True, mode=0o700)
        for file in (tmp_path / "keys").iterdir():
            (copy / "keys" / file.name).write_bytes(file.read_bytes())
            (copy / "keys" / file.name).chmod(0o600)
        async with service(copy, redis_url=url) as other:
            other.tokens = one.tokens
            await one.done("GET", f"/controllers/{KEY}/assignment", who=KEY)
            for replica in (one, other):
                await replica.context.part(Presence).share()
            assert other.context.part(Presence).heard(KEY) == one.clock.at

    serving(tmp_path, test)
