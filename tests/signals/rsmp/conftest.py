"""A junction of four groups for the tests of capabilities."""

from __future__ import annotations

import numpy as np
import pytest

from signals.junction import Conflict, GroupKind, Junction, SignalGroup


@pytest.fixture(scope="session")
def crossing():
    """Return what makes a crossing: the first two groups conflict with the other two."""

    def made(
        *,
        intergreen_s: int,
        names: tuple[str, ...] = ("N", "S", "E", "W"),
        max_green_s: int | None = None,
        cycle_max_s: int = 150,
    ) -> Junction:
        groups = tuple(
            SignalGroup(name, GroupKind.VEHICLE, (row,), (), 5, max_green_s, 0, 3, 1)
            for row, name in enumerate(names)
        )
        apart = np.array([[(row < 2) != (column < 2) for column in range(4)] for row in range(4)])
        return Junction(
            index=0,
            key="osm:1",
            name="crossing",
            groups=groups,
            conflict=np.where(apart, Conflict.FULL, Conflict.NONE),
            intergreen_s=np.where(apart, intergreen_s, 0),
            cycle_min_s=30,
            cycle_max_s=cycle_max_s,
        )

    return made
