"""A microscopic model of vehicles, lanes and signals, fast enough to judge plans in a search.

Vehicles follow each other as Krauss describes (S. Krauss, Microscopic Modeling of Traffic Flow, 1998), choose lanes by
their route, give way by the times at which others reach and leave a junction, keep junctions clear and brake for
signals; steps are one second. What it does not have: pedestrians, overtaking on one lane, trams.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from traffic.arrays import frozen
from traffic.microscopic import _kernels_tables as t
from traffic.microscopic._kernels_run import simulate
from traffic.microscopic.lanes import LaneNetwork

__all__ = ["Drivers", "Lights", "MicroscopicModel", "MicroscopicResult", "Vehicles"]

Lights = t.Lights


@dataclass(frozen=True)
class Drivers:
    """What drivers do that vehicle types do not tell; the values are those of SUMO's defaults.

    Attributes
    ----------
    sight_m
        From how far away one who gives way sees whether there is a gap.
    stop_line_m
        Distance kept from the stop line at a red light.
    lookahead_s
        Time kept between vehicles that cross each other's way.
    help_m_s2
        Deceleration to let somebody change lanes.
    eager
        Advantage, as a share of the speed and summed over seconds, for which one changes lanes.
    impatience_s
        Who gives way expects more and more that others brake for him, if they can, the longer he halts; after so many seconds
        that all do. 0 for never.
    """

    sight_m: float = 4.5
    stop_line_m: float = 1.0
    lookahead_s: float = 1.0
    help_m_s2: float = 1.0
    eager: float = 0.2
    impatience_s: float = 180.0


@dataclass(frozen=True, eq=False)
class Vehicles:
    """Vehicles and their routes, sorted by departure.

    Attributes
    ----------
    depart_s
        Departure, seconds from the start of the run.
    depart_speed_m_s
        Speed to enter with, if it is safe.
    depart_lane
        Lane of the first edge counted from the right; `ANY_BEST` or `RIGHTMOST`.
    length_m, min_gap_m, accel_m_s2, decel_m_s2, sigma, tau_s, speed_factor, fastest_m_s
        Of each vehicle.
    routes
        Edges of each vehicle.
    others
        Further routes from and to the same edges: who has some takes the fastest of all by the mean speeds of the moment
        in which it decides. One entry a vehicle, or none at all.
    decide_s
        This moment, not after the departure, and for nobody before that of those who depart earlier; default: the departure.
    """

    depart_s: NDArray[np.float64]
    depart_speed_m_s: NDArray[np.float64]
    depart_lane: NDArray[np.int32]
    length_m: NDArray[np.float64]
    min_gap_m: NDArray[np.float64]
    accel_m_s2: NDArray[np.float64]
    decel_m_s2: NDArray[np.float64]
    sigma: NDArray[np.float64]
    tau_s: NDArray[np.float64]
    speed_factor: NDArray[np.float64]
    fastest_m_s: NDArray[np.float64]
    routes: tuple[tuple[int, ...], ...]
    others: tuple[tuple[tuple[int, ...], ...], ...] = ()
    decide_s: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.depart_s)


@dataclass(frozen=True, eq=False)
class MicroscopicResult:
    """What a run did.

    Attributes
    ----------
    vehicles, arrived, under_way, waiting_to_enter
        Vehicles that were due, and where they are in the end.
    delay_s
        Time that all of them lost against their free speed, and waited to enter, seconds.
    halts
        How often vehicles came to stand.
    teleports
        Vehicles that halted too long and were moved to their next edge.
    edge_delay_s
        The part of the delay on each edge, before it and on the way through the junction after it; shape (edges,).
    """

    vehicles: int
    arrived: int
    under_way: int
    waiting_to_enter: int
    delay_s: float
    halts: int
    teleports: int
    edge_delay_s: NDArray[np.float64]

    @property
    def delay_per_veh_s(self) -> float:
        """Delay for each vehicle that was due."""
        return self.delay_s / max(self.vehicles, 1)


class MicroscopicModel:
    """One network and its vehicles, to be run under many plans.

    Parameters
    ----------
    network, vehicles
        Where and who.
    drivers
        Default: as in SUMO.
    teleport_s
        After so long a halt the first of a lane is moved to its next edge; 0 for never.
    """

    def __init__(
        self,
        network: LaneNetwork,
        vehicles: Vehicles,
        *,
        drivers: Drivers | None = None,
        teleport_s: int = 300,
    ) -> None:
        self.network = network
        self.vehicles = vehicles
        self.drivers = drivers or Drivers()
        self.teleport_s = teleport_s

    def run(self, lights: Lights, duration_s: int, *, seed: int = 1) -> MicroscopicResult:
        """Run an empty network for `duration_s` seconds; the same seed gives the same result."""
        world = self._world()
        habits = t.Habits(
            self.drivers.sight_m,
            self.drivers.stop_line_m,
            self.drivers.lookahead_s,
            self.drivers.help_m_s2,
            self.drivers.eager,
            self.drivers.impatience_s,
            self.teleport_s,
            seed,
        )
        simulate(world, lights, habits, duration_s)
        due = int(world.totals[t.DUE])
        track = world.at[:due, t.TRACK]
        return MicroscopicResult(
            vehicles=due,
            arrived=int(world.totals[t.REACHED]),
            under_way=int((track >= 0).sum()),
            waiting_to_enter=int((track == t.OUTSIDE).sum()),
            delay_s=float(world.totals[t.LOST_S]),
            halts=int(world.totals[t.HALTS]),
            teleports=int(world.totals[t.TELEPORTED]),
            edge_delay_s=self._by_edge(world),
        )

    def _by_edge(self, world: t.World) -> NDArray[np.float64]:
        lane_of_track = np.concatenate([np.arange(world.lanes), self.network.from_lane])
        edge = self.network.lane_edge[lane_of_track]
        lost = np.bincount(edge, world.track[:, t.TRACK_LOSS], len(self.network.edge_lane) - 1)
        return lost.astype(np.float64)

    def _world(self) -> t.World:
        """Return the tables of an empty network."""
        fresh = self._template
        return fresh._replace(
            car=fresh.car.copy(),
            at=fresh.at.copy(),
            track=fresh.track.copy(),
            ends=fresh.ends.copy(),
            edge=fresh.edge.copy(),
            coming=np.zeros_like(fresh.coming),
            coming_count=np.zeros_like(fresh.coming_count),
            active=np.zeros_like(fresh.active),
            totals=np.zeros(t.TOTALS),
            pace=fresh.pace.copy(),
            paces=fresh.paces.copy(),
        )

    @cached_property
    def _template(self) -> t.World:
        network, vehicles = self.network, self.vehicles
        lanes, ways = len(network.lane_length_m), len(network.from_lane)
        track = np.zeros((lanes + ways, t.TRACK_COLUMNS))
        track[:, t.TRACK_LENGTH] = np.concatenate([network.lane_length_m, network.way_length_m])
        track[:, t.TRACK_SPEED] = np.concatenate([network.lane_speed_m_s, network.way_speed_m_s])
        stages, way_s, options, own = self._stages()
        limit = network.lane_speed_m_s[network.edge_lane[:-1]]
        window = t.WINDOW_S if len(options) and (own[:, 0] < own[:, 1]).any() else 0
        return t.World(
            lanes=lanes,
            car=self._cars(),
            at=self._places(options, own),
            track=track,
            ends=np.full((lanes + ways, 2), t.NOBODY, dtype=np.int32),
            lane_at=self._lane_table(),
            edge=self._edge_table(),
            conn=self._conn_table(),
            way_in=frozen(np.argsort(network.to_lane, kind="stable"), np.int32),
            stop_m=frozen(network.stop_m, np.float64),
            foe=self._foe_table(),
            foe_m=self._meeting_table(),
            stage=stages,
            way_s=way_s,
            option=options,
            pace=limit.astype(np.float64),
            paces=np.tile(limit, (window, 1)).reshape(window, len(limit)),
            coming=np.zeros((t.SEEN * max(ways, 1), 3)),
            coming_count=np.zeros(max(ways, 1), dtype=np.int32),
            active=np.zeros(max(len(vehicles), 1), dtype=np.int32),
            totals=np.zeros(t.TOTALS),
        )

    def _cars(self) -> NDArray[np.float64]:
        given = self.vehicles
        car = np.zeros((len(given), t.CAR_COLUMNS))
        columns = {
            t.LENGTH: given.length_m,
            t.GAP: given.min_gap_m,
            t.ACCEL: given.accel_m_s2,
            t.DECEL: given.decel_m_s2,
            t.SIGMA: given.sigma,
            t.TAU: given.tau_s,
            t.FACTOR: given.speed_factor,
            t.FASTEST: given.fastest_m_s,
            t.DEPART: given.depart_s,
            t.DECIDES: given.depart_s if given.decide_s is None else given.decide_s,
            t.DEPART_SPEED: given.depart_speed_m_s,
        }
        for column, values in columns.items():
            car[:, column] = values
        car[:, t.MOST] = 1e9
        return car

    def _places(self, options: NDArray[np.int32], own: NDArray[np.int32]) -> NDArray[np.int32]:
        at = np.full((len(self.vehicles), t.AT_COLUMNS), t.NOBODY, dtype=np.int32)
        at[:, t.TRACK] = t.OUTSIDE
        at[:, t.OPTION], at[:, t.LAST_OPTION] = own.T
        at[:, t.STAGE], at[:, t.LAST_STAGE] = options[own[:, 0]].T
        at[:, t.HALTED] = at[:, t.YIELDS] = 0
        at[:, t.DEPART_LANE] = self.vehicles.depart_lane
        return at

    def _stages(
        self,
    ) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.int32], NDArray[np.int32]]:
        """Return edge and lanes of all stages, the time to the next one, the stages of each route, each one's routes."""
        network, vehicles = self.network, self.vehicles
        others = vehicles.others or ((),) * len(vehicles)
        known: dict[tuple[tuple[int, ...], ...], tuple[int, int]] = {}
        rows: list[tuple[int, int, int]] = []
        way_s: list[float] = []
        options: list[tuple[int, int]] = []
        own = []
        for route, more in zip(vehicles.routes, others, strict=True):
            choice = tuple(dict.fromkeys((route, *more)))
            if choice not in known:
                known[choice] = len(options), len(options) + len(choice) - 1
                for edges in choice:
                    options.append((len(rows), len(rows) + len(edges) - 1))
                    wanted = network.lanes_that_lead_on(edges)
                    best = network.lanes_that_lead_on(edges, short_m=np.inf)
                    rows += zip(edges, wanted, best, strict=True)
                    way_s += [network.way_s.get(pair, 0.0) for pair in pairwise(edges)] + [0.0]
            own.append(known[choice])
        return (
            frozen(np.array(rows).reshape(-1, 3), np.int32),
            frozen(way_s, np.float64),
            frozen(np.array(options).reshape(-1, 2), np.int32),
            np.array(own, dtype=np.int32).reshape(-1, 2),
        )

    def _lane_table(self) -> NDArray[np.int32]:
        network = self.network
        lanes = len(network.lane_length_m)
        conn = np.searchsorted(network.from_lane, np.arange(lanes + 1))
        into = np.searchsorted(np.sort(network.to_lane), np.arange(lanes + 1))
        return frozen(np.column_stack([np.append(network.lane_edge, -1), conn, into]), np.int32)

    def _edge_table(self) -> NDArray[np.int32]:
        nobody = np.full(len(self.network.edge_lane), t.NOBODY)
        return np.column_stack([self.network.edge_lane, nobody, nobody]).astype(np.int32)

    def _conn_table(self) -> NDArray[np.int32]:
        network = self.network
        ways = len(network.from_lane)
        table = np.zeros((ways + 1, t.CONN_COLUMNS), dtype=np.int32)
        table[:ways, t.FROM_LANE], table[:ways, t.TO_LANE] = network.from_lane, network.to_lane
        table[:ways, t.TO_EDGE] = network.lane_edge[network.to_lane]
        table[:ways, t.LIGHT], table[:ways, t.PLACE] = network.light, network.place
        table[:, t.FOE_BEGIN] = network.foe_begin
        table[:ways, t.KEEP_CLEAR] = network.keeps_clear
        own = np.repeat(np.arange(ways), np.diff(network.foe_begin))
        table[network.foe[network.yields], t.IS_FOE] = 1
        table[own[network.yields], t.MINOR] = 1
        return frozen(table, np.int32)

    def _foe_table(self) -> NDArray[np.int32]:
        network = self.network
        own = np.repeat(np.arange(len(network.from_lane)), np.diff(network.foe_begin))
        merges = network.to_lane[network.foe] == network.to_lane[own]
        return frozen(
            np.vstack([np.column_stack([network.foe, merges, network.yields]), [[0, 0, 0]]]), np.int32
        )

    def _meeting_table(self) -> NDArray[np.float64]:
        meets = np.column_stack([self.network.meets_from_m, self.network.meets_until_m])
        return frozen(np.vstack([meets, [[0.0, 0.0]]]), np.float64)
