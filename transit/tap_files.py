"""Taps of fare cards from files: boardings as fare systems such as Onay record them.

A CSV (packed with gzip or not) with a time, a card, and where it was: the vehicle, or the route and the stop. TIDES
``fare_transactions`` are read too, of which those count that enter a vehicle. Cards should be hashes: nobody's card number
belongs in such a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traffic.errors import InputError
from transit.coded import NONE, Coded
from transit.table_files import read_table

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from transit.problems import FeedProblem
    from transit.table_files import Table

__all__ = ["TapColumns", "TapFile", "Taps", "read_taps"]

_CARD_DIGITS, _BY_CHANCE = range(12, 20), 0.01
_ENTERS = ("Enter", "Transfer entrance")


class TapColumns(NamedTuple):
    """Names of the columns; those of vehicle, route and stop may be missing, but not all of them."""

    time: str = "time"
    card: str = "card"
    vehicle: str = "vehicle"
    route: str = "route"
    stop: str = "stop"


_TIDES = TapColumns("event_timestamp", "token_id", "vehicle_id", "route_id", "stop_id")


@dataclass(frozen=True, eq=False)
class Taps:
    """Taps in any order; all columns of shape (taps,).

    Attributes
    ----------
    time_s
        POSIX seconds.
    card
        Whose it is; missing where the file does not say: then nobody knows where that passenger goes.
    vehicle, route, stop
        Where it was; each may be missing.
    row
        Line of the file, so that people find it.
    """

    time_s: NDArray[np.float64]
    card: Coded
    vehicle: Coded
    route: Coded
    stop: Coded
    row: NDArray[np.int64]

    def __post_init__(self) -> None:
        for column in (self.card, self.vehicle, self.route, self.stop, self.row):
            if len(column) != len(self.time_s):
                raise InputError(
                    f"must have {len(self.time_s)} rows, as time_s", field="taps", value=len(column)
                )
        if not np.isfinite(self.time_s).all():
            raise InputError("must be known of every tap", field="time_s")

    def __len__(self) -> int:
        return len(self.time_s)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Taps:
        """Return some of the taps."""
        return Taps(
            self.time_s[rows],
            self.card.take(rows),
            self.vehicle.take(rows),
            self.route.take(rows),
            self.stop.take(rows),
            self.row[rows],
        )


@dataclass(frozen=True, eq=False)
class TapFile:
    """What a file holds: taps of the rows that are right, and what is wrong with the others."""

    taps: Taps
    problems: tuple[FeedProblem, ...]


def read_taps(
    path: str | os.PathLike[str], *, zone: str = "UTC", columns: TapColumns | None = None
) -> TapFile:
    """Read taps.

    Parameters
    ----------
    zone
        IANA name of the time zone of times without an offset from UTC.
    columns
        Names of the columns; default: those of `TapColumns`, or of TIDES.

    Raises
    ------
    InputError
        If nothing of the file can be used.
    """
    table = read_table(path)
    tides = columns is None and table.has(_TIDES.time)
    names = columns or (_TIDES if tides else TapColumns())
    table.require((names.time,), "time of each tap")
    if not (table.has(names.vehicle) or (table.has(names.route) and table.has(names.stop))):
        hint = f"Give a column {names.vehicle!r}, or both {names.route!r} and {names.stop!r}"
        value = ", ".join(table.columns)
        raise InputError("must say where taps were", file=table.file, field="header", value=value, hint=hint)
    time_s = table.times(names.time, zone, needed=True)
    card, vehicle, route, stop = (table.texts(name) for name in names[1:])
    _tell_card_numbers(table, names.card, card)
    placed = (vehicle.code != NONE) | ((route.code != NONE) & (stop.code != NONE))
    told = names.vehicle if table.has(names.vehicle) else names.stop
    table.tell(~placed, told, "must be given, or both route and stop", needed=True)
    kept = np.isfinite(time_s) & placed
    if tides and table.has("fare_action"):
        kept &= table.texts("fare_action").is_any(_ENTERS)
    time_s[~kept] = 0.0  # they are not taken
    taps = Taps(time_s, card, vehicle, route, stop, table.line).take(kept)
    return TapFile(taps, tuple(table.problems))


def _tell_card_numbers(table: Table, name: str, card: Coded) -> None:
    """Warn of what looks like the number of a card itself, where that is more than a hash of digits here and there."""
    plain = np.array([text.isdecimal() and len(text) in _CARD_DIGITS for text in card.names] + [False])
    if plain.mean() > _BY_CHANCE:
        table.tell(plain[card.code], name, "must be a hash, not the number of a card", needed=False)
