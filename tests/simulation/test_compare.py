"""Plans side by side."""

from __future__ import annotations

import numpy as np
import pytest

from signals.optimize import usable_sequences
from simulation.compare import Row, compare, markdown, summarise
from simulation.rivals import isolated_webster
from tests.signals.small_cities import corridor_city
from traffic.errors import InputError


def row(plans: str, scale: float, seed: int, delay: float) -> Row:
    return Row(plans, scale, seed, delay, 1.0, delay + 5.0, 1000.0)


def test_mean_and_spread_over_the_seeds():
    rows = [row("a", 1.0, 1, 10.0), row("a", 1.0, 2, 14.0), row("b", 1.0, 1, 20.0)]
    table = summarise(rows)
    mean, sd = table["a", 1.0]["delay_s_per_veh"]
    assert mean == 12.0
    assert sd == pytest.approx(np.std([10, 14], ddof=1))
    assert table["b", 1.0]["delay_s_per_veh"] == (20.0, 0.0)


def test_table_has_a_line_for_each_plan_set():
    rows = [row("a", 0.6, 1, 10.0), row("a", 1.0, 1, 12.0), row("a", 1.0, 2, 14.0), row("b", 1.0, 1, 20.0)]
    assert markdown(rows).splitlines() == [
        "| delay_s_per_veh | x 0.6 | x 1 |",
        "| --- | ---: | ---: |",
        "| a | 10.0 | 13.0 +- 1.4 |",
        "| b | nan | 20.0 |",
    ]
    with pytest.raises(InputError, match="figure"):
        markdown(rows, figure="beauty")


def test_more_demand_delays_more():
    network, junctions, demand = corridor_city(3, 0.06)
    plans = isolated_webster(
        network, junctions, demand, sequences=usable_sequences(network, junctions, demand, limit=2)
    )
    light, heavy = (
        compare(network, demand, {"webster": plans}, scale=scale, seed=4, duration_s=900)[0]
        for scale in (0.5, 1.5)
    )
    assert (light.plans, light.scale, light.seed) == ("webster", 0.5, 4)
    assert light.delay_s_per_veh < heavy.delay_s_per_veh
    assert light.throughput_veh_h < heavy.throughput_veh_h
