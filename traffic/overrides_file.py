"""Parses an overrides file; the format stands in `traffic.overrides`."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from traffic.errors import InputError
from traffic.osm.tags import parse_turn_lanes
from traffic.overrides import JunctionOverride, Overrides, TurnOverride, WayOverride

__all__ = ["parse"]

_SECTIONS = ("way", "consolidate", "turn", "signal", "junction")
_CYCLE_S = (20, 300)
_WALK_M = (2.0, 80.0)
_ANY = 2**62  # no upper limit


def parse(content: bytes, path: str) -> Overrides:
    """Read and check the content of the file that messages call `path`."""
    try:
        text = content.decode()
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # no TOML, no UTF-8, or a number of thousands of digits
        hint = "Quote texts, separate list items by commas, write decimals with a point and tables as [[way]]"
        rule, field = "must be TOML in UTF-8", "file content"
        raise InputError(rule, file=path, field=field, value=str(error), hint=hint) from error
    top = _Table(path, "", data)
    top.only(("missing_ids", *_SECTIONS))
    missing = top.choice("missing_ids", ("error", "warning")) or "error"
    consolidate = [_consolidate(table) for table in top.tables("consolidate")]
    signals = [
        (table.whole("node", 1), table.flag("signal")) for table in top.tables("signal", ("node", "signal"))
    ]
    junctions = _junctions(top.tables("junction"))
    ways = tuple(_way(table) for table in top.tables("way"))
    turns = tuple(_turn(table) for table in top.tables("turn"))
    directions = [(w.way, d) for w in ways for d, meant in (("f", w.forward), ("b", w.backward)) if meant]
    _once(path, "way.id", directions)
    _once(path, "turn.from_way", [(t.from_way, t.via_node, t.to_way) for t in turns])
    _once(path, "signal.node", [(node or 0,) for node, _ in signals])
    return Overrides(
        file=path,
        text=text,
        ways=ways,
        turns=turns,
        together=tuple(nodes for kind, nodes in consolidate if kind == "together"),
        apart=tuple(nodes for kind, nodes in consolidate if kind == "apart"),
        signals_added=frozenset(node for node, is_signal in signals if node and is_signal is not False),
        signals_removed=frozenset(node for node, is_signal in signals if node and is_signal is False),
        signals=MappingProxyType({key: override for key, _, override in junctions}),
        junction_nodes=MappingProxyType({key: nodes for key, nodes, _ in junctions}),
        missing_is_error=missing == "error",
    )


def _once(path: str, field: str, entries: Sequence[tuple[int | str, ...]]) -> None:
    """Refuse two entries for the same thing, of which only one could hold."""
    for position, entry in enumerate(entries):
        if entry in entries[:position]:
            hint = "Join the entries into one"
            raise InputError("must have one entry only", file=path, field=field, value=entry[0], hint=hint)


def _within(least: float, most: float, what: str = "a number") -> str:
    """Say what to write where a number is out of range."""
    between = f"of {least:g} or more" if most == _ANY else f"from {least:g} to {most:g}"
    return f"Write {what} {between}, without quotes, or leave the key out"


class _Table:
    """One table of the file; each getter checks and names what it refuses."""

    def __init__(self, path: str, where: str, data: Mapping[str, Any]) -> None:
        self.path = path
        self.where = where
        self.data = data

    def error(self, key: str, rule: str, hint: str | None = None) -> InputError:
        value = self.data.get(key)
        return InputError(rule, file=self.path, field=f"{self.where}{key}", value=value, hint=hint)

    def only(self, keys: tuple[str, ...]) -> None:
        for key in self.data:
            if key not in keys:
                near = difflib.get_close_matches(key, keys, 1)
                hint = f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(keys)}"
                raise InputError("unknown key", file=self.path, field=f"{self.where}{key}", hint=hint)

    def tables(self, key: str, keys: tuple[str, ...] = ()) -> list[_Table]:
        values = self.data.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            raise self.error(key, "must be a list of tables", f"Write [[{key}]]")
        tables = [_Table(self.path, f"{key}[{i}].", value) for i, value in enumerate(values)]
        if keys:
            for table in tables:
                table.only(keys)
                table.need(keys[0])
        return tables

    def need(self, *keys: str) -> None:
        for key in keys:
            if key not in self.data:
                raise self.error(key, "is missing", f"Add {key} = ...")

    def whole(self, key: str, least: int, most: int = _ANY) -> int | None:
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            limit = f"{least} or more" if most == _ANY else f"from {least} to {most}"
            raise self.error(key, f"must be a whole number, {limit}", _within(least, most, "a whole number"))
        return value

    def number(self, key: str, least: float, most: float) -> float | None:
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.error(key, "must be a finite number", _within(least, most))
        if not least <= value <= most:
            raise self.error(key, f"must be from {least:g} to {most:g}", _within(least, most))
        return float(value)

    def flag(self, key: str) -> bool | None:
        value = self.data.get(key)
        if value is not None and not isinstance(value, bool):
            raise self.error(key, "must be true or false", "Write true or false without quotes")
        return value

    def text(self, key: str) -> str | None:
        value = self.data.get(key)
        if value is not None and (not isinstance(value, str) or not value.strip() or not value.isprintable()):
            raise self.error(key, "must be a text of one line in quotes", f'Write {key} = "..."')
        return value

    def choice(self, key: str, options: tuple[str, ...]) -> str | None:
        value = self.data.get(key)
        if value is not None and value not in options:
            raise self.error(key, f"must be one of {', '.join(options)}", f'Write {key} = "{options[0]}"')
        return value if isinstance(value, str) else None

    def ids(self, key: str, least: int) -> tuple[int, ...]:
        value = self.data.get(key)
        whole = isinstance(value, list) and all(isinstance(v, int) and not isinstance(v, bool) for v in value)
        if not isinstance(value, list) or not whole or len(set(value)) < least:
            hint = f"Write {key} = [{', '.join(('27518995', '27518999')[:least])}]"
            raise self.error(key, f"must be a list of {least} or more OSM node ids", hint)
        return tuple(dict.fromkeys(value))

    def by_group(self, key: str, what: str) -> _Table:
        """Return the table `key` of values by signal group; empty where it is left out."""
        value = self.data.get(key, {})
        if not isinstance(value, dict):
            raise self.error(key, f"must be a table of {what}", f'Write {key} = {{ "GROUP" = VALUE }}')
        return _Table(self.path, f"{self.where}{key}.", value)

    def seconds(self, key: str) -> Mapping[str, int]:
        own = self.by_group(key, "seconds by signal group or approach")
        return MappingProxyType({name: own.whole(name, 3, 600) or 0 for name in own.data})

    def metres(self, key: str) -> Mapping[str, float]:
        own = self.by_group(key, "metres by pedestrian group")
        return MappingProxyType({name: own.number(name, *_WALK_M) or 0.0 for name in own.data})

    def flags(self, key: str) -> Mapping[str, bool]:
        own = self.by_group(key, "true or false by pedestrian group")
        return MappingProxyType({name: bool(own.flag(name)) for name in own.data})


def _way(table: _Table) -> WayOverride:
    lanes = ("lanes", "turn_lanes", "left_bay_lanes", "right_bay_lanes", "bay_length_m")
    table.only(("id", "direction", *lanes, "speed_km_h", "saturation_veh_h_lane"))
    table.need("id")
    direction = table.choice("direction", ("forward", "backward"))
    marked = table.text("turn_lanes")
    turns = parse_turn_lanes(marked) if marked else None
    if marked and turns is None:
        hint = 'Write it as in OSM: "left|through|through;right"'
        raise table.error("turn_lanes", "must be turns of each lane from left to right", hint)
    own = WayOverride(
        way=table.whole("id", 1) or 0,
        forward=direction != "backward",
        backward=direction != "forward",
        lanes=table.whole("lanes", 1, 12),
        speed_km_h=table.number("speed_km_h", 5, 150),
        turn_lanes=turns,
        left_bay_lanes=table.whole("left_bay_lanes", 0, 6),
        right_bay_lanes=table.whole("right_bay_lanes", 0, 6),
        bay_length_m=table.number("bay_length_m", 5, 1000),
        saturation_veh_h_lane=table.number("saturation_veh_h_lane", 200, 3000),
    )
    if own.lanes and turns:
        total = own.lanes + (own.left_bay_lanes or 0) + (own.right_bay_lanes or 0)
        if len(turns) != total:
            rule = f"must have one entry for each of {total} lanes, bays included"
            hint = "Correct turn_lanes, or lanes and the lanes of the bays"
            raise table.error("turn_lanes", rule, hint)
    return own


def _turn(table: _Table) -> TurnOverride:
    keys = ("from_way", "via_node", "to_way", "allowed")
    table.only(keys)
    table.need(*keys)
    from_way, via_node, to_way = (table.whole(key, 1) or 0 for key in keys[:3])
    return TurnOverride(from_way, via_node, to_way, allowed=bool(table.flag("allowed")))


def _consolidate(table: _Table) -> tuple[str, frozenset[int]]:
    table.only(("together", "apart"))
    if len(table.data) != 1:
        hint = "Leave one in, and make another [[consolidate]] for the other"
        raise table.error("together", "must have either together or apart", hint)
    kind = next(iter(table.data))
    return kind, frozenset(table.ids(kind, 2))


def _junctions(tables: list[_Table]) -> list[tuple[str, tuple[int, ...], JunctionOverride]]:
    """Key, nodes and content of each entry."""
    found: list[tuple[str, tuple[int, ...], JunctionOverride]] = []
    for table in tables:
        key, nodes = _junction_key(table)
        if any(key == other for other, *_ in found):
            hint = "Join the entries of this junction into one"
            raise table.error("nodes" if nodes else "key", "must have one entry only", hint)
        found.append((key, nodes, _junction(table)))
    return found


def _junction_key(table: _Table) -> tuple[str, tuple[int, ...]]:
    if ("nodes" in table.data) == ("key" in table.data):
        raise table.error(
            "nodes", "must have either nodes or key", "Name the junction by its OSM signal nodes"
        )
    if "key" in table.data:
        return table.text("key") or "", ()
    nodes = table.ids("nodes", 1)
    return f"osm:{min(nodes)}", nodes


def _junction(table: _Table) -> JunctionOverride:
    by_group = ("min_green_s", "max_green_s", "refuge", "walk_m")
    table.only(("nodes", "key", "name", "locked", "cycle_min_s", "cycle_max_s", "fixed_order", *by_group))
    override = JunctionOverride(
        min_green_s=table.seconds("min_green_s"),
        max_green_s=table.seconds("max_green_s"),
        fixed_order=_fixed_order(table),
        locked=table.flag("locked"),
        name=table.text("name"),
        cycle_min_s=table.whole("cycle_min_s", *_CYCLE_S),
        cycle_max_s=table.whole("cycle_max_s", *_CYCLE_S),
        refuge=table.flags("refuge"),
        walk_m=table.metres("walk_m"),
        where=table.where.removesuffix("."),
    )
    broken = override.contradiction()
    if broken:
        raise table.error(*broken)
    return override


def _fixed_order(table: _Table) -> tuple[tuple[str, ...], ...] | None:
    value = table.data.get("fixed_order")
    if value is None:
        return None
    is_name: Callable[[object], bool] = lambda name: isinstance(name, str) and bool(name)  # noqa: E731
    stages = isinstance(value, list) and len(value) > 0
    if not stages or not all(isinstance(s, list) and s and all(map(is_name, s)) for s in value):
        hint = 'Write [["N-TR", "S-TR"], ["E-TR"]]'
        raise table.error("fixed_order", "must be a list of stages, each a list of signal group names", hint)
    return tuple(tuple(stage) for stage in value)
