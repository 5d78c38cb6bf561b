"""A fleet of RSMP sites with lamps: plans for all of them at once."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from signals.rsmp.mapping import RsmpPlan
from signals.rsmp.session import Timing
from simulation.controller.rsmp_fleet import RsmpFleet, RsmpFleetSettings
from tests.api.rsmp.world import LIMIT_S, SETTINGS, new_id, world
from tests.signals.rsmp.samples import CODES
from tests.signals.rsmp.sites import made_crossing, site
from tests.simulation.controller.tables_for_tests import tables_of

_PACE = 60.0


def test_all_change_to_their_new_plan_and_no_monitor_sees_anything():
    junction = made_crossing(names=("N", "E", "S", "W"), intergreen_s=5, together=((0, 2), (1, 3)))
    five = {(one, other): 5 for one in "NSEW" for other in "NSEW" if (one in "NS") != (other in "NS")}
    capabilities = [site(site=f"AL+{k}", component=f"AL+{k}TC", intergreens=five) for k in range(6)]
    begun, epoch = time.monotonic(), 1_800_000_000

    def steady() -> float:
        return (time.monotonic() - begun) * _PACE

    async def run() -> dict[str, object]:
        settings = replace(SETTINGS, activation_s=LIMIT_S)
        async with world(*capabilities, settings=settings) as made:
            fleet = RsmpFleet(
                [(capability, tables_of(junction)) for capability in capabilities],
                lambda _name: CODES,
                RsmpFleetSettings(port=made.port, pace=_PACE, timing=Timing(), reconnect_s=0.1),
                clock=lambda: epoch + steady(),
                steady=steady,
                new_id=new_id,
            )
            until = asyncio.Event()
            running = asyncio.create_task(fleet.run(until))
            names = {capability.site for capability in capabilities}
            await made.recorder.until(lambda: names <= set(made.supervisor.connected()))
            plan = RsmpPlan(2, 90, 17, ((1, 25),))
            await asyncio.gather(*(made.supervisor.prepare(name, plan) for name in names))
            await asyncio.gather(*(made.supervisor.activate(name, 2, expected=plan) for name in names))
            summary = fleet.summary()
            until.set()
            await running
            return summary

    summary = asyncio.run(run())
    assert summary["plans"] == {"2": 6}
    assert (summary["connected"], summary["controllers"], summary["restarts"]) == (6, 6, 0)
    assert summary["monitor_faults"] == []
    assert summary["control_modes"] == {"control": 6}
