"""Cyclic flow profiles at one node (TRANSYT family), one-second bins.

A node is evaluated from the arrivals of its in-links: service of each lane group, cyclic queue, departures,
inflow of its out-links. What a visit need not find again is kept from one to the next, and changes no result: greens until
the plan is another, departures until arrivals, plan or the streams to give way to are others.

Most lane groups are *plain*: all their vehicles see the same signal and give way to nobody. Their service does not
depend on others. The rest is played second by second (`signals._kernels_teams`).
"""

from __future__ import annotations

from signals._kernels_greens import show
from signals._kernels_profile_tables import (
    CONN_BEGIN,
    CONN_END,
    ENTRY,
    GROUP_BEGIN,
    GROUP_END,
    IN_BEGIN,
    IN_END,
    OUT_BEGIN,
    OUT_END,
    PLAIN,
    RESULTS,
    SEEN_ROW,
    SHARE,
    TEAM_BEGIN,
    TEAM_END,
    Net,
    PlanState,
    ProfileState,
)
from signals._kernels_streams import cost_of, serve
from signals._kernels_teams import play_team
from traffic._kernels_jit import helper, small

__all__ = ["update_node"]


@helper
def update_node(net: Net, plan: PlanState, state: ProfileState, node: int) -> float:
    """Evaluate a node from its arrivals; inflows of its out-links into `state.out`; return its cost."""
    period = int(plan.period[node])
    shown = show(net, plan, state, node)
    first_in = int(net.node[node, IN_BEGIN])
    end_in = int(net.node[node, IN_END])
    for place in range(first_in, end_in):
        _serve_link(net, state, int(net.node_link[place]), period, shown)
    for team in range(net.node[node, TEAM_BEGIN], net.node[node, TEAM_END]):
        play_team(net, state, team, period, shown)
    first_out = int(net.node[node, OUT_BEGIN])
    for slot in range(net.node[node, OUT_END] - first_out):
        entry = net.link_value[net.node_link[first_out + slot], ENTRY]
        state.out[slot * net.stride : slot * net.stride + period] = entry
    cost = 0.0
    for plain in range(1, -1, -1):
        for place in range(first_in, end_in):
            link = int(net.node_link[place])
            state.came[link] = 0
            for each in range(net.link[link, GROUP_BEGIN], net.link[link, GROUP_END]):
                group = int(each)
                if net.group_value[group, SHARE] > 0.0 and net.group[group, PLAIN] == plain:
                    _leave(net, state, group, period)
                    result = state.result[group * RESULTS : (group + 1) * RESULTS]
                    cost += cost_of(
                        net.group_value, group, result, net.period, net.randomness, net.overflow_weight
                    )
    return cost


@small
def _serve_link(net: Net, state: ProfileState, link: int, period: int, shown: bool) -> None:
    """Serve the plain lane groups of a link, if its arrivals or the plan (`shown`) are new."""
    stride = net.stride
    anew = shown or state.came[link] != 0
    arrive = state.arrive[link * stride : link * stride + period]
    flow = 0.0
    if anew:
        for t in range(period):
            flow += arrive[t]
    for each in range(net.link[link, GROUP_BEGIN], net.link[link, GROUP_END]):
        group = int(each)
        seen = int(net.group[group, SEEN_ROW])
        if seen >= 0:
            state.moved[seen] = 1 if anew else 0
        if not anew or not net.group[group, PLAIN] or net.group_value[group, SHARE] <= 0.0:
            continue
        watched = seen if seen >= 0 else group
        serve(
            arrive,
            state.service[group * stride : group * stride + period],
            state.depart[group * stride : group * stride + period],
            state.depart[watched * stride : watched * stride + period],
            seen >= 0,
            net.group_value[group, SHARE],
            flow * net.group_value[group, SHARE],
            state.volume[group],
            net.stop_queue,
            state.result[group * RESULTS : (group + 1) * RESULTS],
        )


@small
def _leave(net: Net, state: ProfileState, group: int, period: int) -> None:
    """Lead the departures of a lane group into the out-links."""
    stride = net.stride
    depart = state.depart[group * stride : group * stride + period]
    for conn in range(net.group[group, CONN_BEGIN], net.group[group, CONN_END]):
        share = net.conn_share[conn]
        if share > 0.0:
            target = int(net.conn_slot[conn]) * stride
            out = state.out[target : target + period]
            for t in range(period):
                out[t] += share * depart[t]
