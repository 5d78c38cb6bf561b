"""Mutated messages in the middle of a session: nothing falls over, and who sends none of them is served."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signals.rsmp.framing import encoded
from signals.rsmp.mapping import RsmpPlan
from tests.api.rsmp.world import SETTINGS, Wire, world
from tests.signals.rsmp.samples import SITE
from tests.signals.rsmp.sites import site
from tests.signals.rsmp.test_messages import mutated

_OTHER = "AL+0002=001TC000"
_PLAN = RsmpPlan(2, 90, 17, ((1, 25),))

_noise = st.one_of(
    mutated().map(encoded),
    mutated().map(encoded),
    mutated().map(encoded),
    st.binary(max_size=60).map(lambda b: b + b"\f"),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_noise, max_size=30), st.lists(_noise, max_size=30))
def test_noise_in_both_directions(caplog, from_site, from_supervisor):
    caplog.clear()

    async def run() -> None:
        other = site(site=_OTHER, component=_OTHER)
        async with (
            world(site(), other, settings=replace(SETTINGS, poll_s=0.005)) as made,
            Wire(("127.0.0.1", made.port), strict=False) as wire,
        ):
            served, _ = made.site(capability=other)
            started, _ = made.site(port=wire.port)
            await made.ready(served)
            await made.ready(started)
            for data in from_site:
                wire.to_supervisor(data)
            for data in from_supervisor:
                wire.to_site(data)
            await made.supervisor.prepare(_OTHER, _PLAN)
            assert not made.recorder.of("lost", _OTHER)
            await made.recorder.until(lambda: SITE in made.supervisor.connected())

    asyncio.run(run())
    assert not [record for record in caplog.records if record.exc_info], caplog.text
