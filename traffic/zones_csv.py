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
            raise InputError("must have a name", file=path, field=f"{place}: zone", value=zone)
        if use not in {"entry", "exit", "both"}:
            raise InputError("must be entry, exit or both", file=path, field=f"{place}: use", value=use)
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
    _refuse_dead_ends(path, network, zones)
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
        raise InputError(rule, file=path, field=f"{place}: {field}", value=value) from None
    link = numbers[0] if len(numbers) == 1 else by_osm.get((numbers[0], numbers[1]), -1)
    if not 0 <= link < len(network.links):
        rule = f"must be a link of the network, from 0 to {len(network.links) - 1}"
        if field == "from_osm":
            rule = "must be, with to_osm, the nodes at the ends of a link of the network"
        hint = "`jasyl scenario show SCENARIO --zones FILE` writes links with their streets, --junction those of one"
        raise InputError(rule, file=path, field=f"{place}: {field}", value=row.get(field), hint=hint)
    return link


def _refuse_dead_ends(path: Path, network: RoadNetwork, zones: Zones) -> None:
    leads, led = connected_sides(network, zones)
    for field, useless in (
        ("entry", (np.diff(zones.entry_begin) > 0) & ~leads),
        ("exit", (np.diff(zones.exit_begin) > 0) & ~led),
    ):
        if useless.any():
            zone = zones.name[int(np.flatnonzero(useless)[0])]
            rule = f"the {field} links of a zone must be connected with another zone"
            hint = "Choose links on roads that are open to through traffic, of each road the one in the right direction"
            raise InputError(rule, file=path, field="zone", value=zone, hint=hint)
