"""The head-to-head protocol: the optimiser against three rivals, judged by the flow model.

Run it from the project's root:

    .venv/bin/python benchmarks/plan_quality.py grid-25x18 almaty-osm porto-alegre --seconds 20
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from api.console import progress_bar
from scenarios.loader import load
from simulation.compare import compare, markdown
from simulation.warmup import compile_kernels


def main() -> None:
    """Compare on the scenarios of the command line and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("scenarios", nargs="+")
    parser.add_argument("--seconds", type=float, default=20.0, help="for the optimiser and the random search")
    parser.add_argument("--scales", type=float, nargs="+", default=[0.6, 0.8, 1.0, 1.1])
    parser.add_argument("--demand-seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("-o", "--output", type=Path, help="also write every score as a line of JSON")
    options = parser.parse_args()
    compile_kernels()
    scores = []
    for name in options.scenarios:
        with progress_bar(name, quiet=False) as progress:
            for score in compare(
                load(name),
                scales=options.scales,
                demand_seeds=options.demand_seeds,
                seconds=options.seconds,
                progress=progress,
            ):
                scores.append(score)
                if options.output:
                    with options.output.open("a", encoding="utf-8") as stream:
                        stream.write(json.dumps(asdict(score)) + "\n")
    print(markdown(scores))


if __name__ == "__main__":
    main()
