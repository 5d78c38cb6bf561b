"""Controllers over real connections: nothing is lost, nothing is said twice in effect, and nobody stops the lamps."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
import pytest
from starlette.responses import Response

from simulation.controller.cabinet import Cabinet
from simulation.controller.fleet import Fleet, FleetSettings, Pulse
from simulation.controller.http import Settings
from simulation.controller.reading import shown_instant
from simulation.controller.session import Backoff
from tests.simulation.controller.fake_service import FakeService
from tests.simulation.controller.signing_desk import NOW, Service, controller_tables
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

PACE = 100.0
KEYS = ["osm:1", "osm:2,a b", "Абай"]


class Clocks:
    """Clocks that run `PACE` times as fast as time does."""

    def __init__(self) -> None:
        self._begun, self.ahead_s = time.monotonic(), 0.0

    def steady(self) -> float:
        return (time.monotonic() - self._begun) * PACE

    def wall(self) -> float:
        return NOW + self.steady() + self.ahead_s


@asynccontextmanager
async def running(
    service: FakeService, folder: Path, port: int, *, push: bool, clocks: Clocks | None = None, **how: object
) -> AsyncIterator[Fleet]:
    """Run a controller for each junction of the service."""
    clocks = clocks or Clocks()
    tables = [
        controller_tables(desk.signer, junction=key, backup_s=how.get("backup_s", 100_000))
        for key, desk in service.desks.items()
    ]
    fleet = Fleet(
        tables,
        {key: f"secret of {quote(key)}" for key in service.desks},
        folder,
        FleetSettings(
            Settings(f"http://127.0.0.1:{port}", wait_s=1),
            push=push,
            shared=bool(how.get("shared")),
            retry_s=(0.02, 0.2),
        ),
        clock=clocks.wall,
        steady=clocks.steady,
        pace=PACE,
    )
    until, ready = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(fleet.run(until, ready))
        await ready.wait()
        try:
            yield fleet
        finally:
            until.set()
    assert fleet.summary()["monitor_faults"] == []


def _publish(version: int, slot: str = "base"):
    return lambda desk: desk.publish(version, slot)


def _activate(desk: Service) -> None:
    desk.activate("base", NOW)


def _all(service: FakeService, version: int, result: str):
    wanted = {(key, version, result) for key in service.desks}
    return lambda: wanted <= set(service.acknowledged)


@pytest.mark.parametrize(("push", "shared"), [(True, False), (False, False), (False, True)])
def test_a_plan_is_accepted_activated_and_in_force(push: bool, shared: bool, tmp_path: Path) -> None:
    async def scenario() -> None:
        service = FakeService(KEYS)
        async with (
            service.serve() as port,
            running(service, tmp_path, port, push=push, shared=shared) as fleet,
        ):
            service.change(_publish(7))
            await service.until(_all(service, 7, "accepted"))
            assert not any(result == "in_force" for _, _, result in service.acknowledged)
            service.change(_activate)
            await service.until(_all(service, 7, "in_force"))
            await service.until(
                lambda: all(
                    any(row["version"] == 7 and row["in_step"] for row in service.statuses(key))
                    for key in KEYS
                )
            )
            summary = fleet.summary()
            assert summary["counts"]["accepted"] == summary["counts"]["in_force"] == len(KEYS)
            accepted = {"release": "set-7", "result": "accepted", "controllers": len(KEYS)}
            assert accepted in [{key: row[key] for key in accepted} for row in summary["plan_sets"]]
        assert sorted(set(service.acknowledged)) == sorted(service.acknowledged)
        for key in KEYS:
            numbers = sorted(service.reports[key])
            assert numbers == list(range(1, len(numbers) + 1))
            assert not service.faults(key)

    asyncio.run(scenario())


@pytest.mark.parametrize("push", [True, False])
def test_unsafe_and_unsigned_plans_are_refused_and_nothing_changes(push: bool, tmp_path: Path) -> None:
    async def scenario() -> None:
        service = FakeService(KEYS[:1])
        (key,) = KEYS[:1]
        async with service.serve() as port, running(service, tmp_path, port, push=push) as fleet:
            service.change(lambda desk: desk.publish(3, plans=[]))
            await service.until(lambda: (key, 3, "refused") in service.acknowledged)
            thief = Service(seed=9, junction=key)
            thief.publish(4)
            service.change(lambda desk: desk.slots.update(thief.slots))
            await service.until(lambda: (key, 4, "refused") in service.acknowledged)
            await service.until(lambda: len(service.faults(key)) == 2)
            assert fleet.cabinets[0].desk.highest_version == 3
            service.change(_publish(4))
            await service.until(lambda: (key, 4, "accepted") in service.acknowledged)

    asyncio.run(scenario())


def test_a_stream_that_breaks_off_goes_on_after_the_last_event(tmp_path: Path) -> None:
    async def scenario() -> None:
        service = FakeService(KEYS[:1])
        (key,) = KEYS[:1]
        async with service.serve() as port, running(service, tmp_path, port, push=True):
            service.change(_publish(1))
            await service.until(lambda: (key, 1, "accepted") in service.acknowledged)
            last = str(service.documents[key]["sequence"])
            service.hang_up()
            await service.until(lambda: any(seen == last for _, seen in service.requests))
            service.change(_publish(2))
            await service.until(lambda: (key, 2, "accepted") in service.acknowledged)

    asyncio.run(scenario())


def test_reports_whose_answers_are_lost_are_stored_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        service = FakeService(KEYS[:1])
        (key,) = KEYS[:1]
        service.lose_answers_of_reports = 3
        async with service.serve() as port, running(service, tmp_path, port, push=False):
            await service.until(
                lambda: service.lose_answers_of_reports == 0 and len(service.reports[key]) >= 4
            )
        numbers = sorted(service.reports[key])
        assert numbers == list(range(1, len(numbers) + 1))
        assert service.sent_again >= 3

    asyncio.run(scenario())


_TROUBLES = {
    "no JSON": lambda: Response("<html>"),
    "deep JSON": lambda: Response("[" * 100_000),
    "another junction": lambda: Response(
        json.dumps({"junction": "x", "slots": {}, "order": None, "keys": None})
    ),
    "too large": lambda: Response(b" " * 5_000_000),
    "server error": lambda: Response("oops", status_code=500),
    "not modified at once": lambda: Response(status_code=304),
    "no access": lambda: Response(status_code=403),
}


@pytest.mark.parametrize("push", [True, False])
@pytest.mark.parametrize("trouble", _TROUBLES)
def test_whatever_is_answered_the_lamps_go_on_and_so_does_the_talk(
    trouble: str, push: bool, tmp_path: Path
) -> None:
    async def scenario() -> None:
        service = FakeService(KEYS[:1])
        (key,) = KEYS[:1]
        left = 2

        def act(_request: object) -> Response | None:
            nonlocal left
            left -= 1
            return _TROUBLES[trouble]() if left >= 0 else None

        service.trouble = act
        async with service.serve() as port, running(service, tmp_path, port, push=push) as fleet:
            service.change(_publish(1))
            await service.until(lambda: (key, 1, "accepted") in service.acknowledged)
            assert fleet.cabinets[0].runner.second >= 0
            assert fleet.restarts == 0

    asyncio.run(scenario())


@pytest.mark.parametrize("said", [shown_instant(NOW - 3 * 3600), "noon"])
def test_a_clock_that_is_wrong_by_hours_is_reported_once(said: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        service = FakeService(["centre"])
        service.time = said
        async with service.serve() as port, running(service, tmp_path, port, push=False):
            for version in (1, 2, 3):
                service.change(_publish(version))
                await service.until(_all(service, version, "accepted"))
            await service.until(lambda: len(service.faults("centre")) > 0)
            faults = service.faults("centre")
            if said == "noon":
                assert ["X-Jasyl-Time: must be an instant" in text for text in faults] == [True]
            else:
                assert ["s ahead of the service's" in text for text in faults] == [True]

    asyncio.run(scenario())


@pytest.mark.parametrize("push", [False, True])
@pytest.mark.parametrize("ahead_s", [0, 3600])
def test_what_the_service_says_of_the_time_is_compared_with_when_it_said_so(
    ahead_s: int, push: bool, tmp_path: Path
) -> None:
    """Between a report and the next word of the stream a minute goes by; a clock that is right does not become wrong by it."""

    async def scenario() -> None:
        service, clocks = FakeService(["centre"]), Clocks()
        service.time = lambda: shown_instant(clocks.wall() + ahead_s)
        async with service.serve() as port, running(service, tmp_path, port, push=push, clocks=clocks):
            await service.until(lambda: len(service.statuses("centre")) > 4)
            wrong = [row["clock_wrong"] for row in service.statuses("centre")]
            faults = service.faults("centre")
        assert wrong[-1] == (ahead_s > 0)
        assert ["s behind the service's" in text for text in faults] == [True] * (ahead_s > 0)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("least_s", "most_s", "before", "after"),
    [
        (5.1, 5.2, False, True),
        (-6.0, -5.1, False, True),
        (4.0, 30.0, False, False),  # an answer that was held: it may be right
        (4.0, 30.0, True, True),
        (-30.0, 4.0, True, True),
        (-5.0, 5.0, True, False),
    ],
)
def test_a_clock_is_wrong_or_right_when_the_way_of_the_word_leaves_no_doubt(
    least_s: float, most_s: float, before: bool, after: bool, tmp_path: Path
) -> None:
    cabinet = Cabinet(controller_tables(Service().signer), tmp_path, clock=lambda: NOW)
    if before:
        cabinet.compare_clock(60.0, 60.0)
    cabinet.compare_clock(least_s, most_s)
    assert cabinet.status()["clock_wrong"] is after


def test_a_controller_does_not_run_twice_on_one_folder(tmp_path: Path) -> None:
    async def scenario() -> None:
        service = FakeService(["centre"])
        async with service.serve() as port:
            async with running(service, tmp_path, port, push=False):
                with pytest.raises(InputError, match="does not run already") as refused:
                    async with running(service, tmp_path, port, push=False):
                        pass
                assert "--data" in str(refused.value.hint)
            async with running(service, tmp_path, port, push=False) as again:
                assert again.cabinets[0].runner.second >= 0

    asyncio.run(scenario())


def test_silence_brings_the_local_schedule_and_the_service_takes_over_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        service = FakeService(KEYS[:2])
        clocks, how = Clocks(), {"push": False, "backup_s": 250}
        async with (
            service.serve() as port,
            running(service, tmp_path, port, clocks=clocks, **how) as fleet,  # type: ignore[arg-type]
        ):
            service.change(_publish(1))
            await service.until(_all(service, 1, "accepted"))
            service.change(_activate)
            await service.until(_all(service, 1, "in_force"))
            service.trouble = lambda _request: Response(status_code=503, headers={"Retry-After": "0"})
            begun = fleet.cabinets[0].runner.second
            while not all(cabinet.runner.backup for cabinet in fleet.cabinets):
                await service.asked()
            assert fleet.cabinets[0].runner.second - begun < 1000
            service.trouble = lambda _request: None
            await service.until(
                lambda: all(
                    service.statuses(key)
                    and service.statuses(key)[-1]["version"] == 1
                    and any(row["source"] == "local" and row["backup"] for row in service.statuses(key))
                    for key in KEYS[:2]
                )
            )

    asyncio.run(scenario())


def test_a_controller_that_starts_again_runs_what_it_had_without_a_word_from_anybody(tmp_path: Path) -> None:
    async def scenario() -> None:
        service = FakeService(KEYS[:1])
        (key,) = KEYS[:1]
        async with service.serve() as port:
            async with running(service, tmp_path, port, push=True):
                service.change(_publish(5))
                await service.until(_all(service, 5, "accepted"))
                service.change(_activate)
                await service.until(_all(service, 5, "in_force"))
            service.trouble = lambda _request: Response(status_code=500)
            seen = len(service.acknowledged)
            async with running(service, tmp_path, port, push=True) as fleet:
                while fleet.cabinets[0].running() is None:
                    await service.asked()
                assert fleet.cabinets[0].running().version == 5
                service.trouble = lambda _request: None
                await service.until(lambda: (key, 5, "in_force") in service.acknowledged[seen:])

    asyncio.run(scenario())


@pytest.mark.parametrize("cut", [0, 1, 100, -1])
def test_a_damaged_memory_is_refused_and_said_and_the_service_heals_it(cut: int, tmp_path: Path) -> None:
    async def scenario() -> None:
        service = FakeService(["centre"])
        async with service.serve() as port:
            async with running(service, tmp_path, port, push=True):
                service.change(_publish(5))
                await service.until(_all(service, 5, "accepted"))
            memory = tmp_path / "centre" / "memory.json"
            memory.write_bytes(memory.read_bytes()[:cut])
            (tmp_path / "centre" / "reports").write_bytes(b"damaged\n")
            async with running(service, tmp_path, port, push=True) as fleet:
                assert fleet.cabinets[0].runner.in_force().source in {"start", "local"}
                await service.until(
                    lambda: (
                        any("memory refused" in text for text in service.faults("centre"))
                        and any("reports refused" in text for text in service.faults("centre"))
                    )
                )
                await service.until(lambda: service.acknowledged.count(("centre", 5, "accepted")) == 2)
            assert (tmp_path / "centre" / "reports.damaged").read_bytes() == b"damaged\n"
        numbers = sorted(service.reports["centre"])
        assert len(numbers) == len(set(numbers))

    asyncio.run(scenario())


def test_a_wrong_credential_lets_nobody_in_and_stops_no_lamp(tmp_path: Path) -> None:
    async def scenario() -> None:
        service = FakeService(["centre"])
        async with service.serve() as port, running(service, tmp_path, port, push=False) as fleet:
            fleet._sessions[0]._link._headers["Authorization"] = "Bearer guessed"
            for _ in range(3):
                await service.asked()
            assert "401" in fleet.summary()["last_error"]

    asyncio.run(scenario())


def test_waits_grow_and_are_drawn_from_the_whole_range() -> None:
    draws = [Backoff(np.random.default_rng(3)) for _ in range(2)]
    waits = [[backoff.next_s() for _ in range(12)] for backoff in draws]
    assert waits[0] == waits[1]
    assert all(0 <= wait <= min(2.0**k, 30.0) for k, wait in enumerate(waits[0]))
    assert draws[0].next_s(7.0) >= 7.0
    draws[0].reset()
    assert draws[0].next_s() <= 1.0
    many = [Backoff(np.random.default_rng(seed), failures=20).next_s() for seed in range(400)]
    assert 13.0 < float(np.mean(many)) < 17.0


def test_each_second_is_shown_once_by_the_clock_on_the_wall() -> None:
    pulse = Pulse()
    shown = pulse.due(50.0, 1000.1)
    assert shown == [1000]
    assert pulse.due(50.5, 1000.6) == []
    assert pulse.due(51.01, 1001.11) == [1001]
    assert pulse.due(53.2, 1003.3) == [1002, 1003]  # one late waking
    assert pulse.due(54.0, 1003.9) == [1004]  # the wall a little late
    assert pulse.due(55.0, 5000.5) == [5000]  # set forward
    assert pulse.due(56.0, 1001.5) == [1001]  # and back
    assert pulse.until_next_s(56.25) == pytest.approx(0.75)
    assert pulse.due(99.0, 1044.5) is None  # stopped for a long time
    assert pulse.due(100.0, 1045.5) == [1045]


def test_what_is_no_address_is_refused() -> None:
    for url in ("", "centre:8000", "ftp://centre", "http://"):
        with pytest.raises(InputError, match="url: must be an http or https address"):
            Settings(url)
