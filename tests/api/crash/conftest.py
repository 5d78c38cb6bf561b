"""What the tests of crashes share."""

from __future__ import annotations

import pytest

from benchmarks.crash.documents import Documents


@pytest.fixture(scope="package")
def documents() -> Documents:
    """Plan sets for the corridor."""
    return Documents("corridor")
