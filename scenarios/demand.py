"""The demand of a scenario: generated, from a matrix, or from turning counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scenarios.schema import TARGET_P90_X, VOLUME_HOURS, CountsDemand, GeneratedDemand, OdDemand
from traffic.assignment import assign
from traffic.calibration import calibrate_total
from traffic.gmns.demand import read_gmns_zones, read_od_gmns
from traffic.gravity import gravity
from traffic.od import read_od_csv
from traffic.zones import make_zones
from traffic.zones_csv import read_zones_csv

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from traffic.counts import BalancedCounts
    from traffic.demand import FlowDemand
    from traffic.network import RoadNetwork
    from traffic.od import ODMatrix
    from traffic.progress import Progress
    from traffic.turning_counts import TurningCounts
    from traffic.zones import Zones

__all__ = ["SETTLED_VEH", "count_notes", "make_demand"]

# Where the search for the target starts: below it, as assignment is slow where the city is overfull.
_START_VEH_H_JUNCTION = 200.0

SETTLED_VEH = 0.5
"""By how much the last round of balancing may have changed a flow that is called settled, vehicles in an interval."""


def make_demand(
    network: RoadNetwork,
    section: GeneratedDemand | OdDemand | CountsDemand,
    *,
    find: Callable[[str, str], Path],
    progress: Progress | None = None,
) -> tuple[FlowDemand, Mapping[str, float]]:
    """Return the unscaled demand of a scenario and figures that tell how it came about.

    Parameters
    ----------
    find
        Finds a file of the section: field and name in, path out.
    """
    if isinstance(section, CountsDemand):
        from traffic.counts import balance, read_turning_counts  # noqa: PLC0415 - only for counts

        counts = read_turning_counts(find("demand.file", section.file), network)
        balanced = balance(counts, network)
        return balanced.demand, _changes(counts, balanced)
    zones, od = _trips(network, section, find)
    target = section.target_p90_x
    if target is None and section.total_veh_h is None and isinstance(section, GeneratedDemand):
        target = TARGET_P90_X
    if target is None:
        if section.total_veh_h is not None and od.total_veh_h > 0:
            od = od.scaled(section.total_veh_h / od.total_veh_h)
        assignment = assign(network, zones, od, gap=section.gap, progress=progress)
        figures: dict[str, float] = {}
    else:
        calibration = calibrate_total(network, zones, od, target=target, gap=section.gap, progress=progress)
        assignment, figures = calibration.assignment, {"p90_x": calibration.saturation}
    figures |= {
        "total_veh_h": assignment.od.total_veh_h,
        "relative_gap": assignment.relative_gap,
        "zones": len(zones),
    }
    return assignment.flow_demand(network), figures


def _changes(counts: TurningCounts, balanced: BalancedCounts) -> dict[str, float]:
    """Return how far the balanced flows are from the counts: in all, and at the count that changed most."""
    worst = balanced.largest_change
    counted = float(counts.vehicles[worst])
    figures: dict[str, float] = {
        "counted_movements": len(counts.movement),
        "intervals": len(counts.vehicles),
        "rounds": balanced.rounds,
        "last_change_veh": balanced.last_change_veh,
        "changed_share": float(np.abs(balanced.change_veh).sum() / max(counts.vehicles.sum(), 1.0)),
        "largest_change_movement": int(counts.movement[worst[1]]),
        "largest_change_counted_veh": counted,
        "largest_change_balanced_veh": counted + float(balanced.change_veh[worst]),
        "full_links": len(balanced.full_links),
    }
    if len(balanced.full_links):
        figures["first_full_link"] = int(balanced.full_links[0])
    return figures


def count_notes(file: str, figures: Mapping[str, float], network: RoadNetwork) -> list[str]:
    """Say what makes flows from turning counts doubtful: an estimate that does not settle or fills its lanes."""
    notes = []
    if figures.get("last_change_veh", 0.0) > SETTLED_VEH:
        notes.append(
            f"{file}: count: the estimate of what nobody counted has not settled: the last of {figures['rounds']:.0f} "
            f"rounds still changed a flow by {figures['last_change_veh']:.1f} vehicles in an interval. Check the "
            "counts, or count more movements at their junctions"
        )
    if figures.get("full_links"):
        link = int(figures["first_full_link"])
        row = np.flatnonzero(network.junctions.node == network.links.to_node[link])
        where = f" to junction {network.junctions.key[row[0]]}" if len(row) else ""
        others = f", and {figures['full_links'] - 1:.0f} others," if figures["full_links"] > 1 else ""
        notes.append(
            f"{file}: count: more would have to come in where nobody counted than lanes can carry: link {link} "
            f"({network.link_name(link)}){where}{others} was estimated at all that its lanes bring. Check the "
            "counts downstream, or count what comes in there"
        )
    return notes


def _trips(
    network: RoadNetwork, section: GeneratedDemand | OdDemand, find: Callable[[str, str], Path]
) -> tuple[Zones, ODMatrix]:
    if isinstance(section, GeneratedDemand):
        zones = make_zones(network, target=section.zones)
        start = _START_VEH_H_JUNCTION * max(len(network.junctions), 1)
        return zones, gravity(
            network,
            zones,
            total_veh_h=section.total_veh_h or start,
            rng=np.random.default_rng(section.seed),
            gateway_share=section.gateway_share,
            distance_scale_m=section.distance_scale_m,
            profile=section.profile,
            period_s=section.period_s,
        )
    path = find("demand.file", section.file)
    profile, period_s = section.profile, section.period_s
    if section.format == "gmns" and section.zones_file is not None:
        zones = read_gmns_zones(find("demand.zones_file", section.zones_file), network)
        hours = section.volume_hours or VOLUME_HOURS
        return zones, read_od_gmns(
            path, zones, network=network, volume_hours=hours, profile=profile, period_s=period_s
        )
    if section.zones_file is not None:
        zones = read_zones_csv(find("demand.zones_file", section.zones_file), network)
    else:
        zones = make_zones(network, target=section.zones)
    return zones, read_od_csv(path, zones, network=network, profile=profile, period_s=period_s)
