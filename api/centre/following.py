"""Who shows what is in force, and who has not for too long."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from signals.lifecycle.coordination import SETTLING
from signals.lifecycle.in_force import version_in_force
from signals.lifecycle.watch import Finding
from signals.texts import as_line

if TYPE_CHECKING:
    from signals.lifecycle.records import Lifecycle

__all__ = ["Following"]

_LONGEST_WORD = 40


class Following:
    """Compares what controllers say that they show with what is in force, and gives them time to come into step.

    Each replica counts by itself, from when it has seen a difference first; what one has raised, the others let stand.
    """

    def __init__(self) -> None:
        self._off: dict[str, tuple[int | None, datetime]] = {}

    def findings(
        self, plans: Lifecycle, junction: str, status: Mapping[str, Any] | None, at: datetime
    ) -> dict[str, Finding]:
        """Return what the status of a controller tells of the plan that it shows.

        Parameters
        ----------
        status
            As the controller has sent it; none where it is old, so that all stays as it was.
        """
        alarm = f"status:{junction}:plan"
        raised = plans.alarms.get(alarm)
        if status is None or not _is_version(status.get("version", "")):
            return {} if raised is None else {alarm: Finding(raised.kind, raised.text, junction)}
        wanted = version_in_force(plans, junction, at)
        number = None if wanted is None else wanted.number
        if status["version"] == number or status.get("fault") is not None:  # that is an alarm of its own
            self._off.pop(junction, None)
            return {}
        seen, since = self._off.get(junction, (number, at))
        if seen != number:
            since = at
        self._off[junction] = number, since
        if raised is None and at - since < SETTLING:
            return {}
        name = "no plan of the service" if wanted is None else f"version {number} of {wanted.plan_set}"
        text = f"{junction} shows {_shown(status)}, and is to show {name}"
        return {alarm: Finding("wrong_plan", text, junction)}


def _is_version(value: object) -> bool:
    return value is None or type(value) is int


def _shown(status: Mapping[str, Any]) -> str:
    if status["version"] is not None:
        return f"version {status['version']}"
    return as_line(str(status.get("source", "no plan of the service"))[:_LONGEST_WORD])
