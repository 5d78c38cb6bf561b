"""What takes long to compute, kept in the user's cache folder under a hash of all that it depends on."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from platformdirs import user_cache_path

from traffic.demand import FlowDemand
from traffic.errors import InputError
from traffic.files import replacing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from traffic.network import RoadNetwork

__all__ = ["cached_demand", "cached_network", "file_digest", "network_digest", "sources_digest"]

_PROJECT = Path(__file__).resolve().parent.parent
_MAKERS = ("traffic/**/*.py", "scenarios/**/*.py", "scenarios/streets/*.toml")
_FIGURES = "figures"
_KEY_LENGTH = 24


def _folder(kind: str) -> Path:
    base = os.environ.get("JASYL_CACHE_DIR")
    folder = (Path(base) if base else user_cache_path("jasyl")) / kind
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _key(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_KEY_LENGTH]


def file_digest(path: Path) -> str:
    """Return the hash of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sources_digest() -> str:
    """Return the hash of all sources with a part in networks and demand."""
    digest = hashlib.sha256(np.__version__.encode())
    for pattern in _MAKERS:
        for source in sorted(_PROJECT.glob(pattern)):
            name = source.relative_to(_PROJECT).as_posix()
            digest.update(name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()


def network_digest(network: RoadNetwork) -> str:
    """Return the hash of all that a network holds."""
    digest = hashlib.sha256()

    def add(value: object) -> None:
        if isinstance(value, np.ndarray):
            digest.update(str((value.dtype, value.shape)).encode() + value.tobytes())
        elif hasattr(value, "__dataclass_fields__"):
            for field in fields(value):  # type: ignore[arg-type]
                digest.update(field.name.encode() + b"\0")
                add(getattr(value, field.name))
        else:
            digest.update(repr(value).encode() + b"\0")

    add(network)
    return digest.hexdigest()


def cached_network(key_parts: Iterable[str], make: Callable[[], RoadNetwork]) -> RoadNetwork:
    """Return the network of this key from the cache, or make and keep it.

    What is found damaged is made again.
    """
    from traffic.store import load_network, save_network  # noqa: PLC0415 - not needed by synthetic cities

    path = _folder("networks") / f"{_key((*key_parts, sources_digest()))}.npz"
    if path.is_file():
        try:
            return load_network(path)
        except (InputError, OSError):
            path.unlink(missing_ok=True)
    network = make()
    save_network(network, path)
    return network


def cached_demand(
    key_parts: Iterable[str], make: Callable[[], tuple[FlowDemand, Mapping[str, float]]]
) -> tuple[FlowDemand, Mapping[str, float]]:
    """Return the demand of this key and the figures told with it from the cache, or make and keep both.

    What is found damaged is made again.
    """
    path = _folder("demand") / f"{_key((*key_parts, sources_digest()))}.npz"
    if path.is_file():
        try:
            return _read_demand(path)
        except (InputError, OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
            path.unlink(missing_ok=True)
    demand, figures = make()
    with replacing(path) as draft:
        columns: dict[str, Any] = {f.name: np.asarray(getattr(demand, f.name)) for f in fields(demand)}
        columns[_FIGURES] = np.asarray(json.dumps(dict(figures)))
        np.savez(draft, allow_pickle=False, **columns)
    return demand, figures


def _read_demand(path: Path) -> tuple[FlowDemand, Mapping[str, float]]:
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
        columns: dict[str, Any] = {field.name: archive[field.name] for field in fields(FlowDemand)}
        figures: dict[str, float] = json.loads(str(archive[_FIGURES]))
    columns["period_s"] = float(columns["period_s"])
    columns["source"] = str(columns["source"])
    return FlowDemand(**columns), figures
