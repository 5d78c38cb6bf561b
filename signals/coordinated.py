"""Which junctions switch together: neighbours whose cycles fit each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import networkx as nx
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from traffic.network import RoadNetwork

__all__ = ["LONGEST_GAP_M", "coordinated_groups", "neighbours"]

LONGEST_GAP_M = 800.0
"""Signals within half a mile of each other should be coordinated (MUTCD, 2009, section 4D.01)."""


def neighbours(network: RoadNetwork, *, longest_m: float = LONGEST_GAP_M) -> list[tuple[int, int]]:
    """Return the pairs of junctions, by index, between which people drive without passing a third.

    Parameters
    ----------
    longest_m
        Length of the shortest way between them, in either direction.
    """
    links = network.links
    graph = nx.DiGraph()
    order = np.argsort(-links.length_m, kind="stable")  # of parallel links the shortest comes last, and stays
    graph.add_weighted_edges_from(
        zip(
            links.from_node[order].tolist(),
            links.to_node[order].tolist(),
            links.length_m[order].tolist(),
            strict=True,
        )
    )
    junction = {int(node): index for index, node in enumerate(network.junctions.node.tolist())}
    plain = graph.copy()
    plain.remove_edges_from([edge for node in junction if node in graph for edge in graph.out_edges(node)])
    found = set()
    for node, index in junction.items():
        for _, first, length in graph.out_edges(node, data="weight") if node in graph else ():
            if length > longest_m:
                continue
            reach = nx.single_source_dijkstra_path_length(plain, first, cutoff=longest_m - length)
            found |= {
                (min(index, other), max(index, other))
                for place in reach
                if (other := junction.get(place)) is not None and other != index
            }
    return sorted(found)


def coordinated_groups(
    cycles_s: Mapping[str, Sequence[int]], pairs: Iterable[tuple[str, str]]
) -> dict[str, list[str]]:
    """Return the junctions that are to switch together, by the name of their group.

    Parameters
    ----------
    cycles_s
        Cycle of each junction in each of the plan sets that come in together.
    pairs
        Junctions that are neighbours. Two are coordinated where in every set one's cycle is a multiple of the other's.
    """
    graph = nx.Graph()
    graph.add_nodes_from(cycles_s)
    graph.add_edges_from(
        (one, other)
        for one, other in pairs
        if one in cycles_s
        and other in cycles_s
        and all(_fit(a, b) for a, b in zip(cycles_s[one], cycles_s[other], strict=True))
    )
    place = {key: position for position, key in enumerate(cycles_s)}
    groups = [sorted(members, key=place.__getitem__) for members in nx.connected_components(graph)]
    groups.sort(key=lambda members: place[members[0]])
    return {f"group {number}": members for number, members in enumerate(groups, start=1)}


def _fit(one_s: int, other_s: int) -> bool:
    return max(one_s, other_s) % min(one_s, other_s) == 0
