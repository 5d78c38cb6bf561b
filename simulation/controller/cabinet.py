"""The cabinet: one controller with all that it needs, but for the way to the service.

What has been received is put into force only after it is on disk: `receive`, then `save`, then `put_in_force`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zlib import crc32

from simulation.controller.assignment import Desk
from simulation.controller.days import local_programme
from simulation.controller.lamps import Lamp
from simulation.controller.latch import Latch
from simulation.controller.memory import Memory
from simulation.controller.outbox import Outbox
from simulation.controller.reading import shown_instant
from simulation.controller.runner import Runner
from simulation.controller.verdicts import Acknowledgement
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from simulation.controller.runner import InForce
    from simulation.controller.tables import Tables
    from simulation.controller.verdicts import Received

__all__ = ["STATUS_S", "Cabinet"]

STATUS_S = 60
"""Seconds between two reports of the status."""
WRONG_CLOCK_S = 5
"""Seconds of difference to the service's clock, beyond what the way of its word leaves open, from which on a clock is wrong."""
_GREEN_BEGIN, _GREEN_END, _YELLOW_BEGIN, _RED_BEGIN = 1, 7, 8, 10  # codes of the Indiana enumerations
_GREENS = (Lamp.GREEN, Lamp.FLASHING_GREEN)


class Cabinet:
    """A controller: tables, lamps, memory and what it owes the service.

    Parameters
    ----------
    folder
        Where it keeps its memory; it must exist.
    clock
        POSIX seconds.
    events
        Whether every change of aspects is reported.
    """

    def __init__(
        self, tables: Tables, folder: Path, *, clock: Callable[[], float], events: bool = False
    ) -> None:
        self.tables, self.clock, self._events = tables, clock, events
        self._clock_wrong, self._complaint = False, ""
        self._memory = Memory(folder / "memory.json")
        self.outbox, damaged = _outbox(folder / "reports")
        self._latch = Latch(folder)
        self.runner = Runner(tables, local_programme(tables), self._latch.fault())
        self.desk = Desk(tables)
        self._saved: object = self.desk.content()
        if self.outbox.fresh and not len(self.outbox):
            self.outbox.add("status", shown_instant(clock()), self.status())
        if damaged:
            self.fault(damaged)
        self._remember()
        self._told: InForce | None = None
        self._phase = crc32(tables.junction.encode()) % STATUS_S  # not all controllers in the same second

    def _remember(self) -> None:
        try:
            content = self._memory.load()
            if content is not None:
                self.desk, problems = Desk.restored(self.tables, content)
                self._saved = content
                for problem in problems:
                    self.fault(f"remembered, and refused: {problem}")
        except InputError as error:
            self.fault(f"memory refused, local schedule: {error}")
        self.put_in_force()

    def receive(self, document: object) -> Received:
        """Judge an assignment; nothing of it is in force yet."""
        shown = self.running()
        received = self.desk.receive(document, self.clock(), shown=None if shown is None else shown.version)
        for problem in received.problems:
            self.complain(problem)
        return received

    def complain(self, text: str) -> None:
        """Report what is wrong with what the service says, once while it says nothing else that is wrong."""
        if text != self._complaint:
            self.fault(text)
        self._complaint = text

    def save(self) -> None:
        """Write to disk what has been accepted."""
        content = self.desk.content()
        self._memory.save(content)
        self._saved = content

    @property
    def unsaved(self) -> bool:
        """Whether the disk has not what has been accepted: nothing of it may be put into force."""
        return bool(self.desk.content() != self._saved)

    def put_in_force(self) -> None:
        """Run what has been accepted and is on disk."""
        self.runner.take(self.desk.releases)
        order = self.desk.order
        if order is not None and order is not self.runner.order:
            self.runner.give(order, self.clock())

    def compare_clock(self, least_s: float, most_s: float) -> None:
        """Report when the clock begins to be wrong, and when it is right again: offsets hold by it.

        Parameters
        ----------
        least_s, most_s
            Between which it is ahead of the service's. Where that leaves both open, what was found before stands.
        """
        wrong = least_s > WRONG_CLOCK_S or most_s < -WRONG_CLOCK_S
        if wrong and not self._clock_wrong:
            by_s = least_s if least_s > 0.0 else -most_s
            way = "ahead of" if least_s > 0.0 else "behind"
            self.fault(
                f"the clock is {by_s:.1f} s {way} the service's, and should be within {WRONG_CLOCK_S} s"
            )
        if wrong or (least_s >= -WRONG_CLOCK_S and most_s <= WRONG_CLOCK_S):
            self._clock_wrong = wrong

    def fault(self, text: str) -> None:
        """Report a fault."""
        self.outbox.add("fault", shown_instant(self.clock()), {"text": text[:1000]})

    def step(self, wall_s: int, *, may_plan: bool = True) -> bool:
        """Show one second, and return whether there is something to tell the service."""
        runner, before = self.runner, self.runner.row
        fault = runner.monitor.fault
        row = runner.step(wall_s, may_plan=may_plan)
        waiting = len(self.outbox)
        if self._events and row != before:
            self._add_events(before, row, wall_s)
        if runner.monitor.fault is not None and fault is None:
            self.fault(f"conflict monitor: {runner.monitor.fault}")
        told = self._latch.look(runner, wall_s)
        if told is not None:
            self.complain(told)
        now = runner.in_force()
        if now != self._told or (runner.second + self._phase) % STATUS_S == 0:
            self._told = now
            self.outbox.add("status", shown_instant(wall_s), self.status())
        return len(self.outbox) != waiting

    def restart(self) -> None:
        """Begin from all red, as seconds were missed; a fault of the monitor stays."""
        self.runner.restart()
        self.fault("seconds were missed: started again from all red")

    def running(self) -> Acknowledgement | None:
        """Return the version that is shown, in step."""
        now = self.runner.in_force()
        if now.version is None or not now.in_step:
            return None
        return Acknowledgement(now.version, "in_force")

    def status(self) -> dict[str, Any]:
        """Return what the controller does, as plain values."""
        now, order = self.runner.in_force(), self.desk.order
        fault = self.runner.monitor.fault
        return {
            "source": now.source,
            "version": now.version,
            "plan": now.plan,
            "in_step": now.in_step,
            "backup": self.runner.backup,
            "order": None if order is None else order.sequence,
            "highest_version": self.desk.highest_version,
            "fault": None if fault is None else str(fault),
            "lost_reports": self.outbox.lost,
            "clock_wrong": self._clock_wrong,
        }

    def _add_events(self, before: bytes, row: bytes, wall_s: int) -> None:
        changes = [
            [code, self.tables.groups[g].name]
            for g, (old, new) in enumerate(zip(before, row, strict=True))
            if old != new
            for code in _codes(old, new)
        ]
        if changes:
            self.outbox.add("event", shown_instant(wall_s), {"changes": changes})


def _codes(old: int, new: int) -> list[int]:
    codes = []
    if new in _GREENS and old not in _GREENS:
        codes.append(_GREEN_BEGIN)
    if old in _GREENS and new not in _GREENS:
        codes.append(_GREEN_END)
    if new == Lamp.YELLOW:
        codes.append(_YELLOW_BEGIN)
    if new == Lamp.RED:
        codes.append(_RED_BEGIN)
    return codes


def _outbox(path: Path) -> tuple[Outbox, str]:
    """Return the outbox; a damaged one is put aside, and said."""
    try:
        return Outbox(path), ""
    except InputError as error:
        path.replace(path.with_suffix(".damaged"))
        return Outbox(path), f"reports refused, put aside: {error}"
