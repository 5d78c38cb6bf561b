"""Teams: lane groups of a node that are played together, because drivers look at each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Teams", "find_teams"]


class Teams(NamedTuple):
    """Teams, sorted by node.

    Attributes
    ----------
    node_begin
        First team of each node, and the end of the last; shape (nodes + 1,).
    begin
        First member of each team, and the end of the last; shape (teams + 1,).
    member
        Lane group of each member.
    watched
        Whether others look at a lane group while it is played; shape (lane groups,).
    """

    node_begin: NDArray[np.int64]
    begin: NDArray[np.int64]
    member: NDArray[np.int64]
    watched: NDArray[np.bool_]


def find_teams(
    node: NDArray[np.int32],
    nodes: int,
    played: NDArray[np.bool_],
    looks: NDArray[np.int64],
    at: NDArray[np.int64],
) -> Teams:
    """Return the teams among the `played` lane groups.

    Parameters
    ----------
    node
        Node of each lane group.
    looks, at
        Pairs of lane groups: the first one looks at the second.
    """
    groups = len(node)
    pairs = coo_array((np.ones(len(looks)), (looks, at)), shape=(groups, groups))
    _, label = connected_components(pairs, directed=False)
    member = np.flatnonzero(played)
    least = np.full(label.max(initial=-1) + 1, groups)
    np.minimum.at(least, label[member], member)
    leader = least[label[member]]
    member = member[np.lexsort((member, leader, node[leader]))]
    leader = least[label[member]]
    starts = np.flatnonzero(np.r_[True, leader[1:] != leader[:-1]][: len(leader)])
    count = np.bincount(node[member[starts]], minlength=nodes)
    watched = np.zeros(groups, dtype=bool)
    watched[at] = True
    return Teams(
        node_begin=np.concatenate([[0], np.cumsum(count)]),
        begin=np.append(starts, len(member)),
        member=member,
        watched=watched,
    )
