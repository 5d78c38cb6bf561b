"""A crossroads in GMNS by hand: four arms, a controller with eight phases in two rings, four crosswalks."""

from __future__ import annotations

from traffic.gmns.records import GmnsFolder, GmnsTable

X, Y = 654_000.0, 4_790_000.0
ARMS = {"E": (1, 0), "N": (0, 1), "W": (-1, 0), "S": (0, -1)}
AROUND = "ENWS"
THROUGH = {"E": 6, "W": 2, "N": 4, "S": 8}
LEFT = {"E": 1, "W": 5, "N": 7, "S": 3}
PLACES = {
    1: (1, 1, 1),
    2: (1, 1, 2),
    3: (1, 2, 1),
    4: (1, 2, 2),
    5: (2, 1, 1),
    6: (2, 1, 2),
    7: (2, 2, 1),
    8: (2, 2, 2),
}
GREEN = {1: 11, 2: 29, 3: 11, 4: 19, 5: 11, 6: 29, 7: 11, 8: 19}


def _nodes():
    rows = [("C", "Abay / Dostyk", X, Y, "", "signal", "")]
    rows += [(arm, "", X + 250 * x, Y + 250 * y, "external", "", "") for arm, (x, y) in ARMS.items()]
    for arm, (x, y) in ARMS.items():
        rows += [
            (
                f"{arm}{side}",
                "",
                X + 12 * x - k * 8 * y,
                Y + 12 * y + k * 8 * x,
                "walk_intersection",
                "signal",
                "C",
            )
            for side, k in (("l", -1), ("r", 1))
        ]
    return GmnsTable.of(
        "node", ("node_id", "name", "x_coord", "y_coord", "node_type", "ctrl_type", "parent_node_id"), rows
    )


def _links():
    columns = (
        "link_id",
        "name",
        "from_node_id",
        "to_node_id",
        "directed",
        "length",
        "facility_type",
        "free_speed",
    )
    rows = []
    for arm in ARMS:
        street = "Abay" if arm in "EW" else "Dostyk"
        rows.append((f"{arm}C", street, arm, "C", 1, 0.25, "arterial", 50, 2, 1800, "AUTO"))
        rows.append((f"C{arm}", street, "C", arm, 1, 0.25, "arterial", 50, 2, 1800, "AUTO"))
        rows.append((f"x{arm}", "", f"{arm}l", f"{arm}r", 0, 0.016, "CROSSWALK", "", "", "", "WALK"))
    return GmnsTable.of("link", (*columns, "lanes", "capacity", "allowed_uses"), rows)


def _movements():
    columns = (
        "mvmt_id",
        "node_id",
        "ib_link_id",
        "start_ib_lane",
        "end_ib_lane",
        "ob_link_id",
        "type",
        "ctrl_type",
    )
    rows = []
    for place, arm in enumerate(AROUND):
        # seen from the arm that traffic comes from, the next arm anticlockwise is on its left
        ways = {"left": (place - 1) % 4, "thru": (place + 2) % 4, "right": (place + 1) % 4}
        lanes = {"left": (-1, ""), "thru": (1, 2), "right": (2, 2)}
        rows += [
            (f"{arm}-{way[0].upper()}", "C", f"{arm}C", *lanes[way], f"C{AROUND[k]}", way, "signal")
            for way, k in ways.items()
        ]
    return GmnsTable.of("movement", columns, rows)


def _pockets():
    segments = [(f"p{arm}", f"{arm}C", arm, 190, 250, 1, 0) for arm in ARMS]
    columns = ("segment_id", "link_id", "ref_node_id", "start_lr", "end_lr", "l_lanes_added", "r_lanes_added")
    lanes = [(f"p{arm}-1", f"p{arm}", -1, "AUTO") for arm in ARMS]
    yield GmnsTable.of("segment", columns, segments)
    yield GmnsTable.of("segment_lane", ("segment_lane_id", "segment_id", "lane_num", "allowed_uses"), lanes)


def _timing():
    yield GmnsTable.of("signal_controller", ("controller_id",), [("C",)])
    yield GmnsTable.of(
        "signal_timing_plan", ("timing_plan_id", "controller_id", "cycle_length"), [("am", "C", 90)]
    )
    columns = (
        "coordination_id",
        "timing_plan_id",
        "controller_id",
        "coord_contr_id",
        "coord_phase",
        "coord_ref_to",
    )
    rows = [("1", "am", "C", "C", 2, "begin_of_green", 30)]
    yield GmnsTable.of("signal_coordination", (*columns, "offset"), rows)
    columns = ("timing_phase_id", "timing_plan_id", "signal_phase_num", "min_green", "max_green", "extension")
    columns += ("clearance", "walk_time", "ped_clearance", "ring", "barrier", "position")
    rows = [
        (f"am{n}", "am", n, 6, GREEN[n], 3, 5, *((7, 12) if n in THROUGH.values() else ("", "")), *PLACES[n])
        for n in PLACES
    ]
    yield GmnsTable.of("signal_timing_phase", columns, rows)
    rows = []
    for arm in ARMS:
        rows += [
            (f"am{THROUGH[arm]}", f"{arm}-T", "", "protected"),
            (f"am{THROUGH[arm]}", f"{arm}-R", "", "permitted"),
        ]
        rows.append((f"am{LEFT[arm]}", f"{arm}-L", "", "protected"))
    beside = {"N": 6, "S": 2, "E": 8, "W": 4}
    rows += [(f"am{phase}", "", f"x{arm}", "protected") for arm, phase in beside.items()]
    columns = ("signal_phase_mvmt_id", "timing_phase_id", "mvmt_id", "link_id", "protection")
    yield GmnsTable.of("signal_phase_mvmt", columns, [(k, *row) for k, row in enumerate(rows)])


def crossroads_gmns() -> GmnsFolder:
    """Return the tables: lengths in kilometres and metres, speeds in km/h."""
    config = {
        "dataset_name": "hand",
        "short_length": "meter",
        "long_length": "kilometer",
        "speed": "kph",
        "crs": "32643",
    }
    tables = [GmnsTable.of("config", tuple(config), [tuple(config.values())])]
    tables += [_nodes(), _links(), _movements(), *_pockets(), *_timing()]
    return GmnsFolder(tuple(tables), "hand")


def changed(folder: GmnsFolder, table: str, column: str, value: object, *, row: int = 0) -> GmnsFolder:
    """Return the tables with one cell changed."""
    old = next(t for t in folder.tables if t.name == table)
    rows = [list(cells) for cells in old.rows]
    rows[row][old.columns.index(column)] = str(value)
    return with_table(folder, GmnsTable.of(table, old.columns, rows))


def with_table(folder: GmnsFolder, table: GmnsTable) -> GmnsFolder:
    """Return the tables with one put in place of that of its name."""
    kept = [t for t in folder.tables if t.name != table.name]
    return GmnsFolder((*kept, table), folder.source)


def without(folder: GmnsFolder, *names: str) -> GmnsFolder:
    """Return the tables without some."""
    return GmnsFolder(tuple(t for t in folder.tables if t.name not in names), folder.source)
