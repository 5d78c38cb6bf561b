"""MBTA's arrivals and departures of 1 October 2018, and Auckland's delays of 2017, counted by DuckDB straight from the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from transit.definition_search import definitions_within
from transit.definitions import named
from transit.punctuality import Figures, punctuality
from transit.visit_files import read_visits

duckdb: Any = pytest.importorskip("duckdb")

FILE = "mbta_2018/mbta_bus_arrival_departure_sample_2018.csv.gz"
AUCKLAND = "auckland_2017/akl_bus_delays_20170206_20170214.csv.gz"

TIMES = """
WITH raw AS (
    SELECT CAST(route_id AS VARCHAR) AS route, half_trip_id AS trip, time_point_order AS place, point_type AS kind,
           standard_type AS standard, scheduled_headway, headway, direction, stop_id,
           epoch(CAST(scheduled AS TIMESTAMP)) AS due, epoch(CAST(actual AS TIMESTAMP)) AS came
    FROM read_csv('{file}', types = {{'scheduled': 'TIMESTAMP', 'actual': 'TIMESTAMP'}})
), trips AS (
    SELECT *, came - due AS late,
           min(CASE WHEN came IS NOT NULL THEN place END) OVER whole AS first_seen,
           max(CASE WHEN came IS NOT NULL THEN place END) OVER whole AS last_seen,
           max(CASE WHEN kind = 'Startpoint' THEN due END) OVER whole AS start_due,
           max(CASE WHEN kind = 'Startpoint' THEN came END) OVER whole AS start_came
    FROM raw WINDOW whole AS (PARTITION BY trip)
), counted AS (
    SELECT *,
           count(*) FILTER (place < first_seen) OVER whole AS head,
           count(*) FILTER (place > last_seen) OVER whole AS tail
    FROM trips WINDOW whole AS (PARTITION BY trip)
), visits AS (
    SELECT *, came IS NULL AND (first_seen IS NULL OR (place < first_seen AND head >= 2)
                                OR (place > last_seen AND tail >= 2)) AS lost
    FROM counted
)
"""
DELAYS = """
SELECT route_short_name, quantile_disc(late, [0.05, 0.15, 0.5, 0.85, 0.95]) FILTER (late BETWEEN -3600 AND 7200),
       count(*) FILTER (NOT late BETWEEN -3600 AND 7200), count(*)
FROM (SELECT *, round(60 * delay_min, 3) AS late
      FROM read_csv('{file}', types = {{'route_short_name': 'VARCHAR', 'delay_min': 'DOUBLE'}}))
GROUP BY ALL
"""

DEFINITIONS = {
    "on-time-visits": (
        "came IS NOT NULL OR lost",
        "late BETWEEN -60 AND 300",
    ),
    "on-time-visits-seen": (
        "came IS NOT NULL",
        "late BETWEEN -60 AND 300",
    ),
    "ttc-departures": (
        "kind = 'Startpoint' AND (came IS NOT NULL OR lost)",
        "late BETWEEN -60 AND 300",
    ),
    "mbta-on-time": (
        """came IS NOT NULL AND CASE
            WHEN standard = 'Schedule' THEN true
            WHEN kind = 'Endpoint' THEN start_came IS NOT NULL
            ELSE headway IS NOT NULL END""",
        """CASE
            WHEN standard = 'Schedule' AND kind = 'Startpoint' THEN late BETWEEN 0 AND 180
            WHEN standard = 'Schedule' AND kind = 'Midpoint' THEN late BETWEEN -60 AND 360
            WHEN standard = 'Schedule' THEN late <= 300
            WHEN kind = 'Endpoint' THEN came - start_came <= 1.2 * (due - start_due)
            ELSE headway - scheduled_headway <= 180 END""",
    ),
}


@pytest.fixture(scope="module")
def mbta(shared_data: Path) -> tuple[str, Figures]:
    path = shared_data / "transit" / FILE
    visits = read_visits(path).visits
    return TIMES.format(file=path), punctuality(
        visits, ("route",), named([*DEFINITIONS, "deviation-p85", "wait"])
    )


@pytest.mark.parametrize("name", DEFINITIONS)
def test_shares_of_each_route_are_those_of_a_query(mbta: tuple[str, Figures], name: str) -> None:
    times, figures = mbta
    counted, good = DEFINITIONS[name]
    rows = duckdb.sql(
        f"{times} SELECT route, count(*) FILTER (({counted}) AND ({good})) AS n, count(*) FILTER ({counted}) AS m, n / m "  # noqa: S608
        "FROM visits GROUP BY route"
    ).fetchall()
    assert len(rows) == len(figures.labels) == 15
    found = {one.group["route"]: one[2:5] for one in figures if one.definition == name}
    assert found == {route: (value, numerator, denominator) for route, numerator, denominator, value in rows}


def test_percentiles_of_each_route_are_those_of_a_query(mbta: tuple[str, Figures]) -> None:
    times, figures = mbta
    chosen = "visits WHERE late BETWEEN -3600 AND 7200 GROUP BY route"
    rows = duckdb.sql(
        f"{times} SELECT route, quantile_disc(late, 0.85), count(late) FROM {chosen}"  # noqa: S608
    ).fetchall()
    found = {
        one.group["route"]: (one.value, one.denominator)
        for one in figures
        if one.definition == "deviation-p85"
    }
    assert found == {route: (late, count) for route, late, count in rows}


def test_the_file_as_a_whole(shared_data: Path) -> None:
    visits = read_visits(shared_data / "transit" / FILE).visits
    figures = punctuality(
        visits, (), named(["on-time-visits", "mbta-on-time", "ttc-departures", "trips-dropped"])
    )
    assert [(one.numerator, one.denominator) for one in figures] == [
        (4_900, 9_695),
        (5_884, 9_201),
        (979, 1_381),
        (18, 1_458),
    ]
    tried = definitions_within(visits, 0.60, 0.87)
    assert any(one.within for one in tried)
    assert any(not one.within for one in tried)


def test_percentiles_of_auckland_do_not_heed_outliers(shared_data: Path) -> None:
    path = shared_data / "transit" / AUCKLAND
    visits = read_visits(path).visits
    names = [f"deviation-p{percent:02d}" for percent in (5, 15, 50, 85, 95)]
    figures = punctuality(visits, ("route",), named([*names, "deviation-put-aside"]))
    rows = duckdb.sql(DELAYS.format(file=path)).fetchall()
    assert len(rows) == len(figures.labels) == 333
    for route, quantiles, aside, whole in rows:
        assert [figures.value[k, figures.labels.index((route,))] for k in range(5)] == (
            quantiles or [pytest.approx(np.nan, nan_ok=True)] * 5
        )
        put_aside = figures.of("deviation-put-aside", route=route)
        assert (put_aside.numerator, put_aside.denominator) == (aside, whole)
    assert figures.numerator[5].sum() == 930
