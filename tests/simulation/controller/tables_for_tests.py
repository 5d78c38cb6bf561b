"""Controllers' tables for tests: copied from junctions, plans as plain values."""

from __future__ import annotations

from typing import Any

from signals.junction import Junction
from simulation.controller.tables import Tables


def tables_of(junction: Junction, /, **changes: Any) -> Tables:
    """Copy what a controller knows out of a junction."""
    values: dict[str, Any] = {
        "format": "jasyl-controller-tables",
        "format_version": 1,
        "junction": junction.key,
        "digest": junction.digest,
        "time_zone": "Asia/Almaty",
        "backup_s": 300,
        "cycle_min_s": junction.cycle_min_s,
        "cycle_max_s": junction.cycle_max_s,
        "groups": [
            {
                "name": g.name,
                "kind": g.kind.name.lower(),
                "min_green_s": g.min_green_s,
                "max_green_s": g.max_green_s,
                "flashing_green_s": g.flashing_green_s,
                "yellow_s": g.yellow_s,
                "red_amber_s": g.red_amber_s,
            }
            for g in junction.groups
        ],
        "conflict": junction.conflict.tolist(),
        "intergreen_s": junction.intergreen_s.tolist(),
        "schedule": {"plans": [], "day_types": []},
        "keys": [],
    }
    return Tables.from_dict(values | changes)


def plan_document(
    junction: Junction, stages: list[set[int]], durations: list, cycle: object, offset: object
) -> dict[str, Any]:
    """Write a plan as plain values, whatever it is; groups that do not exist have names of their own."""
    names = dict(enumerate(group.name for group in junction.groups))
    return {
        "junction": junction.key,
        "digest": junction.digest,
        "name": "a",
        "version": 1,
        "cycle_s": cycle,
        "offset_s": offset,
        "stages": [
            {
                "groups": [names.get(g, f"unknown {g}") for g in sorted(stage)],
                "duration_s": durations[k] if k < len(durations) else None,
            }
            for k, stage in enumerate(stages)
        ],
    }
