"""Connections that go wrong: each costs its own site, and nobody else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from api.rsmp.errors import NoAnswerError, NotConnectedError
from signals.rsmp.alarms import AlarmOrder
from signals.rsmp.framing import FrameDecoder, encoded
from signals.rsmp.mapping import RsmpPlan
from signals.rsmp.messages import MessageAck, Subscription, Version, Watchdog, written
from signals.rsmp.versions import CORE_VERSIONS
from tests.api.rsmp.world import (
    LIMIT_S,
    QUICK,
    SETTINGS,
    Wire,
    World,
    frames,
    new_id,
    now,
    quick,
    socket_to,
    world,
)
from tests.signals.rsmp.samples import AT, SITE
from tests.signals.rsmp.sites import site
from traffic.errors import InputError

_OTHER = "AL+0002=001TC000"
_PLAN = RsmpPlan(2, 90, 17, ((1, 25),))


def _version(**changes: object) -> Version:
    values = {"id": new_id(), "core": CORE_VERSIONS, "sxl": "1.2.1", "sites": (SITE,)}
    return Version(**{**values, **changes})


def _other():
    return site(site=_OTHER, component=_OTHER)


async def _serves(made: World) -> None:
    """Check that a site that does nothing wrong is served: its plan is prepared."""
    await made.supervisor.prepare(_OTHER, _PLAN)


def _run(check: Callable[[World], Awaitable[None]], settings=SETTINGS) -> None:
    """Run `check` with two sites known, of which the other one is connected and served before and after."""

    async def run() -> None:
        async with world(site(), _other(), settings=settings) as made:
            other, _ = made.site(capability=_other(), timing=settings.timing)
            await made.ready(other)
            await _serves(made)
            await check(made)
            await _serves(made)
            assert not made.recorder.of("lost", _OTHER)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"core": ("3.1.4", "3.1.5")}, "RSMP versions ['3.1.4', '3.1.5'] requested, but only"),
        ({"sxl": "1.0.15"}, "SXL: must be 1.2.1"),
        ({"sites": ("AL+9999",)}, "known here"),
        ({"sites": (SITE, _OTHER)}, "one site id"),
    ],
)
def test_a_version_that_does_not_fit_is_refused_with_the_reason(changes, said):
    async def check(made: World) -> None:
        version = _version(**changes)
        async with socket_to(made.port) as (reader, writer):
            writer.write(encoded(written(version)))
            (answer,) = await frames(reader)
        assert answer["type"] == "MessageNotAck"
        assert answer["oMId"] == version.id
        assert said in answer["rea"]
        assert not made.recorder.of("connected")

    _run(check)


def test_a_stranger_does_not_fill_the_log(caplog):
    async def check(made: World) -> None:
        with caplog.at_level("INFO", "api.rsmp.connection"):
            async with socket_to(made.port) as (reader, writer):
                writer.write(encoded(written(_version(sites=("a" * 100_000,)))))
                (answer,) = await frames(reader)
        assert answer["type"] == "MessageNotAck"
        assert any("of a stranger ends" in record.getMessage() for record in caplog.records)
        assert max(len(record.getMessage()) for record in caplog.records) < 1000

    _run(check)


def test_the_version_is_answered_in_the_spelling_of_the_site():
    async def check(made: World) -> None:
        async with socket_to(made.port) as (reader, writer):
            writer.write(encoded(written(_version(core=("3.1.5", "3.2"), sxl="1.2.1"))))
            decoder, answers = FrameDecoder(), []
            while len(answers) < 2:
                answers += decoder.feed(await reader.read(1000))
        assert [answer["type"] for answer in answers] == ["MessageAck", "Version"]
        assert {"vers": "3.2"} in answers[1]["RSMP"]
        assert answers[1]["siteId"] == [{"sId": SITE}]

    _run(check)


def test_nothing_is_acknowledged_before_the_versions_and_silence_ends():
    async def check(made: World) -> None:
        async with socket_to(made.port) as (reader, writer):
            writer.write(encoded(written(Watchdog(id=new_id(), at=AT))))
            assert await frames(reader) == []

    _run(check, quick())


_GARBAGE = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\xff" * 3000 + b"\f",
    b"\f".join([b"{}"] * 50) + b"\f",
    b"[" * 100_000 + b"\f",
    b'{"mType":"rSMsg","type":"Version","mId":"' + b"A" * 300_000 + b'"}\f',
    json.dumps({"mType": "rSMsg", "type": "Version", "mId": new_id(), "SXL": 3}).encode() + b"\f",
    b"\f" * 100_000,
    b"x" * 1_000_000,
]


@pytest.mark.parametrize("garbage", _GARBAGE, ids=range(len(_GARBAGE)))
def test_garbage_from_strangers_ends_their_connection_only(garbage):
    async def check(made: World) -> None:
        async with socket_to(made.port) as (reader, writer):
            writer.write(garbage)
            answers = await frames(reader)
        assert {answer["type"] for answer in answers} <= {"MessageNotAck"}
        assert not made.recorder.of("connected")
        left = [connection.ended() for connection in made.supervisor._open if connection.site != _OTHER]
        async with asyncio.timeout(LIMIT_S):
            await asyncio.gather(*left)

    _run(check, quick())


def test_garbage_between_messages_is_passed_over_and_too_much_ends_the_connection():
    async def check(made: World) -> None:
        async with Wire(("127.0.0.1", made.port)) as wire:
            started, _ = made.site(port=wire.port)
            await made.ready(started)
            wire.to_supervisor(b"garbage\f\xff\f{}\f")
            await made.supervisor.prepare(SITE, _PLAN)
            wire.to_supervisor(b"garbage\f" * 10)
            (reason,) = await made.recorder.until(lambda: made.recorder.of("lost"))
            assert "frames that are no messages" in reason

    _run(check)


def test_a_message_that_a_site_may_not_send_is_refused_and_the_connection_stands():
    async def check(made: World) -> None:
        async with Wire(("127.0.0.1", made.port)) as wire:
            started, _ = made.site(port=wire.port)
            await made.ready(started)
            order = AlarmOrder(id=new_id(), component=SITE, code="A0001", wish="Request")
            unknown = {**written(order), "mId": new_id(), "aCId": "A9999"}
            again = written(_version())
            for document in (written(order), unknown, {**unknown, "mId": new_id(), "type": "Hello"}, again):
                wire.to_supervisor(encoded(document))
            await made.supervisor.prepare(SITE, _PLAN)
            refused = {document["oMId"]: document["rea"] for _, document in wire.seen if "rea" in document}
            assert len(refused) == 4
            assert "a site sends" in refused[order.id]
            assert "A9999" in refused[unknown["mId"]]
            assert "exchanged already" in refused[again["mId"]]

    _run(check)


def test_a_frozen_connection_is_noticed_by_both_sides_and_comes_back():
    async def check(made: World) -> None:
        async with Wire(("127.0.0.1", made.port)) as wire:
            started, _ = made.site(port=wire.port, timing=QUICK)
            await made.ready(started)
            wire.flowing.clear()
            (reason,) = await made.recorder.until(lambda: made.recorder.of("lost"))
            assert "acknowledgement" in reason or "watchdog" in reason
            with pytest.raises(NotConnectedError):
                await made.supervisor.prepare(SITE, _PLAN)
            wire.flowing.set()
            await made.recorder.until(lambda: len(made.recorder.of("connected")) == 2)
            await made.ready(started)
            await made.supervisor.prepare(SITE, _PLAN)

    _run(check, quick())


def test_an_order_under_way_when_the_connection_breaks_fails_at_once():
    async def check(made: World) -> None:
        async with Wire(("127.0.0.1", made.port)) as wire:
            started, _ = made.site(port=wire.port)
            await made.ready(started)
            wire.flowing.clear()
            order = asyncio.create_task(made.supervisor.prepare(SITE, _PLAN))
            await asyncio.sleep(0)
            wire.cut()
            with pytest.raises(NotConnectedError):
                await order

    _run(check)


def test_a_half_open_connection_gives_way_to_its_site():
    async def check(made: World) -> None:
        async with Wire(("127.0.0.1", made.port)) as wire:
            started, _ = made.site(port=wire.port)
            await made.ready(started)
            wire.flowing.clear()  # the supervisor does not know; its watchdogs are a minute apart
            made.tasks.pop().cancel()
            again, model = made.site()
            await made.ready(again)
            (reason,) = made.recorder.of("lost")
            assert "half-open" in reason
            await made.supervisor.prepare(SITE, _PLAN)
            assert model.plans()[2].cycle_s == 90

    _run(check, replace(SETTINGS, probe_s=0.3))


def test_a_connection_that_lives_is_not_pushed_out():
    async def check(made: World) -> None:
        started, model = made.site()
        await made.ready(started)
        async with socket_to(made.port) as (reader, writer):
            writer.write(encoded(written(_version())))
            (answer,) = await frames(reader)
        assert answer["type"] == "MessageNotAck"
        assert "connected already" in answer["rea"]
        assert not made.recorder.of("lost")
        await made.supervisor.prepare(SITE, _PLAN)
        assert model.plans()[2].cycle_s == 90

    _run(check)


async def _shake_hands(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    """Be a site until the supervisor's watchdog has come, and acknowledge it; return its id."""
    writer.write(encoded(written(_version())))
    decoder, seen = FrameDecoder(), []
    while len(seen) < 2:
        seen += decoder.feed(await reader.read(10_000))
    writer.write(encoded(written(MessageAck(of=seen[1]["mId"]))))
    writer.write(encoded(written(Watchdog(id=new_id(), at=now()))))
    while len(seen) < 4:
        seen += decoder.feed(await reader.read(10_000))
    watchdog = next(document for document in seen if document["type"] == "Watchdog")
    writer.write(encoded(written(MessageAck(of=watchdog["mId"]))))
    return watchdog["mId"]


def test_a_peer_that_never_reads_is_cut_off():
    async def check(made: World) -> None:
        async with socket_to(made.port, receives=4096) as (reader, writer):
            await _shake_hands(reader, writer)
            await made.recorder.until(lambda: made.recorder.of("connected"))
            reader._transport.pause_reading()
            wrong = encoded(
                {**written(Watchdog(id=new_id(), at=AT)), "wTs": "x" * 480}
            )  # a long answer to each
            while not made.recorder.of("lost"):
                writer.write(wrong * 500)
                try:
                    await asyncio.wait_for(writer.drain(), 0.2)
                except (TimeoutError, OSError):
                    await made.recorder.until(lambda: made.recorder.of("lost"))
            (reason,) = made.recorder.of("lost")
            assert "has not read" in reason

    _run(check, replace(SETTINGS, send_s=0.3, messages_s=1e6))


def test_a_site_that_sends_no_watchdog_is_cut_off_though_it_acknowledges():
    async def check(made: World) -> None:
        async with socket_to(made.port) as (reader, writer):
            await _shake_hands(reader, writer)

            async def acknowledge() -> None:
                decoder = FrameDecoder()
                while data := await reader.read(10_000):
                    for document in decoder.feed(data):
                        if "mId" in document:
                            writer.write(encoded(written(MessageAck(of=document["mId"]))))

            task = asyncio.create_task(acknowledge())
            (reason,) = await made.recorder.until(lambda: made.recorder.of("lost"))
            assert "no watchdog within" in reason
            await asyncio.gather(task, return_exceptions=True)

    _run(check, quick())


def test_a_site_that_acknowledges_and_does_not_answer():
    async def check(made: World) -> None:
        async with socket_to(made.port) as (reader, writer):
            await _shake_hands(reader, writer)
            await made.recorder.until(lambda: made.recorder.of("connected"))

            async def acknowledge() -> None:
                decoder = FrameDecoder()
                while data := await reader.read(10_000):
                    for document in decoder.feed(data):
                        if "mId" in document:
                            writer.write(encoded(written(MessageAck(of=document["mId"]))))

            task = asyncio.create_task(acknowledge())
            with pytest.raises(NoAnswerError, match="S0014"):
                await made.supervisor.prepare(SITE, _PLAN)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    _run(check, replace(SETTINGS, request_s=0.2))


@pytest.mark.parametrize("fails_at", ["connected", "alarm", "aggregated_status"])
def test_what_cannot_be_taken_is_not_acknowledged(fails_at, caplog):
    async def check(made: World) -> None:
        made.recorder.fails_at = fails_at
        async with Wire(("127.0.0.1", made.port)) as wire:
            made.site(port=wire.port, reconnect_s=30.0)
            await made.recorder.until(lambda: made.recorder.of("lost"))
            made.recorder.fails_at = None
            kind = {"alarm": "Alarm", "aggregated_status": "AggregatedStatus"}.get(fails_at)
            acknowledged = {message.get("oMId") for _, message in wire.seen}
            untaken = [message["mId"] for _, message in wire.seen if message["type"] == kind]
            assert not acknowledged & set(untaken)
            assert untaken or kind is None

    _run(check)
    assert "the disk is full" in caplog.text


@pytest.mark.parametrize(
    ("refuses_at", "kind"), [("alarm", "Alarm"), ("aggregated_status", "AggregatedStatus")]
)
def test_what_can_never_be_taken_is_refused_and_the_site_goes_on(refuses_at, kind):
    async def check(made: World) -> None:
        made.recorder.refuses_at = refuses_at
        async with Wire(("127.0.0.1", made.port)) as wire:
            started, _ = made.site(port=wire.port)
            await made.ready(started)
            await made.supervisor.prepare(SITE, _PLAN)
            told = {message["mId"] for _, message in wire.seen if message["type"] == kind}
            refused = {
                message["oMId"]: message["rea"]
                for _, message in wire.seen
                if message["type"] == "MessageNotAck"
            }
        assert refused == dict.fromkeys(told, "must be shorter")
        assert told

    _run(check)


def test_strangers_cannot_take_all_places():
    async def check(made: World) -> None:
        async with socket_to(made.port), socket_to(made.port), socket_to(made.port) as (reader, _):
            assert await frames(reader) == []  # turned away at once, the other two may still speak
            assert len(made.supervisor._open) == 3  # with the other site

    _run(check, replace(SETTINGS, strangers_per_address=2))


def test_messages_beyond_the_rate_wait_and_are_not_lost():
    async def check(made: World) -> None:
        started, model = made.site()
        await made.ready(started)
        before, begun = len(made.recorder.of("alarm")), asyncio.get_running_loop().time()
        for number in range(150):
            started.tell_alarm(model.set_alarm(SITE, "A0010", active=number % 2 == 0))
        await made.recorder.until(lambda: len(made.recorder.of("alarm")) == before + 150)
        assert (
            asyncio.get_running_loop().time() - begun > 0.9 * 50 / 200
        )  # the first 100 at once, 200 a second then
        active = [message.active for message in made.recorder.of("alarm")[before:]]
        assert active == [True, False] * 75

    _run(check, replace(SETTINGS, burst=100, messages_s=200.0))


def test_the_supervisor_stops_with_sites_connected():
    async def run() -> None:
        async with world() as made:
            started, _ = made.site(reconnect_s=30.0)
            await made.ready(started)
            async with asyncio.timeout(LIMIT_S):
                await made.supervisor.close()
            assert made.recorder.of("lost") == ["the supervisor stops"]
            assert made.supervisor.connected() == {}

    asyncio.run(run())


@pytest.mark.parametrize("changes", [{"port": 70_000}, {"burst": 0}, {"request_s": float("nan")}])
def test_settings_that_make_no_sense_are_refused(changes):
    with pytest.raises(InputError) as caught:
        replace(SETTINGS, **changes)
    assert caught.value.field in changes


def test_an_answer_to_an_earlier_question_is_not_taken_for_this_ones():
    """The site is asked, the asker gives up; what then comes late must not answer the next question."""

    async def check(made: World) -> None:
        async with Wire(("127.0.0.1", made.port)) as wire:
            started, model = made.site(port=wire.port)
            await made.ready(started)
            wire.flowing.clear()
            asking = asyncio.create_task(made.supervisor.active_plan(SITE))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asking, 0.05)
            again = asyncio.create_task(made.supervisor.active_plan(SITE))
            await asyncio.wait({again}, timeout=0.01)  # both questions are on the wire, in this order
            answers = iter((1, 2))
            model.plan = lambda: (next(answers), "forced")
            model_look, started.look = started.look, lambda: None
            wire.flowing.set()
            assert (await again).plan == 2
            started.look = model_look
            del model.plan

    _run(check)


def test_a_site_that_lacks_one_status_is_subscribed_to_all_others():
    async def check(made: World) -> None:
        async with Wire(("127.0.0.1", made.port)) as wire:
            made.site(port=wire.port)
            await made.recorder.until(lambda: made.recorder.of("status"))
            asked = [message["sS"] for _, message in wire.seen if message["type"] == "StatusSubscribe"]
            codes = [[row["sCI"] for row in rows] for rows in asked]
            assert codes[:2] == [["S0014", "S0025"], ["S0014"]]  # the other one is asked for, or about to be
            (update,) = made.recorder.of("status")
            assert [row.code for row in update.values] == ["S0014"]

    rows = (
        Subscription("S0014", "status", 0, on_change=True),
        Subscription("S0025", "ToGConfidence", 0, on_change=True),
    )
    _run(check, replace(SETTINGS, subscriptions=rows))
