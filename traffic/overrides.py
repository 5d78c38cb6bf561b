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
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from traffic.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from traffic.network import RoadNetwork, Turn

__all__ = [
    "JunctionOverride",
    "Overrides",
    "TurnOverride",
    "WayOverride",
    "parse_overrides",
    "read_overrides",
]


_NAMED = "must name a signal junction of the network"
_CORRECT = "Correct the id"


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
        True where no plan of this junction may be changed; `None` where nothing is said.
    name
        Name in place of the crossing streets; `None` keeps these.
    cycle_min_s, cycle_max_s
        Bounds of the cycle time; `None` keeps those of the city.
    refuge
        Whether there is a refuge island in the crossing of a pedestrian group, by its name.
    walk_m
        The longest walk between two places of safety, kerb or refuge, as measured, by pedestrian group.
    where
        The entry in its file, for messages: ``"junction[0]"``.
    """

    min_green_s: Mapping[str, int] = field(default_factory=_empty)
    max_green_s: Mapping[str, int] = field(default_factory=_empty)
    fixed_order: tuple[tuple[str, ...], ...] | None = None
    locked: bool | None = None
    name: str | None = None
    cycle_min_s: int | None = None
    cycle_max_s: int | None = None
    refuge: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))
    walk_m: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    where: str = ""

    def over(self, below: JunctionOverride) -> JunctionOverride:
        """Return what holds where this entry comes on top of `below`: what is said here, else what is said there.

        Of bounds, refuges and walks each group is one of its own.
        """
        merged: dict[str, Any] = {}
        for setting in fields(self):
            own, other = getattr(self, setting.name), getattr(below, setting.name)
            if isinstance(own, Mapping):
                merged[setting.name] = MappingProxyType({**other, **own})
            else:
                merged[setting.name] = other if own is None else own
        return JunctionOverride(**merged)

    def contradiction(self) -> tuple[str, str, str] | None:
        """Return a setting that another one contradicts, the rule it breaks, and what to do; `None` without any."""
        for group, least in self.min_green_s.items():
            if self.max_green_s.get(group, least) < least:
                rule = f"must be at least min_green_s, {least}, for {group!r}"
                return "max_green_s", rule, "Raise max_green_s or lower min_green_s"
        if self.cycle_min_s and self.cycle_max_s and self.cycle_max_s < self.cycle_min_s:
            rule = f"must be at least cycle_min_s, {self.cycle_min_s}"
            return "cycle_max_s", rule, "Raise cycle_max_s or lower cycle_min_s"
        return None

    def says(self, setting: str, group: str) -> bool:
        """Return whether the entry says something of `setting`, and of this `group` where the setting is by group."""
        value = getattr(self, setting)
        return group in value if isinstance(value, Mapping) else value is not None


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
    text
        The whole file, as a saved network keeps it.
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
    text: str = ""
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
                    _NAMED,
                    file=self.file or None,
                    field=self._field(given),
                    value=list(nodes) or given,
                    hint=f'{_CORRECT}, or set missing_ids = "warning" to go on without it',
                )
            for key in sorted(found):
                if key in resolved:
                    raise InputError(
                        "must have one entry only",
                        file=self.file or None,
                        field=override.where or "junction",
                        value=key,
                        hint="Join the entries of this junction into one",
                    )
                resolved[key] = override
                nodes_of[key] = nodes
        return replace(self, signals=MappingProxyType(resolved), junction_nodes=MappingProxyType(nodes_of))

    def gone(self, network: RoadNetwork) -> tuple[str, ...]:
        """Return a sentence for each entry of a junction that `network` does not have."""
        keys = set(network.junctions.key)
        governed = {node for nodes in network.junctions.osm_nodes for node in nodes}
        return tuple(
            f"{self.file or 'overrides'}: {self._field(given)} {list(nodes) or given}: {_NAMED}, so that the entry is"
            f" not used; {_CORRECT.lower()} or remove the entry"
            for given in self.signals
            for nodes in [self.junction_nodes.get(given, ())]
            if given not in keys and governed.isdisjoint(nodes)
        )

    def _field(self, given: str) -> str:
        where = self.signals[given].where or "junction"
        return f"{where}.{'nodes' if self.junction_nodes.get(given) else 'key'}"


def read_overrides(path: Path) -> Overrides:
    """Read an overrides file; the format stands at the head of this module.

    Raises
    ------
    InputError
        If the file cannot be read, is not TOML, or holds an unknown key or a value out of range.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        hint = "Check its name and who may read it"
        rule, value = "must be a file that can be read", error.strerror
        raise InputError(rule, file=path, field="overrides", value=value, hint=hint) from error
    return parse_overrides(data, str(path))


def parse_overrides(data: bytes, file: str) -> Overrides:
    """Parse the content of an overrides file; `file` is what messages call it."""
    from traffic.overrides_file import parse  # noqa: PLC0415  # the parser imports the records above

    return parse(data, file)
