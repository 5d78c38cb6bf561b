"""Changes that travel through the network of cyclic profiles, and how to take them back."""

from __future__ import annotations

from signals._kernels_dispersion import disperse_into
from signals._kernels_profile import update_node
from signals._kernels_profile_tables import (
    OUT_BEGIN,
    OUT_END,
    SMOOTHING,
    TO_NODE,
    TRAVEL,
    Journal,
    Net,
    PlanState,
    ProfileState,
)
from traffic._kernels_jit import F1, I1, OutF1, OutI1, borrowed, helper, kernel

_NO_LIMIT = 2**31 - 1

__all__ = ["attempt", "commit", "propagate", "start_uniform", "undo"]


@helper
def _arrive(inflow: OutF1, arrive: OutF1, travel: float, smoothing: float) -> None:
    """Bring the inflow of a link to its end; where the period there is another one, it sees the mean flow."""
    if len(inflow) == len(arrive):
        disperse_into(inflow, travel, smoothing, arrive)
        return
    total = 0.0
    for t in range(len(inflow)):
        total += inflow[t]
    arrive[:] = total / len(inflow)


@helper
def _change(now: OutF1, before: OutF1) -> float:
    """Return the largest change in any bin."""
    change = 0.0
    for t in range(len(now)):
        change = max(change, abs(now[t] - before[t]))
    return change


@helper
def _push(queue: OutI1, node: int, head: int, waiting: int) -> int:
    """Queue a node once; return the number that now wait."""
    size = len(queue) // 2
    if queue[size + node]:
        return waiting
    queue[size + node] = 1
    place = head + waiting
    queue[place if place < size else place - size] = node
    return waiting + 1


@helper
def _note(listed: OutI1, size: OutI1, which: int, item: int) -> bool:
    """Put an item on a list of the journal; return whether it is new there."""
    half = len(listed) // 2
    if listed[half + item]:
        return False
    listed[half + item] = 1
    listed[size[which]] = item
    size[which] += 1
    return True


@helper
def commit(journal: Journal) -> None:
    """Forget how things were before the change."""
    nodes = len(journal.node) // 2
    links = len(journal.link) // 2
    for place in range(journal.size[0]):
        journal.node[nodes + journal.node[place]] = 0
    for place in range(journal.size[1]):
        journal.link[links + journal.link[place]] = 0
    journal.size[0] = 0
    journal.size[1] = 0


@helper
def undo(net: Net, state: ProfileState, journal: Journal) -> None:
    """Put everything back as it was before the change."""
    for place in range(journal.size[0]):
        state.node_cost[journal.node[place]] = journal.cost[place]
    for place in range(journal.size[1]):
        row = journal.link[place] * net.stride
        source = place * net.stride
        state.inflow[row : row + net.stride] = journal.inflow[source : source + net.stride]
        state.arrive[row : row + net.stride] = journal.arrive[source : source + net.stride]
        state.came[journal.link[place]] = 1
    commit(journal)


@helper
def spread(
    net: Net,
    plan: PlanState,
    state: ProfileState,
    journal: Journal,
    waiting: int,
    epsilon: float,
    probe: int,
    limit: int,
    visits: OutI1,
    keep: bool,
) -> float:
    """Evaluate the queued nodes and what their changes reach; return the change of the cost.

    A change travels on while an inflow changes by more than `epsilon` vehicles per second in some second, for `limit`
    evaluations at most; no further than `probe` where it has not paid by then. ``journal.size[2]`` counts them.
    `visits`, where it is not empty, is how often each node may still be evaluated: streams that give way to each other
    need not come to rest.
    """
    size = len(state.queue) // 2
    stride = net.stride
    head = 0
    updates = 0
    change = 0.0
    while waiting > 0:
        node = int(state.queue[head])
        head = head + 1 if head + 1 < size else 0
        waiting -= 1
        state.queue[size + node] = 0
        if updates >= limit or (updates >= probe and change >= 0.0):
            limit = 0
            continue
        if len(visits):
            if visits[node] <= 0:
                continue
            visits[node] -= 1
        updates += 1
        if keep and _note(journal.node, journal.size, 0, node):
            journal.cost[journal.size[0] - 1] = state.node_cost[node]
        cost = update_node(net, plan, state, node)
        change += cost - state.node_cost[node]
        state.node_cost[node] = cost
        period = int(plan.period[node])
        first = int(net.node[node, OUT_BEGIN])
        for slot in range(net.node[node, OUT_END] - first):
            link = int(net.node_link[first + slot])
            row = link * stride
            now = state.out[slot * stride : slot * stride + period]
            before = state.inflow[row : row + period]
            if _change(now, before) <= epsilon:
                continue
            if keep and _note(journal.link, journal.size, 1, link):
                at = (journal.size[1] - 1) * stride
                journal.inflow[at : at + stride] = state.inflow[row : row + stride]
                journal.arrive[at : at + stride] = state.arrive[row : row + stride]
            before[:] = now
            ahead = int(net.link[link, TO_NODE])
            arrived = state.arrive[row : row + int(plan.period[ahead])]
            _arrive(before, arrived, net.link_value[link, TRAVEL], net.link_value[link, SMOOTHING])
            state.came[link] = 1
            waiting = _push(state.queue, ahead, head, waiting)
    journal.size[2] = updates
    return change


@helper
def attempt(
    net: Net,
    plan: PlanState,
    state: ProfileState,
    journal: Journal,
    node: int,
    epsilon: float,
    probe: int,
    limit: int,
) -> float:
    """Evaluate a change made at `node`; return the change of the cost. The journal must be empty."""
    waiting = _push(state.queue, node, 0, 0)
    return spread(net, plan, state, journal, waiting, epsilon, probe, limit, journal.node[:0], True)


@kernel
def propagate(
    net: Net, plan: PlanState, state: ProfileState, journal: Journal, seeds: I1, epsilon: float, visits: OutI1
) -> int:
    """Evaluate `seeds` and whatever their changes reach; return the number of node evaluations.

    `visits` is how often each node may be evaluated.
    """
    net = borrowed(net)
    plan = borrowed(plan)
    state = borrowed(state)
    journal = borrowed(journal)
    waiting = 0
    for node in seeds:
        waiting = _push(state.queue, int(node), 0, waiting)
    spread(net, plan, state, journal, waiting, epsilon, _NO_LIMIT, _NO_LIMIT, visits, False)
    return journal.size[2]


@kernel
def start_uniform(net: Net, state: ProfileState, link_flow: F1) -> None:
    """Set all inflows and arrivals to the mean flow of their link."""
    net = borrowed(net)
    state = borrowed(state)
    for link in range(len(link_flow)):
        row = link * net.stride
        state.came[link] = 1
        for t in range(net.stride):
            state.inflow[row + t] = link_flow[link]
            state.arrive[row + t] = link_flow[link]
