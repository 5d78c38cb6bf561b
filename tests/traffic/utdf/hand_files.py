"""A crossroads as UTDF, by hand: feet, NEMA phases, one leading and one lagging left turn on the main street.

Node 1 is the junction, 2 to 5 lie 1000 ft east, north, west and south of it. East-west has a left-turn bay and a lane for
through and right; north-south has one lane for all. Between the first two barriers ring 1 runs phases 1 (WBL) and 2 (EB),
ring 2 phases 6 (WB) and 5 (EBL); behind them run 4 (NB) and 8 (SB)::

    0        15        25              45                      80
    | 1 (15) | 2 (30)                   | 4 (35)                |
    | 6 (25)           | 5 (20)         | 8 (35)                |
"""

from __future__ import annotations

from traffic.utdf.records import UtdfFile, UtdfSection

FEET = 1000
_POSITION = {1: (0, 0), 2: (FEET, 0), 3: (0, FEET), 4: (-FEET, 0), 5: (0, -FEET)}
_FROM = {"WB": 2, "SB": 3, "EB": 4, "NB": 5}
_TO = {
    "WB": {"L": 5, "T": 4, "R": 3},
    "SB": {"L": 2, "T": 5, "R": 4},
    "EB": {"L": 3, "T": 2, "R": 5},
    "NB": {"L": 4, "T": 3, "R": 2},
}
_DIRECTIONS = ("NB", "SB", "EB", "WB")
_BACK = {"WB": "EB", "EB": "WB", "NB": "SB", "SB": "NB"}
TURNS = tuple(d + t for d in _DIRECTIONS for t in "LTR")

LANES: dict[str, dict[str, object]] = {
    "Dest Node": {d + t: node for d, ends in _TO.items() for t, node in ends.items()},
    "Lanes": {"EBL": 1, "EBT": 1, "EBR": 0, "WBL": 1, "WBT": 1, "WBR": 0, "NBL": 0, "NBT": 1, "NBR": 0}
    | {"SBL": 0, "SBT": 1, "SBR": 0},
    "Shared": {"EBL": 0, "EBT": 2, "WBL": 0, "WBT": 2, "NBT": 3, "SBT": 3},
    "Storage": {"EBL": 200, "WBL": 200},
    "StLanes": {"EBL": 1, "WBL": 1},
    "SatFlow": {"EBL": 1770, "EBT": 1850, "WBL": 1770, "WBT": 1850, "NBT": 1600, "SBT": 1600},
    "Volume": dict.fromkeys(TURNS, 100) | {"EBT": 400, "WBT": 400},
    "Phase1": {"WBL": 1, "EBT": 2, "NBT": 4, "EBL": 5, "WBT": 6, "SBT": 8},
    "PermPhase1": {"NBL": 4, "SBL": 8},
}
TIMEPLANS: dict[str, object] = {
    "Control Type": 3,
    "Cycle Length": 80,
    "Referenced To": 3,
    "Reference Phase": 206,
    "Offset": 10,
    "Node 0": 1,
    "Node 1": 0,
}
PHASES: dict[str, dict[int, object]] = {
    "BRP": {1: 111, 2: 112, 4: 211, 5: 122, 6: 121, 8: 221},
    "MinGreen": dict.fromkeys((1, 2, 4, 5, 6, 8), 5),
    "MaxGreen": {1: 10, 2: 25, 4: 30, 5: 15, 6: 20, 8: 30},
    "Yellow": dict.fromkeys((1, 2, 4, 5, 6, 8), 4),
    "AllRed": dict.fromkeys((1, 2, 4, 5, 6, 8), 1),
    "Walk": {4: 7, 8: 7},
    "DontWalk": {4: 11, 8: 11},
}


def merged(table, changes):
    """Return `table` with the cells of `changes`, record by record; a cell of `None` is taken out."""
    found = {name: dict(cells) for name, cells in table.items()}
    for name, cells in changes.items():
        row = found.setdefault(name, {})
        row.update(cells)
        found[name] = {column: value for column, value in row.items() if value is not None}
    return found


def crossroads_utdf(*, lanes=None, timeplans=None, phases=None, metric=0, copies=1, nodes=(), links=()):
    """Return the file; the changes hold for the first of the `copies`, which lie 5 km apart without a road between them."""
    node_rows, link_rows, lane_rows, time_rows, phase_rows = [], [], [], [], []
    for copy in range(copies):
        base = 10 * copy
        node_rows += [
            (base + n, int(n != 1), x + 15000 * copy, y, 0, "Main / Side" if n == 1 else "")
            for n, (x, y) in _POSITION.items()
        ]
        link_rows += _links(base)
        table = merged(LANES, (lanes or {}) if copy == 0 else {})
        for name, cells in table.items():
            shift = base if name == "Dest Node" else 0
            row = [cells[t] + shift if t in cells and shift else cells.get(t) for t in TURNS]
            lane_rows.append((name, base + 1, *row, cells.get("PED")))
        told = TIMEPLANS | ((timeplans or {}) if copy == 0 else {})
        time_rows += [(name, base + 1, value) for name, value in told.items()]
        table = merged(PHASES, (phases or {}) if copy == 0 else {})
        phase_rows += [(name, base + 1, *(row.get(k) for k in range(1, 17))) for name, row in table.items()]
    return UtdfFile(
        (
            UtdfSection.of("Network", "Network Settings", ("RECORDNAME", "DATA"), [("Metric", metric)]),
            UtdfSection.of(
                "Nodes",
                "Node Data",
                ("INTID", "TYPE", "X", "Y", "Z", "DESCRIPTION"),
                [*node_rows, *nodes],
            ),
            UtdfSection.of("Links", "Link Data", ("RECORDNAME", "INTID", *_DIRECTIONS), [*link_rows, *links]),
            UtdfSection.of("Lanes", "Lane Group Data", ("RECORDNAME", "INTID", *TURNS, "PED"), lane_rows),
            UtdfSection.of("Timeplans", "Timing Plan Settings", ("RECORDNAME", "INTID", "DATA"), time_rows),
            UtdfSection.of(
                "Phases",
                "Phasing Data",
                ("RECORDNAME", "INTID", *(f"D{k}" for k in range(1, 17))),
                phase_rows,
            ),
        ),
        "hand.csv",
    )


def _links(base):
    records: dict[str, dict[int, dict[str, object]]] = {}

    def put(intid, direction, up, lanes):
        street = "Main" if direction in {"EB", "WB"} else "Side"
        values = {"Up ID": up, "Lanes": lanes, "Name": street, "Distance": FEET, "Speed": 30}
        for name, value in (values | {"Crosswalk Width": 16}).items():
            records.setdefault(name, {}).setdefault(intid, {})[direction] = value

    for direction, node in _FROM.items():
        put(base + 1, direction, base + node, 2 if direction in {"EB", "WB"} else 1)
        put(base + node, _BACK[direction], base + 1, 1)
    return [
        (name, intid, *(row.get(direction) for direction in _DIRECTIONS))
        for name, table in records.items()
        for intid, row in table.items()
    ]
