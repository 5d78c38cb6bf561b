"""Capabilities of made-up controllers."""

from __future__ import annotations

import operator

import numpy as np
from hypothesis import strategies as st

from signals.junction import Conflict, GroupKind, Junction, SignalGroup
from signals.rsmp.capability import Band, Capability, SiteGroup, StoredPlan
from signals.rsmp.mapping import RsmpPlan
from tests.signals.rsmp.samples import SITE

NS, EW = frozenset({"N", "S"}), frozenset({"E", "W"})


def two_stages(number: int, **changes: object) -> StoredPlan:
    """Return a stored plan of two stages: a band of 0 to 60 s on the first, the second has the rest."""
    values = {
        "number": number,
        "stages": (NS, EW),
        "base_s": (15, 20),
        "cycle_s": 60,
        "cycle_range_s": (40, 120),
        "offset_settable": True,
        "remainder": 2,
        "bands": (Band(1, 1, 0, 60),),
    }
    return StoredPlan(**{**values, **changes})


def site(*plans: StoredPlan, **changes: object) -> Capability:
    """Return a controller of four groups."""
    values = {
        "site": SITE,
        "component": SITE,
        "junction": "osm:1",
        "sxl": "1.2.1",
        "security": "osm:1",
        "groups": tuple(SiteGroup(name, f"{SITE[:-5]}SG00{row}") for row, name in enumerate("NESW", 1)),
        "intergreens": dict.fromkeys((("N", "E"), ("S", "W"), ("E", "N"), ("W", "S")), 5),
        "plans": plans or (two_stages(1), two_stages(2)),
    }
    return Capability(**{**values, **changes})


@st.composite
def stored_plans(
    draw: st.DrawFn, number: int, *, stages: tuple[frozenset[str], ...] | None = None, base_s: int = 6
) -> StoredPlan:
    """Draw a stored plan that can be set in at least one way."""
    count = draw(st.integers(2, 5)) if stages is None else len(stages)
    names = st.sets(st.sampled_from("NESW"), min_size=1).map(frozenset)
    if stages is None:
        rows = st.lists(names, min_size=count, max_size=count)
        stages = tuple(draw(rows.filter(lambda row: all(map(operator.ne, row, [*row[1:], row[0]])))))
    remainder = draw(st.none() | st.integers(1, count))
    base = draw(st.lists(st.integers(base_s, base_s + 14), min_size=count, max_size=count))
    free = [stage for stage in range(1, count + 1) if stage != remainder]
    banded = draw(st.lists(st.sampled_from(free), unique=True))
    numbers = draw(st.permutations(range(1, 11)))
    bands = []
    for band, stage in zip(numbers, banded, strict=False):
        low = draw(st.integers(0, 5))
        bands.append(Band(band, stage, low, draw(st.integers(low, 30))))
    least = sum(base) + sum(band.min_s for band in bands)
    most = sum(base) + sum(band.max_s for band in bands) if remainder is None else 255
    low = draw(st.integers(min(least, 30), min(least, 255)))
    high = draw(st.integers(least, 255))
    cycle = draw(st.integers(least, min(high, most)))
    settable = draw(st.booleans())
    return StoredPlan(
        number=number,
        stages=stages,
        base_s=tuple(base),
        cycle_s=cycle,
        cycle_range_s=(low, high) if settable else None,
        offset_s=draw(st.integers(0, 255)),
        offset_settable=draw(st.booleans()),
        counter_s=draw(st.integers(0, (low if settable else cycle) - 1)),
        remainder=remainder,
        bands=tuple(bands),
    )


@st.composite
def settings_of(draw: st.DrawFn, stored: StoredPlan) -> RsmpPlan:
    """Draw one way in which a stored plan can be set."""
    low, high = stored.cycle_range_s or (stored.cycle_s, stored.cycle_s)
    seconds = {band.number: draw(st.integers(band.min_s, band.max_s)) for band in stored.bands}
    total = sum(stored.base_s) + sum(seconds.values())
    if stored.remainder is None:
        cycle = total
    else:
        cycle = draw(st.integers(max(low, total), max(high, total)))
    offset = draw(st.integers(0, cycle - 1)) if stored.offset_settable else stored.offset_s
    return RsmpPlan(stored.number, cycle, offset, tuple(sorted(seconds.items())))


def made_crossing(
    *,
    intergreen_s: int,
    names: tuple[str, ...] = ("N", "S", "E", "W"),
    together: tuple[tuple[int, int], ...] = ((0, 1), (2, 3)),
    max_green_s: int | None = None,
    cycle_max_s: int = 150,
) -> Junction:
    """Return a crossing of four groups, of which those that are `together` do not conflict."""
    groups = tuple(
        SignalGroup(name, GroupKind.VEHICLE, (row,), (), 5, max_green_s, 0, 3, 1)
        for row, name in enumerate(names)
    )
    apart = np.ones((4, 4), dtype=bool)
    for pair in together:
        apart[np.ix_(pair, pair)] = False
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
