"""What a SUMO configuration file names: network, routes, additional files, times."""

from __future__ import annotations

import math
import os
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from traffic.errors import InputError

__all__ = ["SumoConfig", "read_config"]

_MAIN = "run.sumocfg"
_DEFAULT_TELEPORT_S = 300.0
_DEFAULT_READ_AHEAD_S = 200.0
_DEFAULT_END_S = 3600.0
_NEVER_S = -1.0


@dataclass(frozen=True)
class SumoConfig:
    """A configuration; paths are absolute.

    Attributes
    ----------
    begin_s, end_s
        The run covers [begin_s, end_s), seconds.
    teleport_s
        Seconds after which SUMO takes a vehicle that is stuck out of the way.
    read_ahead_s
        How long before their departure SUMO reads vehicles (``route-steps``), seconds; infinite where it reads all at once.
    scale
        How many vehicles SUMO makes of each one of its files.
    max_depart_delay_s
        Seconds after which SUMO drops a vehicle that cannot enter; infinite where it never does.
    options
        All options of the file by name, as text.
    """

    file: Path
    network: Path
    routes: tuple[Path, ...]
    additional: tuple[Path, ...]
    begin_s: float
    end_s: float
    teleport_s: float
    read_ahead_s: float
    scale: float
    max_depart_delay_s: float
    options: dict[str, str]


def read_config(path: str | os.PathLike[str]) -> SumoConfig:
    """Read ``FILE.sumocfg``, or that of a folder: ``run.sumocfg``, else the first in the order of names."""
    file = _file(Path(path)).absolute()
    try:
        root = ET.parse(file).getroot()  # noqa: S314 - no entities: expat >= 2.4
    except ET.ParseError as error:
        raise InputError(f"cannot be read as XML: {error}", file=file) from error
    options = {e.tag: str(e.get("value")) for e in root.iter() if e.get("value") is not None}
    if "net-file" not in options:
        raise InputError("must name a network", file=file, field="net-file")
    ahead_s = _seconds(file, options, "route-steps", _DEFAULT_READ_AHEAD_S)
    longest_s = _seconds(file, options, "max-depart-delay", _NEVER_S)
    config = SumoConfig(
        file=file,
        network=_paths(file, options, "net-file")[0],
        routes=_paths(file, options, "route-files"),
        additional=_paths(file, options, "additional-files"),
        begin_s=_seconds(file, options, "begin", 0.0),
        end_s=_seconds(file, options, "end", _DEFAULT_END_S),
        teleport_s=_seconds(file, options, "time-to-teleport", _DEFAULT_TELEPORT_S),
        read_ahead_s=ahead_s if ahead_s > 0.0 else math.inf,
        scale=_scale(file, options),
        max_depart_delay_s=longest_s if longest_s >= 0.0 else math.inf,
        options=options,
    )
    if not config.begin_s < config.end_s:
        raise InputError(
            f"must be after begin, {config.begin_s:g} s", file=file, field="end", value=config.end_s
        )
    return config


def _file(path: Path) -> Path:
    if path.is_dir():
        found = sorted(path.glob("*.sumocfg"))
        if not found:
            raise InputError("must hold a .sumocfg file", file=path)
        return next((file for file in found if file.name == _MAIN), found[0])
    if not path.is_file():
        raise InputError("must be a .sumocfg file or a folder that holds one", file=path)
    return path


def _paths(file: Path, options: dict[str, str], name: str) -> tuple[Path, ...]:
    found = tuple(
        (file.parent / part.strip()).absolute() for part in options.get(name, "").split(",") if part.strip()
    )
    for path in found:
        if not path.is_file():
            raise InputError("names a file that is not there", file=file, field=name, value=str(path))
    return found


def _scale(file: Path, options: dict[str, str]) -> float:
    text = options.get("scale", "1")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 <= value < math.inf:
        raise InputError("must be a number of 0 or more", file=file, field="scale", value=text)
    return value


def _seconds(file: Path, options: dict[str, str], name: str, default: float) -> float:
    text = options.get(name, "")
    if not text:
        return default
    parts = text.split(":")
    try:
        value = sum(
            float(part) * unit for part, unit in zip(reversed(parts), (1, 60, 3600, 86400), strict=False)
        )
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError("must be seconds or h:m:s", file=file, field=name, value=text)
    return value
