"""How well our model ranks plans as SUMO does: the figures, and the plans that are compared."""

import numpy as np
import pytest

from simulation.sumo.city import read_city
from simulation.sumo.config import read_config
from simulation.sumo.ranking import Ranking, plans_to_rank, rank
from simulation.sumo.run import run
from tests.simulation.sumo.nets import PROGRAM, crossing, needs_sumo


def ranking(model, sumo):
    return Ranking(np.array(model, dtype=float), np.array(sumo, dtype=float), np.zeros(len(model)))


class TestFigures:
    def test_the_same_order_is_perfect(self):
        found = ranking([10, 20, 30, 40, 50, 60, 70, 80], [11, 12, 50, 51, 60, 70, 80, 999])
        assert found.spearman == pytest.approx(1.0)
        assert found.best_quarter == pytest.approx(1.0)
        assert found.regret == 0.0

    def test_one_exchange_by_hand(self):
        # differences of rank 1, 1, 0, 0: 1 - 6 * 2 / (4 * 15)
        assert ranking([2, 1, 3, 4], [1, 2, 3, 4]).spearman == pytest.approx(0.8)

    def test_the_best_quarter_is_that_of_sumo(self):
        found = ranking([2, 1, 3, 4, 5, 6, 7, 8], [10, 11, 12, 13, 14, 15, 16, 17])
        assert found.best_quarter == pytest.approx(-1.0)

    def test_regret_is_what_our_favourite_costs_in_sumo(self):
        assert ranking([5, 4, 6], [20, 23, 90]).regret == pytest.approx(0.15)


@needs_sumo
class TestPlans:
    @pytest.fixture(scope="class")
    @staticmethod
    def city(tmp_path_factory):
        return read_city(read_config(crossing(tmp_path_factory.mktemp("crossing"), phases=PROGRAM)))

    def test_half_are_random_and_half_near_the_best(self, city):
        plans = plans_to_rank(city, 12, seed=5, steps=3)
        assert [p.name.split()[0] for p in plans] == ["shipped", *["random"] * 5, "best", *["near"] * 5]
        assert len({(p[0].durations_s, p[0].offset_s) for p in plans}) == 12
        best = np.array(plans[6][0].durations_s)
        for near in plans[7:]:
            assert 0 < np.abs(np.array(near[0].durations_s) - best).max() <= 4
        assert len({p[0].cycle_s for p in plans[1:6]}) > 2
        assert {p[0].stages for p in plans} == {plans[0][0].stages}

    def test_the_same_seed_gives_the_same_plans(self, city):
        one, two = (plans_to_rank(city, 6, seed=2, steps=2) for _ in range(2))
        assert [(p.name, p[0].durations_s, p[0].offset_s) for p in one] == [
            (p.name, p[0].durations_s, p[0].offset_s) for p in two
        ]

    def test_plans_are_run_in_both(self, city):
        plans = plans_to_rank(city, 4, seed=1, steps=2)
        told = []
        found = rank(city, plans, [3, 4], progress=lambda *step: told.append(step[:2]))
        assert told == [(k, 4) for k in range(1, 5)]
        own = [run(city.config, seed)["delay_per_veh"] for seed in (3, 4)]
        assert found.sumo_s[0] == pytest.approx(np.mean(own), rel=1e-12)
        assert found.seed_sd_s[0] == pytest.approx(np.std(own, ddof=1), rel=1e-9)
        assert (found.model_s > 0).all()
