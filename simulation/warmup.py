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
_MODULES = (
    "traffic._kernels_flow",
    "traffic.microscopic._kernels_run",
    "signals._kernels_splits",
    "signals._kernels_search",
    "traffic._kernels_assignment",
    "signals._kernels_offsets",
    "signals._kernels_dispersion",
)


def is_warm() -> bool:
    """Return whether the kernels of exactly these sources have been compiled on this machine."""
    return _marker().exists()


def compile_kernels(progress: Progress | None = None) -> None:
    """Compile what is not in the cache yet, in as many processes as there are processors."""
    if is_warm():
        return
    workers = min(os.cpu_count() or 1, len(_MODULES))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(_import, name) for name in _MODULES]
        for done, job in enumerate(as_completed(jobs), start=1):
            job.result()
            if progress is not None:
                progress(done, len(_MODULES), "once for this version")
    _marker().touch()


def _import(name: str) -> None:
    importlib.import_module(name)


def _marker() -> Path:
    return CACHE_FOLDER / "complete"
