"""How good a network came out of an import: what was matched, assumed, dropped, and looks suspicious."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Dropped", "QualityReport", "Suspicion", "WrongTag"]


@dataclass(frozen=True)
class Dropped:
    """Roads that were left out."""

    reason: str
    pieces: int
    km: float


@dataclass(frozen=True)
class Suspicion:
    """Geometry that an engineer should look at.

    Attributes
    ----------
    what
        ``"very short link"``, ``"more than 6 legs"``, ...
    where
        Junction key, or way and link.
    detail
        The value that is suspicious.
    osm_ids
        Nodes or ways to look up.
    """

    what: str
    where: str
    detail: str
    osm_ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class WrongTag:
    """A tag of a way whose value breaks a rule, so that something else was used.

    Attributes
    ----------
    way
        OSM id of the way.
    used
        What the import went on with.
    """

    way: int
    key: str
    value: str
    rule: str
    used: str

    def __str__(self) -> str:
        return f"way {self.way}: {self.key} = {self.value!r}, used {self.used}"


@dataclass(frozen=True)
class QualityReport:
    """Quality of an imported network.

    Attributes
    ----------
    signal_nodes
        Signal nodes of the extract, those that the engineer added or took out included.
    unmatched
        Reason for each signal node that no junction governs, by OSM id.
    beside_road
        Signal nodes off the road that belong to a junction because they stand at it.
    intersections, crossings
        Junctions by kind.
    nodes, links, movements, link_km, lane_km
        Size of the network.
    defaults
        Links whose lanes and speed are defaults: ``{"lanes": ..., "speed": ...}``.
    dropped
        Roads left out, by reason.
    restrictions
        Turn restrictions, by fate.
    turn_lanes_ignored
        Links whose turn-lane tags contradict the geometry or the number of lanes.
    wrong_tags
        Tags whose values break a rule.
    suspicions
        What to look at.
    counts
        What else was seen.
    warnings
        Sentences for the user.
    seconds
        Time that it took.
    """

    name: str
    source: str
    signal_nodes: int
    unmatched: Mapping[int, str]
    beside_road: int
    intersections: int
    crossings: int
    nodes: int
    links: int
    movements: int
    link_km: float
    lane_km: float
    defaults: Mapping[str, int]
    dropped: tuple[Dropped, ...]
    restrictions: Mapping[str, int]
    turn_lanes_ignored: int
    wrong_tags: tuple[WrongTag, ...]
    suspicions: tuple[Suspicion, ...]
    counts: Mapping[str, int]
    warnings: tuple[str, ...]
    seconds: float

    @property
    def junctions(self) -> int:
        """Signal junctions of either kind."""
        return self.intersections + self.crossings

    @property
    def signals_matched(self) -> int:
        """Signal nodes that a junction governs."""
        return self.signal_nodes - len(self.unmatched)

    def as_dict(self) -> dict[str, object]:
        """Return what ``jasyl import osm --json`` prints, and details after it."""
        reasons: dict[str, int] = {}
        for reason in self.unmatched.values():
            short = reason.partition(" (")[0]
            reasons[short] = reasons.get(short, 0) + 1
        return {
            "junctions": self.junctions,
            "signal_nodes": self.signal_nodes,
            "signals_unmatched": len(self.unmatched),
            "nodes": self.nodes,
            "links": self.links,
            "lane_km": round(self.lane_km, 3),
            "movements": self.movements,
            "seconds": round(self.seconds, 3),
            "warnings": list(self.warnings),
            "intersections": self.intersections,
            "crossings": self.crossings,
            "signals_beside_road": self.beside_road,
            "unmatched_reasons": dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
            "defaults": dict(self.defaults),
            "dropped": [{"reason": d.reason, "pieces": d.pieces, "km": round(d.km, 3)} for d in self.dropped],
            "restrictions": dict(self.restrictions),
            "turn_lanes_ignored": self.turn_lanes_ignored,
            "wrong_tags": len(self.wrong_tags),
            "suspicious": {what: len(rows) for what, rows in self.by_suspicion().items()},
            "counts": dict(self.counts),
        }

    def by_suspicion(self) -> dict[str, list[Suspicion]]:
        """Return the suspicions by what is suspicious."""
        groups: dict[str, list[Suspicion]] = {}
        for suspicion in self.suspicions:
            groups.setdefault(suspicion.what, []).append(suspicion)
        return groups

    def text(self, *, examples: int = 5) -> str:
        """Return the report as lines of text, with some examples of each suspicion."""
        lines = [
            (
                f"{self.name}: {self.junctions} signal junctions ({self.intersections} intersections, "
                f"{self.crossings} crossings) from {self.signal_nodes} signal nodes"
            ),
            (
                f"signals: {self.signals_matched} matched ({self.beside_road} of them beside the road), "
                f"{len(self.unmatched)} not"
            ),
            (
                f"network: {self.nodes} nodes, {self.links} links ({self.link_km:.0f} km, "
                f"{self.lane_km:.0f} lane km), {self.movements} movements"
            ),
            f"defaults used: lanes on {self._share('lanes')}, speed on {self._share('speed')} of the links",
        ]
        lines += [
            f"signal {osm_id} not matched: {reason}" for osm_id, reason in sorted(self.unmatched.items())
        ]
        lines += [f"left out: {d.pieces} pieces, {d.km:.1f} km: {d.reason}" for d in self.dropped]
        lines += [f"turn restrictions: {count} {fate}" for fate, count in self.restrictions.items()]
        lines.append(f"turn-lane tags not used: {self.turn_lanes_ignored} links")
        lines += [f"wrong tag: {tag}; the value {tag.rule}" for tag in self.wrong_tags]
        for what, rows in self.by_suspicion().items():
            lines.append(f"suspicious: {what}: {len(rows)}")
            lines += [f"  {row.where}: {row.detail}" for row in rows[:examples]]
        lines += [f"seen: {count} {what}" for what, count in sorted(self.counts.items())]
        lines += [f"warning: {warning}" for warning in self.warnings]
        return "\n".join(lines)

    def _share(self, what: str) -> str:
        return f"{100.0 * self.defaults.get(what, 0) / max(self.links, 1):.0f} %"
