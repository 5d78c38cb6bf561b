"""Zones in a CSV file: which links the trips of each zone begin and end on."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np

from traffic import csv_rows
from traffic.errors import InputError
from traffic.files import replacing
from traffic.zones import Zones, connected_sides

if TYPE_CHECKING:
    from pathlib import Path

    from traffic.network import RoadNetwork

__all__ = ["read_zones_csv", "write_zones_csv"]


def read_zones_csv(path: Path, network: RoadNetwork) -> Zones:
    """Read zones from a CSV file with the columns `zone`, `use` and `link` or `from_osm` and `to_osm`.

    `use` is ``entry``, ``exit`` or ``both``. A link is given by its index in the network or, so that the file
    survives a new import, by the OSM ids of its end nodes.
    """
    by_osm = _links_by_osm(network)
    entries: dict[str, list[int]] = {}
    exits: dict[str, list[int]] = {}
    seen: dict[tuple[str, str, int], int] = {}
    for line, row in csv_rows.rows(
        path, ("zone", "use", "link"), or_else=("zone", "use", "from_osm", "to_osm")
    ):
        place = f"row {line}"
        zone, use = row["zone"], row["use"]
        if not zone:
            hint = "Write the name of the zone that the link belongs to"
            raise InputError("must have a name", file=path, field=f"{place}: zone", value=zone, hint=hint)
        if use not in {"entry", "exit", "both"}:
            hint = "Write entry where trips begin on the link, exit where they end on it, both for both"
            raise InputError(
                "must be entry, exit or both", file=path, field=f"{place}: use", value=use, hint=hint
            )
        link = _row_link(row, path, place, network, by_osm)
        for name, table in (("entry", entries), ("exit", exits)):
            table.setdefault(zone, [])
            if use not in {name, "both"}:
                continue
            if (before := seen.setdefault((zone, name, link), line)) != line:
                hint = f"it stands in row {before} already: remove one of them"
                rule = f"must be an {name} link of the zone once"
                raise InputError(rule, file=path, field=f"{place}: {_link_field(row)}", value=link, hint=hint)
            table[zone].append(link)
    if not entries:
        raise InputError("must have a zone", file=path, field="zone", hint="add one row per link of a zone")
    zones = Zones.from_links(entries, entries.values(), exits.values(), network=network)
    _refuse_dead_ends(path, network, zones, seen)
    return zones


def write_zones_csv(zones: Zones, network: RoadNetwork, path: Path) -> None:
    """Write zones as `read_zones_csv` reads them, with the street of each link for people."""
    with replacing(path) as draft, draft.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("zone", "use", "link", "street"))
        for zone, name in enumerate(zones.name):
            for use, links in (("entry", zones.entries(zone)), ("exit", zones.exits(zone))):
                writer.writerows((name, use, link, network.link_name(link)) for link in links.tolist())


def _links_by_osm(network: RoadNetwork) -> dict[tuple[int, int], int]:
    osm, links = network.nodes.osm_id, network.links
    ends = zip(osm[links.from_node].tolist(), osm[links.to_node].tolist(), strict=True)
    return {pair: link for link, pair in enumerate(ends)}


def _link_field(row: dict[str, str]) -> str:
    """Return the column that tells the link of a row."""
    return "from_osm" if "from_osm" in row and not row.get("link") else "link"


def _row_link(
    row: dict[str, str],
    path: Path,
    place: str,
    network: RoadNetwork,
    by_osm: dict[tuple[int, int], int],
) -> int:
    field = _link_field(row)
    try:
        numbers = [int(row[name]) for name in (("link",) if field == "link" else ("from_osm", "to_osm"))]
    except (KeyError, TypeError, ValueError):
        rule, value = "must be a whole number", row.get(field)
        hint = "`jasyl scenario show SCENARIO --zones FILE` writes links with their streets"
        raise InputError(rule, file=path, field=f"{place}: {field}", value=value, hint=hint) from None
    link = numbers[0] if len(numbers) == 1 else by_osm.get((numbers[0], numbers[1]), -1)
    if not 0 <= link < len(network.links):
        rule = f"must be a link of the network, from 0 to {len(network.links) - 1}"
        if field == "from_osm":
            rule = "must be, with to_osm, the nodes at the ends of a link of the network"
        hint = "`jasyl scenario show SCENARIO --zones FILE` writes links with their streets, --junction those of one"
        raise InputError(rule, file=path, field=f"{place}: {field}", value=row.get(field), hint=hint)
    return link


def _refuse_dead_ends(
    path: Path, network: RoadNetwork, zones: Zones, rows: dict[tuple[str, str, int], int]
) -> None:
    """Raise `InputError` where no trip can begin, or none can end, on any link that a zone has for it."""
    leads, led = connected_sides(network, zones)
    has = {"entry": np.diff(zones.entry_begin) > 0, "exit": np.diff(zones.exit_begin) > 0}
    for use, other, useless in (
        ("entry", "exit", has["entry"] & ~leads),
        ("exit", "entry", has["exit"] & ~led),
    ):
        if not useless.any():
            continue
        zone = int(np.flatnonzero(useless)[0])
        name = zones.name[zone]
        line = min(row for (of, as_use, _), row in rows.items() if (of, as_use) == (name, use))
        others = [row for row in range(len(zones)) if row != zone]
        lacking = [zones.name[row] for row in others if not has[other][row]]
        if len(lacking) == len(others):
            rule = f"no other zone has an {other} link, so that no trip can {'end' if use == 'entry' else 'begin'} there"
            some = ", ".join(lacking[:5]) + (", ..." if len(lacking) > 5 else "")
            hint = f"Add a row with {other} or both for a link of " + (some or "a second zone")
            hint += _turned_round(network, rows, other)
        else:
            rule = f"the {use} links of a zone must be connected with another zone"
            hint = "Choose links on roads that are open to through traffic, of each road the one in the right direction"
        raise InputError(rule, file=path, field=f"row {line}: zone", value=name, hint=hint)


def _turned_round(network: RoadNetwork, rows: dict[tuple[str, str, int], int], missing: str) -> str:
    """Return which row has a link that only the missing use suits, as a road leaves or enters the area on it."""
    moves = network.movements
    going_on = set((moves.in_link if missing == "exit" else moves.out_link).tolist())
    given = "entry" if missing == "exit" else "exit"
    for (zone, use, link), row in rows.items():
        if use == given and link not in going_on:
            way = "leads nowhere" if missing == "exit" else "cannot be reached"
            return f"; link {link} in row {row}, an {given} link of {zone}, {way}: is it the {missing}?"
    return ""
