"""What is found of an assignment, and the envelope that it comes in."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from simulation.controller.reading import choice, items, record, text, whole
from simulation.controller.runner import SLOTS
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Acknowledgement", "Assigned", "Received", "Verdict", "assigned", "digest_of", "read_verdict"]

_PLACES = ("previous", "current", "pending")


class Verdict(NamedTuple):
    """What was found of a signed version: the hash of its token, and why it was refused, or nothing."""

    version: int
    token: str
    reason: str


class Acknowledgement(NamedTuple):
    """What the service is told of a version: accepted, refused or in_force."""

    version: int
    result: str
    reason: str = ""


class Assigned(NamedTuple):
    """A version of an assignment with its signed words, which nobody has looked at yet.

    Attributes
    ----------
    place
        Where in its slot: what is in force until its successor begins (previous), what is activated (current), or what waits
        for that (pending).
    """

    slot: str
    place: str
    version: int
    plan: str
    activation: Any

    def answered(self, result: str) -> bool:
        """Return whether the service is told what was found: whatever it waits for, and what else it cannot have."""
        return self.place == "pending" or (self.place == "current" and result == "refused")


@dataclass(frozen=True)
class Received:
    """What came of an assignment.

    Attributes
    ----------
    acknowledgements
        Of the versions that wait to be activated, and of those that are activated and refused.
    problems
        What was not acted on, in words.
    changed
        Whether there is something to remember.
    """

    acknowledgements: tuple[Acknowledgement, ...] = ()
    problems: tuple[str, ...] = ()
    changed: bool = False


def read_verdict(row: object) -> Verdict:
    """Return the verdict that is remembered as `row`."""
    parts = items(row, "memory, verdicts")
    if len(parts) != 3:
        raise InputError("must be a version, a hash and a reason", field="memory, verdicts", value=len(parts))
    version, digest, reason = parts
    return Verdict(
        whole(version, "memory, verdicts"),
        text(digest, "memory, verdicts"),
        text(reason, "memory, verdicts", empty=True),
    )


def assigned(slots: object) -> Iterator[Assigned]:
    """Yield the versions of all slots."""
    for slot, value in record(slots, (), "slots", others=True).items():
        choice(slot, SLOTS, "slots")
        places = record(value, ("current", "pending"), f"slots, {slot}", others=True)
        for place in _PLACES:
            if places.get(place) is not None:
                where = f"slots, {slot}, {place}"
                row = record(places[place], ("version", "plan", "activation"), where, others=True)
                version = whole(row["version"], f"{where}, version", low=1)
                yield Assigned(slot, place, version, text(row["plan"], f"{where}, plan"), row["activation"])


def digest_of(token: str) -> str:
    """Return the hash by which a signed word is known again."""
    return hashlib.sha256(token.encode()).hexdigest()
