"""What a controller holds: accepted versions with their signed words, and which of them it goes on with.

A version that the service does not name any more is laid to rest, not thrown away: it is not run, and goes on where it is named
again, since one answer of a service that is behind is no decision. Thrown away is what has been shown to be replaced, and the
oldest of more than a few that rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from simulation.controller.runner import SLOTS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from simulation.controller.runner import Release

__all__ = ["MOST_UNNAMED", "Held", "tidied"]

MOST_UNNAMED = 4
"""How many versions of a slot are kept that the service does not name."""


class Held(NamedTuple):
    """An accepted version with its signed words.

    Attributes
    ----------
    activated_s
        When its activation was issued: an older one, which may have another end, is a replay.
    resting
        Whether it is kept and not run.
    """

    plan: str
    activation: str | None
    activated_s: float
    release: Release
    resting: bool = False

    def begun(self, now_s: float) -> bool:
        """Return whether it has been activated, and that time has come."""
        active_s = self.release.active_s
        return active_s is not None and active_s <= now_s


def tidied(
    held: Mapping[int, Held], named: Collection[int], shown: int | None, now_s: float
) -> tuple[dict[int, Held], list[int]]:
    """Return what is held after an assignment, and the versions that were given up for want of room.

    Parameters
    ----------
    held
        By version.
    named
        The versions that the assignment names.
    shown
        The version that the lamps show, in step.
    now_s
        POSIX seconds, by a clock that may be wrong: it alone throws nothing away.
    """
    kept, given_up = dict(held), list[int]()
    for slot in SLOTS:
        rows = {version: one for version, one in held.items() if one.release.slot == slot}
        newest = max((v for v, one in rows.items() if v in named and one.activation is not None), default=0)
        for version, one in rows.items():
            goes_on = version in named or _goes_on(one, now_s, is_newest=version > newest)
            kept[version] = one._replace(resting=not goes_on)
        replaced_by = shown if shown in rows and rows[shown].begun(now_s) else 0
        last = max((v for v, one in rows.items() if one.begun(now_s)), default=0)
        for version in [v for v in rows if v not in named and v < replaced_by]:
            del kept[version]
        unnamed = sorted(v for v in rows if v in kept and v not in named and v != last)
        given_up += unnamed[:-MOST_UNNAMED]
    for version in given_up:
        del kept[version]
    return kept, given_up


def _goes_on(one: Held, now_s: float, *, is_newest: bool) -> bool:
    """Return whether a version goes on that is not named: nobody takes a base plan away, but before it has begun."""
    return one.release.slot == "base" and one.activation is not None and (is_newest or one.begun(now_s))
