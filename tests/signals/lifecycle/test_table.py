"""A table is a dictionary that does not change, whatever is put in and taken out, and wherever hashes meet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.lifecycle import table as module
from signals.lifecycle.table import Table


class SameHash(str):
    """A key whose hash many others have."""

    __slots__ = ()

    def __hash__(self) -> int:
        return 7 + (len(self) << 62)


KEYS = st.integers(0, 80).map(str) | st.integers(0, 40).map(lambda n: SameHash(f"same-{n}"))
STEPS = st.lists(st.tuples(KEYS, st.none() | st.integers()), max_size=150)


@given(STEPS)
def test_it_does_what_a_dictionary_does(steps):
    table, plain = Table(), {}
    passed = []
    for key, value in steps:
        passed.append((table, dict(plain)))
        if value is None:
            table, _ = table.without(key), plain.pop(key, None)
        else:
            table = table.with_item(key, value)
            plain[key] = value
        assert (key in table, table.get(key), len(table)) == (key in plain, plain.get(key), len(plain))
    for was, then in [*passed, (table, plain)]:
        assert list(was.items()) == list(then.items())  # in the same order; those before are as they were
        assert was == then
    assert Table.of(plain.items()) == table


def test_what_is_not_there():
    table = Table.of([("a", 1)])
    with pytest.raises(KeyError, match="b"):
        table["b"]
    assert 1 not in table
    assert table.without("b") is table
    assert repr(table) == "Table({'a': 1})"
    assert table != Table.of([("a", 2)])


def test_a_change_shares_all_but_a_few_parts():
    table = Table.of((str(n), n) for n in range(20_000))
    changed = table.with_item("7", -1)
    before, after = ({id(leaf) for leaf in module._leaves(one._root)} for one in (table, changed))
    assert len(before) > 1000
    assert len(before - after) == len(after - before) == 1
    assert (table["7"], changed["7"]) == (7, -1)
