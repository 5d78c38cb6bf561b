"""The state of the service: what follows from the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from api.centre import security
from api.centre.security import Access
from api.store.chain import Entry
from api.store.snapshot import SNAPSHOT, Form
from signals.lifecycle import facts
from signals.lifecycle.codec import codec_of
from signals.lifecycle.facts import Fact
from signals.lifecycle.records import Lifecycle

__all__ = ["FORM", "CityMark", "ServiceState", "applied"]

_OF_ACCESS = ("token.", "controller.")


@dataclass(frozen=True)
class CityMark:
    """The city of a ledger.

    Attributes
    ----------
    name
        As it was served first.
    digest
        Of the keys of its junctions; a junction may be built anew, and plans are made for its digest.
    """

    name: str
    digest: str


@dataclass(frozen=True)
class ServiceState:
    """Plans and access, and of which city they are."""

    plans: Lifecycle = field(default_factory=Lifecycle)
    access: Access = field(default_factory=Access)
    city: CityMark | None = None


_CODEC = codec_of(ServiceState)

_MEANING = 1
"""Rises with every change of `applied` by which the same entries give another state of the same form."""

FORM: Form[ServiceState] = Form(_CODEC.encode, _CODEC.decode, f"{_MEANING}:{_CODEC.mark}")
"""How snapshots of the state are written; one of another form is not read."""


def applied(state: ServiceState, entry: Entry) -> ServiceState:
    """Return the state after an entry of the ledger."""
    fact = Fact(entry.kind, entry.data)
    if entry.kind == SNAPSHOT:
        return state
    if entry.kind == "service.city":
        return replace(state, city=CityMark(entry.data["name"], entry.data["digest"]))
    if entry.kind.startswith(_OF_ACCESS):
        return replace(state, access=security.applied(state.access, fact))
    return replace(state, plans=facts.applied(state.plans, fact, entry.at, entry.who))
