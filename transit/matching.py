"""Positions matched to trips, and made into stop visits: as a stream, or of an archive, with the same answer.

A hidden Markov model (Newson and Krumm, 2009) along the paths of trips. What may be is a trip, of the block, route or trip
that the vehicle is assigned to, or of all, and a place on its path within the gate. Going on along a path is likely where
the way along it is as long as the straight line between the positions; a position may be passed over, at a cost; from the
end of a trip the next of its block begins. Later positions may change the mind about the last `WINDOW` positions; what all
hypotheses agree about is settled at once. The answer depends on the order in which positions come, not on how they are cut
into pieces.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from traffic.errors import InputError
from transit import _kernels_matching_tables as kt
from transit._kernels_matching import finish_vehicles, push_positions
from transit._kernels_matching_tables import WINDOW, Out, Rules, Scratch, State
from transit.matched_visits import visits_of
from transit.matching_tables import group_of_names, matching_tables
from transit.visits import StopVisits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transit.matching_tables import MatchingTables
    from transit.positions import Positions
    from transit.timetable import Timetable

__all__ = ["WINDOW", "Decided", "Fate", "Match", "MatchRules", "Matcher", "match"]

_STEPS = kt.BUFFER + 2 + WINDOW
"""Runs of which stops may be visited by what one position brings about: no more."""
_AT_ONCE = 65_536
_NO_PLACE_DEG = 0.01  # around 0 and 0: what a receiver says that knows nothing


class Fate(IntEnum):
    """What became of a position."""

    MATCHED = kt.MATCHED
    NO_PLACE = kt.NO_PLACE  # 0 and 0, not a number, or not on earth
    DUPLICATE = kt.DUPLICATE  # another of this vehicle and time came before it
    OUT_OF_ORDER = kt.OUT_OF_ORDER  # later ones had been matched when it came
    CLOCK = kt.CLOCK  # its time is far from that of those before and after it
    UNKNOWN_ASSIGNMENT = kt.UNKNOWN  # to something that is not in the timetable
    NO_TRIP = kt.NO_TRIP  # of its assignment is under way at this time, or nearly
    BETWEEN_TRIPS = kt.BETWEEN  # away from the path, between one trip and the next
    OFF_ROUTE = (
        kt.OFF_ROUTE
    )  # away from the path while a trip should be under way: a detour, or another assignment
    CONTRADICTED = kt.CONTRADICTED  # on a path, but those before and after it say otherwise: a jump


@dataclass(frozen=True)
class MatchRules:
    """What is taken for possible, and for likely.

    Attributes
    ----------
    gate_m
        How far from a path a position may be.
    noise_m
        Standard deviation of positions across the path.
    early_s, late_s
        How far from the timetable a vehicle may be.
    ahead_s
        How early it may begin a trip: before, it is on its way to the start, even where it drives along the path.
    speed_m_s
        That vehicles do not exceed.
    run_m_s
        At which they run between stops, as far as it is not seen: it tells when, between two positions, one left.
    stand_m_s
        Below which a vehicle stands.
    stop_m, terminal_m
        How far from a stop it may stand, and from the first and last one.
    reorder_s
        How long a position waits for one that is under way (and no longer than `_kernels_matching_tables.BUFFER` others).
    clock_s
        By how much a clock must differ from that of positions before to be doubted.
    forget_s
        After which a vehicle that was not seen begins anew.
    skip_cost
        Of a position passed over, in units of the log likelihood.
    restart_cost
        Of another trip than the next of the block.
    detour_m
        Difference between the way along the path and the straight line that costs one.
    early_scale_s, late_scale_s
        Difference from the timetable, where a match begins, that costs one. Who waits for the start of a trip is not early.
    ignore_assignments
        Whether all trips are possible whatever vehicles are assigned to.
    """

    gate_m: float = 60.0
    noise_m: float = 15.0
    early_s: float = 1800.0
    ahead_s: float = 300.0
    late_s: float = 5400.0
    speed_m_s: float = 35.0
    run_m_s: float = 8.0
    stand_m_s: float = 1.0
    stop_m: float = 30.0
    terminal_m: float = 80.0
    reorder_s: float = 60.0
    clock_s: float = 1800.0
    forget_s: float = 1800.0
    skip_cost: float = 10.0
    restart_cost: float = 12.0
    detour_m: float = 30.0
    early_scale_s: float = 150.0
    late_scale_s: float = 600.0
    ignore_assignments: bool = False

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)):
            value = getattr(self, name)
            free = name in {"early_s", "ahead_s", "late_s", "reorder_s", "stand_m_s", "ignore_assignments"}
            if not (value >= 0 if free else value > 0) or not np.isfinite(value):
                rule = "must be 0 or more" if free else "must be more than 0"
                raise InputError(rule, field=f"rules.{name}", value=value)


@dataclass(frozen=True, eq=False)
class Decided:
    """Positions of which it is settled what they are; all columns of shape (positions,).

    Attributes
    ----------
    serial
        Which position: counted from 0 in the order in which they were pushed.
    fate
        `Fate`.
    trip
        Position in the timetable's trips, or -1.
    day
        Service day, in days after 1970-01-01; 0 without a trip.
    distance_m, off_m
        Along the path, and from it; NaN without a trip.
    """

    serial: NDArray[np.int64]
    fate: NDArray[np.int8]
    trip: NDArray[np.int32]
    day: NDArray[np.int32]
    distance_m: NDArray[np.float64]
    off_m: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.serial)


@dataclass(frozen=True, eq=False)
class Match:
    """Positions matched.

    Attributes
    ----------
    visits
        Stop visits in the order in which they were settled.
    positions
        What became of each position, in their order.
    """

    visits: StopVisits
    positions: Decided

    def counts(self) -> dict[Fate, int]:
        """Return how many positions met each fate; those that none met are left out."""
        return _counts(self.positions.fate)


class Matcher:
    """Matches positions as they come.

    Parameters
    ----------
    timetable
        What vehicles are to do; its trips must be of the days of the positions.
    rules
        What is possible and likely.
    """

    def __init__(self, timetable: Timetable, rules: MatchRules | None = None) -> None:
        self.timetable = timetable
        self.rules = rules or MatchRules()
        self._tables = matching_tables(timetable, gate_m=self.rules.gate_m)
        self._limits = Rules(*(getattr(self.rules, name) for name in Rules._fields))
        self._room = _STEPS * (int(np.diff(timetable.trips.first).max()) + 2)
        self._vehicles: dict[str, int] = {}
        self._state = _state(16)
        rows = kt.BEAM + 1
        self._scratch = Scratch(
            np.empty((kt.PLACES, 3)),
            np.empty((kt.CANDIDATES, kt.C_COLUMNS)),
            np.empty((rows, kt.H_COLUMNS)),
            np.empty((kt.BEAM, 3)),
        )
        self._pushed = self._settled = 0
        self._decided: list[NDArray[np.float64]] = []
        self.counts: Counter[Fate] = Counter()

    @property
    def pending(self) -> int:
        """How many positions are not settled yet."""
        return self._pushed - self._settled

    @property
    def tables(self) -> MatchingTables:
        """The timetable as matching wants it."""
        return self._tables

    def push(self, positions: Positions) -> StopVisits:
        """Take positions, in the order in which they came; return the visits that are settled by them."""
        found: list[NDArray[np.float64]] = []
        vehicle, group = self._vehicles_of(positions), self._groups_of(positions)
        x, y = self._tables.flat(positions.lon, positions.lat)
        lost = ~(np.abs(positions.lon) <= 180) | ~(np.abs(positions.lat) <= 90)
        lost |= (np.abs(positions.lon) < _NO_PLACE_DEG) & (np.abs(positions.lat) < _NO_PLACE_DEG)
        for begin in range(0, len(positions), _AT_ONCE):
            rows = slice(begin, min(begin + _AT_ONCE, len(positions)))
            table = np.column_stack(
                [
                    positions.time_s[rows],
                    np.where(lost[rows], np.nan, x[rows]),
                    y[rows],
                    positions.heading_deg[rows],
                    np.arange(self._pushed, self._pushed + rows.stop - begin),
                    group[rows],
                ]
            )
            self._pushed += len(table)
            done = 0
            while done < len(table):
                out = self._out(len(table))
                done = push_positions(
                    *self._fixed(), self._state, self._scratch, out, table, vehicle[rows], done, self._room
                )
                found.append(self._taken(out))
        return self._visits(found)

    def finish(self) -> StopVisits:
        """Settle everything, as if no more positions would come; return the visits that were open."""
        found: list[NDArray[np.float64]] = []
        done, vehicles = 0, len(self._vehicles)
        while done < vehicles:
            out = self._out(0)
            done = finish_vehicles(
                *self._fixed(), self._state, self._scratch, out, done, vehicles, self._room
            )
            found.append(self._taken(out))
        return self._visits(found)

    def decided(self) -> Decided:
        """Return the positions that were settled since this was last asked."""
        parts, self._decided = self._decided, []
        rows = np.vstack(parts) if parts else np.empty((0, kt.D_COLUMNS))
        trip = rows[:, kt.D_TRIP].astype(np.int32)
        day = rows[:, kt.D_DAY].astype(np.int64)
        return Decided(
            rows[:, kt.D_SERIAL].astype(np.int64),
            rows[:, kt.D_FATE].astype(np.int8),
            trip,
            np.where(day >= 0, self._tables.day[day], 0).astype(np.int32),
            rows[:, kt.D_S].copy(),
            rows[:, kt.D_OFF].copy(),
        )

    def archive(self, positions: Positions) -> Match:
        """Take all positions that there are, and settle everything."""
        visits = StopVisits.joined([self.push(positions), self.finish()])
        decided = self.decided()
        order = np.argsort(decided.serial, kind="stable")
        columns = (getattr(decided, field.name)[order] for field in fields(Decided))
        return Match(visits, Decided(*columns))

    def _fixed(self) -> tuple[kt.Paths, kt.Grid, kt.Runs, Rules]:
        return self._tables.paths, self._tables.grid, self._tables.runs, self._limits

    def _out(self, new: int) -> Out:
        visits = np.empty((4 * self._room + new, kt.V_COLUMNS))
        decided = np.empty((self.pending + 1, kt.D_COLUMNS))
        return Out(visits, decided, np.zeros(2, dtype=np.int32))

    def _taken(self, out: Out) -> NDArray[np.float64]:
        """Keep what was decided; return the visits."""
        visits, decided = (int(count) for count in out.rows)
        rows = out.decided[:decided].copy()
        self._decided.append(rows)
        self._settled += decided
        self.counts.update(_counts(rows[:, kt.D_FATE].astype(np.int8)))
        return out.visit[:visits].copy()

    def _visits(self, found: list[NDArray[np.float64]]) -> StopVisits:
        rows = np.vstack(found) if found else np.empty((0, kt.V_COLUMNS))
        return visits_of(rows, self.timetable, self._tables, tuple(self._vehicles))

    def _vehicles_of(self, positions: Positions) -> NDArray[np.int32]:
        """Return the number of each position's vehicle, new ones in the order in which they come."""
        code = positions.vehicle.code
        used, first = np.unique(code, return_index=True)
        of_name = np.full(len(positions.vehicle.names), -1, dtype=np.int32)
        for k in used[np.argsort(first)].tolist():
            name = positions.vehicle.names[k]
            of_name[k] = self._vehicles.setdefault(name, len(self._vehicles))
        have, need = len(self._state.beam), len(self._vehicles)
        if need > have:
            grown = _state(max(need, 2 * have))
            for old, new in zip(self._state, grown, strict=True):
                new[:have] = old
            self._state = grown
        return of_name[code]

    def _groups_of(self, positions: Positions) -> NDArray[np.int64]:
        """Return what each position's vehicle may run: the closest of its assignments that is known; -1 if none is."""
        tables = self._tables
        chosen = np.full(len(positions), tables.everything, dtype=np.int64)
        if self.rules.ignore_assignments:
            return chosen
        columns = (
            (positions.route, tables.routes),
            (positions.block, tables.blocks),
            (positions.trip, tables.trips),
        )
        groups = [group_of_names(names, numbers) for names, numbers in columns]
        given = np.any([group != -2 for group in groups], axis=0)
        chosen[given] = -1
        for group in groups:
            chosen = np.where(group >= 0, group, chosen)
        return chosen


def match(timetable: Timetable, positions: Positions, rules: MatchRules | None = None) -> Match:
    """Match positions of an archive: what `Matcher` gives when they are pushed in the same order, in one piece or many."""
    return Matcher(timetable, rules).archive(positions)


def _counts(fate: NDArray[np.int8]) -> dict[Fate, int]:
    counts = np.bincount(fate, minlength=len(Fate)).tolist()
    return {kind: counts[kind] for kind in Fate if counts[kind]}


def _state(vehicles: int) -> State:
    state = State(
        *(
            np.zeros((vehicles, columns))
            for columns in (kt.ORDER_COLUMNS, kt.BEAM_COLUMNS, kt.WINDOW_COLUMNS, kt.WAY_COLUMNS)
        )
    )
    state.order[:, kt.NEWEST] = np.nan
    state.order[:, kt.DONE] = -np.inf
    state.way[:, [kt.R_TRIP, kt.R_S]] = -1.0
    state.way[:, kt.R_RAW_TIME] = np.nan
    return state
