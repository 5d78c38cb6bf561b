"""Plan quality against rivals, in the flow model: one table for each scenario.

    python benchmarks/plan_quality.py corridor "grid 8x8" --seeds 3 --seconds 20

Every method plans for the demand that it is then judged under; the random search has the time of the
optimiser. Green waves have the best cycle of 60, 80 and 100 s and, in a row of their own, of up to 140 s. With
``--unseen`` the plans are judged under the demand of the next seed as well, which they were not made for.
Figures are means over the demand seeds, with standard deviations.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from scenarios.loader import build, load
from signals.objective import Objective
from signals.optimize import optimize, usable_sequences
from simulation.compare import SCALES, Row, compare, markdown
from simulation.rivals import green_wave, isolated_webster, random_restart

LONG_CYCLES_S = (60, 80, 100, 110, 120, 140)


def run(
    name: str, seed: int, scale: float, seconds: float, objective: Objective, *, unseen: bool
) -> tuple[list[Row], list[Row]]:
    """Plan with all methods for one scenario, demand seed and level; return their figures, and unseen ones."""
    city = build(load(name), seed=seed, planned_scale=scale)
    network, junctions, demand = city.network, city.junctions, city.demand.scaled(scale)
    sequences = usable_sequences(network, junctions, demand, start=city.before)
    best = optimize(
        network,
        junctions,
        demand,
        seed=seed,
        seconds=seconds,
        objective=objective,
        start=city.before,
        sequences=sequences,
        clock=time.process_time,
    )
    taken = best.seconds
    rng = np.random.default_rng([seed, 99])
    plans = {
        "isolated Webster": isolated_webster(
            network, junctions, demand, start=city.before, sequences=sequences
        ),
        "green waves": green_wave(
            network, junctions, demand, start=city.before, sequences=sequences, objective=objective
        ),
        "green waves, long cycles too": green_wave(
            network,
            junctions,
            demand,
            cycles=LONG_CYCLES_S,
            start=city.before,
            sequences=sequences,
            objective=objective,
        ),
        "random restart": random_restart(
            network,
            junctions,
            demand,
            seconds=taken,
            rng=rng,
            start=city.before,
            sequences=sequences,
            objective=objective,
            clock=time.process_time,
        ),
        "Jasyl": best.plans,
    }
    rows = compare(network, city.demand, plans, scale=scale, seed=seed, objective=objective)
    for row in rows:
        print(
            f"{name} seed {seed} x {scale:g}: {row.plans}: {row.delay_s_per_veh:.1f} s, "
            f"{row.stops_per_veh:.2f} stops ({plans[row.plans].name}, {taken:.1f} s)",
            file=sys.stderr,
            flush=True,
        )
    if not unseen:
        return list(rows), []
    other = build(load(name), seed=seed + 1, planned_scale=scale).demand
    return list(rows), list(compare(network, other, plans, scale=scale, seed=seed, objective=objective))


def main() -> None:
    """Run the protocol and print markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenarios", nargs="+")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scales", type=float, nargs="+", default=list(SCALES))
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--stop-seconds", type=float, default=5.0)
    parser.add_argument("--unseen", action="store_true")
    options = parser.parse_args()
    objective = Objective(stop_s=options.stop_seconds)
    for name in options.scenarios:
        found = [
            run(name, seed, scale, options.seconds, objective, unseen=options.unseen)
            for seed in range(1, options.seeds + 1)
            for scale in options.scales
        ]
        _tables(name, [row for rows, _ in found for row in rows])
        if options.unseen:
            _tables(
                f"{name}, demand that the plans were not made for", [row for _, rows in found for row in rows]
            )


def _tables(title: str, rows: list[Row]) -> None:
    print(f"### {title}\n")
    for figure, digits in (("delay_s_per_veh", 1), ("stops_per_veh", 2), ("throughput_veh_h", 0)):
        print(markdown(rows, figure=figure, digits=digits), "\n")


if __name__ == "__main__":
    main()
