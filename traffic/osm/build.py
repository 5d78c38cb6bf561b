"""From an OpenStreetMap extract to a road network with one junction for each signal controller.

The steps, each in a module of its own::

    roads        ways cut into pieces where they meet, layers kept apart
    reach        gateways; the largest part in which everything reaches everything
    streets      chains of pieces between choices
    signals      where the signals stand
    consolidate  vertices and signals gathered into junctions and mid-block crossings
    links        directed links with lanes, speed and turn bays
    turns        turn restrictions and what the junctions' insides allow
    junctions    kind and name of each junction
    assemble     movements, lane groups, crossings
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from traffic.assemble import assemble_with_notes
from traffic.errors import InputError
from traffic.osm.beside import signals_beside
from traffic.osm.consolidate import consolidate
from traffic.osm.junctions import junction_specs
from traffic.osm.links import draft_network
from traffic.osm.overrides import EngineersWord
from traffic.osm.places import network_places
from traffic.osm.quality import Facts, quality_report
from traffic.osm.reach import connected_pieces, find_gateways, largest_strong_part, without_stubs
from traffic.osm.roads import cut_roads, project, select_ways
from traffic.osm.signals import locate_signals
from traffic.osm.streets import join_pieces
from traffic.osm.turns import street_bans, turn_rules
from traffic.specs import LinkSpec, NodeSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from traffic.network import Places, RoadNetwork
    from traffic.osm.extract import OsmExtract
    from traffic.osm.links import Draft, DraftLink
    from traffic.osm.signals import SignalSite
    from traffic.osm.turns import TurnRules
    from traffic.overrides import Overrides
    from traffic.progress import Progress
    from traffic.quality import QualityReport
    from traffic.specs import AssemblyNotes, JunctionSpec

__all__ = ["build_network"]

_ROUNDS = 10


def build_network(
    extract: OsmExtract,
    *,
    name: str,
    overrides: Overrides | None = None,
    classes: str = "streets",
    country: str | None = "KZ",
    progress: Progress | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[RoadNetwork, QualityReport]:
    """Build the road network of an extract.

    Parameters
    ----------
    extract
        From `traffic.osm.read_osm` or `traffic.osm.download.download_place`.
    name
        Name of the network.
    overrides
        The engineer's word, which comes before that of the tags.
    classes
        ``"major"``: tertiary roads and above; ``"streets"``: living streets and residential roads too;
        ``"all"``: service roads too. Roads below that carry a signal are always taken in.
    country
        ISO 3166-1 code that decides default speeds; `None` for those of other countries.
    clock
        Where `QualityReport.seconds` is taken from.

    Raises
    ------
    InputError
        If no signal stands on a road, or an override names an id that is gone.
    """
    begin = clock()
    step = _Steps(progress)
    step("cutting roads")
    word = EngineersWord(extract, overrides)
    nodes = word.signal_nodes()
    _require_signals(extract, nodes)
    crs, x_m, y_m = project(extract)
    tags, left_out = select_ways(extract, classes, country, nodes, x_m, y_m)
    roads = cut_roads(extract, word.way_tags(tags), crs, x_m, y_m)
    gateways = find_gateways(roads)
    pieces, dropped = connected_pieces(roads, gateways, source=extract.source)
    pieces, dropped["dead ends under 20 m"] = without_stubs(roads, pieces, gateways, frozenset(nodes))
    step("joining streets")
    streets = join_pieces(roads, pieces, gateways)
    sites, lost = locate_signals(extract, streets, nodes)
    _require_signals(extract, {site.node: {} for site in sites}, lost)
    word.check_signals_on_road(lost)
    step("consolidating junctions")
    ids = extract.node_id
    consolidation = consolidate(streets, sites, ids, together=word.together, apart=word.apart)
    step("making links")
    draft = draft_network(streets, consolidation, extract.node_id, extract.way_id)
    bans, fates = street_bans(
        streets, extract.restrictions, extract.node_id.tolist(), extract.way_id.tolist()
    )
    rules, turn_counts, unused = turn_rules(streets, draft, bans, word.turns, word.vertices(streets))
    word.check_turns(unused)
    beside, lost = signals_beside(extract, roads, draft, sites, lost)
    specs = junction_specs(draft, sites, rules, beside, word.names)
    step("assembling")
    places = network_places(extract, roads.crs)
    made = _connected(name, roads.crs, draft, rules, specs, places, extract.source)
    lost = _with_idle(lost, draft, sites, beside, made)
    step("reporting")
    facts = Facts(
        extract=extract,
        roads=roads,
        draft=draft,
        links=made.links,
        nodes=made.nodes,
        signal_nodes=len(nodes),
        lost=lost,
        beside=sum(len(ids) for ids in beside.values()),
        left_out=left_out,
        dropped=dropped,
        cut_links=made.cut,
        restrictions=fates + turn_counts,
        notes=made.notes,
        overridden=overrides.ways if overrides else (),
        warnings=word.warnings,
    )
    report = quality_report(name, made.network, facts)
    return made.network, replace(report, seconds=clock() - begin)


class _Steps:
    """Reports one step after another."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._done = 0

    def __call__(self, note: str) -> None:
        if self._progress is not None:
            self._progress(self._done, 6, note)
        self._done += 1


def _require_signals(extract: OsmExtract, nodes: object, lost: dict[int, str] | None = None) -> None:
    if nodes:
        return
    if lost is None:
        raise InputError(
            "must hold traffic signals",
            file=extract.source,
            field="node.highway",
            value="no node with highway=traffic_signals",
            hint="Use an extract with node tags, or add signals in an overrides file ([[signal]])",
        )
    osm_id, reason = min(lost.items())
    raise InputError(
        "must have a traffic signal on a road that cars may use",
        file=extract.source,
        field=f"node {osm_id}",
        value=reason,
        hint="Move the signals onto the road, or name other nodes in an overrides file ([[signal]])",
    )


@dataclass(frozen=True)
class _Made:
    network: RoadNetwork
    notes: AssemblyNotes
    links: NDArray[np.int64]
    nodes: dict[int, int]
    junctions: dict[int, JunctionSpec]
    idle: frozenset[int]
    cut: NDArray[np.int64]


def _connected(
    name: str,
    crs: str,
    draft: Draft,
    rules: TurnRules,
    junctions: dict[int, JunctionSpec],
    places: Places,
    source: str,
) -> _Made:
    """Assemble until all that is left is connected and every junction has something to control.

    Left out are links that banned turns cut off, and then junctions without conflicting traffic.
    """
    links = np.arange(len(draft.links))
    idle: set[int] = set()
    for _ in range(_ROUNDS):
        if not len(links):
            raise InputError(
                "must leave a street to drive on, outside of junctions, that leads on",
                file=source,
                field="way.oneway",
                value="no street",
                hint="Use a larger extract, or look at its one-way streets and turn restrictions",
            )
        nodes = _used_nodes(draft, links)
        entered = {draft.links[i].to_node for i in links}
        junctions = {node: spec for node, spec in junctions.items() if node in entered - idle}
        place = np.full(len(draft.links), -1)
        place[links] = np.arange(len(links))
        network, notes = assemble_with_notes(
            name,
            crs,
            [_node_spec(draft, node, junctions) for node in nodes],
            [_link_spec(draft.links[i], nodes) for i in links],
            banned=_renumbered(rules.banned, place),
            u_turns=_renumbered(rules.u_turns, place),
            places=places,
        )
        movements, table = network.movements, network.links
        strong = largest_strong_part(
            len(links),
            (movements.in_link, movements.out_link),
            np.flatnonzero(network.nodes.gateway[table.from_node]),
            np.flatnonzero(network.nodes.gateway[table.to_node]),
        )
        links = links[strong]
        if not strong.all():
            continue
        nothing = _idle_nodes(network)
        if not nothing:
            cut = np.setdiff1d(np.arange(len(draft.links)), links)
            return _Made(network, notes, links, nodes, junctions, frozenset(idle), cut)
        idle |= {node for node, index in nodes.items() if index in nothing}
    raise InputError(
        f"must be connected after {_ROUNDS} rounds of leaving out what banned turns cut off",
        field="turn restrictions",
        hint="Look at the restrictions in the overrides file",
    )


def _idle_nodes(network: RoadNetwork) -> set[int]:
    """Return the nodes of junctions with one approach or none and no pedestrian crossing."""
    used = np.unique(network.movements.in_link)
    approaches = np.bincount(network.links.to_node[used], minlength=len(network.nodes))[
        network.junctions.node
    ]
    crossings = np.bincount(network.crossings.junction, minlength=len(network.junctions))
    idle = (approaches == 0) | ((approaches == 1) & (crossings == 0))
    return set(network.junctions.node[idle].tolist())


def _with_idle(
    lost: dict[int, str],
    draft: Draft,
    sites: Sequence[SignalSite],
    beside: Mapping[int, tuple[int, ...]],
    made: _Made,
) -> dict[int, str]:
    """Add the signals of nodes that have nothing to control."""
    found = dict(lost)
    for node, own in enumerate(draft.nodes):
        if own.sites and node not in made.junctions:
            if node in made.idle:
                reason = "at a junction with one approach and no crossing, nothing to control"
            elif own.gateway or node in made.nodes:
                reason = "at an end of the network, where no traffic goes on"
            else:
                reason = "at a junction that is not joined to the main network"
            ids = [*(sites[site].osm_id for site in own.sites), *beside.get(node, ())]
            found.update(dict.fromkeys(ids, reason))
    return found


def _used_nodes(draft: Draft, links: NDArray[np.int64]) -> dict[int, int]:
    ends = {node for i in links for node in (draft.links[i].from_node, draft.links[i].to_node)}
    return {node: index for index, node in enumerate(sorted(ends))}


def _renumbered(pairs: frozenset[tuple[int, int]], place: NDArray[np.int64]) -> frozenset[tuple[int, int]]:
    moved = ((int(place[a]), int(place[b])) for a, b in pairs)
    return frozenset((a, b) for a, b in moved if a >= 0 and b >= 0)


def _node_spec(draft: Draft, node: int, junctions: dict[int, JunctionSpec]) -> NodeSpec:
    own = draft.nodes[node]
    return NodeSpec(
        x_m=own.x_m,
        y_m=own.y_m,
        osm_id=own.osm_id,
        gateway=own.gateway,
        junction=junctions.get(node),
        radius_m=own.radius_m,
    )


def _link_spec(link: DraftLink, nodes: dict[int, int]) -> LinkSpec:
    profile = link.profile
    return LinkSpec(
        from_node=nodes[link.from_node],
        to_node=nodes[link.to_node],
        shape=link.shape,
        speed_m_s=profile.speed_m_s,
        running_lanes=profile.running_lanes,
        road_class=profile.road_class,
        length_m=link.length_m,
        name=link.name,
        osm_way=link.first_way,
        layer=profile.layer,
        turn_lanes=profile.turn_lanes,
        left_bay_lanes=profile.left_bay_lanes,
        right_bay_lanes=profile.right_bay_lanes,
        bay_length_m=profile.bay_length_m,
        saturation_veh_h_lane=profile.saturation_veh_h_lane,
        refuge=link.refuge,
    )
