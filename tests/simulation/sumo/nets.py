"""Small SUMO simulations of our own making, built with SUMO's netconvert."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from simulation.sumo.executables import environment, sumo_program
from traffic.errors import InputError


def has_sumo() -> bool:
    try:
        return all(sumo_program(name).is_file() for name in ("sumo", "netconvert", "duarouter"))
    except InputError:
        return False


needs_sumo = pytest.mark.skipif(not has_sumo(), reason="SUMO is not found: pip install jasyl[sumo]")

NODES = """<nodes>
  <node id="W" x="-300" y="0"/><node id="E" x="300" y="0"/><node id="N" x="0" y="300"/><node id="S" x="0" y="-300"/>
  <node id="X" x="0" y="0" type="traffic_light"/>
</nodes>"""
EDGES = (
    "<edges>"
    + "".join(f'<edge id="{a}in" from="{a}" to="X" numLanes="2" speed="13.89"/>' for a in "NESW")
    + "".join(f'<edge id="{a}out" from="X" to="{a}" numLanes="2" speed="13.89"/>' for a in "NESW")
    + "</edges>"
)
ROUTES = """<routes>
  <vType id="car"/>
  <vType id="van" length="6.5" minGap="3.5"/>
  <flow id="we" type="car" begin="0" end="600" vehsPerHour="600" from="Win" to="Eout"/>
  <flow id="ns" type="car" begin="0" end="300" number="40" from="Nin" to="Sout"/>
  <trip id="turn" type="van" depart="30" from="Win" to="Nout"/>
  <vehicle id="late" type="van" depart="500"><route edges="Sin Nout"/></vehicle>
</routes>"""
# right, straight, left of each leg share two lanes; N, E, S, W clockwise: 4 places a leg
PROGRAM = [
    (25, "GGGgrrrrGGGgrrrr"),
    (4, "yyyyrrrryyyyrrrr"),
    (1, "r" * 16),
    (20, "rrrrGGGgrrrrGGGg"),
    (4, "rrrryyyyrrrryyyy"),
]


def logic(phases: list[tuple[int, str]], *, offset: int = 0, program: str = "0") -> str:
    rows = "".join(f'<phase duration="{seconds}" state="{state}"/>' for seconds, state in phases)
    return f'<tlLogic id="X" type="static" programID="{program}" offset="{offset}">{rows}</tlLogic>'


def _convert(folder: Path, nodes: str, edges: str, *options: str) -> None:
    """Let netconvert write ``net.net.xml``."""
    (folder / "n.nod.xml").write_text(nodes, encoding="utf-8")
    (folder / "n.edg.xml").write_text(edges, encoding="utf-8")
    program = sumo_program("netconvert")
    files = ["-n", "n.nod.xml", "-e", "n.edg.xml", "-o", "net.net.xml"]
    command = [str(program), *files, "--no-turnarounds=true", *options]
    subprocess.run(command, cwd=folder, env=environment(program), check=True, capture_output=True)


def _configured(folder: Path, routes: str, begin: int, end: int) -> Path:
    """Write routes and configuration; return the folder."""
    (folder / "demand.rou.xml").write_text(routes, encoding="utf-8")
    (folder / "run.sumocfg").write_text(
        '<configuration><input><net-file value="net.net.xml"/><route-files value="demand.rou.xml"/></input>'
        f'<time><begin value="{begin}"/><end value="{end}"/></time></configuration>',
        encoding="utf-8",
    )
    return folder


def joined(folder: Path) -> Path:
    """Write two crossroads 40 m apart with one traffic light as a SUMO configuration; return its folder."""
    light = 'type="traffic_light" tl="J"'
    ends = {
        "W": (-320, 0),
        "E": (320, 0),
        "N1": (-20, 300),
        "S1": (-20, -300),
        "N2": (20, 300),
        "S2": (20, -300),
    }
    nodes = "".join(f'<node id="{name}" x="{x}" y="{y}"/>' for name, (x, y) in ends.items())
    nodes += f'<node id="X1" x="-20" y="0" {light}/><node id="X2" x="20" y="0" {light}/>'
    pairs = [("W", "X1"), ("N1", "X1"), ("S1", "X1"), ("E", "X2"), ("N2", "X2"), ("S2", "X2"), ("X1", "X2")]
    both = [*pairs, *((b, a) for a, b in pairs)]
    edges = "".join(f'<edge id="{a}-{b}" from="{a}" to="{b}" numLanes="2" speed="13.89"/>' for a, b in both)
    _convert(folder, f"<nodes>{nodes}</nodes>", f"<edges>{edges}</edges>")
    trips = [("W-X1", "X2-E"), ("E-X2", "X1-W"), ("N1-X1", "X1-S1"), ("S2-X2", "X2-N2"), ("N1-X1", "X2-S2")]
    flows = "".join(
        f'<flow id="f{k}" begin="0" end="600" vehsPerHour="{400 - 60 * k}" from="{a}" to="{b}"/>'
        for k, (a, b) in enumerate(trips)
    )
    return _configured(folder, f"<routes>{flows}</routes>", 0, 600)


def crossing(
    folder: Path,
    *,
    phases: list[tuple[int, str]] | None = None,
    offset: int = 0,
    routes: str = ROUTES,
    begin: int = 0,
    end: int = 600,
    options: tuple[str, ...] = (),
) -> Path:
    """Write a crossroads with a traffic light as a SUMO configuration; return its folder."""
    _convert(folder, NODES, EDGES, *options)
    text = (folder / "net.net.xml").read_text(encoding="utf-8")
    start, stop = text.index("<tlLogic"), text.index("</tlLogic>") + len("</tlLogic>")
    if phases is not None:
        text = text[:start] + logic(phases, offset=offset) + text[stop:]
    (folder / "net.net.xml").write_text(text, encoding="utf-8")
    return _configured(folder, routes, begin, end)
