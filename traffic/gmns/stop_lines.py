"""Lanes at the end of each link: those of ``lane.csv``, and what segments that reach the end add or change.

Lanes are numbered from left to right; those along the link from 1, pockets on the left -1, -2 and so on outwards.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from traffic.errors import InputError
from traffic.gmns.cells import by_key, rows_of
from traffic.gmns.links import MOST_LANES

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from traffic.gmns.cells import Row
    from traffic.gmns.links import CarLink, GmnsRoads

__all__ = ["Lane", "StopLine", "stop_lines"]

_AT_END_M = Decimal(10)
_SATURATION_VEH_H = (Decimal(1000), Decimal(3000))


@dataclass(frozen=True)
class Lane:
    """A lane for cars at the end of a link.

    Attributes
    ----------
    number
        `lane_num`.
    storage_m
        Length of a pocket; `None` for a lane along the link.
    saturation_veh_h
        Saturation flow; `None`: by default rules.
    """

    number: int
    pocket: bool
    storage_m: Decimal | None
    saturation_veh_h: Decimal | None


@dataclass(frozen=True)
class StopLine:
    """The lanes of a link at its end.

    Attributes
    ----------
    lanes
        Those for cars, from the left.
    closed
        Numbers of those that cars may not use.
    """

    lanes: tuple[Lane, ...]
    closed: frozenset[int]

    @property
    def along(self) -> int:
        """Lanes along the link."""
        return sum(not lane.pocket for lane in self.lanes)


def stop_lines(roads: GmnsRoads) -> tuple[list[StopLine], list[str]]:
    """Return the lanes of each link, and warnings."""
    reader = _Reader(roads)
    lines = [reader.stop_line(link) for link in roads.links]
    return lines, reader.warnings()


class _Reader:
    def __init__(self, roads: GmnsRoads) -> None:
        self.roads, folder = roads, roads.folder
        links = {link.key for link in roads.links}
        self.lanes: dict[str, list[Row]] = defaultdict(list)
        self.segments: dict[str, list[Row]] = defaultdict(list)
        self.pockets: dict[str, list[Row]] = defaultdict(list)
        rows = rows_of(folder, "lane", ("lane_id", "link_id", "lane_num"))
        by_key(rows, "lane_id")
        known = links | set(roads.others)
        for row in rows:
            self.lanes[_of(row, "link_id", known, "link")].append(row)
        segments = rows_of(folder, "segment", ("segment_id", "link_id", "ref_node_id", "start_lr", "end_lr"))
        own = by_key(segments, "segment_id")
        for row in segments:
            self.segments[_of(row, "link_id", known, "link")].append(row)
        added = rows_of(folder, "segment_lane", ("segment_lane_id", "segment_id", "lane_num"))
        by_key(added, "segment_lane_id")
        for row in added:
            self.pockets[_of(row, "segment_id", own, "segment")].append(row)
        self.closed: set[int] = set()
        self.mid_block = self.capacities = self.unknown = 0

    def warnings(self) -> list[str]:
        """Return what was read otherwise than it stands in the file."""
        found = []
        if self.mid_block:
            found.append(f"{self.mid_block} segments that do not reach the end of their link are left out")
        if self.capacities:
            low, high = _SATURATION_VEH_H
            found.append(
                f"{self.capacities} links have a capacity that is no saturation flow of a lane"
                f" ({low:,} to {high:,} veh/h); the default of their kind of road is taken"
            )
        if self.unknown:
            found.append(f"{self.unknown} links have no lanes told: one is taken")
        return found

    def stop_line(self, link: CarLink) -> StopLine:
        """Return the lanes of a link; a pocket of ``segment_lane.csv`` changes the lane of its number."""
        capacity = link.row.text("capacity") and link.row.decimal("capacity")
        found: dict[int, Lane] = {}
        self.closed = set()
        along = self.lanes[link.key] if link.forward else []
        for row in along:
            self._put(found, row, pocket=False)
        if not found:
            for number in range(1, self._count(link, along) + 1):
                found[number] = Lane(number, pocket=False, storage_m=None, saturation_veh_h=None)
        for length_m, segment in self._at_end(link):
            self._add(found, segment, length_m)
            capacity = segment.decimal("capacity") if segment.text("capacity") else capacity
        self._check(found, link)
        low, high = _SATURATION_VEH_H
        if capacity and not low <= capacity <= high:
            self.capacities += any(lane.saturation_veh_h is None for lane in found.values())
            capacity = ""
        lanes = (found[number] for number in sorted(found))
        filled = [
            Lane(lane.number, lane.pocket, lane.storage_m, lane.saturation_veh_h or capacity or None)
            for lane in lanes
        ]
        return StopLine(tuple(filled), frozenset(self.closed))

    def _at_end(self, link: CarLink) -> list[tuple[Decimal, Row]]:
        """Return the segments that reach the end of a link with their lengths, the longest first; the inner one prevails."""
        found = []
        for segment in self.segments[link.key] if link.forward else []:
            length_m = self._storage_m(segment, link)
            if length_m is None:
                self.mid_block += 1
            else:
                found.append((length_m, segment))
        return sorted(found, key=lambda pair: -pair[0])

    def _count(self, link: CarLink, told: Sequence[Row]) -> int:
        if told:
            rule, hint = "must let cars use a lane, as the link does", "Correct allowed_uses of a lane"
            raise told[0].wrong("allowed_uses", rule, hint)
        self.unknown += link.lanes == 0
        return max(link.lanes, 1)

    def _put(
        self, found: dict[int, Lane], row: Row, *, pocket: bool, length_m: Decimal | None = None
    ) -> None:
        """Enter the lane of a row, or take it out where cars may not use it."""
        number = row.whole("lane_num")
        if not abs(number) <= MOST_LANES:
            raise row.wrong("lane_num", f"must be from -{MOST_LANES} to {MOST_LANES}", "Correct the number")
        if not self.roads.uses.cars(row):
            found.pop(number, None)
            self.closed.add(number)
            return
        self.closed.discard(number)
        if not pocket and number in found:
            raise row.wrong("lane_num", "must be unique on its link", "Give the lane another number")
        unit = self.roads.config.short_length
        own = row.text("storage_length")
        flow = row.text("saturation_flow")
        found[number] = Lane(
            number,
            pocket=pocket and (number not in found or found[number].pocket),
            storage_m=unit.si(row.decimal("storage_length")) if own else length_m,
            saturation_veh_h=self._flow(row) if flow else None,
        )

    @staticmethod
    def _flow(row: Row) -> Decimal:
        flow = row.decimal("saturation_flow")
        if not 0 < flow <= 10_000:
            rule, hint = "must be more than 0 and 10,000 veh/h at most", "Correct the saturation flow"
            raise row.wrong("saturation_flow", rule, hint)
        return flow

    def _storage_m(self, segment: Row, link: CarLink) -> Decimal | None:
        """Return the length of a segment that reaches the end of its link; `None` for others."""
        unit, length = self.roads.config.short_length, Decimal(repr(link.length_m))
        start, end = unit.si(segment.decimal("start_lr")), unit.si(segment.decimal("end_lr"))
        if end <= start:
            raise segment.wrong("end_lr", "must be more than start_lr", "Correct the segment")
        node = segment.text("ref_node_id")
        if node not in {link.from_node, link.to_node}:
            hint = "Correct the node of the segment"
            raise segment.wrong("ref_node_id", "must be a node at an end of the link", hint)
        to_go = length - end if node == link.from_node else start
        return min(end - start, length) if abs(to_go) <= _AT_END_M else None

    def _add(self, found: dict[int, Lane], segment: Row, length_m: Decimal) -> None:
        """Add the lanes of a segment."""
        told = self.pockets[segment.text("segment_id")]
        for row in told:
            self._put(found, row, pocket=True, length_m=length_m)
        if told:
            return
        left, right = segment.whole("l_lanes_added", 0), segment.whole("r_lanes_added", 0)
        if not (0 <= left <= 5 and 0 <= right <= 5):
            column = "r_lanes_added" if 0 <= left <= 5 else "l_lanes_added"
            hint = "Correct the lanes, or end the segment before the end of the link"
            raise segment.wrong(column, "must be from 0 to 5 where the segment reaches the end", hint)
        last = max(found, default=0)
        for number in (*range(-left, 0), *range(last + 1, last + right + 1)):
            found[number] = Lane(number, pocket=True, storage_m=length_m, saturation_veh_h=None)

    @staticmethod
    def _check(found: dict[int, Lane], link: CarLink) -> None:
        """Let a link whose lanes are all pockets have one along it."""
        if not found:
            rule, hint = "must have a lane for cars at its end", "Correct allowed_uses of its lanes"
            raise InputError(
                rule, file=link.row.file, field=f"row {link.row.line}, link_id", value=link.key, hint=hint
            )
        if all(lane.pocket for lane in found.values()):
            first = min(found, key=abs)
            lane = found[first]
            found[first] = Lane(first, pocket=False, storage_m=None, saturation_veh_h=lane.saturation_veh_h)


def _of(row: Row, column: str, known: Container[str], table: str) -> str:
    key = row.text(column)
    if key not in known:
        rule = f"must be a {column} of {table}.csv"
        raise row.wrong(column, rule, f"Add the {table}, or correct the cell")
    return key
