"""The conflict monitor against an independent judge, on streams that are safe and on mutated ones."""

from __future__ import annotations

import numpy as np
import pytest

from simulation.controller.lamps import Lamp, flash_row, red_row
from simulation.controller.monitor import Monitor
from simulation.controller.runner import Runner
from tests.signals.hand_plans import crossroads_junction
from tests.simulation.controller.ref_stream import stream_faults
from tests.simulation.controller.safe_plans import always, junction_with_plans
from tests.simulation.controller.tables_for_tests import tables_of


def _stream(tables, plans, rng: np.random.Generator, seconds: int) -> list[bytes]:
    runner = Runner(tables, always(plans[0][1]))
    wall = int(rng.integers(0, 10**6))
    rows = []
    for second in range(seconds):
        if second == seconds // 2:
            runner.local = always(plans[1][1])
        runner.heard()
        rows.append(runner.step(wall + second))
    return rows


def _mutated(rows: list[bytes], rng: np.random.Generator) -> list[bytes]:
    """Change what one or two groups show, for some seconds."""
    columns = [bytearray(column) for column in zip(*rows, strict=True)]
    g, other = (int(v) for v in rng.integers(0, len(columns), 2))
    at = int(rng.integers(0, len(rows) - 12))
    changes = [s for s in range(1, len(rows)) if columns[g][s] != columns[g][s - 1]]
    if changes and rng.random() < 0.8:
        at = min(changes[int(rng.integers(len(changes)))], len(rows) - 12)
    length = int(rng.integers(1, 9))
    match int(rng.integers(0, 6)):
        case 0:
            columns[g][at : at + length] = bytes([int(rng.integers(0, 5))]) * length
        case 1:  # what comes later comes sooner
            columns[g][at:] = columns[g][at + length :] + columns[g][-1:] * length
        case 2:  # what is there lasts longer
            columns[g][at:] = (columns[g][at - 1 : at] * length + columns[g][at:])[: len(rows) - at]
        case 3:
            columns[g], columns[other] = columns[other], columns[g]
        case 4:
            columns[g][at:] = columns[other][at:]
        case 5:  # all later by some seconds, but for one
            for k, column in enumerate(columns):
                if k != g:
                    column[at:] = (column[at - 1 : at] * length + column[at:])[: len(rows) - at]
    return [bytes(row) for row in zip(*columns, strict=True)]


def _watched(tables, rows: list[bytes]) -> Monitor:
    monitor = Monitor(tables, 0)
    for second, row in enumerate(rows):
        shown = monitor.screen(second, row)
        assert shown == (row if monitor.fault is None else flash_row(tables))
    return monitor


def test_the_monitor_agrees_with_the_judge_on_mutated_streams() -> None:
    rng = np.random.default_rng(11)
    broken = safe = 0
    for _ in range(120):
        _, tables, plans = junction_with_plans(rng, 2)
        rows = _stream(tables, plans, rng, 400)
        assert not stream_faults(tables, rows)
        assert _watched(tables, rows).fault is None
        for _ in range(12):
            mutant = _mutated(rows, rng)
            wrong = stream_faults(tables, mutant)
            fault = _watched(tables, mutant).fault
            assert (fault is not None) == bool(wrong), (fault, wrong)
            broken, safe = broken + bool(wrong), safe + (not wrong)
    assert broken > 800
    assert safe > 100


def _crossroads_rows() -> list[bytes]:
    """Red for the clearance of the crossing, then north-south for 20 s, and red again."""
    tables = tables_of(crossroads_junction())
    red, row = red_row(tables), bytearray(red_row(tables))
    rows = [red] * 20
    for lamp, length in ((Lamp.RED_AMBER, 1), (Lamp.GREEN, 17), (Lamp.FLASHING_GREEN, 3), (Lamp.YELLOW, 3)):
        row[0] = lamp
        rows += [bytes(row)] * length
    return rows + [red] * 20


def _with(rows: list[bytes], begin: int, end: int, group: int, lamp: Lamp) -> list[bytes]:
    changed = [bytearray(row) for row in rows]
    for row in changed[begin:end]:
        row[group] = lamp
    return [bytes(row) for row in changed]


@pytest.mark.parametrize(
    ("change", "second", "rule"),
    [
        (lambda rows: _with(rows, 25, 27, 2, Lamp.GREEN), 25, "must never be green together: NS, EW"),
        (lambda rows: _with(rows, 25, 40, 4, Lamp.GREEN), 40, "must not show red after green"),
        (lambda rows: _with(rows, 43, 44, 0, Lamp.RED), 43, "must show yellow for 3 s"),
        (lambda rows: _with(rows, 41, 46, 0, Lamp.YELLOW), 44, "must show yellow for 3 s"),
        (lambda rows: _with(rows, 20, 21, 0, Lamp.RED), 21, "must not show green after red"),
        (
            lambda rows: rows[17:],
            4,
            "must be 5 s or more from the end of the one to the start of the other: EW, NS",
        ),
        (lambda rows: rows[:24] + rows[41:], 24, "must not show yellow after green"),
        (lambda rows: rows[:21] + rows[38:], 24, "must be green for 5 s or more: NS"),
        (lambda rows: _with(rows, 30, 31, 0, Lamp.FLASHING_YELLOW), 30, "must flash everywhere"),
        (lambda rows: [row + b"\0" for row in rows], 0, "must be 5 groups"),
        (lambda rows: _with(rows, 30, 31, 0, Lamp.DARK), 30, "must flash everywhere"),
    ],
)
def test_each_rule_has_its_second(change, second: int, rule: str) -> None:
    tables = tables_of(crossroads_junction())
    monitor = Monitor(tables, 0)
    for number, row in enumerate(change(_crossroads_rows())[:45]):
        monitor.screen(number, row)
    assert monitor.fault is not None
    assert monitor.fault.second == second, str(monitor.fault)
    assert rule in str(monitor.fault)


def test_a_second_that_is_left_out_is_a_fault_and_flash_stays() -> None:
    tables = tables_of(crossroads_junction())
    monitor = Monitor(tables, 0)
    red, flash = red_row(tables), flash_row(tables)
    assert monitor.screen(0, red) == red
    assert monitor.screen(2, red) == flash
    assert monitor.screen(3, red) == flash
    assert "every second" in str(monitor.fault)


def test_after_flash_everybody_needs_the_clearance_of_everybody() -> None:
    tables = tables_of(crossroads_junction())
    rows, red = _crossroads_rows(), red_row(tables)
    for wait in (3, 4):
        monitor = Monitor(tables, 0)
        begun = [red] * 3 + [flash_row(tables)] * 5 + [red] * wait + rows[20:]
        for number, row in enumerate(begun):
            monitor.screen(number, row)
        assert (monitor.fault is None) == (wait == 4), str(monitor.fault)
    monitor = Monitor(tables, 0)
    for number, row in enumerate([flash_row(tables), rows[21]]):
        monitor.screen(number, row)
    assert "must be all red after flash" in str(monitor.fault)


def test_looking_ahead_leaves_the_monitor_as_it_is() -> None:
    tables = tables_of(crossroads_junction())
    monitor = Monitor(tables, 0)
    rows = _crossroads_rows()
    assert monitor.passes(rows)
    assert not monitor.passes(rows[17:])
    assert monitor.passes(rows)
    assert (monitor.second, monitor.fault) == (-1, None)
