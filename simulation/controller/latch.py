"""The latch: what the conflict monitor has found outlasts missed seconds and the power, until a person takes it back.

The fault is a file in the controller's folder. A reset is a second file beside it, which a person lays there with
`jasyl controller reset` on the controller's own machine, and which says for which fault it is, whose it is and why. The
controller takes both away and begins from all red, at once or when it is started. Nothing that comes over a line does that.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from signals.texts import is_line
from simulation.controller.memory import Memory, sync_folder
from simulation.controller.monitor import Fault
from simulation.controller.reading import items, record, shown_instant, text, whole
from traffic.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from simulation.controller.runner import Runner

__all__ = ["Latch"]

_FAULT_KEYS = ("second", "rule", "groups", "at")
_RESET_KEYS = ("fault", "by", "why", "at")


class Latch:
    """The fault of one controller, on disk.

    Parameters
    ----------
    folder
        Where the controller keeps its memory.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fault, self._reset = Memory(folder / "fault.json"), Memory(folder / "reset.json")
        self._kept: Fault | None = None

    def fault(self) -> Fault | None:
        """Return the fault that is kept. What cannot be read was one, too."""
        try:
            content = self._fault.load()
            if content is None:
                return None
            values = record(content, _FAULT_KEYS, "fault")
            groups = tuple(text(name, "fault, groups") for name in items(values["groups"], "fault, groups"))
            self._kept = Fault(whole(values["second"], "fault, second"), text(values["rule"], "rule"), groups)
        except InputError as error:
            self._kept = Fault(0, f"must remember which fault it had: {error}")
        return self._kept

    def look(self, runner: Runner, wall_s: float) -> str | None:
        """Keep a fault that is new, or carry out a reset; return what is to be told of it.

        Parameters
        ----------
        wall_s
            POSIX seconds.
        """
        fault = runner.monitor.fault
        if fault is None:
            return None
        try:
            if fault is not self._kept:
                self._keep(fault, wall_s)
                self._kept = fault
            told = self._taken_back()
        except (OSError, InputError) as error:
            return f"fault, or its reset: {error}"
        if told is not None:
            self._kept = None
            runner.reset()
        return told

    def ask(self, by: str, why: str, at_s: float) -> Fault:
        """Ask for a reset, as a person on site, and return the fault that it is for.

        Raises
        ------
        InputError
            Where there is no fault, or for a name or a reason that is not one line.
        """
        for name, value in (("by", by), ("why", why)):
            if not value.strip() or not is_line(value):
                raise InputError("must be one line, without control characters", field=name, value=value)
        fault = self.fault()
        if fault is None:
            hint = "Check --junction and the folder; the status of the controller says whether it has a fault"
            raise InputError("must have a fault that can be reset", file=self._fault.path, hint=hint)
        try:
            self._reset.save({"fault": self._digest(), "by": by, "why": why, "at": shown_instant(at_s)})
        except OSError as error:
            rule = "must be a folder that you can read and write"
            raise InputError(rule, file=self._folder, value=str(error)) from error
        return fault

    def _keep(self, fault: Fault, wall_s: float) -> None:
        content = {"second": fault.second, "rule": fault.rule, "groups": [*fault.groups]}
        self._fault.save(content | {"at": shown_instant(wall_s)})

    def _taken_back(self) -> str | None:
        """Take the fault from the disk if somebody has asked for it; a request that is for another fault is thrown away."""
        if not self._reset.path.exists():
            return None
        try:
            values = record(self._reset.load(), _RESET_KEYS, "reset")
        except InputError:
            self._reset.path.unlink()
            raise
        if values["fault"] != self._digest():
            self._reset.path.unlink()
            raise InputError("must be for the fault that is latched", field="reset, fault")
        self._fault.path.unlink()
        sync_folder(self._folder)
        self._reset.path.unlink()
        return f"conflict monitor: reset by {values['by']} at {values['at']}: {values['why']}"

    def _digest(self) -> str:
        return hashlib.sha256(self._fault.path.read_bytes()).hexdigest()
