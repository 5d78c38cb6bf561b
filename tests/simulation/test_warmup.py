"""Kernels are compiled, and that is told, before a command needs them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from simulation.warmup import compile_kernels, is_warm

_BROUGHT = """
import importlib, sys
from simulation.warmup import _GROUPS

def kernels():
    return {name for name, module in sys.modules.items() if "._kernels" in name and hasattr(module, "kernel")}

for name in _GROUPS[sys.argv[1]]:
    importlib.import_module(name)
before = kernels()
for name in sys.argv[2:]:
    importlib.import_module(name)
print(*sorted(kernels() - before))
"""


@pytest.mark.parametrize(
    ("group", "modules"),
    [
        ("matching", ["transit.records", "transit.tides", "transit.table_out", "transit.punctuality"]),
        ("prediction", ["transit.records", "transit.prediction.stream", "transit.realtime"]),
        ("replay", ["scenarios.loader", "scenarios.bus_service", "simulation.buses.policies"]),
    ],
)
def test_what_a_command_needs_is_in_its_group(group: str, modules: list[str]) -> None:
    command = [sys.executable, "-c", _BROUGHT, group, *modules]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_what_is_compiled_is_compiled_once(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("simulation.warmup._marker", lambda group: tmp_path / group)
    told: list[tuple[float, float]] = []
    for _ in range(2):
        compile_kernels(lambda done, total, note="": told.append((done, total)), "matching")  # noqa: ARG005
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert is_warm("matching")
    assert not is_warm("city")
