"""A UTDF file as a `RoadNetwork`, with the way back to the file's own numbers.

- A direction of [Links] with lanes becomes a link from the node upstream; bends are points of its shape.
- A turn of [Lanes] that has a lane, shares one, or has traffic or a phase becomes a movement; the column says which
  turn it is, whatever the angle.
- `SatFlow` is the saturation flow of a turn's lanes with all reductions, so that movements have none of their own.
- People cross a leg where `Crosswalk Width` is more than 0 and a phase has a walk for it: that of the through traffic
  whose right-hand turn leads over the crossing. `Crosswalk Phases`, which Jasyl writes, says it in full.
- A node without turns to make is a gateway. UTDF knows no class of road: all are secondary ones.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from pyproj import CRS
from pyproj.exceptions import CRSError

from traffic.assemble import JunctionSpec, LinkSpec, NodeSpec, assemble
from traffic.counts import BalanceSettings, TurningCounts, balance
from traffic.demand import FlowDemand
from traffic.errors import InputError
from traffic.lanes import lane_runs
from traffic.network import Connections, Crossings, LaneGroups, RoadClass, RoadNetwork, Turn
from traffic.units import VEH_H
from traffic.utdf.chains import Chain, chains_of
from traffic.utdf.lane_use import ApproachLanes, approach_lanes
from traffic.utdf.tables import CROSSWALK_PHASES, DIRECTIONS, TURNS, NodeType, UtdfTables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traffic.utdf.records import UtdfFile

__all__ = ["LOCAL", "UtdfRoads", "road_network"]

LOCAL = "local"
"""Coordinate system of positions that are not tied to the earth."""

_TURN = {
    "R2": Turn.RIGHT,
    "R": Turn.RIGHT,
    "T": Turn.THROUGH,
    "L": Turn.LEFT,
    "L2": Turn.LEFT,
    "U": Turn.U_TURN,
}
_SATURATION_VEH_H = 1900.0
_MOST_VEH_H = 100_000.0


@dataclass(frozen=True, eq=False)
class UtdfRoads:
    """A road network and how it hangs together with the file that it comes from.

    Attributes
    ----------
    intid
        INTID of each node of the network.
    columns
        Column of [Lanes] of each movement, e.g. ``"NBL"``; empty where the file has none.
    volume_veh_h
        Traffic of each movement, growth included; NaN where the file has none or 0 for the whole node;
        shape (movements,).
    crosswalk_phases
        Phases in which people cross, of each of the network's crossings.
    warnings
        What could not be taken over.
    """

    tables: UtdfTables
    network: RoadNetwork
    intid: tuple[int, ...]
    columns: tuple[str, ...]
    volume_veh_h: NDArray[np.float64]
    crosswalk_phases: tuple[frozenset[int], ...]
    warnings: tuple[str, ...]

    def counts(self) -> TurningCounts:
        """Return the volumes as turning counts of one hour, ready for `traffic.counts.balance`."""
        counted = np.flatnonzero(np.isfinite(self.volume_veh_h))
        if not len(counted) or not self.volume_veh_h[counted].any():
            rule, hint = "must be above 0 for some turn", "Enter the traffic in Synchro and export again"
            raise InputError(rule, file=self.tables.file.source, field="[Lanes], Volume", value=0, hint=hint)
        vehicles = self.volume_veh_h[None, counted]
        source = self.tables.file.source
        return TurningCounts(counted.astype(np.int32), vehicles, 3600.0, 0.0, source)

    def demand(self, settings: BalanceSettings | None = None) -> FlowDemand:
        """Return the volumes as demand, balanced between junctions; see `traffic.counts.balance` for what it refuses."""
        return balance(self.counts(), self.network, settings=settings).demand


def road_network(file: UtdfFile, *, name: str, crs: str = LOCAL) -> UtdfRoads:
    """Make a road network of a UTDF file.

    Parameters
    ----------
    crs
        Projected coordinate system of the file's positions in metres, where it is known.
    """
    _check_crs(crs)
    builder = _Builder(UtdfTables.of(file))
    try:
        return builder.build(name, crs)
    except InputError as error:
        if error.file is not None:
            raise
        raise InputError(
            error.rule, file=file.source, field=error.field, value=error.value, hint=error.hint
        ) from error


def _check_crs(crs: str) -> None:
    if crs == LOCAL:
        return
    hint = f"Give an EPSG code such as EPSG:32612, or {LOCAL}"
    try:
        projected = CRS.from_user_input(crs).is_projected
    except CRSError:
        projected = False
    if not projected:
        raise InputError("must be a projected coordinate system", field="--crs", value=crs, hint=hint)


class _Builder:
    """Collects nodes, links and turns of one file."""

    def __init__(self, tables: UtdfTables) -> None:
        self.tables = tables
        self.warnings: list[str] = []
        self.intid = tuple(i for i, node in tables.nodes.items() if node.kind is not NodeType.BEND)
        self.node = {intid: position for position, intid in enumerate(self.intid)}
        self.chains = chains_of(tables)
        self.arriving = {(chain.ids[-1], chain.ids[-2]): k for k, chain in enumerate(self.chains)}
        self.leaving = {(chain.ids[0], chain.ids[1]): k for k, chain in enumerate(self.chains)}
        self.lanes = [self._approach(chain) for chain in self.chains]
        self.turns = [self._turns(k) for k in range(len(self.chains))]

    def _approach(self, chain: Chain) -> ApproachLanes:
        records = self.tables.lanes.get(chain.ids[-1])
        if records is None:
            return ApproachLanes((), ())
        return approach_lanes(records, chain.direction, self.tables.metre)

    def _turns(self, link: int) -> dict[str, int]:
        """Return the turns that can be made at the end of `link`, with the link that each leads to."""
        chain, found = self.chains[link], dict[str, int]()
        served = frozenset().union(*self.lanes[link].turns)
        for turn in TURNS:
            if turn not in served:
                continue
            records, column = self.tables.lanes[chain.ids[-1]], chain.direction + turn
            target = self.leaving.get((chain.ids[-1], records.whole("Dest Node", column, 0)))
            if target is None or target in found.values():
                self.warnings.append(f"{records.where}, {column}: no road of its own leads to its Dest Node")
            else:
                found[turn] = target
        return found

    def build(self, name: str, crs: str) -> UtdfRoads:
        if not any(self.turns):
            rule, hint = "must lead a turn to another node", "Export [Lanes] with the record Dest Node"
            raise InputError(rule, file=self.tables.file.source, field="[Lanes], Dest Node", hint=hint)
        specs = [self._link(k) for k in range(len(self.chains))]
        wanted = frozenset((k, out) for k, turns in enumerate(self.turns) for out in turns.values())
        ends = defaultdict(list)
        for (intid, _), link in self.leaving.items():
            ends[intid].append(link)
        told = {k for k, lanes in enumerate(self.lanes) if lanes.turns}
        pairs = {(k, out) for k in told for out in ends[self.chains[k].ids[-1]]}
        made = assemble(name, crs, self._nodes(), specs, banned=frozenset(pairs - wanted), u_turns=wanted)
        return self._told(made)

    def _nodes(self) -> list[NodeSpec]:
        arrives: dict[int, list[int]] = defaultdict(list)
        for k, chain in enumerate(self.chains):
            arrives[chain.ids[-1]].append(k)
        specs = []
        for intid in self.intid:
            node, own = self.tables.nodes[intid], arrives[intid]
            gateway = node.kind is NodeType.EXTERNAL or any(not self.turns[k] for k in own)
            signal = node.kind is NodeType.SIGNALISED and any(self.turns[k] for k in own)
            if node.kind is NodeType.SIGNALISED and not signal:
                self.warnings.append(f"INTID {intid}: signals without a turn to control")
            spec = JunctionSpec(f"utdf:{intid}", node.description or self._streets(intid)) if signal else None
            metre = self.tables.metre
            specs.append(NodeSpec(node.x * metre, node.y * metre, gateway=gateway, junction=spec))
        return specs

    def _streets(self, intid: int) -> str:
        records = self.tables.links[intid]
        names = (records.text("Name", direction) for direction in DIRECTIONS)
        return " / ".join(dict.fromkeys(name for name in names if name)) or f"INTID {intid}"

    def _link(self, k: int) -> LinkSpec:
        chain, lanes = self.chains[k], self.lanes[k].turns
        return LinkSpec(
            from_node=self.node[chain.ids[0]],
            to_node=self.node[chain.ids[-1]],
            shape=chain.shape_m,
            speed_m_s=chain.speed_m_s,
            running_lanes=len(lanes) or chain.lanes,
            road_class=RoadClass.SECONDARY,
            length_m=chain.length_m,
            name=chain.name,
            saturation_veh_h_lane=_SATURATION_VEH_H,
            crossing=True,
        )

    def _told(self, made: RoadNetwork) -> UtdfRoads:
        """Put the lanes, turns and crossings that the file tells in place of those of the default rules."""
        moves = made.movements
        bounds = np.searchsorted(moves.in_link, np.arange(len(made.links) + 1)).tolist()
        by_exit = [{out: turn for turn, out in turns.items()} for turns in self.turns]
        pairs = list(zip(moves.in_link.tolist(), moves.out_link.tolist(), strict=True))
        letters = [by_exit[a].get(b, "") for a, b in pairs]
        columns = tuple(
            self.chains[a].direction + turn if turn else ""
            for (a, _), turn in zip(pairs, letters, strict=True)
        )
        turn = [_TURN[t] if t else Turn(old) for t, old in zip(letters, moves.turn.tolist(), strict=True)]
        factor = np.where([bool(t) for t in letters], 1.0, moves.saturation_factor)
        groups, connections = self._lane_groups(made, bounds, letters)
        bays = [sum(length > 0 for length in lanes.bay_m) for lanes in self.lanes]
        running = made.links.lanes - np.array(bays, dtype=np.int32)
        crossings, phases = self._crossings(made)
        network = replace(
            made,
            links=replace(made.links, running_lanes=running),
            movements=replace(moves, turn=np.array(turn, dtype=np.uint8), saturation_factor=factor),
            lane_groups=groups,
            connections=connections,
            crossings=crossings,
        )
        return UtdfRoads(
            tables=self.tables,
            network=network,
            intid=self.intid,
            columns=columns,
            volume_veh_h=self._volumes([a for a, _ in pairs], columns),
            crosswalk_phases=phases,
            warnings=tuple(self.warnings),
        )

    def _volumes(self, links: list[int], columns: Sequence[str]) -> NDArray[np.float64]:
        """Return the traffic of each movement; a node whose turns all have 0 was not counted."""
        volume = np.array([self._volume(a, column) for a, column in zip(links, columns, strict=True)])
        node = np.array([self.node[self.chains[a].ids[-1]] for a in links], dtype=np.int64)
        total = np.bincount(node, weights=np.nan_to_num(volume), minlength=len(self.intid))
        return np.where(total[node] > 0, volume, np.nan)

    def _volume(self, link: int, column: str) -> float:
        if not column:
            return float("nan")
        records = self.tables.lanes[self.chains[link].ids[-1]]
        volume = records.number("Volume", column, 0.0) * records.number("Growth", column, 100.0) / 100.0
        if not 0 <= volume <= _MOST_VEH_H:
            field = f"{records.where}, Volume, {column}"
            rule = f"must be from 0 to {_MOST_VEH_H:,.0f} veh/h"
            raise InputError(rule, file=records.file, field=field, value=volume, hint="Correct the volume")
        return volume

    def _lane_groups(
        self, made: RoadNetwork, bounds: list[int], letters: list[str]
    ) -> tuple[LaneGroups, Connections]:
        rows: list[tuple[int, int, int, float, float]] = []
        pairs: list[tuple[int, int]] = []
        for link, lanes in enumerate(self.lanes):
            first, stop = bounds[link], bounds[link + 1]
            place = {letters[m]: m for m in range(first, stop) if letters[m]}
            if not place:
                self._keep(made, link, rows, pairs)
                continue
            use = [tuple(sorted(place[turn] for turn in lane if turn in place)) for lane in lanes.turns]
            full_m = float(made.links.length_m[link])
            length_m = [min(bay, full_m) if bay > 0 else full_m for bay in lanes.bay_m]
            for run in lane_runs(tuple(_occupied(use))):
                own = range(run.first_lane, run.first_lane + run.lanes)
                flow = sum(self._lane_veh_h(link, lanes.turns[lane]) for lane in own)
                mean_m = sum(length_m[lane] for lane in own) / run.lanes
                pairs += [(len(rows), movement) for movement in run.movements]
                rows.append((link, run.first_lane, run.lanes, mean_m, flow * VEH_H))
        return LaneGroups(*map(np.array, zip(*rows, strict=True))), Connections(
            *np.array(pairs).reshape(-1, 2).T
        )

    @staticmethod
    def _keep(
        made: RoadNetwork,
        link: int,
        rows: list[tuple[int, int, int, float, float]],
        pairs: list[tuple[int, int]],
    ) -> None:
        """Take over the lane groups of a link of which the file tells nothing."""
        groups, joined = made.lane_groups, made.connections
        for group in np.flatnonzero(groups.link == link).tolist():
            pairs += [(len(rows), m) for m in joined.movement[joined.lane_group == group].tolist()]
            rows.append(
                (
                    link,
                    int(groups.first_lane[group]),
                    int(groups.lanes[group]),
                    float(groups.length_m[group]),
                    float(groups.saturation_veh_s[group]),
                )
            )

    def _lane_veh_h(self, link: int, turns: frozenset[str]) -> float:
        """Saturation flow of one lane: that of the column that it belongs to, shared by the column's lanes."""
        chain = self.chains[link]
        records = self.tables.lanes[chain.ids[-1]]
        for turn in ("T", "L", "R", "L2", "R2"):
            column = chain.direction + turn
            count = records.whole("Lanes", column, 0)
            flow = records.number("SatFlow", column, 0.0)
            if turn in turns and count > 0 and flow > 0:
                return flow / count
        return _SATURATION_VEH_H

    def _crossings(self, made: RoadNetwork) -> tuple[Crossings, tuple[frozenset[int], ...]]:
        """Keep the crossings at which people have a phase."""
        table = made.crossings
        phases = [self._walks(made, crossing) for crossing in range(len(table))]
        kept = np.array([bool(walk) for walk in phases], dtype=bool)
        names = ("junction", "in_link", "out_link", "length_m", "refuge")
        return Crossings(*(getattr(table, name)[kept] for name in names)), tuple(p for p in phases if p)

    def _walks(self, made: RoadNetwork, crossing: int) -> frozenset[int]:
        table = made.crossings
        into, out_of = int(table.in_link[crossing]), int(table.out_link[crossing])
        intid = self.intid[int(made.junctions.node[table.junction[crossing]])]
        other = self.chains[into].ids[-2] if into >= 0 else self.chains[out_of].ids[1]
        records = self.tables.links[intid]
        direction = next((d for d in DIRECTIONS if records.whole("Up ID", d, 0) == other), None)
        if direction is None or records.number("Crosswalk Width", direction, 0.0) <= 0:
            return frozenset()
        told = records.text(CROSSWALK_PHASES, direction).split()
        if told:
            return frozenset(int(phase) for phase in told if phase.isdecimal())
        return self._walks_beside(intid, out_of) | frozenset(self._exclusive(intid))

    def _walks_beside(self, intid: int, exit_link: int) -> frozenset[int]:
        """Phases with a walk of the through traffic whose right turn leads to `exit_link`."""
        lanes, phases = self.tables.lanes[intid], self.tables.phases.get(intid)
        found: set[int] = set()
        for k, turns in enumerate(self.turns):
            if phases is None or exit_link not in (turns.get("R"), turns.get("R2")):
                continue
            if self.chains[k].ids[-1] != intid:
                continue
            for turn in ("T", "L", "R"):
                column = self.chains[k].direction + turn
                own = (*lanes.numbered("Phase", column), *lanes.numbered("PermPhase", column))
                if own:
                    found |= {p for p in own if phases.number("Walk", f"D{p}", 0.0) > 0}
                    break
        return frozenset(found)

    def _exclusive(self, intid: int) -> tuple[int, ...]:
        """Phases of people alone."""
        return self.tables.lanes[intid].numbered("Phase", "PED") if intid in self.tables.lanes else ()


def _occupied(use: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Give lanes whose turns lead nowhere to the movements of their neighbour."""
    served = [lane for lane, movements in enumerate(use) if movements]
    return [use[min(served, key=lambda s: abs(s - lane))] for lane in range(len(use))]
