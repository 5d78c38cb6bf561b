"""Goals of figures, and which way a figure is better."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from traffic.errors import InputError
from transit.definitions import definitions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transit.definitions import Definition

__all__ = ["Goal", "better", "read_goals"]

_LESS = ("trips-", "deviation-put-aside", "headway-cv", "wait", "excess-wait", "tfl-excess-wait")


def better(definition: Definition) -> int:
    """Return 1 where more is better, -1 where less is, 0 where neither is (percentiles, what the timetable says)."""
    if definition.name == "scheduled-wait" or (
        definition.name.startswith("deviation-p") and definition.unit == "s"
    ):
        return 0
    return -1 if definition.name.startswith(_LESS) else 1


class Goal(NamedTuple):
    """What a figure should reach.

    Attributes
    ----------
    definition
        Its name.
    value
        In the unit of the definition: a share of 1, or seconds.
    """

    definition: str
    value: float

    def met(self, value: float, way: int) -> bool:
        """Return whether a value is as good as the goal; `way` as of `better`."""
        return (value - self.value) * way >= 0.0


def read_goals(texts: Sequence[str]) -> tuple[Goal, ...]:
    """Return goals written as ``NAME=VALUE``: ``on-time-visits=0.87``, ``on-time-visits=87%``, ``excess-wait=60``."""
    known = {definition.name: definition for definition in definitions()}
    found: dict[str, Goal] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        definition = known.get(name)
        if not equals or definition is None or not better(definition):
            hint = f"NAME is one of {', '.join(name for name, each in known.items() if better(each))}"
            raise InputError("must be NAME=VALUE", field="--goal", value=text, hint=hint)
        if name in found:
            raise InputError("must be given once for each definition", field="--goal", value=text)
        found[name] = Goal(name, _number(text, value, definition))
    return tuple(found.values())


def _number(text: str, value: str, definition: Definition) -> float:
    percent = value.endswith("%")
    try:
        number = float(value.rstrip("%")) / (100.0 if percent else 1.0)
    except ValueError:
        number = math.nan
    share = definition.unit == "share"
    if not 0.0 <= number <= (1.0 if share else math.inf) or math.isinf(number) or (percent and not share):
        rule = "must be a share from 0 to 1, or a percentage" if share else "must be a number of 0 or more"
        raise InputError(rule, field="--goal", value=text)
    return number
