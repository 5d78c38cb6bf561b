"""Compiles all kernels before they are needed: once after an installation, in parallel."""

from __future__ import annotations

import importlib
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from traffic._kernels_jit import CACHE_FOLDER
from traffic.progress import Progress

__all__ = ["compile_kernels", "is_warm"]

# The longest to compile come first.
_CITY = (
    "traffic._kernels_flow",
    "traffic.microscopic._kernels_run",
    "signals._kernels_splits",
    "signals._kernels_search",
    "traffic._kernels_assignment",
    "signals._kernels_offsets",
    "signals._kernels_dispersion",
)
_MATCHING = ("transit._kernels_matching", "transit._kernels_matching_grid", "transit._kernels_shape")
_PREDICTION = (
    *_MATCHING,
    "transit.prediction._kernels_walking",
    "transit.prediction._kernels_following",
    "transit.prediction._kernels_filter",
    "transit.prediction._kernels_telling",
)
_REPLAY = (
    *_CITY,
    "signals._kernels_signal_delay",
    "signals._kernels_stages",
    "signals._kernels_offset_bound",
    "traffic._kernels_flow_lanes",
    "traffic._kernels_flow_signals",
)
_GROUPS = {"city": _CITY, "matching": _MATCHING, "prediction": _PREDICTION, "replay": _REPLAY}
"""What commands need: a marker in the cache tells that all of a group is there."""


def is_warm(group: str = "city") -> bool:
    """Return whether the kernels of a group, of exactly these sources, have been compiled on this machine."""
    return _marker(group).exists()


def compile_kernels(progress: Progress | None = None, group: str = "city") -> None:
    """Compile what of a group is not in the cache yet, in as many processes as there are processors."""
    if is_warm(group):
        return
    modules = _GROUPS[group]
    workers = min(os.cpu_count() or 1, len(modules))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(_import, name) for name in modules]
        for done, job in enumerate(as_completed(jobs), start=1):
            job.result()
            if progress is not None:
                progress(done, len(modules), "once for this version")
    _marker(group).touch()


def _import(name: str) -> None:
    importlib.import_module(name)


def _marker(group: str) -> Path:
    return CACHE_FOLDER / ("complete" if group == "city" else f"complete-{group}")
