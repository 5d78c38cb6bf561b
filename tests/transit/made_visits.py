"""Stop visits made for tests: from rows that say only what matters, and at random."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

from transit.visits import Point, Relationship, StopVisits

ZONE = "America/New_York"
DAY = 17_805  # 2018-10-01
NINE_S = DAY * 86_400 + 13 * 3_600  # 9 o'clock in the zone

EMPTY: dict[str, Any] = {
    "day": DAY,
    "route": "1",
    "direction": 0,
    "trip": None,
    "stop": "A",
    "vehicle": None,
    "block": None,
    "sequence": 1,
    "point": Point.MIDDLE,
    "relationship": Relationship.SCHEDULED,
    "timepoint": True,
    "scheduled_arrival_s": math.nan,
    "scheduled_departure_s": math.nan,
    "arrival_s": math.nan,
    "departure_s": math.nan,
    "scheduled_headway_s": math.nan,
    "headway_s": math.nan,
}


def visits_of(rows: list[dict[str, Any]], zone: str = ZONE) -> StopVisits:
    """Return the visits of rows, whole ones (see `EMPTY`) or of some columns."""
    whole = [{**EMPTY, **row} for row in rows]
    return StopVisits.of(zone, len(rows), **{name: [row[name] for row in whole] for name in EMPTY})


def departures(scheduled_min: list[float], actual_min: list[float | None], **columns: Any) -> StopVisits:
    """Return departures of one line from one stop, minutes after 9 o'clock; `None` was not seen."""
    rows = []
    for number, (due, left) in enumerate(zip(scheduled_min, actual_min, strict=True)):
        seen = math.nan if left is None else NINE_S + 60 * left
        row = {"trip": f"t{number:03d}", "scheduled_departure_s": NINE_S + 60 * due, "departure_s": seen}
        rows.append({**row, **columns})
    return visits_of(rows)


def trip(
    deviations_s: list[float | None], name: str = "t", start_s: float = 0.0, **columns: Any
) -> list[dict[str, Any]]:
    """Return the rows of a trip with a stop each 5 min, so late at each; `None` was not seen."""
    rows = []
    for place, late_s in enumerate(deviations_s):
        due_s = NINE_S + start_s + 300 * place
        seen_s = math.nan if late_s is None else due_s + late_s
        end = place == len(deviations_s) - 1
        event = "arrival" if end else "departure"
        row = {
            "trip": name,
            "stop": "ABCDEFGH"[place],
            "sequence": place + 1,
            "point": Point.END if end else Point.MIDDLE if place else Point.START,
            f"scheduled_{event}_s": due_s,
            f"{event}_s": seen_s,
        }
        rows.append({**EMPTY, **row, **columns})
    return rows


@st.composite
def random_rows(draw: st.DrawFn, *, most_trips: int = 7) -> list[dict[str, Any]]:
    """Return the rows of a few trips, with everything that may be missing or odd."""
    late = st.one_of(
        st.none(),
        st.integers(-200, 600),
        st.sampled_from([-60.0, 0.0, 120.0, 180.0, 300.0, 300.001, 360.5, -86_400.0, 9_000.0]),
    )
    maybe = st.sampled_from([False, False, False, True])
    given_headways = draw(st.booleans())
    rows: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, most_trips))):
        stops = draw(st.lists(st.sampled_from("ABC"), min_size=2, max_size=5))
        base = {
            "day": DAY + draw(st.sampled_from([0, 0, 0, 1])),
            "route": draw(st.sampled_from(["1", "1", "2", "10", None])),
            "direction": draw(st.sampled_from([0, 0, 1, -1])),
            "trip": draw(st.sampled_from([f"t{number}"] * 4 + [None])),
            "vehicle": draw(st.sampled_from([f"v{number}", "v", None])),
            "block": draw(st.sampled_from(["b1", "b2", None])),
        }
        added = draw(maybe) and draw(st.booleans())
        start_s = NINE_S + 60 * draw(st.integers(-10, 70)) + 86_400 * (base["day"] - DAY)
        if base["trip"] is None:
            base["vehicle"] = draw(st.sampled_from([f"v{number}", None]))
        for place, stop in enumerate(stops):
            row = {**EMPTY, **base, "stop": stop, "sequence": 3 * place + 1, "timepoint": not draw(maybe)}
            row["point"] = Point.END if place == len(stops) - 1 else Point.MIDDLE if place else Point.START
            wanted = Relationship.ADDED if added else Relationship.SKIPPED if draw(maybe) else None
            row["relationship"] = Relationship.SCHEDULED if wanted is None else wanted
            for event, dwell_s in (("arrival", 0), ("departure", 20)):
                due_s = start_s + 240 * place + dwell_s
                late_s = draw(late)
                if not (added or draw(maybe)):
                    row[f"scheduled_{event}_s"] = float(due_s)
                if late_s is not None and (
                    wanted is not Relationship.SKIPPED or draw(maybe)
                ):  # it drove past
                    row[f"{event}_s"] = float(due_s + late_s)
            if given_headways and draw(maybe):
                row["scheduled_headway_s"] = float(draw(st.sampled_from([300, 720, 1_200])))
                row["headway_s"] = draw(st.sampled_from([math.nan, 200.0, 480.0, 1_400.0]))
            rows.append(row)
    return rows
