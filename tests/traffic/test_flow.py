"""The flow model against closed-form answers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.traffic.small_networks import Group, Road, crossroads, demand, greens, movement, network, one_road
from traffic.demand import FlowDemand
from traffic.errors import InputError
from traffic.flow import FlowModel, FlowParameters, Gap, simulate
from traffic.greens import MovementGreens
from traffic.network import RoadClass, Turn
from traffic.units import MILE, VEH_H

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traffic.flow import Curves, FlowResult
    from traffic.network import RoadNetwork

FOOT = MILE / 5280.0
NO_LOSS = FlowParameters(start_loss_s=0.0, yellow_use_s=0.0)
EAST_LEFT, EAST_THROUGH, WEST_THROUGH = (0, 7), (0, 6), (2, 4)


def unsignalised(net: RoadNetwork) -> MovementGreens:
    return MovementGreens.unsignalised(len(net.movements))


def at(curve: NDArray[np.float64], time_s: float) -> float:
    """A cumulative count at any time, 0 before the start."""
    return float(np.interp(time_s, np.arange(len(curve)), curve))


def queue_tail_m(curves: Curves, road: Road, wave_m_s: float, jam_veh_m: float, time_s: float) -> float:
    """How far a queue reaches back from the end of a link (Newell): where the two ways to count vehicles meet."""
    inflow, outflow = curves.inflow_veh[0], curves.outflow_veh[0]

    def congested(back_m: float) -> bool:
        behind = at(outflow, time_s - back_m / wave_m_s) + jam_veh_m * back_m
        return behind < at(inflow, time_s - (road.length - back_m) / road.speed) - 1e-9

    back = max((y for y in np.arange(1.0, road.length) if congested(y)), default=0.0)
    low, high = back, back + 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if congested(middle) else (low, middle)
    return low


class TestQueueAtASignal:
    """DESIGN.md, section 6, number 3: q = 0.2, s = 0.8 veh/s, C = 60, g = 30 s."""

    @pytest.fixture(scope="class")
    @staticmethod
    def result() -> FlowResult:
        net = one_road(length=900.0, saturation=0.8)  # vehicles come to the stop line after 60 s
        shown = greens(net, {(0, 1): "R" * 30 + "G" * 30})
        return FlowModel(net, demand(net, {0: 0.2}), NO_LOSS).run(shown, 600, 60, curves=[0])

    def test_delay_is_10_s_a_vehicle(self, result: FlowResult) -> None:
        assert result.series.delay_s[1:] / 12.0 == pytest.approx(10.0, abs=1e-9)

    def test_6_vehicles_wait_at_the_end_of_red(self, result: FlowResult) -> None:
        assert result.link_max_queue_veh[0] == pytest.approx(6.0, abs=1e-9)

    def test_the_queue_is_gone_10_s_into_green(self, result: FlowResult) -> None:
        out = result.curves.outflow_veh[0]
        arrived = 0.2 * (np.arange(601) - 60.0).clip(0.0)
        queue = arrived - out
        assert queue[159] == pytest.approx(0.6, abs=1e-9)
        assert queue[160:181] == pytest.approx(0.0, abs=1e-9)

    def test_8_of_12_vehicles_stop(self, result: FlowResult) -> None:
        assert result.stops == pytest.approx(9 * 8.0, abs=1e-9)

    def test_degree_of_saturation(self, result: FlowResult) -> None:
        arrived, capacity = 0.2 * 540.0, 0.8 * 300.0
        assert result.link_saturation[0] == pytest.approx(arrived / capacity, rel=1e-9)

    def test_throughput_and_total_time(self, result: FlowResult) -> None:
        # 108 vehicles came to the stop line, all but those of the last 60 s reached the end of the second link
        assert result.link_outflow_veh == pytest.approx([108.0, 96.0])
        assert result.vehicles == pytest.approx(120.0)
        assert result.arrived == pytest.approx(96.0)
        assert result.throughput_veh_h == pytest.approx(96.0 * 6.0)
        # on the first link 0.2 veh/s for 600 s, each vehicle for up to 60 s; on the second who came in the last 60 s
        first = 0.2 * (60.0 * 600.0 - 0.5 * 60.0**2)
        second = np.trapezoid(result.curves.outflow_veh[0, 540:])
        assert result.total_time_s - result.delay_s == pytest.approx(first + second, rel=1e-12)


class TestShockWaveAtARedLight:
    """Number 4. 40 mph, 44 veh/mi arriving, 120 veh/mi jam, discharge 1950 veh/h at 51 veh/mi, red 30 s.

    The stop wave runs back at 1760 / (120 - 44) mph, the release wave at 1950 / (120 - 51) mph; they meet
    where x = 1760/76 * 30 s + 1760/76 * t = 1950/69 * t.
    """

    RED_S, END_S = 400, 430
    SPEED, JAM = 40.0 * MILE / 3600.0, 120.0 / MILE
    STOP, RELEASE = 1760.0 / 76.0 * MILE / 3600.0, 1950.0 / 69.0 * MILE / 3600.0
    ROAD = Road(0, 1, 4000.0, (Group((1,), saturation=1950.0 * VEH_H),), SPEED)

    @pytest.fixture(scope="class")
    @staticmethod
    def curves() -> Curves:
        case = TestShockWaveAtARedLight
        last = Road(1, 2, 300.0, (Group(saturation=1.0),), case.SPEED)
        net = network([(0, 0), (4000, 0), (4300, 0)], [case.ROAD, last], signals=[1])
        parameters = FlowParameters(
            jam_density_veh_m=case.JAM, backward_wave_m_s=case.RELEASE, start_loss_s=0.0, yellow_use_s=0.0
        )
        shown = greens(net, {(0, 1): "G" * case.RED_S + "R" * 30 + "G" * 500})
        flow = demand(net, {0: 1760.0 * VEH_H})
        return FlowModel(net, flow, parameters).run(shown, 900, curves=[0]).curves

    def tail_ft(self, curves: Curves, time_s: float) -> float:
        return queue_tail_m(curves, self.ROAD, self.RELEASE, self.JAM, time_s) / FOOT

    def test_queue_at_the_end_of_red(self, curves: Curves) -> None:
        expected = self.STOP * 30.0 / FOOT
        assert expected == pytest.approx(1019.0, abs=0.1)
        assert self.tail_ft(curves, self.END_S) == pytest.approx(expected, rel=1e-9)

    def test_greatest_reach_and_its_time(self, curves: Curves) -> None:
        meet_s = self.STOP * 30.0 / (self.RELEASE - self.STOP)
        reach_ft = self.RELEASE * meet_s / FOOT
        assert meet_s == pytest.approx(136.1, abs=0.1)
        assert reach_ft == pytest.approx(5643.0, abs=0.5)
        assert self.tail_ft(curves, self.END_S + meet_s) == pytest.approx(reach_ft, rel=1e-6)
        times = self.END_S + meet_s + np.array([-10.0, -1.0, 1.0, 10.0])
        tails = [self.tail_ft(curves, time) for time in times]
        forward = (1950.0 - 1760.0) / (51.0 - 44.0) * MILE / 3600.0 / FOOT
        expected = reach_ft + np.array([-10.0, -1.0]) * self.STOP / FOOT
        assert tails[:2] == pytest.approx(expected, rel=1e-6)
        assert tails[2:] == pytest.approx(reach_ft - forward * np.array([1.0, 10.0]), rel=1e-6)


class TestBottleneck:
    """Number 5. The queue starts at 100 s and grows at (0.4 - 0.8) / (0.12 - 0.04) = -5 m/s.

    It reaches the first link at 300 s and 600 m of it at 420 s, where it meets the last of the dense traffic; from 820 s,
    when the thin traffic comes, it shrinks at (0.4 - 0.1) / (0.12 - 0.005) m/s, leaves the first link at 1050 s
    and is gone at 1433.3 s.
    """

    ROADS = (
        Road(0, 1, 1000.0, (Group((1,), saturation=0.8),), 20.0),
        Road(1, 2, 1000.0, (Group((2,), saturation=0.4),), 20.0),
        Road(2, 3, 1000.0, (Group(saturation=0.8),), 20.0),
    )

    @pytest.fixture(scope="class")
    @staticmethod
    def result() -> FlowResult:
        net = network([(0, 0), (1000, 0), (2000, 0), (3000, 0)], TestBottleneck.ROADS)
        parameters = FlowParameters(jam_density_veh_m=0.2, backward_wave_m_s=5.0)
        flow = demand(net, {0: [0.8, 0.4, 0.1]}, period_s=400.0)
        return FlowModel(net, flow, parameters).run(unsignalised(net), 2000, curves=[0, 1])

    def test_the_queue_holds_the_first_link_from_300_to_1050_s(self, result: FlowResult) -> None:
        rate = np.diff(result.curves.outflow_veh[0])
        assert rate[50:300] == pytest.approx(0.8, abs=1e-9)
        assert rate[300:1050] == pytest.approx(0.4, abs=1e-9)
        assert rate[1050:] == pytest.approx(0.1, abs=1e-9)

    def test_congested_state(self, result: FlowResult) -> None:
        curves = result.curves
        inside = curves.inflow_veh[1] - curves.outflow_veh[1]
        assert inside[400] / 1000.0 == pytest.approx(0.12, abs=1e-9)
        passed = at(curves.inflow_veh[1], 400.0)
        leaves = float(np.interp(passed, curves.outflow_veh[1], np.arange(2001)))
        assert 1000.0 / (leaves - 400.0) == pytest.approx(10.0 / 3.0, rel=1e-9)

    @pytest.mark.parametrize(
        ("time_s", "back_m"), [(360, 300), (420, 600), (500, 600), (820, 600), (900, 391.304348)]
    )
    def test_end_of_the_queue(self, result: FlowResult, time_s: int, back_m: float) -> None:
        tail = queue_tail_m(result.curves, self.ROADS[0], 5.0, 0.2, time_s)
        assert tail == pytest.approx(back_m, abs=1e-3)

    def test_delay(self, result: FlowResult) -> None:
        # 160 vehicles too many after 400 s, for another 400 s, gone after 160 / 0.3 s; the last second is not whole
        expected = 0.5 * 160 * 400 + 160 * 400 + 0.5 * 160 * 160 / 0.3
        assert result.delay_s == pytest.approx(expected, abs=0.05)
        assert result.vehicles == pytest.approx(600.0)


class TestCumulativeCounts:
    """Number 7, on every link of a congested crossroads with spillback."""

    @pytest.fixture(scope="class")
    @staticmethod
    def result() -> FlowResult:
        net = crossroads()
        shown = greens(
            net,
            {
                (arm, 4 + (arm + turn) % 4): ("G" * 25 + "R" * 35, "R" * 30 + "G" * 25 + "R" * 5)[arm % 2]
                for arm in range(4)
                for turn in (1, 2, 3)
            },
        )
        return FlowModel(net, demand(net, dict.fromkeys(range(4), 0.55))).run(
            shown, 900, 300, curves=range(8)
        )

    @pytest.mark.parametrize("link", range(8))
    def test_entries_leave_after_their_travel_time(self, result: FlowResult, link: int) -> None:
        entered, left = result.curves.inflow_veh[link], result.curves.outflow_veh[link]
        times = np.arange(901.0)
        seen = (entered > 1e-6) & (entered < left[-1] - 1e-6)
        # the inverse of the count: while it stands still, the next vehicle leaves at the end of that time
        low = np.searchsorted(left, entered[seen], side="right") - 1
        leaves = low + (entered[seen] - left[low]) / (left[low + 1] - left[low])
        travel = leaves - times[seen]
        assert seen.sum() > 300
        assert (travel >= 20.0 - 1e-6).all()
        assert (np.diff(leaves) >= -1e-9).all()
        assert np.interp(times[seen] + travel, times, left) == pytest.approx(entered[seen], abs=1e-9)

    def test_counts_never_fall_and_nobody_leaves_before_he_came(self, result: FlowResult) -> None:
        assert (np.diff(result.curves.inflow_veh) >= 0).all()
        assert (np.diff(result.curves.outflow_veh) >= 0).all()
        assert (result.curves.inflow_veh >= result.curves.outflow_veh).all()

    def test_vehicles_are_conserved(self, result: FlowResult) -> None:
        inside = (result.curves.inflow_veh - result.curves.outflow_veh)[:, -1].sum()
        assert result.arrived + inside + result.waiting_to_enter == pytest.approx(result.vehicles, rel=1e-12)
        assert result.conservation_error <= 1e-12


def saturated_east(
    pattern: str, opposing: float, parameters: FlowParameters | None = None, *, against: str | None = None
) -> FlowResult:
    """A left turn from the east with more demand than it can take, against through traffic from the west."""
    net = crossroads(groups=(("R", 1, None), ("T", 1, None), ("L", 1, None)))
    shown = greens(net, {EAST_LEFT: pattern, WEST_THROUGH: against or "G" * len(pattern)})
    flow = demand(net, {0: 0.49, 2: opposing}, {EAST_LEFT: 1.0, WEST_THROUGH: 1.0})
    return FlowModel(net, flow, parameters).run(shown, 4200, 300)


class TestPermissiveTurns:
    @pytest.mark.parametrize("opposing", [0.005, 0.03, 0.1, 0.2, 0.33, 0.45])
    def test_capacity_is_that_of_the_gaps(self, opposing: float) -> None:
        series = saturated_east("g", opposing).series
        assert series.link_outflow_veh_s[2:, 0] == pytest.approx(
            min(Gap(4.5, 2.5).capacity_veh_s(opposing), 0.49), rel=2e-4
        )

    def test_nobody_turns_against_a_discharging_queue(self) -> None:
        series = saturated_east("g", 0.6).series
        assert series.link_outflow_veh_s[2:, 0] == pytest.approx(0.0, abs=1e-9)

    @pytest.mark.parametrize(
        ("against", "turned"),
        [
            ("G" * 25 + "yyy" + "R" * 32, 2.0),
            # a second later: one of the four seconds is gone
            ("G" * 26 + "yyy" + "R" * 31, 1.5),
            # who stays green does not let them go
            ("G" * 45 + "yyy" + "R" * 12, 0.0),
            ("G" * 60, 0.0),
        ],
    )
    def test_two_turn_at_the_end_of_green_if_oncoming_traffic_ends_too(
        self, against: str, turned: float
    ) -> None:
        series = saturated_east("g" * 25 + "yyy" + "R" * 32, 0.6, against=against).series
        assert 60.0 * series.link_outflow_veh_s[2:, 0] == pytest.approx(turned, abs=1e-9)

    def test_a_protected_turn_need_not_wait(self) -> None:
        series = saturated_east("G", 0.6).series
        assert series.link_outflow_veh_s[2:, 0] == pytest.approx(0.49, rel=1e-9)

    def test_pedestrians_slow_a_permissive_right_turn(self) -> None:
        net = crossroads(groups=(("R", 1, None), ("TL", 1, None)), crossings=[5])
        flow = demand(net, {0: 0.6}, {(0, 5): 1.0})
        for letter, rate in (("g", 0.85 * 0.5), ("G", 0.5)):
            series = simulate(net, flow, greens(net, {(0, 5): letter})).series
            assert series.link_outflow_veh_s[2:, 0] == pytest.approx(rate, rel=1e-9)


class TestGreen:
    @pytest.mark.parametrize(
        ("pattern", "loss_s", "use_s", "seconds"),
        [
            ("R" * 30 + "G" * 20 + "yyyRRRR", 0.0, 0.0, 20.0),
            ("R" * 30 + "G" * 20 + "yyyRRRR", 2.0, 2.0, 20.0),
            ("R" * 30 + "G" * 20 + "yyyRRRR", 1.5, 0.7, 19.2),
            ("GGGGG" + "R" * 30 + "G" * 15 + "yyyy", 2.0, 2.0, 5.0 - 2.0 + 15.0 - 2.0 + 2.0),
            ("GGGGG" + "R" * 30 + "G" * 15, 2.0, 2.0, 18.0),
            ("R" * 30 + "g" * 10 + "G" * 10 + "yyyRRRR", 2.0, 2.0, 20.0),
            ("R" * 30 + "GGR" * 3, 2.0, 2.0, 0.0),
        ],
    )
    def test_effective_green(self, pattern: str, loss_s: float, use_s: float, seconds: float) -> None:
        net = one_road(saturation=0.5)
        parameters = FlowParameters(start_loss_s=loss_s, yellow_use_s=use_s)
        result = FlowModel(net, demand(net, {0: 0.5}), parameters).run(
            greens(net, {(0, 1): pattern}), 12 * len(pattern), len(pattern)
        )
        assert result.series.link_outflow_veh_s[3:, 0] * len(pattern) == pytest.approx(
            0.5 * seconds, abs=1e-9
        )


class TestSharedLanesAndBays:
    def test_a_full_bay_blocks_those_behind(self) -> None:
        net = crossroads(groups=(("RT", 1, None), ("L", 1, 40.0)))
        shown = greens(net, {EAST_LEFT: "R", EAST_THROUGH: "G"})
        flow = demand(net, {0: 0.3}, {EAST_LEFT: 0.2, EAST_THROUGH: 0.8})
        result = simulate(net, flow, shown, duration_s=1800)
        in_bay = 0.15 * 40.0
        assert result.movement_veh[movement(net, *EAST_THROUGH)] == pytest.approx(
            in_bay * 0.8 / 0.2, rel=1e-9
        )
        # then the road fills up: 300 m of one lane beside the bay
        assert result.under_way - in_bay == pytest.approx(0.15 * 300.0, rel=1e-9)
        assert result.standing == pytest.approx(result.under_way)

    def test_one_vehicle_a_lane_may_wait_while_others_pass(self) -> None:
        net = crossroads(groups=(("TL", 1, None), ("R", 1, None)))
        shown = greens(net, {EAST_LEFT: "R", EAST_THROUGH: "G"})
        flow = demand(net, {0: 0.3}, {EAST_LEFT: 0.25, EAST_THROUGH: 0.75})
        result = simulate(net, flow, shown, duration_s=1800)
        assert result.movement_veh[movement(net, *EAST_THROUGH)] == pytest.approx(3.0, rel=1e-9)

    def test_lanes_are_used_evenly(self) -> None:
        net = crossroads(groups=(("RT", 1, None), ("T", 1, None), ("TL", 1, None)))
        flow = demand(net, {0: 0.3}, {(0, 5): 0.2, EAST_THROUGH: 0.7, EAST_LEFT: 0.1})
        result = simulate(net, flow, greens(net, {(0, out): "G" for out in (5, 6, 7)}), duration_s=600)
        inflow = result.group_inflow_veh[:3]
        assert inflow == pytest.approx(inflow.sum() / 3.0, rel=1e-9)


def merge(lanes: int, share: float, last: float) -> tuple[RoadNetwork, FlowResult]:
    """Two roads, of one and of `lanes` lanes, into one; both protected; the last link's exit discharges `last`."""
    roads = [
        Road(0, 2, 300.0, (Group((2,), saturation=0.5),)),
        Road(1, 2, 300.0, (Group((2,), lanes, 0.5 * lanes),)),
        Road(2, 3, 300.0, (Group((3,), 1, last),)),
        Road(3, 4),
    ]
    net = network([(0, 100), (0, -100), (300, 0), (600, 0), (900, 0)], roads, signals=[2])
    flow = demand(net, {0: share, 1: 0.5 * lanes})
    return net, simulate(net, flow, greens(net, {(0, 2): "G", (1, 2): "G"}), report_s=600)


class TestMerge:
    @pytest.mark.parametrize("lanes", [1, 2, 3])
    def test_room_is_shared_by_capacity(self, lanes: int) -> None:
        _, result = merge(lanes, 0.5, 0.4)
        rate = result.series.link_outflow_veh_s[2:, :2]
        assert rate[:, 0] == pytest.approx(0.4 / (1 + lanes), rel=1e-9)
        assert rate[:, 1] == pytest.approx(0.4 * lanes / (1 + lanes), rel=1e-9)

    def test_who_wants_less_than_his_part_is_not_held_back(self) -> None:
        _, result = merge(1, 0.1, 0.4)
        rate = result.series.link_outflow_veh_s[2:, :2]
        assert rate == pytest.approx(np.tile([0.1, 0.3], (4, 1)), rel=1e-9)

    def test_who_is_held_back_gains_nothing_by_sending_more(self) -> None:
        assert merge(2, 0.35, 0.4)[1].link_outflow_veh == pytest.approx(
            merge(2, 0.5, 0.4)[1].link_outflow_veh, rel=0.01
        )
        rates = [merge(2, rate, 0.4)[1].series.link_outflow_veh_s[3:, :2] for rate in (0.35, 0.5)]
        assert rates[0] == pytest.approx(rates[1], rel=1e-9)

    def test_the_minor_road_gives_way(self) -> None:
        net = crossroads(signal=False, minor=RoadClass.RESIDENTIAL, groups=(("RTL", 1, None),))
        flow = demand(net, {0: 0.2, 1: 0.5}, {(0, 6): 1.0, (1, 7): 1.0})
        result = simulate(net, flow, unsignalised(net), report_s=600)
        minor = FlowParameters().minor_through_gap.capacity_veh_s(0.2)
        assert result.series.link_outflow_veh_s[2:, 1] == pytest.approx(minor, rel=2e-4)
        assert result.series.link_outflow_veh_s[2:, 0] == pytest.approx(0.2, rel=1e-9)


class TestOutsideAndGridlock:
    def test_what_cannot_enter_waits_outside(self) -> None:
        net = one_road(saturation=0.5)
        result = simulate(net, demand(net, {0: 0.6}), greens(net, {(0, 1): "G"}), duration_s=600)
        assert result.waiting_to_enter == pytest.approx(60.0, rel=1e-9)
        assert result.entry_delay_s[0] == pytest.approx(0.5 * 60.0 * 600.0, rel=1e-9)
        assert result.delay_s == pytest.approx(result.entry_delay_s[0], rel=1e-9)
        assert result.vehicles == pytest.approx(360.0)

    def test_a_full_ring_locks_and_keeps_everybody(self) -> None:
        angle = np.arange(4) * np.pi / 2
        points = [(100 * math.cos(a), 100 * math.sin(a)) for a in angle]
        roads = [Road(i, (i + 1) % 4, 100.0, (Group(((i + 1) % 4,)),)) for i in range(4)]
        net = network(points, roads, signals=range(4))
        shown = greens(net, {(i, (i + 1) % 4): "R" * 400 + "G" * 1600 for i in range(4)})
        result = simulate(net, demand(net, dict.fromkeys(range(4), 0.3)), shown, duration_s=1800)
        assert result.under_way == pytest.approx(4 * 0.15 * 100.0, rel=1e-9)
        assert result.standing == pytest.approx(result.under_way, rel=1e-12)
        assert result.under_way + result.waiting_to_enter == pytest.approx(4 * 0.3 * 1800, rel=1e-12)
        assert result.arrived == 0.0

    def test_a_ring_that_moves_goes_on_at_capacity(self) -> None:
        angle = np.arange(4) * np.pi / 2
        points = [(100 * math.cos(a), 100 * math.sin(a)) for a in angle]
        net = network(points, [Road(i, (i + 1) % 4, 100.0, (Group(((i + 1) % 4,)),)) for i in range(4)])
        result = simulate(net, demand(net, dict.fromkeys(range(4), 0.3)), unsignalised(net), duration_s=1800)
        assert result.under_way == pytest.approx(4 * 100.0 * 0.5 / 15.0, rel=1e-9)
        assert result.standing == 0.0


class TestDegreeOfSaturation:
    """Over capacity X is what is due over what can be served, wherever those who are not served wait."""

    @pytest.mark.parametrize("length", [100.0, 300.0, 3000.0])
    @pytest.mark.parametrize("flow", [0.3, 0.5, 1.0])
    def test_vehicles_that_find_no_room_count(self, length: float, flow: float) -> None:
        net = one_road(length=length, saturation=0.5)
        model = FlowModel(net, demand(net, {0: flow}), NO_LOSS)
        result = model.run(greens(net, {(0, 1): "R" * 30 + "G" * 30}), duration_s=3600)
        came = flow * (3600.0 - net.links.length_m[0] / net.links.speed_m_s[0])
        assert result.group_inflow_veh[0] == pytest.approx(came, rel=1e-9)
        assert result.link_saturation[0] == pytest.approx(came / (0.5 * 1800.0), rel=1e-9)

    def test_demand_that_ends_early(self) -> None:
        net = one_road(length=150.0, saturation=0.5)
        flow = FlowDemand(
            period_s=900.0,
            entry_link=np.array([0]),
            entry_veh_s=np.array([[0.8], [0.0]]),
            movement_share=np.ones((2, 1)),
            exit_share=np.array([[0.0, 1.0]] * 2),
            link_veh_s=np.zeros((2, 2)),
            source="test",
        )
        result = FlowModel(net, flow, NO_LOSS).run(greens(net, {(0, 1): "R" * 30 + "G" * 30}), 1800)
        assert result.waiting_to_enter > 0
        assert result.link_saturation[0] == pytest.approx(0.8 * 900.0 / (0.5 * 900.0), rel=1e-9)


@pytest.mark.parametrize(("last_s", "stands"), [(3400, False), (3310, False), (3290, True), (3000, True)])
def test_gridlock_is_judged_by_the_last_report_period(last_s: int, stands: bool) -> None:
    net = one_road()
    shown = greens(net, {(0, 1): "G" * last_s + "R" * (3600 - last_s)})
    result = simulate(net, demand(net, {0: 0.1}), shown, duration_s=3600, report_s=300)
    assert (result.standing > 0) == stands


class TestInvariants:
    def test_no_demand_gives_nothing(self) -> None:
        net = crossroads()
        result = simulate(net, demand(net, {0: 0.3}).scaled(0.0), unsignalised(net), duration_s=300)
        assert set(result.summary().values()) == {0.0}

    def test_the_same_run_twice_gives_the_same_bytes(self) -> None:
        net = crossroads(signal=False)
        model = FlowModel(net, demand(net, dict.fromkeys(range(4), 0.4)))
        one, two = model.run(unsignalised(net), 400), model.run(unsignalised(net), 400)
        assert one.summary() == two.summary()
        assert one.link_delay_s.tobytes() == two.link_delay_s.tobytes()
        assert one.movement_veh.tobytes() == two.movement_veh.tobytes()

    def test_a_red_that_never_turns_green_has_infinite_saturation(self) -> None:
        net = one_road()
        result = simulate(net, demand(net, {0: 0.1}), greens(net, {(0, 1): "R"}), duration_s=300)
        assert result.link_saturation[0] == np.inf

    def test_a_report_period_may_be_cut_short(self) -> None:
        net = one_road()
        model, shown = FlowModel(net, demand(net, {0: 0.1})), greens(net, {(0, 1): "G"})
        whole, parts = model.run(shown, 250, 1000), model.run(shown, 250, 100)
        assert parts.series.end_s.tolist() == [100.0, 200.0, 250.0]
        assert parts.series.delay_s.sum() == pytest.approx(whole.delay_s, abs=1e-12)
        assert parts.series.entered_veh == pytest.approx([10.0, 10.0, 5.0])
        assert parts.summary() == whole.summary()


class TestBadInput:
    def test_greens_of_another_network(self) -> None:
        net = one_road()
        with pytest.raises(InputError, match="greens: must have 1 rows"):
            simulate(net, demand(net, {0: 0.1}), MovementGreens.unsignalised(2))

    @pytest.mark.parametrize("value", [0, -5, 2.5])
    def test_duration(self, value: int) -> None:
        net = one_road()
        with pytest.raises(InputError, match="duration_s: must be 1 s or more"):
            simulate(net, demand(net, {0: 0.1}), unsignalised(net), duration_s=value)

    @pytest.mark.parametrize("field", ["jam_density_veh_m", "start_loss_s", "smoothing_s", "give_way_weight"])
    @pytest.mark.parametrize("value", [float("nan"), -1.0, float("inf")])
    def test_parameters(self, field: str, value: float) -> None:
        with pytest.raises(InputError, match=field):
            FlowParameters(**{field: value})

    def test_gap(self) -> None:
        with pytest.raises(InputError, match="critical_s"):
            Gap(0.0, 2.0)


def test_turns_of_the_crossroads() -> None:
    net = crossroads()
    assert net.movements.turn[movement(net, *EAST_LEFT)] == Turn.LEFT
    assert net.movements.turn[movement(net, *EAST_THROUGH)] == Turn.THROUGH
