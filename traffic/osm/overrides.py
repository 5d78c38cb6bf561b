"""Applies the engineer's overrides to an extract, and says which of its ids are gone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from traffic.errors import InputError
from traffic.overrides import Overrides
from traffic.units import KM_H

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from traffic.osm.extract import OsmExtract
    from traffic.osm.streets import Streets
    from traffic.osm.tags import Direction, WayTags
    from traffic.overrides import TurnOverride, WayOverride

__all__ = ["EngineersWord"]


class EngineersWord:
    """The overrides of one import.

    Attributes
    ----------
    warnings
        Ids that are gone, where the file asks for a warning only.

    Raises
    ------
    InputError
        If an id is gone.
    """

    def __init__(self, extract: OsmExtract, overrides: Overrides | None) -> None:
        self._extract = extract
        self._overrides = overrides or Overrides()
        self.warnings: list[str] = []
        self._check_ids()

    @property
    def turns(self) -> tuple[TurnOverride, ...]:
        """Turns that are allowed or banned."""
        return self._overrides.turns

    @property
    def together(self) -> tuple[frozenset[int], ...]:
        """Sets of OSM nodes that make one junction."""
        return self._overrides.together

    @property
    def apart(self) -> tuple[frozenset[int], ...]:
        """Sets of OSM nodes of which no two may be in one junction."""
        return self._overrides.apart

    @property
    def names(self) -> Mapping[int, str]:
        """Names of junctions by OSM id of their nodes."""
        given = self._overrides.signals
        return {
            node: override.name
            for key, override in given.items()
            if override.name
            for node in self._overrides.junction_nodes.get(key, ())
        }

    def way_tags(self, tags: Mapping[int, WayTags]) -> dict[int, WayTags]:
        """Return the tags of the ways with the engineer's lanes, speeds and saturation flows."""
        ways: dict[int, list[WayOverride]] = {}
        for override in self._overrides.ways:
            ways.setdefault(override.way, []).append(override)
        changed = dict(tags)
        for index, read in tags.items():
            for override in ways.get(int(self._extract.way_id[index]), ()):
                read = replace(  # noqa: PLW2901
                    read,
                    forward=_changed(read.forward, override) if override.forward else read.forward,
                    backward=_changed(read.backward, override) if override.backward else read.backward,
                )
            changed[index] = read
        return changed

    def signal_nodes(self) -> dict[int, Mapping[str, str]]:
        """Return the signal nodes by index in the extract, with their tags."""
        signals = self._extract.signals
        ids = self._extract.node_id
        nodes: dict[int, Mapping[str, str]] = {
            node: tags
            for node, tags in zip(signals.node.tolist(), signals.tags, strict=True)
            if int(ids[node]) not in self._overrides.signals_removed
        }
        if self._overrides.signals_added:
            index = {int(osm_id): node for node, osm_id in enumerate(ids)}
            for osm_id in sorted(self._overrides.signals_added):
                if osm_id in index:
                    nodes.setdefault(index[osm_id], {})
        return nodes

    def check_signals_on_road(self, lost: Mapping[int, str]) -> None:
        """Refuse added signals that stand on no road of the network."""
        for osm_id in sorted(self._overrides.signals_added):
            if osm_id in lost:
                self._gone("signal.node", osm_id, "must stand on a road of the network", lost[osm_id])

    def vertices(self, streets: Streets) -> dict[int, int]:
        """Return the vertex of each OSM node that a turn is about."""
        wanted = {turn.via_node for turn in self._overrides.turns}
        ids = self._extract.node_id
        found = {int(ids[streets.roads.vertex_node[v]]): v for v in sorted(streets.ends)} if wanted else {}
        for node in sorted(wanted - found.keys()):
            rule = "must be where streets of the network meet"
            self._gone("turn.via_node", node, rule, "it is not a junction")
        return found

    def check_turns(self, unused: Iterable[TurnOverride]) -> None:
        """Refuse turns that no pair of links makes."""
        for turn in unused:
            where = f"from way {turn.from_way} over node {turn.via_node} to way {turn.to_way}"
            self._gone("turn", turn.via_node, "must be a turn of the network", where)

    def _check_ids(self) -> None:
        own = self._overrides
        ways = set(self._extract.way_id.tolist())
        nodes = set(self._extract.node_id.tolist())
        named_ways = [("way.id", way.way) for way in own.ways]
        named_ways += [("turn.from_way", turn.from_way) for turn in own.turns]
        named_ways += [("turn.to_way", turn.to_way) for turn in own.turns]
        named = [("turn.via_node", turn.via_node) for turn in own.turns]
        named += [("consolidate.together", node) for group in own.together for node in sorted(group)]
        named += [("consolidate.apart", node) for group in own.apart for node in sorted(group)]
        named += [("signal.node", node) for node in sorted(own.signals_added | own.signals_removed)]
        named += [("junction.nodes", node) for group in own.junction_nodes.values() for node in group]
        rule = "must be a {} of the extract that cars use"
        for field, way in named_ways:
            if way not in ways:
                self._gone(field, way, rule.format("way"), "gone")
        for field, node in named:
            if node not in nodes:
                self._gone(field, node, rule.format("node"), "gone")

    def _gone(self, field: str, osm_id: int, rule: str, detail: str) -> None:
        if self._overrides.missing_is_error:
            raise InputError(
                rule,
                file=self._overrides.file or None,
                field=field,
                value=f"{osm_id}: {detail}",
                hint='Correct the id or remove the entry, or set missing_ids = "warning" to go on without it',
            )
        self.warnings.append(
            f"{self._overrides.file or 'overrides'}: {field} {osm_id} {rule}: {detail}; correct the id or remove the entry"
        )


def _changed(side: Direction | None, override: WayOverride) -> Direction | None:
    if side is None:
        return None
    lanes, turns = override.lanes, override.turn_lanes
    bays = (override.left_bay_lanes or 0) + (override.right_bay_lanes or 0)
    if turns is not None and lanes is None:
        lanes = max(len(turns) - bays, 1)
    return replace(
        side,
        lanes=side.lanes if lanes is None else lanes,
        lanes_default=side.lanes_default and lanes is None,
        speed_m_s=side.speed_m_s if override.speed_km_h is None else override.speed_km_h * KM_H,
        speed_default=side.speed_default and override.speed_km_h is None,
        turn_lanes=turns if turns is not None else (side.turn_lanes if lanes is None and not bays else None),
        left_bay_lanes=override.left_bay_lanes,
        right_bay_lanes=override.right_bay_lanes,
        bay_length_m=override.bay_length_m,
        saturation_veh_h_lane=override.saturation_veh_h_lane,
    )
