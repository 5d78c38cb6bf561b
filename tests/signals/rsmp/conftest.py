"""A junction of four groups for the tests of capabilities."""

from __future__ import annotations

import pytest

from tests.signals.rsmp.sites import made_crossing


@pytest.fixture(scope="session")
def crossing():
    """Return what makes a crossing: the first two groups conflict with the other two."""
    return made_crossing
