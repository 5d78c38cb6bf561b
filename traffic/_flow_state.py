"""Fresh state and encoded signals for one run of the flow model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from traffic._kernels_flow_signals import encode, meet
from traffic._kernels_flow_tables import (
    CODES,
    DRAW,
    END_GREEN,
    END_SNEAK,
    GAPS,
    GREEN,
    GROUP_CONN,
    LATE_GREEN,
    NOT_MIXED,
    PART_GAPS,
    PART_GREEN,
    SNEAK,
    TOTALS_COLUMNS,
    Records,
    Signals,
    Tables,
)
from traffic.arrays import frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traffic._flow_parameters import FlowParameters
    from traffic._flow_prepare import Prepared
    from traffic.greens import MovementGreens

__all__ = ["fresh_records", "fresh_tables", "signals_of"]


def signals_of(greens: MovementGreens, prepared: Prepared, parameters: FlowParameters) -> Signals:
    """Return the patterns of `greens` as the kernels read them, each pattern once."""
    begin = greens.begin[prepared.movement]
    period_s = frozen(greens.period_s[prepared.movement], np.int32)
    shown = begin >= 0
    # patterns that begin together may differ in length
    key = begin[shown].astype(np.int64) << 32 | period_s[shown]
    unique, inverse = np.unique(key, return_inverse=True)
    source, length = unique >> 32, unique & 0xFFFFFFFF
    target = np.cumsum(length) - length
    size = int(length.sum())
    code, stay_s = np.zeros(size, dtype=np.uint8), np.zeros(size, dtype=np.int32)
    encode(
        greens.state,
        frozen(source, np.int32),
        frozen(target, np.int32),
        frozen(length, np.int32),
        float(parameters.start_loss_s),
        float(parameters.yellow_use_s),
        int(parameters.sneak_time_s),
        code,
        stay_s,
    )
    at = np.full(len(begin), -1, dtype=np.int64)
    at[shown] = target[inverse]
    pattern, codes = frozen(at, np.int32), frozen(code, np.uint8)
    factor = frozen(_factors(parameters), np.float64)
    without = frozen(np.where(np.diff(prepared.rule_begin) > 0, GAPS, GREEN), np.uint8)
    count = np.zeros(len(begin), dtype=np.int32)
    met = np.zeros(len(prepared.rule), dtype=np.int32)
    mixed = np.zeros(len(prepared.group), dtype=np.uint8)
    group_conn = frozen(prepared.tables.group_at[GROUP_CONN], np.int32)
    rule_begin, rule = prepared.rule_begin, prepared.rule
    meet(group_conn, rule_begin, rule, pattern, period_s, codes, without, factor, count, met, mixed)
    yielding, conflict_begin, met = _by_number(count, rule_begin, met)
    conflict = rule[met]
    yields_at = np.full(len(begin), -1)
    yields_at[yielding] = np.arange(len(yielding))
    return Signals(
        begin=pattern,
        period_s=period_s,
        code=codes,
        stay_s=frozen(stay_s, np.int32),
        without=without,
        factor=factor,
        yields_at=frozen(yields_at, np.int32),
        yielding=frozen(yielding, np.int32),
        conflict_begin=frozen(conflict_begin, np.int32),
        conflict=frozen(conflict, np.int32),
        conflict_part=frozen(prepared.rule_part[met], np.float64),
        watched=frozen(np.isin(np.arange(len(begin)), conflict), np.uint8),
        mixed=frozen(np.flatnonzero(mixed), np.int32),
    )


def _by_number(
    count: NDArray[np.int32], begin: NDArray[np.int32], met: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
    """Return the connections that give way, by the number that they give way to, and their lists in order.

    Loops of equal length after each other cost the processor no wrong guess.
    """
    yielding = np.flatnonzero(count)
    yielding = yielding[np.argsort(count[yielding], kind="stable")]
    number = count[yielding]
    first = np.r_[0, np.cumsum(number)]
    owner = np.repeat(np.arange(len(yielding)), number)
    at = np.arange(len(owner)) - first[owner] + begin[yielding[owner]]
    return yielding, first, met[at]


def _factors(parameters: FlowParameters) -> NDArray[np.float64]:
    """Return the share of one second in which each code lets vehicles go."""
    factor = np.zeros(CODES)
    factor[[GREEN, LATE_GREEN, GAPS, SNEAK]] = 1.0
    factor[[PART_GREEN, PART_GAPS]] = math.ceil(parameters.start_loss_s) - parameters.start_loss_s
    factor[[END_GREEN, END_SNEAK]] = parameters.yellow_use_s - math.floor(parameters.yellow_use_s)
    return factor


def fresh_tables(prepared: Prepared, signals: Signals) -> Tables:
    """Return the tables of an empty network at time 0, to be written by one run."""
    tables = prepared.tables
    state = tables.state.copy()
    group = state[: tables.group.size].reshape(tables.group.shape)
    group[DRAW] = NOT_MIXED
    group[DRAW, signals.mixed] = 0.0
    return tables._replace(
        link=tables.link.copy(),
        link_at=tables.link_at.copy(),
        state=state,
        group=group,
        group_at=tables.group_at.copy(),
        conn=state[tables.group.size :].reshape(tables.conn.shape),
        conn_at=tables.conn_at.copy(),
        node_at=tables.node_at.copy(),
        entry=tables.entry.copy(),
        ring=tables.ring.copy(),
        todo=tables.todo.copy(),
        live=tables.live.copy(),
    )


def fresh_records(
    prepared: Prepared, duration_s: int, report_s: int, curve_rows: NDArray[np.int64]
) -> Records:
    """Return empty reports for a run of `duration_s`."""
    reports = -(-duration_s // report_s)
    links = len(prepared.link)
    return Records(
        totals=np.zeros((reports, TOTALS_COLUMNS)),
        link_left=np.zeros((reports, links)),
        link_queue=np.zeros((reports, links)),
        curve_link=frozen(curve_rows, np.int32),
        curve_in=np.zeros((len(curve_rows), duration_s + 1)),
        curve_out=np.zeros((len(curve_rows), duration_s + 1)),
    )
