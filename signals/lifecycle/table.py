"""A mapping that never changes: a change gives another one, which shares all but a few small parts with it.

A plain dictionary would be copied as a whole for each entry of the ledger, and plan sets are many after some years. The
table is a trie of the hashes of its keys (Bagwell, Ideal hash trees, 2001); leaves are small dictionaries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias, TypeVar

__all__ = ["Table"]

V = TypeVar("V")
T = TypeVar("T")

_BITS = 5
_WIDTH = 1 << _BITS
_MOST_IN_LEAF = 16
_DEEPEST = 60  # bits of a hash that are used; keys that have all of them in common share a leaf

_Leaf: TypeAlias = dict[str, tuple[int, V]]
_Node: TypeAlias = "_Leaf[Any] | tuple[Any, ...]"


class Table(Mapping[str, V]):
    """A mapping of text, in the order in which keys were first put in; changes take a time that does not grow with it."""

    __slots__ = ("_count", "_next", "_root")

    def __init__(self) -> None:
        self._root: _Node = {}
        self._count = 0
        self._next = 0  # the place of the next new key

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, V]]) -> Table[V]:
        """Return a table of keys and values, in their order."""
        table: Table[V] = cls()
        for key, value in pairs:
            table = table.with_item(key, value)
        return table

    def with_item(self, key: str, value: V) -> Table[V]:
        """Return a table that has `value` under `key`; a key that was there keeps its place."""
        found = self._find(key)
        place = self._next if found is None else found[0]
        root = _put(self._root, hash(key), 0, key, (place, value))
        return self._made(root, self._count + (found is None), self._next + (found is None))

    def without(self, key: str) -> Table[V]:
        """Return a table without `key`, which may be absent."""
        if key not in self:
            return self
        return self._made(_removed(self._root, hash(key), 0, key), self._count - 1, self._next)

    def __getitem__(self, key: str) -> V:
        found = self._find(key)
        if found is None:
            raise KeyError(key)
        return found[1]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._find(key) is not None

    def __iter__(self) -> Iterator[str]:
        rows = sorted((place, key) for leaf in _leaves(self._root) for key, (place, _) in leaf.items())
        return (key for _, key in rows)

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"Table({dict(self)!r})"

    def _find(self, key: str) -> tuple[int, V] | None:
        node, rest = self._root, hash(key)
        while isinstance(node, tuple):
            node, rest = node[rest % _WIDTH], rest >> _BITS
        found: tuple[int, V] | None = node.get(key)
        return found

    @staticmethod
    def _made(root: _Node, count: int, following: int) -> Table[T]:
        table: Table[T] = Table()
        table._root, table._count, table._next = root, count, following
        return table


def _put(node: _Node, rest: int, depth: int, key: str, row: tuple[int, Any]) -> _Node:
    """Return a node that has a row too, of a key whose hash has `rest` left at this depth (bits)."""
    if isinstance(node, tuple):
        child = rest % _WIDTH
        changed = _put(node[child], rest >> _BITS, depth + _BITS, key, row)
        return (*node[:child], changed, *node[child + 1 :])
    leaf = {**node, key: row}
    return leaf if len(leaf) <= _MOST_IN_LEAF or depth >= _DEEPEST else _split(leaf, depth)


def _split(leaf: _Leaf[Any], depth: int) -> tuple[_Leaf[Any], ...]:
    parts: tuple[_Leaf[Any], ...] = tuple({} for _ in range(_WIDTH))
    for key, row in leaf.items():
        parts[(hash(key) >> depth) % _WIDTH][key] = row
    return parts


def _removed(node: _Node, rest: int, depth: int, key: str) -> _Node:
    if isinstance(node, tuple):
        child = rest % _WIDTH
        changed = _removed(node[child], rest >> _BITS, depth + _BITS, key)
        return (*node[:child], changed, *node[child + 1 :])
    return {name: row for name, row in node.items() if name != key}


def _leaves(node: _Node) -> Iterator[_Leaf[Any]]:
    if isinstance(node, tuple):
        for child in node:
            yield from _leaves(child)
    else:
        yield node
