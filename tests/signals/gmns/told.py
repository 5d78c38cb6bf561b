"""What a plan says whatever its groups are called: times, and what is green in each stage."""

from __future__ import annotations


def told(plan):
    groups = plan.junction.groups
    green = [
        (
            frozenset(m for g in stage.groups for m in groups[g].movements),
            frozenset(c for g in stage.groups for c in groups[g].crossings),
        )
        for stage in plan.stages
    ]
    return plan.cycle_s, plan.offset_s, plan.durations_s, green
