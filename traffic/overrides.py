"""The engineer's overrides: what he knows better than OpenStreetMap, keyed by OSM ids.

A TOML file that stays beside the extract and is applied again at each new import::

    missing_ids = "error"            # or "warning": what to do about an id that is no longer in the extract

    [[way]]                          # lanes and speeds of one OSM way
    id = 25374711
    direction = "forward"            # or "backward"; left out: both
    lanes = 2                        # running lanes
    turn_lanes = "left|through|through;right"   # left to right as in OSM, bays included
    left_bay_lanes = 1
    right_bay_lanes = 0
    bay_length_m = 45
    speed_km_h = 50
    saturation_veh_h_lane = 1750

    [[consolidate]]                  # nodes under one controller, or under several
    together = [27518995, 27518999]

    [[consolidate]]
    apart = [27519001, 27519003]

    [[turn]]                         # ban or allow a turn
    from_way = 25374711
    via_node = 27518995
    to_way = 25374712
    allowed = false

    [[signal]]                       # a node that is, or is not, a traffic signal
    node = 27519047
    signal = true

    [[junction]]                     # by any of its signal nodes, or by key = "..."
    nodes = [27518995]
    name = "Abay / Dostyk"
    locked = false
    cycle_min_s = 60
    cycle_max_s = 120
    fixed_order = [["N-TR", "S-TR"], ["E-TR", "W-TR"]]
    min_green_s = { "N-TR" = 12, "E" = 8 }
    max_green_s = { "N-TR" = 60 }
    refuge = { "P-N" = true }    # an island in the middle of a crossing
    walk_m = { "P-E" = 9.5 }     # measured: the longest walk between kerb and refuge
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from traffic.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from traffic.network import RoadNetwork, Turn

__all__ = ["JunctionOverride", "Overrides", "TurnOverride", "WayOverride", "read_overrides"]


def _empty() -> Mapping[str, int]:
    return MappingProxyType({})


@dataclass(frozen=True)
class JunctionOverride:
    """What the engineer has fixed at one signal junction.

    Attributes
    ----------
    min_green_s, max_green_s
        Bounds of the green by signal group (``"N-TR"``) or by approach (``"N"``: all vehicle groups of it).
    fixed_order
        Stages in order, each as the names of its groups; `None` where the optimiser may choose.
    locked
        True where no plan of this junction may be changed.
    name
        Name in place of the crossing streets; `None` keeps these.
    cycle_min_s, cycle_max_s
        Bounds of the cycle time; `None` keeps those of the city.
    refuge
        Whether there is a refuge island in the crossing of a pedestrian group, by its name.
    walk_m
        The longest walk between two places of safety, kerb or refuge, as measured, by pedestrian group.
    """

    min_green_s: Mapping[str, int] = field(default_factory=_empty)
    max_green_s: Mapping[str, int] = field(default_factory=_empty)
    fixed_order: tuple[tuple[str, ...], ...] | None = None
    locked: bool = False
    name: str | None = None
    cycle_min_s: int | None = None
    cycle_max_s: int | None = None
    refuge: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))
    walk_m: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class WayOverride:
    """Lanes and speeds of one OSM way; `None` keeps what the tags or the defaults say.

    Attributes
    ----------
    way
        OSM id.
    forward, backward
        Directions that are meant.
    turn_lanes
        Marked turns of each lane, lane 0 at the right-hand side, bays included.
    """

    way: int
    forward: bool = True
    backward: bool = True
    lanes: int | None = None
    speed_km_h: float | None = None
    turn_lanes: tuple[frozenset[Turn], ...] | None = None
    left_bay_lanes: int | None = None
    right_bay_lanes: int | None = None
    bay_length_m: float | None = None
    saturation_veh_h_lane: float | None = None


@dataclass(frozen=True)
class TurnOverride:
    """A turn between two OSM ways at a node that is allowed or banned."""

    from_way: int
    via_node: int
    to_way: int
    allowed: bool


@dataclass(frozen=True)
class Overrides:
    """All overrides of a city.

    Attributes
    ----------
    file
        Where they were read, for messages.
    ways, turns
        See there.
    together, apart
        Sets of OSM nodes that make one junction, and of which no two may be in one.
    signals_added, signals_removed
        OSM nodes that are, and are not, traffic signals.
    signals
        What is fixed at each signal junction, by its key; `for_network` makes keys agree with a network.
    junction_nodes
        The OSM nodes by which a junction was named, by the same key.
    missing_is_error
        Whether an id that is gone stops the import; else it is a warning.
    """

    file: str = ""
    ways: tuple[WayOverride, ...] = ()
    turns: tuple[TurnOverride, ...] = ()
    together: tuple[frozenset[int], ...] = ()
    apart: tuple[frozenset[int], ...] = ()
    signals_added: frozenset[int] = frozenset()
    signals_removed: frozenset[int] = frozenset()
    signals: Mapping[str, JunctionOverride] = field(default_factory=lambda: MappingProxyType({}))
    junction_nodes: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))
    missing_is_error: bool = True

    def for_network(self, network: RoadNetwork) -> Overrides:
        """Return the overrides with `signals` keyed by the junctions of `network`.

        A junction named by nodes is the one that governs any of them.

        Raises
        ------
        InputError
            If a junction is gone, or two entries mean the same one.
        """
        keys = set(network.junctions.key)
        by_node = {
            node: key
            for key, nodes in zip(network.junctions.key, network.junctions.osm_nodes, strict=True)
            for node in nodes
        }
        resolved: dict[str, JunctionOverride] = {}
        nodes_of: dict[str, tuple[int, ...]] = {}
        for given, override in self.signals.items():
            nodes = self.junction_nodes.get(given, ())
            found = {by_node[node] for node in nodes if node in by_node} | ({given} & keys)
            if not found and self.missing_is_error:
                raise InputError(
                    "must name a signal junction of the network",
                    file=self.file or None,
                    field="junction.nodes" if nodes else "junction.key",
                    value=list(nodes) or given,
                    hint='Correct the id, or set missing_ids = "warning" to go on without it',
                )
            for key in sorted(found):
                if key in resolved:
                    raise InputError(
                        "must have one entry only",
                        file=self.file or None,
                        field="junction",
                        value=key,
                        hint="Join the entries of this junction into one",
                    )
                resolved[key] = override
                nodes_of[key] = nodes
        return replace(self, signals=MappingProxyType(resolved), junction_nodes=MappingProxyType(nodes_of))


def read_overrides(path: Path) -> Overrides:
    """Read an overrides file; the format stands at the head of this module.

    Raises
    ------
    InputError
        If the file is not TOML, or holds an unknown key or a value out of range.
    """
    from traffic.overrides_file import parse  # noqa: PLC0415  # the parser imports the records above

    return parse(path)
