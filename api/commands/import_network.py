"""`jasyl import`: a city's roads and signals into a network file."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.console import check_outputs, json_option, print_result, progress_bar, quiet_option
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from traffic.osm.extract import OsmExtract
    from traffic.quality import QualityReport

__all__ = ["command"]

_FIGURES = ("junctions", "signal_nodes", "signals_unmatched", "nodes", "links", "lane_km", "movements")

_EXAMPLES = 3
_WRONG_TAGS = 10  # none stands in a well-kept map, so more of them are told
_MAP_ONLY = ("layer", "oneway")  # no override says these
_ONE_APPROACH = "one approach"
_TO_DO = {
    _ONE_APPROACH: "mend the oneway tags if traffic also comes from elsewhere, use a larger extract if the junction lies"
    " at its edge, or take the signal out ([[signal]] in an overrides file); its plan only serves people on foot",
    "very long link": "mend the position of the nodes of the way",
    "road cut where a node is not in the file": "make the extract again with complete ways",
}

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("import")
def command() -> None:
    """Read a city's roads and signals into a network file.

    \b
    Example:
      jasyl import osm city.osm.pbf -o city.npz
    """


@command.command("osm")
@click.argument("file", type=_FILE, required=False)
@click.option("--place", help="Download this place instead of reading FILE, e.g. 'Almaty, Kazakhstan'.")
@click.option("-o", "--output", type=_FILE, required=True, help="Network file to write.")
@click.option(
    "--classes",
    type=click.Choice(["major", "streets", "all"]),
    default="streets",
    show_default=True,
    help="Roads to take in: tertiary and above; residential ones too; service roads too.",
)
@click.option("--name", help="Name of the network; default: the file's or the place's.")
@click.option(
    "--country",
    default="KZ",
    show_default=True,
    help="Country whose speeds hold where none is mapped (ISO 3166-1, e.g. BR); `country` under [signals] of a scenario"
    " decides the rest.",
)
@click.option("--overrides", type=_FILE, help="The engineer's corrections, a TOML file keyed by OSM ids.")
@click.option("--geojson", type=_FILE, help="Also write the network as GeoJSON.")
@click.option("--geopackage", type=_FILE, help="Also write the network as a GeoPackage.")
@click.option(
    "--quality",
    type=_FILE,
    help="Also write the quality report, a text file that lists everything the warnings count.",
)
@click.option(
    "--strict",
    is_flag=True,
    help="Refuse the map, in place of a warning, for a tag of a way with a wrong value (lanes, maxspeed, turn:lanes, ...), a"
    " signal that no junction governs, and a junction with one approach.",
)
@json_option
@quiet_option
def osm_command(
    file: Path | None,
    place: str | None,
    output: Path,
    classes: str,
    name: str | None,
    country: str,
    overrides: Path | None,
    geojson: Path | None,
    geopackage: Path | None,
    quality: Path | None,
    strict: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Read an OpenStreetMap FILE (.osm, .osm.gz, .osm.pbf) or a --place into a network file.

    \b
    Examples:
      jasyl import osm city.osm.pbf -o city.npz --quality city.txt
      jasyl import osm city.osm.pbf --classes major -o city.npz
      jasyl import osm city.osm.gz --country BR --overrides corrections.toml -o city.npz
      jasyl import osm --place 'Almaty, Kazakhstan' -o almaty.npz
    """
    outputs = [output, geojson, geopackage, quality]
    check_outputs(outputs, [file, overrides])
    if geopackage is not None and geopackage.suffix != ".gpkg":
        hint = "Give the file that ending"
        raise InputError("must end in .gpkg", file=geopackage, field="--geopackage", hint=hint)
    from scenarios.overrides import check_junctions
    from traffic.defaults import COUNTRIES
    from traffic.geo import write_geojson, write_geopackage
    from traffic.osm.build import build_network
    from traffic.overrides import Overrides, read_overrides
    from traffic.store import save_network

    _check_country(country)
    speeds = country.upper() if country.upper() in COUNTRIES else None
    started = time.perf_counter()
    with progress_bar("Importing", quiet=quiet or as_json) as progress:
        told_by_hand = read_overrides(overrides) if overrides else Overrides()
        extract = _extract(file, place)
        network, report = build_network(
            extract,
            name=name or place or (file.name.split(".")[0] if file else ""),
            overrides=told_by_hand,
            classes=classes,
            country=speeds,
            progress=progress,
        )
    if len(network.junctions) == 0:
        node, reason = next(iter(report.unmatched.items()))
        hint = "Extend the extract, or name other signals in an overrides file ([[signal]])"
        rule = "must have a signal on a road where traffic goes on"
        raise InputError(rule, file=file or place, field=f"node {node}", value=reason, hint=hint)
    if strict:
        _refuse_wrong_tags(report)
        _refuse_idle_signals(report)
    check_junctions(network, told_by_hand, country)
    for path in outputs:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
    save_network(network, output, overrides=told_by_hand.text)
    if geojson:
        write_geojson(network, geojson)
    if geopackage:
        write_geopackage(network, geopackage)
    if quality:
        _write_quality(report, quality)
    told = report.as_dict()
    figures = {name: told[name] for name in _FIGURES}
    warnings = [*_warnings(report), *told_by_hand.gone(network)]
    if speeds is None:
        known = ", ".join(COUNTRIES)
        warnings.append(
            f"no default speeds of its own for {country.upper()}, only for {known}: those of others"
        )
    figures |= {"seconds": time.perf_counter() - started, "warnings": warnings}
    print_result(figures, as_json=as_json)


def _check_country(country: str) -> None:
    if not re.fullmatch("[A-Za-z]{2}", country):
        rule, hint = "must be a country code of two letters (ISO 3166-1)", "Write KZ, BR, DE, ..."
        raise InputError(rule, field="--country", value=country, hint=hint)


def _refuse_wrong_tags(report: QualityReport) -> None:
    """Refuse a map with a tag of a wrong value, by the first one."""
    if report.wrong_tags:
        tag = report.wrong_tags[0]
        overrule = (
            "" if tag.key in _MAP_ONLY else f", overrule it in an overrides file ([[way]] id = {tag.way})"
        )
        hint = f"Mend the tag{overrule}, or leave out --strict to go on with {tag.used}"
        field = f"way {tag.way}: {tag.key}"
        raise InputError(tag.rule, file=report.source, field=field, value=tag.value, hint=hint)


def _refuse_idle_signals(report: QualityReport) -> None:
    """Refuse a map with a signal that controls nothing, or nothing but one approach, by the first one."""
    leave = "or leave out --strict to go on"
    if report.unmatched:
        osm_id, reason = min(report.unmatched.items())
        rule = "must be a signal that a junction governs"
        removal = f"[[signal]] node = {osm_id}, signal = false"
        hint = f"Mend the map, take the signal out in an overrides file ({removal}), {leave} without it"
        raise InputError(rule, file=report.source, field=f"node {osm_id}", value=reason, hint=hint)
    narrow = report.by_suspicion().get(_ONE_APPROACH)
    if narrow:
        value, field = f"one approach, {narrow[0].detail}", f"junction {narrow[0].where}"
        hint = f"{_TO_DO[_ONE_APPROACH].capitalize()}; {leave} with it"
        raise InputError("must have two approaches", file=report.source, field=field, value=value, hint=hint)


def _warnings(report: QualityReport) -> Iterator[str]:
    """Yield one line for each kind of thing in an import that deserves a look: how often, and some examples."""
    yield from report.warnings
    unmatched: dict[str, list[str]] = {}
    for osm_id, reason in sorted(report.unmatched.items()):
        unmatched.setdefault(reason.partition(" (")[0], []).append(f"node {osm_id}")
    for reason, nodes in unmatched.items():
        yield f"signals that no junction governs, {reason}: {_counted(nodes)}"
    wrong: dict[str, list[str]] = {}
    for tag in report.wrong_tags:
        wrong.setdefault(f"{tag.key} {tag.rule}", []).append(str(tag))
    for what, tags in wrong.items():
        yield f"{what}: {_counted(tags, _WRONG_TAGS)}"
    for what, places in report.by_suspicion().items():
        told = f"{what}: {_counted(f'{place.where}: {place.detail}' for place in places)}"
        yield f"{told}; {_TO_DO[what]}" if what in _TO_DO else told
    if 2 * report.defaults["lanes"] > report.links:
        share = f"{report.defaults['lanes'] / report.links:.0%}".replace("%", " %")
        yield (
            f"lanes are not mapped on {share} of the links, so that defaults by road class are used there: give the lanes"
            " of the roads that matter in an overrides file ([[way]] id = ..., lanes = ...)"
        )


def _counted(places: Iterable[str], examples: int = _EXAMPLES) -> str:
    """Return the number of places and the first few."""
    every = list(places)
    more = "; ..." if len(every) > examples else ""
    return f"{len(every)} ({'; '.join(every[:examples])}{more})"


def _write_quality(report: QualityReport, path: Path) -> None:
    """Write the quality report with everything that the warnings only count."""
    from traffic.files import replacing

    full = report.text(examples=len(report.suspicions))
    with replacing(path) as draft:
        draft.write_text(f"{full}\n", encoding="utf-8")


def _extract(file: Path | None, place: str | None) -> OsmExtract:
    if (file is None) == (place is None):
        raise InputError(
            "give either FILE or --place", field="import osm", hint="See: jasyl import osm --help"
        )
    if file is not None:
        from traffic.osm.read import read_osm

        return read_osm(file)
    from traffic.osm.download import download_place

    return download_place(str(place))
