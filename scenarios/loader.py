"""From a scenario to a city: network, junctions and demand."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from scenarios import cache
from scenarios.overrides import combined, entry_told, saved_overrides
from scenarios.scenario import Scenario, load, names, template
from scenarios.schema import (
    CorridorNetwork,
    CountsDemand,
    FileNetwork,
    GeneratedDemand,
    GridNetwork,
    OdDemand,
    OsmNetwork,
)
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from signals.junction import Junction
    from signals.objective import Objective
    from signals.plan import PlanSet
    from traffic.demand import FlowDemand
    from traffic.network import RoadNetwork
    from traffic.overrides import Overrides
    from traffic.progress import Progress

__all__ = ["City", "Scenario", "build", "build_network", "check_stages", "load", "names", "template"]


_SAVED = ".npz"
_OSM = (".osm", ".osm.gz", ".osm.pbf", ".pbf")


@dataclass(frozen=True)
class City:
    """A scenario made real.

    Attributes
    ----------
    before
        The plans in force, where the scenario has a timing sheet.
    objective
        What its plans are to minimise.
    left_out
        How many of these plans are Webster's, because the sheet leaves the junction out.
    label
        What must be shown with every figure: "schematic", "generated", "OpenStreetMap" or the file's own.
    figures
        How the demand came about. Of trips: total_veh_h, relative_gap, zones, and p90_x where that was the target.
        Of turning counts: counted_movements, intervals, rounds of balancing and last_change_veh of a flow,
        changed_share (of all vehicles, by balancing), and the count that changed most: largest_change_movement,
        largest_change_counted_veh, largest_change_balanced_veh; full_links, on which as much was estimated as lanes
        can bring, and first_full_link of them.
    """

    scenario: Scenario
    network: RoadNetwork
    junctions: tuple[Junction, ...]
    demand: FlowDemand
    before: PlanSet | None
    objective: Objective
    label: str
    figures: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    left_out: int = 0


def build(
    scenario: Scenario,
    *,
    seed: int | None = None,
    scale: float = 1.0,
    planned_scale: float | None = None,
    progress: Progress | None = None,
) -> City:
    """Make the city of a scenario.

    What takes long (an import from OpenStreetMap, an assignment) is kept in the user's cache folder. Signal
    groups and protected turns follow the scenario's own demand whatever the `seed`, so that plans made for
    one seed fit the junctions of every other.

    Parameters
    ----------
    seed
        Seed of generated demand in place of the scenario's own.
    scale
        Factor on the demand.
    planned_scale
        Factor on the demand that protected turns are chosen for, and Webster's plans where a timing sheet leaves
        junctions out; default: `scale`. Plans fit the junctions of the level that they were made for.
    """
    from scenarios.goal import objective_of  # noqa: PLC0415 - `scenario list` needs none of it
    from signals.build import build_junctions  # noqa: PLC0415

    overrides = _overrides(scenario)
    network = build_network(scenario, overrides=overrides, progress=progress)
    layers = _layers(scenario, network, overrides)
    own, figures = _demand(scenario, network, scenario.demand, progress)
    planned = own.scaled(scale if planned_scale is None else planned_scale)
    with entry_told(scenario.source, layers):
        junctions = build_junctions(
            network, settings=scenario.settings(), overrides=combined(layers), demand=planned
        )
        before, left_out = _before(scenario, network, junctions, planned)
    demand = own
    section = scenario.demand
    if seed is not None and isinstance(section, GeneratedDemand) and seed != section.seed:
        section = section.model_copy(update={"seed": seed})
        demand, figures = _demand(scenario, network, section, progress)
    return City(
        scenario=scenario,
        network=network,
        junctions=junctions,
        demand=demand if scale == 1.0 else demand.scaled(scale),
        before=before,
        objective=objective_of(scenario, network),
        label=scenario.label,
        figures=figures,
        left_out=left_out,
    )


def check_stages(city: City) -> None:
    """Raise `InputError` unless every junction has stages that fit into its longest cycle."""
    from signals.stages import stage_sequences  # noqa: PLC0415

    layers = _layers(city.scenario, city.network, _overrides(city.scenario))
    with entry_told(city.scenario.source, layers):
        for junction in city.junctions:
            stage_sequences(junction, limit=1)


def _layers(scenario: Scenario, network: RoadNetwork, overrides: Overrides | None) -> tuple[Overrides, ...]:
    """Return what is said of junctions, the last word first: the scenario's own, then what its network brings."""
    layers = [overrides.for_network(network)] if overrides else []
    section = scenario.network
    if isinstance(section, FileNetwork):
        saved = saved_overrides(scenario.find("network.file", section.file), network)
        layers += [saved] if saved else []
    return tuple(layers)


def build_network(
    scenario: Scenario, *, overrides: Overrides | None = None, progress: Progress | None = None
) -> RoadNetwork:
    """Make the network of a scenario; what takes long to make comes from the cache where it can.

    Parameters
    ----------
    overrides
        What the scenario's overrides file holds, where it has been read already.
    """
    section = scenario.network
    overrides = overrides or _overrides(scenario)
    if isinstance(section, GridNetwork):
        from scenarios.grid import build_grid  # noqa: PLC0415

        return build_grid(
            section.columns, section.rows, spacing_x_m=section.spacing_x_m, spacing_y_m=section.spacing_y_m
        )
    if isinstance(section, CorridorNetwork):
        from scenarios.corridor import build_corridor  # noqa: PLC0415

        return build_corridor(section.junctions, spacing_m=section.spacing_m, lanes=section.lanes)
    if isinstance(section, OsmNetwork):
        return _imported(scenario, section, overrides, progress)
    if isinstance(section, FileNetwork):
        return _saved(scenario, section)

    def draw() -> RoadNetwork:
        from scenarios.almaty import build_almaty  # noqa: PLC0415 - the cache spares the projection

        return build_almaty()

    return cache.cached_network(["almaty"], draw)


def _imported(
    scenario: Scenario, section: OsmNetwork, overrides: Overrides | None, progress: Progress | None
) -> RoadNetwork:
    path = scenario.find("network.file", section.file)
    if path.suffix == _SAVED:
        rule = "must be an OpenStreetMap file (.osm, .osm.gz or .osm.pbf)"
        hint = 'A network that `jasyl import osm` has saved is kind = "file"'
        raise InputError(rule, file=scenario.source, field="network.file", value=section.file, hint=hint)
    country = scenario.signals.country.upper()
    key = ["osm", scenario.name, cache.file_digest(path), section.classes, country]
    if section.overrides is not None:
        key.append(cache.file_digest(scenario.find("network.overrides", section.overrides)))

    def make() -> RoadNetwork:
        from traffic.defaults import COUNTRIES  # noqa: PLC0415
        from traffic.osm.build import build_network as import_network  # noqa: PLC0415
        from traffic.osm.read import read_osm  # noqa: PLC0415 - the cache spares it

        extract = read_osm(path, progress=progress)
        network, _ = import_network(
            extract,
            name=scenario.name,
            overrides=overrides,
            classes=section.classes,
            country=country if country in COUNTRIES else None,
            progress=progress,
        )
        return network

    return cache.cached_network(key, make)


def _saved(scenario: Scenario, section: FileNetwork) -> RoadNetwork:
    from traffic.store import load_network  # noqa: PLC0415

    path = scenario.find("network.file", section.file)
    if path.name.endswith(_OSM):
        rule = "must be a network that `jasyl import osm` has saved"
        hint = 'An OpenStreetMap file is kind = "osm"'
        raise InputError(rule, file=scenario.source, field="network.file", value=section.file, hint=hint)
    return load_network(path)


def _overrides(scenario: Scenario) -> Overrides | None:
    name = scenario.network.overrides
    if name is None:
        return None
    from traffic.overrides import read_overrides  # noqa: PLC0415

    overrides = read_overrides(scenario.find("network.overrides", name))
    roads = overrides.ways or overrides.turns or overrides.together or overrides.apart
    if not isinstance(scenario.network, OsmNetwork) and (
        roads or overrides.signals_added or overrides.signals_removed
    ):
        rule = "may only hold [[junction]], as the roads of the network are made already"
        hint = "Remove all but [[junction]]"
        if isinstance(scenario.network, FileNetwork):
            hint += (
                "; the rest belongs to the import: jasyl import osm FILE --overrides OVERRIDES. What that was told of"
                " junctions is in force without being named here"
            )
        raise InputError(rule, file=overrides.file, field="network.overrides", value=name, hint=hint)
    return overrides


def _demand(
    scenario: Scenario,
    network: RoadNetwork,
    section: GeneratedDemand | OdDemand | CountsDemand,
    progress: Progress | None,
) -> tuple[FlowDemand, Mapping[str, float]]:
    """Demand and its figures, scaled as the section asks; unscaled it is kept in the cache."""
    plain = section.model_copy(update={"scale": 1.0})
    key = ["demand", cache.network_digest(network), plain.model_dump_json()]
    for name in ("file", "zones_file"):
        given = getattr(section, name, None)
        if given is not None:
            key.append(cache.file_digest(scenario.find(f"demand.{name}", given)))
    if isinstance(plain, OdDemand) and plain.format == "gmns" and plain.zones_file is not None:
        from traffic.gmns.demand import config_file  # noqa: PLC0415

        config = config_file(scenario.find("demand.zones_file", plain.zones_file))
        key.append(cache.file_digest(config) if config.is_file() else "")

    def make() -> tuple[FlowDemand, Mapping[str, float]]:
        from scenarios.demand import make_demand  # noqa: PLC0415 - the cache spares it

        return make_demand(network, plain, find=scenario.find, progress=progress)

    demand, figures = cache.cached_demand(key, make)
    return (demand if section.scale == 1.0 else demand.scaled(section.scale)), MappingProxyType(dict(figures))


def _before(
    scenario: Scenario, network: RoadNetwork, junctions: tuple[Junction, ...], planned: FlowDemand
) -> tuple[PlanSet | None, int]:
    """Return the plans in force, and how many of them are Webster's for the `planned` demand."""
    from signals.locked import check_locked  # noqa: PLC0415

    name = scenario.signals.timing_sheet
    if name is None:
        check_locked(junctions, None, file=scenario.source)
        return None, 0
    from signals.timing_sheet import read_timing_sheet  # noqa: PLC0415

    return read_timing_sheet(scenario.find("signals.timing_sheet", name), network, junctions, planned)
