"""The store behind the service: Redis, and what is kept in it.

`redis_server`
    A Redis of our own; `connection` speaks to it, or to one by URL.
`ledger`
    The entries that everything follows from; `chain` is their form, `batch` how commands are decided together, `log` the stream,
    `replay` the state that follows, `snapshot` one that a start goes on from, `snapshot_keeper` makes it.
`documents`, `reports`, `archive`, `idempotency`
    Bytes by digest, what controllers report, old reports in files, answers to requests that are sent twice.
"""

from __future__ import annotations

from api.store.archive import Archive
from api.store.batch import Decision
from api.store.chain import Entry, Fact
from api.store.connection import Store, connect
from api.store.documents import Documents
from api.store.errors import FellBehind, KeyInUse, LedgerDamaged, StoreDamaged, StoreUnavailable
from api.store.idempotency import Answer, Claim, Idempotency, fingerprint
from api.store.ledger import Ledger
from api.store.redis_server import RedisServer
from api.store.replay import Verified
from api.store.reports import Accepted, Page, Report, Reports, StoredReport
from api.store.snapshot import Form, Snapshots
from api.store.snapshot_keeper import SnapshotKeeper

__all__ = [
    "Accepted",
    "Answer",
    "Archive",
    "Claim",
    "Decision",
    "Documents",
    "Entry",
    "Fact",
    "FellBehind",
    "Form",
    "Idempotency",
    "KeyInUse",
    "Ledger",
    "LedgerDamaged",
    "Page",
    "RedisServer",
    "Report",
    "Reports",
    "SnapshotKeeper",
    "Snapshots",
    "Store",
    "StoreDamaged",
    "StoreUnavailable",
    "StoredReport",
    "Verified",
    "connect",
    "fingerprint",
]
