"""A SUMO configuration as a city of ours: network, traffic lights, demand, parameters of the flow model."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from signals.plan import PlanSet
from signals.sumo.lights import SumoLight, lights_of, programs_of, shipped_plans
from signals.sumo.programs import SumoProgram, additional_xml
from simulation.sumo.config import SumoConfig
from simulation.sumo.driven import driven_routes
from simulation.sumo.executables import produce
from simulation.sumo.limits import kept_lights, others_of, warnings_of
from traffic.demand import FlowDemand
from traffic.errors import InputError
from traffic.files import replacing
from traffic.flow import FlowParameters
from traffic.sumo.logics import read_logics
from traffic.sumo.net_file import read_net
from traffic.sumo.road import SumoRoads, road_network
from traffic.sumo.routes import Departure, by_car, demand_of, read_departures, scaled
from traffic.sumo.vehicles import CarFollowing, mean_following, read_vehicle_types

__all__ = ["SumoCity", "read_city", "write_programs"]

_PROGRAM = "jasyl"
_NO_LIGHT = "must have a traffic light that governs cars"
_YELLOW_USE_S = 1.35  # measured with SUMO 1.28 on queues at a signal
_LINE_SPEED_M_S = 12.5


@dataclass(frozen=True, eq=False)
class SumoCity:
    """What Jasyl needs to plan for a SUMO configuration.

    Attributes
    ----------
    departures, types
        The vehicles that go by car, with their routes, and vehicle types by id.
    following
        The mean of the vehicles that depart.
    parameters
        Parameters of the flow model for such vehicles.
    warnings
        What is modelled less than well.
    """

    config: SumoConfig
    roads: SumoRoads
    lights: tuple[SumoLight, ...]
    demand: FlowDemand
    departures: tuple[Departure, ...]
    types: Mapping[str, CarFollowing]
    following: CarFollowing
    parameters: FlowParameters
    warnings: tuple[str, ...]

    @property
    def duration_s(self) -> int:
        """Length of the run, whole seconds."""
        return max(round(self.config.end_s - self.config.begin_s), 1)

    def shipped(self) -> PlanSet:
        """Return the programs of the network file as plans."""
        return shipped_plans(self.roads, self.lights)

    def programs(self, plans: PlanSet) -> tuple[SumoProgram, ...]:
        """Return plans as programs for SUMO."""
        return programs_of(self.lights, plans, begin_s=self.config.begin_s)


def read_city(config: SumoConfig) -> SumoCity:
    """Read network, routes and traffic lights of a configuration.

    Vehicles that have a way from and to but no route get the one that they drive in SUMO: it depends on the traffic when they
    depart, so SUMO runs once, with the programs of its file. Without such vehicles it does not run. Flows without a route
    get that of SUMO's `duarouter`.

    Raises
    ------
    InputError
        Where a file cannot be read, or no traffic light governs a road.
    """
    net = read_net(config.network)
    loaded = [logic for file in config.additional for logic in read_logics(file)]
    net = replace(net, logics=(*net.logics, *loaded))
    programmed = {logic.light for logic in net.logics}
    if not any(c.light in programmed for c in net.connections):
        raise InputError(_NO_LIGHT, file=config.network, field="tlLogic")
    others = others_of(config)
    types = _types(config)
    departures = _departures(config)
    following = mean_following(types, [(departure.kind, departure.vehicles) for departure in departures])
    roads = road_network(net, name=config.file.parent.name, following=following)
    if not len(roads.network.junctions):
        raise InputError(_NO_LIGHT, file=config.network, field="tlLogic")
    departures, left_out = by_car(roads, departures)
    if not departures:
        raise InputError("must have a vehicle that goes by car", file=config.file, field="route-files")
    begin, end = config.begin_s, config.end_s
    lights = lights_of(roads, begin_s=begin)
    kept = kept_lights(lights)
    if len(kept) == len(lights):
        raise InputError(
            "must have a traffic light that can be planned", file=config.network, value="; ".join(kept)
        )
    return SumoCity(
        config=config,
        roads=roads,
        lights=lights,
        demand=demand_of(roads, departures, begin_s=begin, end_s=end),
        departures=tuple(departures),
        types=MappingProxyType(types),
        following=following,
        parameters=_parameters(following),
        warnings=warnings_of(config, roads, lights, others, left_out),
    )


def _types(config: SumoConfig) -> dict[str, CarFollowing]:
    types: dict[str, CarFollowing] = {}
    for file in (*config.additional, *config.routes):
        types |= read_vehicle_types(file)
    return types


def _departures(config: SumoConfig) -> list[Departure]:
    with tempfile.TemporaryDirectory(prefix="jasyl-sumo-") as name:
        routed = Path(name) / "routes.rou.xml"
        _route(config, routed)
        found = scaled(read_departures(routed, driven=driven_routes(config)), config.scale)
    if not found:
        raise InputError(
            "must have a vehicle within the time of the run", file=config.file, field="route-files"
        )
    return found


def _route(config: SumoConfig, target: Path) -> None:
    arguments = ["-n", str(config.network), "-r", ",".join(map(str, config.routes)), "-o", str(target)]
    arguments += ["--no-warnings", "--no-step-log"]
    if config.options.get("ignore-route-errors") in {"true", "1", "x", "yes", "on"}:
        arguments.append("--ignore-errors")
    arguments += ["-b", str(config.begin_s), "-e", str(config.end_s)]
    if config.additional:
        arguments += ["-d", ",".join(map(str, config.additional))]
    produce("duarouter", arguments, target, of=config.file, refusal="duarouter refuses the routes")


def _parameters(following: CarFollowing) -> FlowParameters:
    """Return the parameters of the flow model: room in queues, and the time lost in speeding up."""
    speeding_up_s = _LINE_SPEED_M_S / (2.0 * following.accel_m_s2)
    return FlowParameters(
        jam_density_veh_m=1.0 / following.space_m, start_loss_s=speeding_up_s, yellow_use_s=_YELLOW_USE_S
    )


def write_programs(city: SumoCity, plans: PlanSet, file: Path) -> None:
    """Write `plans` as an additional file, which SUMO loads beside the configuration in place of its programs."""
    taken = {logic.program for logic in city.roads.net.logics}
    program, number = _PROGRAM, 0
    while program in taken:
        number += 1
        program = f"{_PROGRAM}-{number}"
    text = additional_xml(city.programs(plans), program=program)
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as draft:
        draft.write_text(text, encoding="utf-8")
