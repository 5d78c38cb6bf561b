"""The section [objective]: weights of streets and buses reach the optimiser."""

import numpy as np
import pytest

from scenarios.loader import build
from scenarios.scenario import load
from signals.greens import movement_greens
from signals.optimize import optimize
from traffic.errors import InputError
from traffic.flow import simulate

PLAIN = """[scenario]
name = "mine"
title = "Mine"
[network]
kind = "corridor"
junctions = 3
[demand]
kind = "generated"
total_veh_h = 2500.0
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def city(written, text=""):
    return build(load(written(PLAIN + text)))


def test_without_the_section_all_streets_count_alike(written):
    objective = city(written).objective
    assert (objective.stop_s, objective.bus_weight, objective.overflow) == (5.0, 20.0, 10.0)
    assert objective.link_weight is None
    assert objective.bus_share is None


def test_a_street_is_weighted_in_both_directions(written):
    text = '[objective]\nstop_s = 8\nbus_weight = 31\n[objective.streets."Main Street"]\nweight = 2\nbus_share = 0.1\n'
    made = city(written, text)
    network, objective = made.network, made.objective
    main = np.array([network.link_name(link) == "Main Street" for link in range(len(network.links))])
    assert 0 < main.sum() < len(main)
    assert objective.stop_s == 8.0
    np.testing.assert_allclose(objective.delay_weight(network), np.where(main, 2.0 * (1.0 + 0.1 * 30.0), 1.0))


def test_an_unknown_street_is_named_with_the_one_that_is_meant(written):
    with pytest.raises(InputError, match="'Mian Street'") as caught:
        city(written, '[objective.streets."Mian Street"]\nweight = 2\n')
    assert caught.value.field == "objective.streets"
    assert "Did you mean 'Main Street'?" in str(caught.value)


def test_a_misspelt_key_of_a_street(written):
    with pytest.raises(InputError, match="Did you mean 'weight'") as caught:
        load(written(PLAIN + '[objective.streets."Main Street"]\nwieght = 2\n'))
    assert caught.value.field == "objective.streets.Main Street.wieght"


@pytest.mark.parametrize(
    "line", ["stop_s = -1", "bus_weight = nan", 'streets = {"Main Street" = {bus_share = 2}}']
)
def test_values_out_of_bounds(written, line):
    with pytest.raises(InputError, match="objective"):
        load(written(f"{PLAIN}[objective]\n{line}\n"))


def test_a_street_with_more_weight_is_served_better(written):
    def side_delay(weight):
        made = city(
            written,
            "".join(f'[objective.streets."Cross Street {k}"]\nweight = {weight}\n' for k in (1, 2, 3)),
        )
        found = optimize(
            made.network,
            made.junctions,
            made.demand,
            seed=1,
            steps=4,
            objective=made.objective,
            duration_s=1200,
        )
        run = simulate(made.network, made.demand, movement_greens(made.network, found.plans), duration_s=1200)
        cross = np.array(
            [made.network.link_name(k).startswith("Cross") for k in range(len(made.network.links))]
        )
        return run.link_delay_s[cross].sum() / run.link_delay_s.sum()

    assert side_delay(10.0) < side_delay(0.1)
