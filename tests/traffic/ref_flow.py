"""The flow model once more: plain objects, whole histories, nothing prepared. Slow, and written to be read."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from traffic.flow import FlowParameters
from traffic.greens import SignalState
from traffic.network import Turn
from traffic.priority import GapClass, give_way

if TYPE_CHECKING:
    from traffic.demand import FlowDemand
    from traffic.greens import MovementGreens
    from traffic.network import RoadNetwork

EPS = 1e-9
SLACK = 1e-12
TABLE_STEP = 1.0 / 128.0
TABLE_END = 2.0
CLOSED, PROTECTED, GAPS, SNEAK = "closed", "protected", "gaps", "sneak"


@dataclass(eq=False)
class Link:
    row: int
    free_s: float
    wave_s: float
    capacity: float
    storage: float
    length: float
    speed: float
    groups: list[Group] = field(default_factory=list)
    exits: float = 0.0
    rate: float = 0.0
    outside: float = 0.0
    due: list[float] = field(default_factory=lambda: [0.0])
    entered: list[float] = field(default_factory=lambda: [0.0])
    left: list[float] = field(default_factory=lambda: [0.0])
    left_running: list[float] = field(default_factory=lambda: [0.0])
    arrived: float = 0.0
    head: float = 0.0
    inflow: float = 0.0
    out: float = 0.0
    out_running: float = 0.0
    delay: float = 0.0
    stops: float = 0.0
    most: float = 0.0
    outside_s: float = 0.0
    last_queue: float = 0.0

    def queue(self) -> float:
        return self.arrived - self.left[-1]

    def held(self) -> float:
        """Vehicles that would have come to the lane groups at free speed, but wait on the link or outside."""
        if self.outside <= EPS:
            return self.head
        due, entered = self.due[-1], self.entered[-1]
        recent = due - past(self.due, len(self.due) - 1 - self.free_s)
        travelling = (entered - self.arrived) * (due - self.outside) / entered if entered > 0 else 0.0
        late = self.outside - recent + travelling
        return self.head + max(late, 0.0)

    def room(self, t: int) -> float:
        wave = past(self.left_running, t + 1 - self.wave_s) + self.storage - self.entered[t]
        return max(min(self.capacity, wave), 0.0)


@dataclass(eq=False)
class Group:
    row: int
    link: Link
    lanes: float
    storage: float
    bay: bool
    turns: list[Stream] = field(default_factory=list)
    queue: float = 0.0
    joined: float = 0.0
    joined_unhindered: float = 0.0
    capacity: float = 0.0
    capacity_sum: float = 0.0
    draw: float = 0.0
    pressed: bool = False
    factor: float = 1.0

    @property
    def share(self) -> float:
        return sum(turn.share for turn in self.turns)

    def saturation(self) -> float:
        return 1.0 / sum(turn.mix / turn.full() for turn in self.turns)


@dataclass(eq=False)
class Stream:
    """A movement from one lane group."""

    row: int
    group: Group
    target: Link
    saturation: float
    foot: float
    gap: object
    parts: dict[int, float]
    share: float = 0.0
    mix: float = 0.0
    rules: list[Stream] = field(default_factory=list)
    shown: list[tuple[str, float]] | None = None
    pattern: list[int] | None = None
    green: bool = True
    now: tuple[str, float] = (CLOSED, 0.0)
    seen: float = 0.0
    waiting: float = 0.0
    flow: float = 0.0
    passed: float = 0.0

    def full(self) -> float:
        return self.saturation * (self.foot if self.now[0] in (GAPS, SNEAK) else 1.0)

    def yields(self) -> bool:
        return self.now[0] in (GAPS, SNEAK) and bool(self.rules)

    def sees(self, other: Stream) -> float:
        return math.inf if other.seen is None else other.seen * self.parts[other.row]

    def sneaks(self, rate: float) -> float:
        blocked = any(other.green for other in self.rules)
        return rate * self.foot if self.now[0] == SNEAK and self.rules and not blocked else 0.0

    def closed(self, rate: float) -> bool:
        return self.now[0] == CLOSED or (self.now == (SNEAK, 0.0) and self.sneaks(rate) == 0.0)

    def opens(self, rate: float) -> float:
        return 1.0 if self.sneaks(rate) > 0 else self.now[1]

    def capacity(self, rate: float) -> float:
        kind, worth = self.now
        if kind == CLOSED:
            return 0.0
        if not self.yields():
            return self.full() * worth
        opposing = sum(self.sees(other) for other in self.rules)
        most = min(self.saturation, self.group.lanes * gap_capacity(self.gap, opposing))
        return max(most * self.foot * worth, self.sneaks(rate))


def past(history: list[float], time: float) -> float:
    """A cumulative count at any time up to now; linear between whole seconds, 0 before the start."""
    low = math.floor(time)
    part = time - low
    before = history[low] if low >= 0 else 0.0
    after = history[low + 1] if low + 1 >= 0 and part > 0 else before
    return before + part * (after - before)


def gap_capacity(gap, flow: float) -> float:
    if flow >= TABLE_END:
        return 0.0
    low = math.floor(flow / TABLE_STEP) * TABLE_STEP
    a, b = gap.capacity_veh_s(low), gap.capacity_veh_s(low + TABLE_STEP)
    return a + (flow - low) / TABLE_STEP * (b - a)


def effective(pattern: list[int], parameters: FlowParameters) -> list[tuple[str, float]]:
    """What each second of a cyclic pattern is worth."""
    size = len(pattern)
    moves = (SignalState.PERMISSIVE, SignalState.PROTECTED)
    shown = []
    for s in range(size):
        age = 0
        if pattern[s] in moves:
            while age < size and pattern[(s - age) % size] in moves:
                age += 1
            lost = 0.0 if age == size else parameters.start_loss_s - (age - 1)
            kind = PROTECTED if pattern[s] == SignalState.PROTECTED else GAPS
            shown.append((kind, 1.0 - min(max(lost, 0.0), 1.0)))
            continue
        while age < size and pattern[(s - age) % size] not in moves:
            age += 1
        before = pattern[(s - age) % size]
        worth = (
            min(max(parameters.yellow_use_s - (age - 1), 0.0), 1.0)
            if pattern[s] == SignalState.YELLOW
            else 0.0
        )
        if before == SignalState.PERMISSIVE and (worth > 0 or age <= parameters.sneak_time_s):
            shown.append((SNEAK, worth))
        elif before == SignalState.PROTECTED and worth > 0:
            shown.append((PROTECTED, worth))
        else:
            shown.append((CLOSED, 0.0))
    return shown


class RefFlow:
    def __init__(
        self,
        network: RoadNetwork,
        demand: FlowDemand,
        greens: MovementGreens,
        parameters: FlowParameters | None = None,
    ) -> None:
        self.network, self.demand, self.greens = network, demand, greens
        self.parameters = parameters or FlowParameters()
        self.sneakers = self.parameters.sneakers_veh / self.parameters.sneak_time_s
        self._build_links()
        self._build_streams()
        self._build_rules()

    def _build_links(self) -> None:
        network, p = self.network, self.parameters
        self.links: list[Link] = []
        self.groups: list[Group] = []
        for row in range(len(network.links)):
            length, speed = float(network.links.length_m[row]), float(network.links.speed_m_s[row])
            running = int(network.links.running_lanes[row])
            rows = [g for g in range(len(network.lane_groups)) if network.lane_groups.link[g] == row]
            bays = [g for g in rows if network.lane_groups.length_m[g] < length * (1 - 1e-6)]
            saturation = sum(float(network.lane_groups.saturation_veh_s[g]) for g in rows)
            lane = saturation / int(network.links.lanes[row])
            if p.backward_wave_m_s is None:
                lane = min(lane, 0.5 * p.jam_density_veh_m * speed)
                wave = lane / (p.jam_density_veh_m - lane / speed)
            else:
                wave = p.backward_wave_m_s
                lane = p.jam_density_veh_m / (1.0 / wave + 1.0 / speed)
            free_s, wave_s = max(length / speed, 1.0), max(length / wave, 1.0)
            lanes = max(
                running, int(network.links.lanes[row]) - sum(int(network.lane_groups.lanes[g]) for g in bays)
            )
            storage = max(p.jam_density_veh_m * length * lanes, lane * running * (free_s + wave_s))
            link = Link(row, free_s, wave_s, lane * running, storage, length, speed)
            for g in rows:
                stored = max(p.jam_density_veh_m * float(network.lane_groups.length_m[g]), 1.0)
                count = int(network.lane_groups.lanes[g])
                group = Group(g, link, float(count), stored * count, g in bays)
                link.groups.append(group)
                self.groups.append(group)
            self.links.append(link)

    def _reachable(self) -> set[int]:
        network, demand = self.network, self.demand
        todo = [int(e) for i, e in enumerate(demand.entry_link) if (demand.entry_veh_s[:, i] > 0).any()]
        found = set(todo)
        while todo:
            link = todo.pop()
            for m in range(len(network.movements)):
                out = int(network.movements.out_link[m])
                used = (demand.movement_share[:, m] > 0).any()
                if network.movements.in_link[m] == link and used and out not in found:
                    found.add(out)
                    todo.append(out)
        return found

    def _build_streams(self) -> None:
        network, p = self.network, self.parameters
        reachable = self._reachable()
        crossed = {int(link) for link in network.crossings.out_link if link >= 0}
        self.way = give_way(network)
        self.streams: list[Stream] = []
        for g, m in zip(network.connections.lane_group, network.connections.movement, strict=True):
            used = (self.demand.movement_share[:, m] > 0).any()
            if not used or int(network.movements.in_link[m]) not in reachable:
                continue
            group = self.groups[int(g)]
            target = self.links[int(network.movements.out_link[m])]
            factor = float(network.movements.saturation_factor[m])
            gap_class = int(self.way.gap_class[m])
            over = target.row in crossed and network.movements.turn[m] != Turn.THROUGH
            foot = p.pedestrian_factor if over and gap_class == GapClass.SIGNAL else 1.0
            stream = Stream(
                int(m),
                group,
                target,
                float(network.lane_groups.saturation_veh_s[g]) * factor,
                foot,
                p.gaps[gap_class],
                self._parts(int(m)),
            )
            group.turns.append(stream)
            self.streams.append(stream)

    def _parts(self, movement: int) -> dict[int, float]:
        """The movements that `movement` gives way to, and how much of their flow counts."""
        network, movements = self.network, self.network.movements
        out = int(movements.out_link[movement])
        lanes = int(network.links.running_lanes[out])
        found = {}
        for other in map(int, self.way.of(movement)):
            merges = int(movements.out_link[other]) == out
            turns = int(movements.turn[movement]), int(movements.turn[other])
            if merges and lanes > 1 and turns == (Turn.LEFT, Turn.RIGHT):
                continue
            found[other] = 1.0 / lanes if merges else 1.0
        return found

    def _build_rules(self) -> None:
        for stream in self.streams:
            if self.greens.begin[stream.row] >= 0:
                stream.pattern = [int(state) for state in self.greens.pattern(stream.row)]
                stream.shown = effective(stream.pattern, self.parameters)
        for stream in self.streams:
            stream.rules = [o for o in self.streams if o.row in stream.parts and meet(stream, o)]
        for stream in self.streams:
            if stream.shown is None:
                yields = any(other.row in stream.parts for other in self.streams)
                stream.now = (GAPS if yields else PROTECTED, 1.0)

    def run(self, duration_s: int) -> RefFlow:
        self.entered = self.gone = self.inside_s = self.queue_s = self.outside_s = 0.0
        period = -1
        inside = queued = outside = 0.0
        for t in range(duration_s):
            now = min(int(t // self.demand.period_s), self.demand.periods - 1)
            if now != period:
                period = now
                self._take_period(period)
            for link in self.links:
                self._arrive(link, t)
            for stream in self.streams:
                if stream.shown is not None and stream.pattern is not None:
                    stream.now = stream.shown[t % len(stream.shown)]
                    moves = (SignalState.PERMISSIVE, SignalState.PROTECTED)
                    stream.green = stream.pattern[t % len(stream.pattern)] in moves
            for stream in self.streams:
                if stream.shown is not None and stream.closed(self.sneakers):
                    stream.seen = 0.0
            for group in self.groups:
                self._send(group)
            for node in range(len(self.network.nodes)):
                self._settle(node, t)
            for group in self.groups:
                self._leave(group)
            for link in self.links:
                self._enter(link, t)
            for link in self.links:
                self._close(link)
            now_inside = sum(link.entered[-1] - link.left[-1] for link in self.links)
            now_queued = sum(link.queue() for link in self.links)
            now_outside = sum(link.outside for link in self.links)
            self.inside_s += 0.5 * (inside + now_inside)
            self.queue_s += 0.5 * (queued + now_queued)
            self.outside_s += 0.5 * (outside + now_outside)
            inside, queued, outside = now_inside, now_queued, now_outside
        self.inside, self.outside = inside, outside
        return self

    def _take_period(self, period: int) -> None:
        demand = self.demand
        for link in self.links:
            link.rate = sum(
                float(demand.entry_veh_s[period, i]) for i, e in enumerate(demand.entry_link) if e == link.row
            )
            link.exits = float(demand.exit_share[period, link.row])
            streams = [stream for group in link.groups for stream in group.turns]
            spread(streams, {s.row: float(demand.movement_share[period, s.row]) for s in streams})
            total = link.exits + sum(stream.share for stream in streams)
            if streams or link.exits > 0:
                link.exits /= total
            for stream in streams:
                stream.share /= total
            for group in link.groups:
                new = all(stream.mix == 0 for stream in group.turns)
                for stream in group.turns:
                    if group.share > 0:
                        stream.mix = stream.share / group.share
                    elif new:
                        stream.mix = 1.0 / len(group.turns)

    def _arrive(self, link: Link, t: int) -> None:
        before = link.arrived
        link.arrived = max(past(link.entered, t + 1 - link.free_s), before)
        came = link.arrived - before
        had_head = link.head > EPS
        link.head += came
        moved = link.head
        for group in link.groups:
            if group.share > 0:
                moved = min(moved, max((group.storage - group.queue) / group.share, 0.0))
        link.head -= moved
        gone = link.exits * moved
        link.out, link.out_running, link.inflow = gone, gone, 0.0
        self.gone += gone
        link.stops += came
        if not had_head:
            link.stops -= gone
        for group in link.groups:
            group.joined = group.share * moved
            group.joined_unhindered = 0.0 if had_head else group.joined
            group.queue += group.joined
            if group.bay:
                link.out_running += group.joined

    def _send(self, group: Group) -> None:
        sneakers = self.sneakers
        group.factor, group.pressed = 1.0, True
        caps = {stream: stream.capacity(sneakers) for stream in group.turns}
        if not group.turns:
            return
        if len(group.turns) == 1:
            (stream,) = group.turns
            group.capacity = caps[stream]
            stream.flow = group.draw = min(group.queue, caps[stream])
            return
        opens = max(s.opens(sneakers) for s in group.turns if s.mix > 0 or s.waiting > 0)
        bound = [group.saturation() * opens]
        bound += [(group.lanes - s.waiting + caps[s]) / s.mix for s in group.turns if s.mix > 0]
        group.capacity = max(min(bound), 0.0)
        used = sum(min(s.waiting, caps[s]) / s.saturation for s in group.turns)
        free = group.saturation() * (opens - used)
        fresh = group.queue - sum(s.waiting for s in group.turns)
        group.draw = min(fresh, group.capacity, free)
        if group.draw <= EPS:
            group.draw = 0.0
        group.pressed = group.draw >= free - EPS
        for stream in group.turns:
            stream.flow = min(stream.waiting + stream.mix * group.draw, caps[stream])

    def _settle(self, node: int, t: int) -> None:
        groups = [g for g in self.groups if self.network.links.to_node[g.link.row] == node and g.turns]
        targets = {stream.target for group in groups for stream in group.turns}
        room = {link: link.room(t) for link in targets}
        want = {link: sum(s.flow for g in groups for s in g.turns if s.target is link) for link in targets}
        if any(want[link] > room[link] + SLACK for link in targets):
            for group, factor in share_room(groups, room, self.parameters.give_way_weight).items():
                group.factor = factor
                group.draw *= factor
                for stream in group.turns:
                    stream.flow *= factor
        for group in groups:
            for stream in group.turns:
                stream.target.inflow += stream.flow

    def _leave(self, group: Group) -> None:
        if not group.turns:
            return
        total = sum(stream.flow for stream in group.turns)
        left = max(group.queue - total, 0.0)
        if group.queue - group.joined_unhindered <= EPS:
            group.link.stops -= group.joined_unhindered - min(group.joined_unhindered, left)
        group.queue = left
        group.capacity_sum += group.capacity
        group.link.out += total
        if not group.bay:
            group.link.out_running += total
        full = left > EPS and group.pressed and group.factor >= 1.0
        for stream in group.turns:
            if len(group.turns) > 1:
                stream.waiting += stream.mix * group.draw - stream.flow
                if stream.waiting <= EPS:
                    stream.waiting = 0.0
            stream.passed += stream.flow
            if full and not stream.closed(self.sneakers) and not stream.yields():
                stream.seen = None
            else:
                before = stream.flow if stream.seen is None else stream.seen
                stream.seen = before + (stream.flow - before) / self.parameters.smoothing_s

    def _enter(self, link: Link, t: int) -> None:
        before = link.outside
        flow = before + link.rate
        enters = min(flow, max(link.room(t) - link.inflow, 0.0))
        link.outside = flow - enters
        link.outside_s += 0.5 * (before + link.outside)
        link.inflow += enters
        self.entered += enters

    def _close(self, link: Link) -> None:
        before = link.last_queue
        link.due.append(link.due[-1] + link.rate)
        link.entered.append(link.entered[-1] + link.inflow)
        link.left.append(link.left[-1] + link.out)
        link.left_running.append(link.left_running[-1] + link.out_running)
        link.last_queue = link.queue()
        link.delay += 0.5 * (before + link.last_queue)
        link.most = max(link.most, link.last_queue)


def meet(stream: Stream, other: Stream) -> bool:
    """Whether `other` may be open while `stream` has to find gaps."""
    if stream.shown is None or other.shown is None or len(stream.shown) != len(other.shown):
        return True
    both = zip(stream.shown, other.shown, strict=True)
    return any(mine[0] in (GAPS, SNEAK) and theirs[0] != CLOSED for mine, theirs in both)


def spread(streams: list[Stream], share: dict[int, float]) -> None:
    """Spread each movement over its lane groups such that no used lane group has a higher flow ratio than another."""
    for stream in streams:
        same = [other for other in streams if other.row == stream.row]
        stream.share = share[stream.row] / len(same)
    rows = list(dict.fromkeys(stream.row for stream in streams))
    for _ in range(300):
        change = 0.0
        for row in rows:
            same = [stream for stream in streams if stream.row == row]
            others = [stream for stream in streams if stream.row != row]
            base = {s: sum(o.share / o.saturation for o in others if o.group is s.group) for s in same}
            low, high = 0.0, max(base.values()) + share[row] / min(s.saturation for s in same)
            for _ in range(60 if len(same) > 1 else 0):
                level = 0.5 * (low + high)
                filled = sum(max(level - base[s], 0.0) * s.saturation for s in same)
                low, high = (level, high) if filled < share[row] else (low, level)
            for s in same:
                now = max(high - base[s], 0.0) * s.saturation if len(same) > 1 else share[row]
                change = max(change, abs(now - s.share))
                s.share = now
        if change < 1e-13:
            break
    for stream in streams:
        stream.share = stream.share if stream.share >= 1e-12 else 0.0


def share_room(groups: list[Group], room: dict[Link, float], weight: float) -> dict[Group, float]:
    """The node model of Tampère et al. (2011), section 4, with oriented priorities."""
    sends = {g: sum(s.flow for s in g.turns) for g in groups}
    claim = {
        g: max(g.capacity, sends[g]) * (weight if any(s.yields() and s.flow > 0 for s in g.turns) else 1.0)
        for g in groups
    }
    left = dict(room)
    todo = {g for g in groups if sends[g] > 0}
    factor: dict[Group, float] = {}

    def part(g: Group, link: Link) -> float:
        return sum(s.flow for s in g.turns if s.target is link) / sends[g]

    while todo:
        load = {link: sum(claim[g] * part(g, link) for g in todo) for link in left}
        ratios = {link: max(left[link], 0.0) / load[link] for link in left if load[link] > 0}
        tight = min(ratios, key=lambda link: (ratios[link], link.row))
        users = [g for g in todo if part(g, tight) > 0]
        small = [g for g in users if sends[g] <= ratios[tight] * claim[g]]
        for g in small or users:
            factor[g] = 1.0 if small else min(ratios[tight] * claim[g] / sends[g], 1.0)
            todo.remove(g)
            for link in left:
                left[link] -= factor[g] * part(g, link) * sends[g]
    return factor
