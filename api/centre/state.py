"""The state of the service: what follows from the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from api.centre import security
from api.centre.security import Access
from api.store.chain import Entry
from signals.lifecycle import facts
from signals.lifecycle.facts import Fact
from signals.lifecycle.records import Lifecycle

__all__ = ["ServiceState", "applied"]

_OF_ACCESS = ("token.", "controller.")


@dataclass(frozen=True)
class ServiceState:
    """Plans and access."""

    plans: Lifecycle = field(default_factory=Lifecycle)
    access: Access = field(default_factory=Access)


def applied(state: ServiceState, entry: Entry) -> ServiceState:
    """Return the state after an entry of the ledger."""
    fact = Fact(entry.kind, entry.data)
    if entry.kind.startswith(_OF_ACCESS):
        return replace(state, access=security.applied(state.access, fact))
    return replace(state, plans=facts.applied(state.plans, fact, entry.at, entry.who))
