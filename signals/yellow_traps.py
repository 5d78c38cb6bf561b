"""Yellow traps: a green that gives way ends while those to whom it gives way stay green.

Its drivers see their own yellow, take it that oncoming traffic has to stop as well, and turn in front of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from signals.junction import Conflict, GroupKind
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from signals.junction import Junction
    from signals.sequence import Stage

__all__ = ["check_yellow_traps", "gives_way", "yellow_trap"]


def gives_way(junction: Junction) -> NDArray[np.bool_]:
    """Return whether vehicle groups (rows) give way to vehicle groups (columns); shape (groups, groups)."""
    vehicle = np.array([group.kind == GroupKind.VEHICLE for group in junction.groups])
    pairs: NDArray[np.bool_] = (junction.conflict == Conflict.YIELD) & vehicle[:, None] & vehicle[None, :]
    return pairs


def yellow_trap(junction: Junction, stages: Sequence[Stage]) -> tuple[int, int, int] | None:
    """Return the first yellow trap of `stages`, or none.

    That is a stage, a vehicle group that ends with it, and a vehicle group of the same stage to which that one
    gives way and which stays green in the next stage.
    """
    pairs = np.argwhere(gives_way(junction)).tolist()
    for position, stage in enumerate(stages):
        following = stages[(position + 1) % len(stages)].groups
        ending, staying = stage.groups - following, stage.groups & following
        for ends, stays in pairs:
            if ends in ending and stays in staying:
                return position, ends, stays
    return None


def check_yellow_traps(junction: Junction, stages: Sequence[Stage]) -> None:
    """Raise `InputError` where there is a yellow trap."""
    trap = yellow_trap(junction, stages)
    if trap is not None:
        position, ends, stays = trap
        one, other = junction.groups[ends].name, junction.groups[stays].name
        raise InputError(
            f"{one} must not end while {other}, to which it gives way, stays green (yellow trap)",
            field=f"junction {junction.key}, stage {position + 1}",
            value=f"{one}, {other}",
            hint=f"End {other} together with {one}, or let {one} have green without {other} only",
        )
