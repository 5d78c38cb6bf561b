"""What the monitor has found stays until a person takes it back, whatever is restarted; and nobody else can."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulation.controller.cabinet import Cabinet
from simulation.controller.lamps import Lamp, flash_row, red_row
from simulation.controller.latch import Latch
from simulation.controller.runner import Mode, Order
from tests.simulation.controller.ref_stream import stream_faults
from tests.simulation.controller.signing_desk import NOW, Service
from traffic.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

TABLES = Service().tables
WHO = ("A. Person", "wiring checked")


class _Everybody:
    """A course that has gone mad: everybody is green."""

    def row(self, _second: int) -> bytes:
        return bytes([Lamp.GREEN] * len(TABLES.groups))


class _Street:
    """A cabinet on a disk, and time."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.at = folder, int(NOW)
        self.power()

    def power(self) -> None:
        self.cabinet = Cabinet(TABLES, self.folder, clock=lambda: float(self.at))

    def go(self, seconds: int) -> list[bytes]:
        rows = []
        for _ in range(seconds):
            self.at += 1
            self.cabinet.step(self.at)
            rows.append(self.cabinet.runner.row)
        return rows

    def broken(self) -> None:
        self.go(200)
        runner = self.cabinet.runner
        before = runner._course
        runner._course = _Everybody()  # type: ignore[assignment]
        runner._goal = lambda *_, **__: (("local", None), runner._aim(), None)  # type: ignore[method-assign,assignment]
        assert self.go(1) == [flash_row(TABLES)]
        runner._course = before
        del runner._goal

    def reports(self) -> list[str]:
        outbox = self.cabinet.outbox
        outbox.flush()
        if outbox.fresh:
            outbox.accept(outbox.batch(1)[-1]["number"])
        return [row["data"]["text"] for row in outbox.batch(1000) if row["kind"] == "fault"]


@pytest.fixture
def street(tmp_path: Path) -> _Street:
    made = _Street(tmp_path)
    made.broken()
    return made


def test_missed_seconds_orders_and_the_power_leave_a_fault(street: _Street) -> None:
    fault = street.cabinet.runner.monitor.fault
    assert "green together" in str(fault)
    for act in (street.cabinet.restart, street.power, lambda: None):
        act()
        street.cabinet.runner.give(Order(1, Mode.ALL_RED, None, street.at + 50.0), street.at + 1)
        assert set(street.go(100)) == {flash_row(TABLES)}
        assert street.cabinet.runner.monitor.fault == fault
        assert street.cabinet.status()["fault"] == str(fault)
        assert street.cabinet.runner.in_force().source == "fault"


@pytest.mark.parametrize("running", [True, False])
def test_a_person_takes_it_back_and_it_begins_from_all_red(street: _Street, *, running: bool) -> None:
    fault = street.cabinet.runner.monitor.fault
    assert Latch(street.folder).ask(*WHO, NOW) == fault
    if not running:
        street.power()
    told = "conflict monitor: reset by A. Person at 2026-11-27T12:00:00.000Z: wiring checked"
    assert street.go(1) == [flash_row(TABLES)]
    rows = street.go(300)
    assert rows[: TABLES.clearance_s] == [red_row(TABLES)] * TABLES.clearance_s
    assert stream_faults(TABLES, rows) == []
    assert street.cabinet.runner.in_force().in_step
    assert street.cabinet.status()["fault"] is None
    assert street.reports().count(told) == 1
    street.power()
    assert street.cabinet.runner.monitor.fault is None
    assert not {"fault.json", "reset.json"} & {path.name for path in street.folder.iterdir()}


def test_a_reset_is_for_the_fault_that_the_person_has_seen(street: _Street) -> None:
    latch = Latch(street.folder)
    latch.ask(*WHO, NOW)
    request = (street.folder / "reset.json").read_bytes()
    street.go(300)
    street.broken()  # again, for another reason perhaps
    (street.folder / "reset.json").write_bytes(request)
    assert set(street.go(100)) == {flash_row(TABLES)}
    (street.folder / "reset.json").write_bytes(request[:-9])
    assert set(street.go(100)) == {flash_row(TABLES)}
    told = street.reports()
    assert sum("must be for the fault that is latched" in text for text in told) == 1
    assert sum("must be whole, as it was written" in text for text in told) == 1
    latch.ask(*WHO, NOW)
    street.go(300)
    assert street.cabinet.runner.in_force().in_step


@pytest.mark.parametrize("cut", [0, 1, 100])
def test_a_damaged_file_is_a_fault_and_can_be_taken_back(street: _Street, cut: int) -> None:
    path = street.folder / "fault.json"
    path.write_bytes(path.read_bytes()[:cut])
    street.power()
    assert set(street.go(100)) == {flash_row(TABLES)}
    assert "must remember which fault it had" in street.cabinet.status()["fault"]
    Latch(street.folder).ask(*WHO, NOW)
    street.go(300)
    assert street.cabinet.runner.in_force().in_step


def test_a_disk_that_fails_stops_no_lamps_and_the_fault_is_kept_when_it_is_back(
    street: _Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = street.folder / "fault.json"
    path.unlink()
    street.cabinet._latch._kept = None

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("simulation.controller.memory.os.fsync", full)
        assert set(street.go(50)) == {flash_row(TABLES)}
    assert not path.exists()
    street.go(1)
    assert path.exists()
    assert sum("No space left" in text for text in street.reports()) == 1


@pytest.mark.parametrize(
    ("by", "why", "field"), [("", "x", "by"), (" ", "x", "by"), ("x", "", "why"), ("x", "a\nb", "why")]
)
def test_who_and_why_are_lines(street: _Street, by: str, why: str, field: str) -> None:
    with pytest.raises(InputError, match="must be one line") as caught:
        Latch(street.folder).ask(by, why, NOW)
    assert caught.value.field == field
    assert not (street.folder / "reset.json").exists()


def test_without_a_fault_there_is_nothing_to_reset(tmp_path: Path) -> None:
    street = _Street(tmp_path)
    street.go(100)
    with pytest.raises(InputError, match="must have a fault that can be reset"):
        Latch(tmp_path).ask(*WHO, NOW)
    with pytest.raises(InputError, match="must have a fault that can be reset"):
        Latch(tmp_path / "none").ask(*WHO, NOW)
