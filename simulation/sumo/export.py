"""Network, demand and signal plans as a folder that SUMO runs unchanged.

The network is handed to SUMO's own `netconvert` as plain XML (`traffic.sumo.layout`, `signals.sumo.programs`), and what
comes back is compared with what went in: no edge, lane or connection may be lost, and every controlled
connection must have our link index.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from signals.sumo.programs import programs, traffic_lights_xml
from simulation.sumo.departures import routes_xml, sample_trips
from simulation.sumo.executables import environment, sumo_program
from traffic.errors import InputError, JasylError
from traffic.sumo.layout import connections_xml, edges_xml, lay_out, nodes_xml

if TYPE_CHECKING:
    from signals.plan import PlanSet
    from simulation.sumo.departures import Departures
    from traffic.demand import FlowDemand
    from traffic.network import RoadNetwork
    from traffic.sumo.layout import SumoLayout

__all__ = ["SumoFiles", "export"]

_CONFIG = "run.sumocfg"
_NET = "city.net.xml"
_ROUTES = "city.rou.xml"
_OPTIONS = (
    # Only the connections that the lane groups have.
    "--no-turnarounds=true",
    "--xml-validation=never",
    "--output.street-names=true",
)
_TELEPORT_S = 300  # SUMO's default, written out because results depend on it


@dataclass(frozen=True)
class SumoFiles:
    """What an export has written.

    Attributes
    ----------
    folder
        The folder with all files; the plain XML that the network was made from is in ``plain``.
    config, network, routes
        ``run.sumocfg`` and the files that it names.
    vehicles
        Number of vehicles due.
    warnings
        What `netconvert` had to say about the network.
    """

    folder: Path
    config: Path
    network: Path
    routes: Path
    vehicles: int
    warnings: tuple[str, ...]


def export(
    network: RoadNetwork,
    demand: FlowDemand,
    folder: str | os.PathLike[str],
    *,
    plans: PlanSet | None,
    seed: int,
    duration_s: float,
    departures: Departures = "poisson",
) -> SumoFiles:
    """Write a folder that runs with ``sumo -c run.sumocfg``.

    Parameters
    ----------
    network, demand
        What to export. Pedestrian crossings are left out.
    folder
        Where to; it is made if it does not exist, and files of an earlier export are replaced.
    plans
        Signal plans; `None`: the programs that `netconvert` makes up.
    seed
        Of the vehicles' departures and routes (see `simulation.sumo.departures`).
    duration_s
        Vehicles enter, and the simulation runs, from 0 to `duration_s`.
    departures
        At random (``"poisson"``) or evenly spaced (``"even"``).

    Raises
    ------
    InputError
        If SUMO is not found, or demand or plans do not fit the network.
    """
    netconvert = sumo_program("netconvert")
    if not len(network.links):
        raise InputError("must have a link", field="network", value=network.name)
    target = Path(folder)
    if target.exists() and not target.is_dir():
        raise InputError("must be a folder", file=target)
    layout = lay_out(network)
    plain = {
        "city.nod.xml": nodes_xml(network, layout),
        "city.edg.xml": edges_xml(network, layout),
        "city.con.xml": connections_xml(network, layout),
    }
    if plans is not None:
        plain["city.tll.xml"] = traffic_lights_xml(programs(network, plans, layout), layout)
    trips = sample_trips(network, demand, seed=seed, duration_s=duration_s, departures=departures)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as name:
        draft = Path(name)
        (draft / "plain").mkdir()
        for file, text in plain.items():
            (draft / "plain" / file).write_text(text, encoding="utf-8")
        warnings = _convert(netconvert, draft, with_plans=plans is not None)
        length_m = _check(network, layout, draft / _NET, with_plans=plans is not None)
        (draft / _ROUTES).write_text(routes_xml(network, trips, layout, length_m), encoding="utf-8")
        (draft / _CONFIG).write_text(_config_xml(duration_s), encoding="utf-8")
        _move(draft, target, with_plans=plans is not None)
    return SumoFiles(
        folder=target,
        config=target / _CONFIG,
        network=target / _NET,
        routes=target / _ROUTES,
        vehicles=len(trips),
        warnings=warnings,
    )


def _convert(netconvert: Path, draft: Path, *, with_plans: bool) -> tuple[str, ...]:
    command = [str(netconvert), *_OPTIONS, "--output-file", _NET]
    command += ["-n", "plain/city.nod.xml", "-e", "plain/city.edg.xml", "-x", "plain/city.con.xml"]
    command += ["-i", "plain/city.tll.xml"] if with_plans else []
    done = subprocess.run(  # noqa: S603 - our own arguments, no shell
        command,
        cwd=draft,
        env=environment(netconvert),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    messages = tuple(line.strip() for line in done.stderr.splitlines() if line.strip())
    if done.returncode != 0:
        message = f"netconvert could not build the network: {' / '.join(messages[:5])}"
        raise JasylError(message)
    net = draft / _NET
    content = net.read_bytes()
    # The comment at the top holds the time and the paths of this run.
    start, end = content.index(b"<!--"), content.index(b"-->") + len(b"-->")
    net.write_bytes(content[:start].rstrip() + content[end:])
    return tuple(m.removeprefix("Warning: ") for m in messages)


def _check(network: RoadNetwork, layout: SumoLayout, net: Path, *, with_plans: bool) -> dict[str, float]:
    """Compare what `netconvert` built with what it was given; return the length of each edge in metres."""
    lanes, length_m, connections = _read_net(net)
    for link, edges in enumerate(layout.link_edges):
        counts = [int(network.links.running_lanes[link]), int(network.links.lanes[link])]
        for edge, count in zip(edges, counts[-len(edges) :], strict=True):
            if lanes.pop(edge, 0) != count:
                message = f"netconvert did not keep edge {edge} with its {count} lanes"
                raise JasylError(message)
    for c in layout.connections:
        ends = (c.from_edge, str(c.from_lane), c.to_edge, str(c.to_lane))
        signal = connections.pop(ends, None)
        expected = (c.signal, str(c.link_index) if c.link_index >= 0 else "")
        kept = signal == expected if with_plans else signal is not None and signal[0] == c.signal
        if not kept:
            message = f"netconvert did not keep connection {ends} with signal {expected}: {signal}"
            raise JasylError(message)
    for name in (*lanes, *connections):
        message = f"netconvert added {name}, which the network does not have"
        raise JasylError(message)
    return length_m


def _read_net(
    net: Path,
) -> tuple[dict[str, int], dict[str, float], dict[tuple[str, ...], tuple[str, str]]]:
    """Return lanes and length of each edge, signal and link index of each connection, of a ``.net.xml``."""
    lanes: dict[str, int] = {}
    length_m: dict[str, float] = {}
    connections: dict[tuple[str, ...], tuple[str, str]] = {}
    for _, element in ET.iterparse(net):  # noqa: S314 - our own file
        if element.tag == "edge" and element.get("function") != "internal":
            parts = element.findall("lane")
            lanes[element.get("id", "")] = len(parts)
            length_m[element.get("id", "")] = min((float(p.get("length", "0")) for p in parts), default=0.0)
        elif element.tag == "connection" and not element.get("from", "").startswith(":"):
            ends = tuple(element.get(k, "") for k in ("from", "fromLane", "to", "toLane"))
            connections[ends] = (element.get("tl", ""), element.get("linkIndex", ""))
        if element.tag in {"edge", "connection", "junction", "tlLogic"}:
            element.clear()
    return lanes, length_m, connections


def _config_xml(duration_s: float) -> str:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<configuration>
    <input>
        <net-file value="{_NET}"/>
        <route-files value="{_ROUTES}"/>
    </input>
    <time>
        <begin value="0"/>
        <end value="{duration_s:g}"/>
    </time>
    <processing>
        <time-to-teleport value="{_TELEPORT_S}"/>
    </processing>
</configuration>
"""


def _move(draft: Path, target: Path, *, with_plans: bool) -> None:
    """Move all files into place, the configuration last; a folder that is new appears whole."""
    target.mkdir(exist_ok=True)
    (target / "plain").mkdir(exist_ok=True)
    files = sorted(draft.rglob("*.*"), key=lambda file: (file.name == _CONFIG, file))
    for file in files:
        if file.is_file():
            file.replace(target / file.relative_to(draft))
    if not with_plans:
        (target / "plain" / "city.tll.xml").unlink(missing_ok=True)
