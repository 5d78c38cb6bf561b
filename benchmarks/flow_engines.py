"""One engine in a process of its own: it prepares, then runs once for each line that it reads.

    flow_engines.py ENGINE FOLDER SECONDS

Started by `flow_speed.py`. Each line that it writes is a JSON object: first what it has prepared, then seconds, vehicles
and arrived vehicles of each run, with the peak memory of the process so far.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_PLATOON = 5

Figures = dict[str, float]
Run = Callable[[], Figures]


def flow(case: Path, duration_s: int) -> Iterator[Figures]:
    """Run the flow model of this project."""
    from traffic.flow import FlowModel  # noqa: PLC0415 - each engine loads its own library only

    network, demand, greens = pickle.loads((case / "flow.pickle").read_bytes())  # noqa: S301 - written by flow_speed.py
    model = FlowModel(network, demand)
    model.run(greens, 60)
    while True:
        began, cpu = time.perf_counter(), time.process_time()
        result = model.run(greens, duration_s)
        taken = {"seconds": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}
        if result.conservation_error > 1e-12:
            message = f"vehicles got lost: {result.conservation_error}"
            raise RuntimeError(message)
        yield taken | {
            "vehicles": result.vehicles,
            "arrived": result.arrived,
            "inside": float(result.series.inside_veh.mean()),
        }


def uxsim(case: Path, duration_s: int, *, cpp: bool) -> Iterator[Figures]:
    """Run UXsim on the same links, with two-phase signals and trips drawn from the same demand."""
    from uxsim import World  # noqa: PLC0415

    given = json.loads((case / "uxsim.json").read_text(encoding="utf-8"))
    while True:
        world = World(
            name="",
            deltan=_PLATOON,
            tmax=duration_s,
            print_mode=0,
            save_mode=0,
            show_mode=0,
            random_seed=1,
            cpp=cpp,
        )
        for name, x_m, y_m, signal in given["nodes"]:
            world.addNode(name, x_m, y_m, signal=signal)
        for name, start, end, length_m, speed_m_s, lanes, phases in given["links"]:
            world.addLink(
                name,
                start,
                end,
                length=length_m,
                free_flow_speed=speed_m_s,
                jam_density_per_lane=given["jam_density_veh_m"],
                number_of_lanes=lanes,
                signal_group=phases,
            )
        for start, end, second in given["trips"]:
            # a little more than a platoon, so that rounding cannot make it less than one
            world.adddemand(start, end, second, second + _PLATOON, volume=_PLATOON * (1 + 1e-9))
        began, cpu = time.perf_counter(), time.process_time()
        world.exec_simulation()
        taken = {"seconds": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}
        world.analyzer.basic_analysis()
        yield taken | {
            "vehicles": float(world.analyzer.trip_all),
            "arrived": float(world.analyzer.trip_completed),
        }


def sumo(case: Path, duration_s: int, *, meso: bool) -> Iterator[Figures]:
    """Run SUMO on the exported folder; its seconds are SUMO's own, without loading; its processor time is with loading."""
    from simulation.sumo.executables import sumo_program  # noqa: PLC0415

    program = sumo_program("sumo")
    while True:
        with tempfile.TemporaryDirectory() as folder:
            statistics = Path(folder) / "statistics.xml"
            command = [
                str(program),
                "-c",
                str(case / "sumo" / "run.sumocfg"),
                "--end",
                str(duration_s),
                "--no-step-log",
            ]
            command += ["--mesosim", "--meso-junction-control"] if meso else []
            command += ["--no-warnings", "--statistic-output", str(statistics)]
            peak, before = 0.0, os.times()
            with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
                while process.poll() is None:
                    peak = max(peak, peak_mib(process.pid))
                    time.sleep(0.05)
            if process.returncode:
                message = f"SUMO ended with code {process.returncode}"
                raise RuntimeError(message)
            after = os.times()
            root = ET.parse(statistics).getroot()  # noqa: S314 - written by SUMO just now

        def value(tag: str, name: str, root: ET.Element = root) -> float:
            found = root.find(tag)
            if found is None:
                message = f"SUMO wrote no {tag}"
                raise RuntimeError(message)
            return float(found.attrib[name])

        inserted, running = value("vehicles", "inserted"), value("vehicles", "running")
        yield {
            "seconds": value("performance", "clockDuration"),
            "cpu_s": after.children_user
            + after.children_system
            - before.children_user
            - before.children_system,
            "vehicles": inserted + value("vehicles", "waiting"),
            "arrived": inserted - running,
            "peak_mib": peak,
        }


def peak_mib(process: int | str = "self") -> float:
    """Return the peak memory of a process; `ru_maxrss` would count the parent that it was forked from."""
    for line in Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return float(line.split()[1]) / 1024
    return 0.0  # the process has ended and has no memory any more


def say(values: Any) -> None:
    print(json.dumps(values), flush=True)


def main() -> None:
    """Prepare, then serve runs."""
    engine, case, duration_s = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    engines: dict[str, Callable[[], Iterator[Figures]]] = {
        "Jasyl": lambda: flow(case, duration_s),
        "UXsim C++": lambda: uxsim(case, duration_s, cpp=True),
        "UXsim Python": lambda: uxsim(case, duration_s, cpp=False),
        "SUMO": lambda: sumo(case, duration_s, meso=False),
        "SUMO meso": lambda: sumo(case, duration_s, meso=True),
    }
    runs = engines[engine]()
    say({"engine": engine})
    for _ in sys.stdin:
        figures = next(runs)
        say({"peak_mib": peak_mib()} | figures)


if __name__ == "__main__":
    main()
