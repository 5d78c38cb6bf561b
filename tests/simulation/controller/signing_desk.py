"""A service in small: it signs plans, activations, orders and keys for one controller."""

from __future__ import annotations

from typing import Any

from signals.signing import Signer, Typ
from signals.wire import plan_to_dict
from simulation.controller.reading import shown_instant
from simulation.controller.tables import Tables
from tests.signals.hand_plans import crossroads_junction, crossroads_plans
from tests.simulation.controller.tables_for_tests import tables_of

NOW = 1_795_780_800.0  # 2026-11-27T12:00:00Z
EVERY_DAY = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def day_types(*entries: tuple[str, str]) -> list[dict[str, Any]]:
    rows = [{"from": at, "plans": plan, "transition": "shortway"} for at, plan in entries]
    return [{"name": "every day", "days": list(EVERY_DAY), "entries": rows}]


def plan_values(name: str = "a", *, offset_s: int = 0, **changes: Any) -> dict[str, Any]:
    return plan_to_dict(crossroads_plans(offset_s=offset_s)[0]) | {"name": name} | changes


def controller_tables(signer: Signer, **changes: Any) -> Tables:
    junction = changes.get("junction", "centre")
    plans = [plan_values("local", offset_s=11, junction=junction)]
    schedule = {"plans": plans, "day_types": day_types(("00:00", "local"))}
    values = {"keys": [signer.public], "schedule": schedule, "backup_s": 120} | changes
    return tables_of(crossroads_junction(), **values)


class Service:
    """Signs, and puts assignments together; does not check anything."""

    def __init__(self, seed: int = 1, junction: str = "centre") -> None:
        self.signer = Signer.of_seed(bytes([seed]) * 32)
        self.sequence = 0
        self.slots: dict[str, dict[str, Any]] = {}
        self.order: str | None = None
        self.keys: str | None = None
        self.junction = junction

    @property
    def tables(self) -> Tables:
        return controller_tables(self.signer, junction=self.junction)

    def payload(self, version: int, slot: str = "base", /, **changes: Any) -> dict[str, Any]:
        return {
            "junction": self.junction,
            "version": version,
            "slot": slot,
            "release": f"set-{version}",
            "group": "all",
            "tables": crossroads_junction().digest,
            "issued_at": shown_instant(NOW),
            "activate_from": shown_instant(NOW),
            "valid_until": None,
            "epoch": "1970-01-01T00:00:00Z",
            "time_zone": "Asia/Almaty",
            "plans": [plan_values(f"v{version}", offset_s=version % 80, junction=self.junction)],
            "day_types": day_types(("00:00", f"v{version}")),
        } | changes

    def sign(self, typ: Typ, payload: dict[str, Any]) -> str:
        return self.signer.sign(typ, payload)

    def publish(self, version: int, slot: str = "base", /, **changes: Any) -> str:
        token = self.sign(Typ.PLAN, self.payload(version, slot, **changes))
        row = self.slots.setdefault(slot, {"current": None, "pending": None})
        row["pending"] = {"version": version, "plan": token, "activation": None}
        return token

    def activation(self, version: int, slot: str, at: float, *, until: float | None, issued: float) -> str:
        payload = {
            "junction": self.junction,
            "version": version,
            "slot": slot,
            "issued_at": shown_instant(issued),
            "activate_at": shown_instant(at),
            "until": None if until is None else shown_instant(until),
        }
        return self.sign(Typ.ACTIVATION, payload)

    def activate(
        self, slot: str = "base", at: float = NOW, *, until: float | None = None, issued: float = NOW
    ) -> None:
        row = self.slots[slot]
        if row["pending"] is not None:
            row["current"], row["pending"] = row["pending"], None
        version = row["current"]["version"]
        token = self.activation(version, slot, at, until=until, issued=issued)
        row["current"] = row["current"] | {"activation": token}

    def order_token(self, sequence: int, mode: str, **changes: Any) -> str:
        payload = {
            "junction": self.junction,
            "sequence": sequence,
            "mode": mode,
            "slot": None,
            "issued_at": shown_instant(NOW),
            "expires_at": shown_instant(NOW + 600),
        }
        return self.sign(Typ.ORDER, payload | changes)

    def keys_token(self, signers: list[Signer], issued: float = NOW) -> str:
        keys = {"keys": [signer.public for signer in signers]}
        return self.sign(Typ.KEYS, {"keys": keys, "issued_at": shown_instant(issued)})

    @property
    def assignment(self) -> dict[str, Any]:
        self.sequence += 1
        return {
            "junction": self.junction,
            "sequence": self.sequence,
            "slots": {slot: dict(row) for slot, row in self.slots.items()},
            "order": self.order,
            "keys": self.keys,
        }
