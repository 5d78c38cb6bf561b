"""A first capability file for a junction, by Jasyl's tables: for virtual sites, and to begin the real one's from."""

from __future__ import annotations

from collections.abc import Sequence

from signals.junction import Junction
from signals.rsmp.capability import MOST_SECONDS, Band, Capability, SiteGroup, StoredPlan
from signals.rsmp.commissioning import require_junction
from signals.rsmp.lists import MOST_BANDS
from signals.sequence import Stage, StageSequence
from signals.stages import stage_sequences
from traffic.errors import InputError

__all__ = ["first_capability"]

_BAND_S = (90, 60, 45, 30, 20, 10, 5)
"""How long bands may be, the longest that is safe at the junction is taken."""


def first_capability(
    junction: Junction,
    *,
    site: str,
    sxl: str,
    orders: Sequence[Sequence[Sequence[str]]] = (),
    copies: int = 3,
) -> Capability:
    """Return a controller that has the groups and intergreens of a junction, and stored plans that can be set freely.

    Parameters
    ----------
    orders
        Stages of the plans that it is to carry, by the names of their groups; without any, the first order that is
        safe at the junction.
    copies
        How many stored plans there are of each order.

    Raises
    ------
    InputError
        Where no such plan is safe, or can be stored in RSMP.
    """
    found = [StageSequence.of(junction, _stages(junction, order)) for order in orders]
    if not found:
        found = list(stage_sequences(junction, limit=1))
    if not found:
        raise InputError("must have an order of stages that is safe", field="junction", value=junction.key)
    refused: InputError | None = None
    for longest_s in _BAND_S:
        try:
            made = _made(junction, found, copies, site, sxl, longest_s)
            require_junction(made, junction)
        except InputError as error:
            refused = error
        else:
            return made
    assert refused is not None
    raise refused


def _stages(junction: Junction, order: Sequence[Sequence[str]]) -> list[Stage]:
    return [Stage(frozenset(junction.group_index(name) for name in stage)) for stage in order]


def _made(
    junction: Junction, found: Sequence[StageSequence], copies: int, site: str, sxl: str, longest_s: int
) -> Capability:
    names = [group.name for group in junction.groups]
    plans: list[StoredPlan] = []
    for sequence in found:
        for _ in range(copies):
            plans.append(_plan(junction, sequence, names, len(plans) + 1, longest_s))
    prefix = site.removesuffix("TC000")
    groups = tuple(
        SiteGroup(name, f"{prefix}SG{row:03}" if prefix != site else "") for row, name in enumerate(names, 1)
    )
    intergreens = {
        (ends, starts): int(junction.intergreen_s[row, column])
        for row, ends in enumerate(names)
        for column, starts in enumerate(names)
        if row != column and junction.intergreen_s[row, column]
    }
    return Capability(
        site=site,
        component=site,
        junction=junction.key,
        sxl=sxl,
        security=junction.key,
        groups=groups,
        intergreens=intergreens,
        plans=tuple(plans),
    )


def _plan(
    junction: Junction, sequence: StageSequence, names: Sequence[str], number: int, longest_s: int
) -> StoredPlan:
    """Return a stored plan whose stages have bands, but for the last one, which has the rest of the cycle."""
    stages = tuple(frozenset(names[group] for group in stage.groups) for stage in sequence.stages)
    base = tuple(int(seconds) for seconds in sequence.least_durations_s())
    if len(stages) - 1 > MOST_BANDS:
        raise InputError(f"must be {MOST_BANDS + 1} at most", field="stages", value=len(stages))
    most = min(junction.cycle_max_s, MOST_SECONDS)
    return StoredPlan(
        number=number,
        stages=stages,
        base_s=base,
        cycle_s=max(sum(base), junction.cycle_min_s),
        cycle_range_s=(junction.cycle_min_s, most),
        offset_settable=True,
        remainder=len(stages),
        bands=tuple(Band(stage, stage, 0, longest_s) for stage in range(1, len(stages))),
    )
