"""What the records of a UTDF file say, as typed values with names that Jasyl uses.

Distances are still in the file's units; `UtdfTables.metre` and `speed_unit_m_s` convert them.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from traffic.errors import InputError
from traffic.units import KM_H, MILE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from traffic.utdf.records import UtdfFile

__all__ = ["CROSSWALK_PHASES", "DIRECTIONS", "TURNS", "NodeType", "UtdfNode", "UtdfRecords", "UtdfTables"]

DIRECTIONS = ("NB", "SB", "EB", "WB", "NE", "NW", "SE", "SW")
"""Directions in which traffic on an approach travels."""

TURNS = ("R2", "R", "T", "L", "L2", "U")
"""Turns of an approach from the right to the left, as the columns of [Lanes] end."""

CROSSWALK_PHASES = "Crosswalk Phases"
"""Record of [Links] that Jasyl adds: phases in which people may cross the leg. Synchro knows none such."""

_MOST = 1e8  # feet are some 30 Mm: no position lies farther off its origin
_FOOT = MILE / 5280.0


class NodeType(IntEnum):
    """What a node is."""

    SIGNALISED = 0
    EXTERNAL = 1
    BEND = 2
    UNSIGNALISED = 3
    ROUNDABOUT = 4


@dataclass(frozen=True)
class UtdfNode:
    """One row of [Nodes]; the position is in the file's units."""

    intid: int
    kind: NodeType
    x: float
    y: float
    description: str


@dataclass(frozen=True)
class UtdfRecords:
    """The records of one node in one section: by name and column, cells as text.

    Attributes
    ----------
    where
        File, section and node, for errors.
    """

    file: str
    where: str
    cells: Mapping[str, Mapping[str, str]]

    def text(self, record: str, column: str) -> str:
        """Return the cell, or an empty text where there is none."""
        return self.cells.get(record, {}).get(column, "")

    def number(self, record: str, column: str, default: float | None = None) -> float:
        """Return the number in a cell, of a size that something in a city can have; the default where it is empty.

        A star marks values that Synchro was told rather than has worked out; it is no part of the number.
        """
        text = self.text(record, column).strip().lstrip("*")
        if not text and default is not None:
            return default
        try:
            value = float(text.replace("_", "?"))
        except ValueError:
            value = math.nan
        if not abs(value) <= _MOST:  # NaN too
            hint = "Correct the cell in the file, or in Synchro and export again"
            field = f"{self.where}, {record}, {column}"
            rule = f"must be a number of {_MOST:,.0f} or less"
            raise InputError(rule, file=self.file, field=field, value=text, hint=hint)
        return value

    def whole(self, record: str, column: str, default: int | None = None) -> int:
        """Return the whole number in a cell; the default where it is empty."""
        value = self.number(record, column, default)
        if value != int(value):
            field = f"{self.where}, {record}, {column}"
            raise InputError("must be a whole number", file=self.file, field=field, value=value)
        return int(value)

    def numbered(self, record: str, column: str) -> tuple[int, ...]:
        """Return the values of ``record1``, ``record2``, ... in one column; 0 and empty cells are none."""
        names = (f"{record}{k}" for k in range(1, 17))
        found = (self.whole(name, column, 0) for name in names)
        return tuple(value for value in found if value)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns in which some record has a value."""
        used = {column: None for row in self.cells.values() for column, cell in row.items() if cell}
        return tuple(used)


@dataclass(frozen=True)
class UtdfTables:
    """A file by node.

    Attributes
    ----------
    nodes
        Rows of [Nodes] by INTID.
    links, lanes, timeplans, phases
        Records of the sections by INTID; nodes without any are left out.
    metric
        Whether lengths are metres and speeds km/h, else feet and miles per hour.
    """

    file: UtdfFile
    nodes: Mapping[int, UtdfNode]
    links: Mapping[int, UtdfRecords]
    lanes: Mapping[int, UtdfRecords]
    timeplans: Mapping[int, UtdfRecords]
    phases: Mapping[int, UtdfRecords]
    metric: bool

    @property
    def metre(self) -> float:
        """Metres in a unit of length of the file."""
        return 1.0 if self.metric else _FOOT

    @property
    def speed_unit_m_s(self) -> float:
        """Metres per second in a unit of speed of the file."""
        return KM_H if self.metric else MILE / 3600.0

    @classmethod
    def of(cls, file: UtdfFile) -> UtdfTables:
        """Sort the records of `file` by node."""
        settings = {row[0].casefold(): row[1] for row in file.section("Network").rows if len(row) > 1}
        metric = settings.get("metric", "0").strip()
        if metric not in {"0", "1"}:
            rule, hint = "must be 0 (feet, mph) or 1 (metres, km/h)", "Correct the record Metric"
            raise InputError(rule, file=file.source, field="[Network], Metric", value=metric, hint=hint)
        nodes = _nodes(file)
        links, lanes, timeplans, phases = (
            _records(file, name, nodes) for name in ("Links", "Lanes", "Timeplans", "Phases")
        )
        return cls(file, nodes, links, lanes, timeplans, phases, metric == "1")


def _nodes(file: UtdfFile) -> dict[int, UtdfNode]:
    section = file.section("Nodes")
    table: dict[int, UtdfNode] = {}
    for position, row in enumerate(section.rows, start=1):
        cells = UtdfRecords(file.source, f"[Nodes], record {position}", {"": _row(section.columns, row)})
        intid, kind = cells.whole("", "INTID"), cells.whole("", "TYPE")
        where = f"[Nodes], INTID {intid}"
        if intid in table or intid < 1:
            rule = "must be a number from 1 that stands once"
            raise InputError(
                rule, file=file.source, field=where, value=intid, hint="Renumber one of the nodes"
            )
        if kind not in set(NodeType):
            rule = "must be a type from 0 to 4"
            raise InputError(rule, file=file.source, field=f"{where}, TYPE", value=kind)
        table[intid] = UtdfNode(
            intid, NodeType(kind), cells.number("", "X"), cells.number("", "Y"), cells.text("", "DESCRIPTION")
        )
    return table


def _records(file: UtdfFile, name: str, nodes: Mapping[int, UtdfNode]) -> dict[int, UtdfRecords]:
    section = file.section(name)
    table: dict[int, dict[str, dict[str, str]]] = defaultdict(dict)
    for position, row in enumerate(section.rows, start=1):
        cells = _row(section.columns, row)
        where = f"[{name}], record {position}"
        intid = UtdfRecords(file.source, where, {"": cells}).whole("", "INTID")
        record = cells.get("RECORDNAME", "")
        if intid not in nodes:
            rule, hint = "must be a node of [Nodes]", "Add the node, or remove its records"
            raise InputError(rule, file=file.source, field=f"{where}, INTID", value=intid, hint=hint)
        if record in table[intid]:
            rule, hint = "must stand once for a node", "Remove one of the two records"
            field = f"[{name}], INTID {intid}"
            raise InputError(rule, file=file.source, field=field, value=record, hint=hint)
        table[intid][record] = cells
    return {
        intid: UtdfRecords(file.source, f"[{name}], INTID {intid}", records)
        for intid, records in table.items()
    }


def _row(columns: tuple[str, ...], row: tuple[str, ...]) -> dict[str, str]:
    return dict(zip(columns, row, strict=True))
