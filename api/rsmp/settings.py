"""Addresses, times and limits of the RSMP supervisor."""

from __future__ import annotations

from dataclasses import dataclass, field

from signals.rsmp.messages import Subscription
from signals.rsmp.session import Timing
from traffic.errors import InputError

__all__ = ["DEFAULT_PORT", "SUBSCRIPTIONS", "RsmpSettings"]

DEFAULT_PORT = 12111

SUBSCRIPTIONS: tuple[Subscription, ...] = (
    *(Subscription("S0007", name, 0, on_change=True) for name in ("intersection", "status", "source")),
    *(Subscription("S0011", name, 0, on_change=True) for name in ("intersection", "status", "source")),
    *(Subscription("S0014", name, 0, on_change=True) for name in ("status", "source")),
    *(Subscription("S0020", name, 0, on_change=True) for name in ("intersection", "controlmode")),
    *(Subscription("S0097", name, 3600, on_change=True) for name in ("checksum", "timestamp")),
    Subscription("S0033", "status", 0, on_change=True),
)
"""What is subscribed to at every site once it is connected: what says in which state it is, and little of it."""


@dataclass(frozen=True)
class RsmpSettings:
    """Addresses, times (s) and limits.

    Attributes
    ----------
    request_s
        From a request to its answer.
    probe_s
        How long a connection has to answer when its site appears a second time.
    send_s
        How long a peer may leave what it was sent unread.
    poll_s, activation_s, mode_s
        How often a status is asked for that is to change; how long a change of plan and of mode may take.
    messages_s, burst
        How many messages a second are read from a site, after so many at once (a whole buffer after a disruption).
        What comes faster waits in the site.
    connections, strangers, strangers_per_address
        Connections in all; of those, how many may not have said who they are, in all and from one address.
    clock_tolerance_s
        By how much a clock may be off just after it was set.
    subscriptions
        What is subscribed to at every site.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    timing: Timing = field(default_factory=Timing)
    request_s: float = 30.0
    probe_s: float = 5.0
    send_s: float = 10.0
    poll_s: float = 2.0
    activation_s: float = 300.0
    mode_s: float = 120.0
    messages_s: float = 100.0
    burst: int = 12_000
    connections: int = 2_000
    strangers: int = 200
    strangers_per_address: int = 50
    clock_tolerance_s: float = 3.0
    subscriptions: tuple[Subscription, ...] = SUBSCRIPTIONS

    def __post_init__(self) -> None:
        times = ("request_s", "probe_s", "send_s", "poll_s", "activation_s", "mode_s", "messages_s")
        counts = ("burst", "connections", "strangers", "strangers_per_address")
        for name in (*times, *counts, "clock_tolerance_s"):
            if not getattr(self, name) > 0:
                raise InputError("must be more than 0", field=name, value=getattr(self, name))
        if not 0 <= self.port <= 65535:
            raise InputError("must be from 0 to 65535", field="port", value=self.port)
