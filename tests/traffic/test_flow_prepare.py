"""Preparation of the flow model."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from traffic._flow_prepare import _rings


@given(st.lists(st.floats(min_value=1.0, max_value=300.0), min_size=1, max_size=40), st.integers(0, 1000))
def test_ring_buffers_share_no_entry_and_leave_none_out(lags: list[float], first: int) -> None:
    lag = np.array(lags)
    begin, size, step = _rings(lag, first)
    entries = [range(b, b + n * k, k) for b, n, k in zip(begin, size, step, strict=True)]
    assert sorted(entry for buffer in entries for entry in buffer) == list(
        range(first, first + int(size.sum()))
    )
    assert (size >= np.floor(lag) + 1).all()
    assert ((size & (size - 1)) == 0).all()
