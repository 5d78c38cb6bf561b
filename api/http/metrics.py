"""Figures for Prometheus: one registry, to which every part adds its own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_1_0_0

__all__ = ["CollectorRegistry", "Counter", "Gauge", "Histogram", "Metrics"]

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The registry of one service, and what it counts of its requests.

    Attributes
    ----------
    registry
        To which collectors are added: ``Counter("jasyl_...", "...", registry=metrics.registry)``.
    """

    media_type = CONTENT_TYPE_PLAIN_1_0_0

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "jasyl_http_requests",
            "Requests answered, by method, route and status.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "jasyl_http_request_seconds",
            "From the head of a request to the end of its answer, by method and route.",
            ("method", "route"),
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self._open = Gauge(
            "jasyl_http_requests_open", "Requests that are being answered.", registry=self.registry
        )
        # Finding the child of labels takes longer than counting.
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._timers: dict[tuple[str, str], Histogram] = {}

    def began(self) -> None:
        """Take note that a request came."""
        self._open.inc()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Take note of an answer; `route` is the template, of which there are few."""
        self._open.dec()
        counted, timed = (method, route, status), (method, route)
        counter = self._counters.get(counted)
        if counter is None:
            counter = self._counters[counted] = self._requests.labels(method, route, str(status))
            self._timers.setdefault(timed, self._seconds.labels(method, route))
        counter.inc()
        self._timers[timed].observe(seconds)

    def text(self) -> bytes:
        """Return all figures as Prometheus reads them."""
        return generate_latest(self.registry)
