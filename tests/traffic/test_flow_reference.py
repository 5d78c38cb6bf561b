"""The flow model against its slow plain twin, on random small networks."""

from __future__ import annotations

import pickle
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.traffic.ref_flow import RefFlow
from tests.traffic.small_networks import Group, Road, crossroads, demand, greens, network
from traffic.flow import FlowModel, FlowParameters
from traffic.network import RoadClass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from traffic.demand import FlowDemand
    from traffic.flow import FlowResult
    from traffic.greens import MovementGreens
    from traffic.network import RoadNetwork

DURATION_S = 240


def random_network(rng: np.random.Generator, nodes: int, roads: int) -> RoadNetwork:
    """Any links between any nodes, with lane groups that serve any of the links ahead."""
    angle = rng.uniform(0.0, 2.0 * np.pi) + np.arange(nodes) * 2.0 * np.pi / nodes
    points = [(400.0 * np.cos(a) + rng.normal(), 400.0 * np.sin(a) + rng.normal()) for a in angle]
    ends = [tuple(int(v) for v in rng.choice(nodes, 2, replace=False)) for _ in range(roads)]
    links = []
    for start, end in ends:
        ahead = [j for j, (a, _) in enumerate(ends) if a == end]
        length = float(rng.choice([8.0, 40.0, 90.0, 150.0, 333.3]))
        links.append(
            Road(
                start,
                end,
                length,
                _random_groups(rng, ahead, length),
                float(rng.choice([5.0, 11.1, 15.0])),
                RoadClass(int(rng.integers(2, 5))),
            )
        )
    signals = [int(n) for n in np.flatnonzero(rng.random(nodes) < 0.6)]
    crossed = [j for j, (a, _) in enumerate(ends) if a in signals and rng.random() < 0.3]
    factors = {(i, j): float(rng.uniform(0.7, 1.0)) for i in range(roads) for j in range(roads)}
    return network(points, links, signals=signals, crossings=crossed, factors=factors)


def _random_groups(rng: np.random.Generator, ahead: list[int], length: float) -> tuple[Group, ...]:
    """One full lane group at least; the others may be bays."""
    if not ahead or rng.random() < 0.1:
        return (Group(),)
    groups = []
    for i in range(int(rng.integers(1, 4))):
        some = [j for j in ahead if rng.random() < 0.6] or [ahead[0]]
        lanes = int(rng.integers(1, 3))
        bay = length * float(rng.uniform(0.1, 0.6)) if i > 0 and rng.random() < 0.5 else None
        groups.append(Group(tuple(some), lanes, lanes * float(rng.uniform(0.35, 0.6)), bay))
    return tuple(groups)


def random_demand(rng: np.random.Generator, net: RoadNetwork, load: float) -> FlowDemand:
    periods = int(rng.integers(1, 4))
    links = len(net.links)
    entries = rng.choice(links, int(rng.integers(1, links + 1)), replace=True)
    rates = (
        load * rng.uniform(0.0, 0.6, (periods, len(entries))) * (rng.random((periods, len(entries))) < 0.8)
    )
    share = rng.random((periods, len(net.movements))) * (rng.random((periods, len(net.movements))) < 0.8)
    exits = rng.random((periods, links)) * (rng.random((periods, links)) < 0.4) * 0.5
    for period in range(periods):
        total = exits[period] + np.bincount(net.movements.in_link, share[period], links)
        exits[period, total == 0] = 1.0
        total[total == 0] = 1.0
        share[period] /= total[net.movements.in_link]
        exits[period] /= total
    plain = demand(net, {0: 0.0})
    return type(plain)(
        period_s=float(rng.choice([60.0, 77.5, 1000.0])),
        entry_link=entries,
        entry_veh_s=rates,
        movement_share=share,
        exit_share=exits,
        link_veh_s=np.zeros((periods, links)),
        source="random",
    )


def random_greens(rng: np.random.Generator, net: RoadNetwork) -> MovementGreens:
    """Patterns in runs of seconds, of one period at most nodes; some movements without a signal."""
    at_signal = np.isin(net.links.to_node[net.movements.in_link], net.junctions.node)
    patterns = {}
    period = int(rng.integers(12, 40))
    for m in np.flatnonzero(at_signal):
        pair = (int(net.movements.in_link[m]), int(net.movements.out_link[m]))
        size = period if rng.random() < 0.8 else int(rng.integers(5, 50))
        text = ""
        while len(text) < size:
            text += str(rng.choice(list("RRgGGy"))) * int(rng.integers(1, 12))
        if rng.random() < 0.95:
            patterns[pair] = text[:size]
    return greens(net, patterns)


def assert_same(result: FlowResult, ref: RefFlow) -> None:
    scale = max(1.0, ref.entered)
    near = {"rel": 1e-9, "abs": 1e-9 * scale}
    # fewer than 1e-9 vehicles are nobody, but may have waited all the time
    waited = {"rel": 1e-9, "abs": 1e-9 * scale * DURATION_S}
    assert result.arrived == pytest.approx(ref.gone, **near)
    assert result.under_way == pytest.approx(ref.inside, **near)
    assert result.waiting_to_enter == pytest.approx(ref.outside, **near)
    assert result.total_time_s == pytest.approx(ref.inside_s + ref.outside_s, **waited)
    assert result.delay_s == pytest.approx(ref.queue_s + ref.outside_s, **waited)
    assert result.link_inflow_veh == pytest.approx([link.entered[-1] for link in ref.links], **near)
    assert result.link_outflow_veh == pytest.approx([link.left[-1] for link in ref.links], **near)
    assert result.link_delay_s == pytest.approx([link.delay for link in ref.links], **waited)
    assert result.link_max_queue_veh == pytest.approx([link.most for link in ref.links], **near)
    assert result.entry_delay_s == pytest.approx([link.outside_s for link in ref.links], **waited)
    passed = np.zeros(len(result.movement_veh))
    for stream in ref.streams:
        passed[stream.row] += stream.passed
    assert result.movement_veh == pytest.approx(passed, **near)
    came = [sum(s.passed for s in g.turns) + g.queue + g.share * g.link.held() for g in ref.groups]
    assert result.group_inflow_veh == pytest.approx(came, **near)
    for group, inflow, saturation in zip(ref.groups, came, result.group_saturation, strict=True):
        if group.capacity_sum > 0 and inflow > 0:
            assert saturation == pytest.approx(inflow / group.capacity_sum, **near)
    # a vehicle that comes in the second in which a queue ends may count as stopped or not
    assert result.link_stops == pytest.approx([link.stops for link in ref.links], rel=1e-7, abs=1e-7 * scale)
    assert result.conservation_error <= 1e-12


@pytest.mark.slow
# a seed that fails has no simpler one to shrink to
@settings(max_examples=60, phases=[Phase.explicit, Phase.generate])
@given(
    seed=st.integers(0, 10**6),
    nodes=st.integers(3, 6),
    roads=st.integers(3, 14),
    load=st.sampled_from([0.2, 0.6, 1.5]),
)
def test_random_networks(seed: int, nodes: int, roads: int, load: float) -> None:
    rng = np.random.default_rng(seed)
    net = random_network(rng, nodes, roads)
    flow = random_demand(rng, net, load)
    shown = random_greens(rng, net)
    parameters = FlowParameters(
        start_loss_s=float(rng.choice([0.0, 1.0, 1.5, 2.0])),
        yellow_use_s=float(rng.choice([0.0, 0.7, 2.0])),
        sneakers_veh=float(rng.choice([0.0, 2.0])),
        backward_wave_m_s=None if rng.random() < 0.7 else 5.0,
    )
    result = FlowModel(net, flow, parameters).run(shown, DURATION_S)
    assert_same(result, RefFlow(net, flow, shown, parameters).run(DURATION_S))


LAYOUTS = [
    (("RTL", 1, None),),
    (("R", 1, None), ("T", 1, None), ("L", 1, 40.0)),
    (("RT", 1, None), ("T", 1, None), ("TL", 1, None)),
    (("RT", 1, None), ("TL", 1, None), ("L", 1, 30.0)),
]


@pytest.mark.parametrize("groups", LAYOUTS)
@pytest.mark.parametrize("rate", [0.15, 0.6])
def test_a_permissive_crossroads(groups: tuple[tuple[str, int, float | None], ...], rate: float) -> None:
    net = crossroads(groups=groups, crossings=[4, 5])
    step = {1: "g", 2: "G", 3: "g"}
    first, second = "{0}" * 25 + "yyyRR" + "R" * 30, "R" * 30 + "{0}" * 25 + "yyyRR"
    patterns = {
        (arm, 4 + (arm + turn) % 4): (first if arm % 2 == 0 else second).format(step[turn])
        for arm in range(4)
        for turn in (1, 2, 3)
    }
    shares = {(arm, 4 + (arm + turn) % 4): share for arm in range(4) for turn, share in ((1, 0.2), (3, 0.25))}
    flow = demand(net, dict.fromkeys(range(4), rate), shares)
    shown = greens(net, patterns)
    assert_same(FlowModel(net, flow).run(shown, 500), RefFlow(net, flow, shown).run(500))


SIGNALS = {"major": "gggggggRgggyyRRRRRRRRRRRRRRRRR", "minor": "RRRRRRRRRRRRRRRRGGGGGGGGGGyyRR"}


def uneven_crossroads(periods: Mapping[str, int]) -> tuple[RoadNetwork, FlowDemand, MovementGreens]:
    """Permissive left turns, one short red, shared lanes; patterns go on or break off at `periods`."""
    net = crossroads(groups=LAYOUTS[2], crossings=[4])
    patterns = {
        (arm, 4 + (arm + turn) % 4): (text * periods[road])[: periods[road]]
        for arm in range(4)
        for road, text in [list(SIGNALS.items())[arm % 2]]
        for turn in (1, 2, 3)
    }
    shares = {(arm, 4 + (arm + turn) % 4): share for arm in range(4) for turn, share in ((1, 0.2), (3, 0.3))}
    return net, demand(net, {arm: [0.25, 0.35, 0.3] for arm in range(4)}, shares), greens(net, patterns)


@pytest.mark.parametrize("periods", [(30, 30), (30, 24), (29, 31), (650, 30)])
def test_signals_of_unlike_periods(periods: tuple[int, int]) -> None:
    """Those of 29 and 31 s repeat together after 899 s only."""
    net, flow, shown = uneven_crossroads({"major": periods[0], "minor": periods[1]})
    assert_same(FlowModel(net, flow).run(shown, 1300), RefFlow(net, flow, shown).run(1300))


@pytest.mark.parametrize("period_s", [1000.0, 250.0, 40.0, 0.4])
def test_a_pattern_as_long_as_the_run_is_a_cycle_many_times(period_s: float) -> None:
    net, flow, shown = uneven_crossroads({"major": 30, "minor": 30})
    _, _, long = uneven_crossroads({"major": 1320, "minor": 1320})
    # other turns in every period: what a shared lane can discharge differs
    share = flow.movement_share * np.random.default_rng(1).uniform(0.7, 1.0, flow.movement_share.shape)
    exits = 1.0 - np.array([np.bincount(net.movements.in_link, row, len(net.links)) for row in share])
    flow = replace(flow, period_s=period_s, movement_share=share, exit_share=exits)
    fields = [asdict(FlowModel(net, flow).run(states, 1300)) for states in (shown, long)]
    assert pickle.dumps(fields[0]) == pickle.dumps(fields[1])
