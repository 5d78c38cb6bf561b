"""A line to and fro for the tests: terminals 0 and 1, ten minutes apart, five stops each way."""

from __future__ import annotations

from transit.dispatch.line_state import Call, Trip, Turn

STOPS, RUN_S, WAY_S = 5, 150.0, 600.0


def trip(
    number: int,
    begin_s: float,
    direction: int = 0,
    *,
    rate_s: float = 0.01,
    aboard: float = 0.0,
    turns: tuple[Turn, ...] = (),
    control: bool = True,
) -> Trip:
    """A trip whose calls are numbered from 100 times its own number, at places from 10 times its direction."""
    calls = tuple(
        Call(
            100 * number + k,
            10 * direction + k,
            begin_s + RUN_S * k,
            RUN_S if k else 0.0,
            600.0,
            rate_s,
            aboard,
            control,
        )
        for k in range(STOPS)
    )
    return Trip(number, direction, calls, 60.0, turns)


def table(*trips: Trip) -> dict[int, Trip]:
    return {one.number: one for one in trips}
