"""What every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("jasyl", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("jasyl")

_SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the project; tests that need it are skipped without it."""
    if not _SHARED.is_dir():
        pytest.skip("the real data is not here: ../shared/data is no part of the project")
    return _SHARED
