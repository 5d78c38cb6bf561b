"""Same seed, same bytes: at any number of threads and under any hash seed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

_MAIN = "from api.cli import main; main()"
_PROJECT = Path(__file__).resolve().parents[2]


def _run(folder: Path, threads: int, hash_seed: int, *arguments: str) -> str:
    counts = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = os.environ | dict.fromkeys(counts, str(threads))
    environment |= {"PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(_PROJECT)}
    done = subprocess.run(
        [sys.executable, "-c", _MAIN, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _products(folder: Path, *, threads: int, hash_seed: int) -> dict[str, object]:
    """Optimise, evaluate and report in processes of their own; return everything but the seconds taken."""
    folder.mkdir()
    printed = {}
    for name, arguments in (
        ("optimize", ("--seed", "3", "--steps", "12", "-o", "plans.json", "--json")),
        ("evaluate", ("--plans", "plans.json", "--json")),
    ):
        printed[name] = json.loads(_run(folder, threads, hash_seed, name, "corridor", *arguments))
        del printed[name]["seconds"]
    _run(folder, threads, hash_seed, "report", "corridor", "--plans", "plans.json", "-o", "report.html")
    return printed | {name: (folder / name).read_bytes() for name in ("plans.json", "report.html")}


def test_same_seed_same_bytes_at_1_and_2_threads(tmp_path: Path) -> None:
    one = _products(tmp_path / "one", threads=1, hash_seed=1)
    two = _products(tmp_path / "two", threads=2, hash_seed=2)
    assert one["optimize"]["objective_after"] < one["optimize"]["objective_before"]
    for name, product in one.items():
        assert product == two[name], name
    # The comparison can tell plans apart: another seed gives others.
    _run(tmp_path, 1, 1, "optimize", "corridor", "--seed", "4", "--steps", "12", "-o", "other.json")
    assert (tmp_path / "other.json").read_bytes() != one["plans.json"]
