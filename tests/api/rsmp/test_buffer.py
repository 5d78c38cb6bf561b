"""What a broken connection has swallowed comes later, in order, marked as old; nothing is lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from signals.rsmp.messages import Subscription
from tests.api.rsmp.world import SETTINGS, Wire, world
from tests.signals.rsmp.samples import AT, SITE

_PLAN_ONLY = replace(SETTINGS, subscriptions=(Subscription("S0014", "status", 0, on_change=True),))


def _plans(recorder) -> list[tuple[str, str]]:
    rows = [row for message in recorder.of("status") for row in message.values]
    return [(row.value, row.quality) for row in rows if (row.code, row.name) == ("S0014", "status")]


def _alarms(recorder) -> list[tuple[bool, str]]:
    return [(alarm.active, alarm.event) for alarm in recorder.of("alarm") if alarm.code == "A0010"]


def test_changes_during_a_disruption_come_as_old():
    async def run():
        async with world(settings=_PLAN_ONLY) as made, Wire(("127.0.0.1", made.port)) as wire:
            started, model = made.site(port=wire.port, look_s=0.01)
            await made.ready(started)
            await made.recorder.until(lambda: _plans(made.recorder))
            await started.told()
            wire.flowing.clear()
            wire.cut()
            await made.recorder.until(lambda: made.recorder.of("lost"))
            await started.gone.wait()
            for plan in (2, 1, 2):
                model.set_plan(plan)
                started.look()
            for active in (True, False, True):
                started.tell_alarm(model.set_alarm(SITE, "A0010", active=active))
            assert started.waiting == 3 + 3 + 3  # each time a bit of the aggregated status changes too
            before = len(made.recorder.told)
            wire.flowing.set()
            await made.ready(started)
            await started.told()
            return made.recorder, before

    recorder, before = asyncio.run(run())
    assert _plans(recorder) == [("1", "recent"), ("2", "old"), ("1", "old"), ("2", "old")]
    issued = (False, "Issue")
    # At each connection all alarms are told; then what was kept.
    assert _alarms(recorder) == [issued, (True, "Issue"), (True, "Issue"), issued, (True, "Issue")]
    kinds = [kind for kind, _, _ in recorder.told[before:]]
    assert kinds[0] == "connected"
    assert kinds[1] == "aggregated_status"
    times = [alarm.at for alarm in recorder.of("alarm") if alarm.code == "A0010"][-3:]
    assert times == sorted(times)


def test_what_was_sent_and_not_acknowledged_is_sent_again():
    """The wire is frozen in the middle: whatever arrives twice has the same time, and nothing is missing."""

    async def run():
        async with world() as made, Wire(("127.0.0.1", made.port)) as wire:
            started, model = made.site(port=wire.port)
            await made.ready(started)
            for number in range(200):
                alarm = model.set_alarm(SITE, "A0010", active=number % 2 == 0)
                started.tell_alarm(replace(alarm, at=AT + timedelta(seconds=number)))
                if number in {50, 120}:
                    await made.recorder.until(lambda: len(_alarms(made.recorder)) > 20)
                    wire.cut()
                    await started.gone.wait()
            await made.ready(started)
            await started.told()
            return [alarm.at for alarm in made.recorder.of("alarm") if alarm.at < AT + timedelta(seconds=200)]

    times = asyncio.run(run())
    assert sorted(set(times)) == [AT + timedelta(seconds=number) for number in range(200)]
    order = list(dict.fromkeys(times))
    assert order == sorted(order)


def test_a_status_that_is_not_kept_ends_with_the_connection():
    async def run():
        async with world(settings=_PLAN_ONLY) as made, Wire(("127.0.0.1", made.port)) as wire:
            started, model = made.site(port=wire.port, buffered=lambda _code: False)
            await made.ready(started)
            await made.recorder.until(lambda: _plans(made.recorder))
            await started.told()
            wire.cut()
            await started.gone.wait()
            model.set_plan(2)
            started.look()
            # It is subscribed to anew, so the value is told at once.
            await made.recorder.until(lambda: len(_plans(made.recorder)) == 2)
            return _plans(made.recorder)

    assert asyncio.run(run()) == [("1", "recent"), ("2", "recent")]
