"""Controllers that are silent, report faults, or whose clocks are wrong: seen by operators for as long as it lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from api.centre.lookout import Lookout
from api.centre.presence import Presence
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
        assert await alarms(service) == {}
        await tell(service, 1, "2026-11-27T07:00:00Z", "conflict monitor: N and E")  # sent twice: old news
        assert await alarms(service) == {}
        page = await service.done("GET", f"/reports?junction={KEY}", who="viewer")
        assert [row["number"] for row in page["reports"]] == [1, 2]
        assert (await service.done("GET", f"/reports?after={page['next']}", who="viewer"))["reports"] == []
        (latest,) = (await service.done("GET", "/reports/latest", who="viewer"))["statuses"]
        assert (latest["junction"], latest["number"], latest["data"]) == (KEY, 2, {"fault": None})

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
