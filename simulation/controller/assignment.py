"""What the service assigns: signed words are verified, judged by the gate, and accepted or refused for good.

Nothing that is not signed is acted on, but for two things that only take away: a version that was never activated rests when the
service no longer names it, and so does an event or an incident, until it is named again. Numbers that only grow (versions of
plans, sequences of orders, dates of keys) are taken from signed words alone, so that nobody else can use them up, and what is
replayed is told from what is new.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from signals.signing import TrustedKeys, Typ
from simulation.controller.days import Programme
from simulation.controller.holding import Held, tidied
from simulation.controller.reading import choice, instant, items, record, text, whole
from simulation.controller.runner import SLOTS, Mode, Order, Release
from simulation.controller.verdicts import (
    Acknowledgement,
    Assigned,
    Received,
    Verdict,
    assigned,
    digest_of,
    read_verdict,
)
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulation.controller.tables import Tables

__all__ = ["Desk"]

EPOCH = "1970-01-01T00:00:00Z"
LONGEST_ORDER_S = 12 * 3600
_MOST_VERDICTS = 64
_PLAN_KEYS = (
    "junction",
    "version",
    "slot",
    "release",
    "tables",
    "activate_from",
    "valid_until",
    "epoch",
    "time_zone",
    "plans",
    "day_types",
)
_CONTENT_KEYS = ("keys", "plans", "resting", "verdicts", "highest_version", "order", "order_sequence")


@dataclass
class Desk:
    """What one controller has accepted.

    Attributes
    ----------
    highest_version, order_sequence
        The highest numbers in signed words so far.
    order
        The last order.
    """

    tables: Tables
    highest_version: int = 0
    order_sequence: int = 0
    order: Order | None = None
    _order_token: str | None = None
    _keys: list[str] = field(default_factory=list)
    _keys_issued_s: float = float("-inf")
    _held: dict[int, Held] = field(default_factory=dict)
    _verdicts: dict[int, Verdict] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._trusted = TrustedKeys.of({"keys": [dict(key) for key in self.tables.keys]})
        self._ever = self._trusted

    @property
    def releases(self) -> dict[str, tuple[Release, ...]]:
        """The accepted versions of every slot, but for those that rest."""
        held = [one.release for _, one in sorted(self._held.items()) if not one.resting]
        return {slot: tuple(r for r in held if r.slot == slot) for slot in SLOTS}

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What was found of the latest signed versions."""
        return tuple(self._verdicts.values())

    def receive(self, document: object, now_s: float, *, shown: int | None = None) -> Received:
        """Take an assignment in.

        Parameters
        ----------
        now_s
            POSIX seconds.
        shown
            The version that the lamps show, in step.

        Raises
        ------
        InputError
            For what is no assignment of this junction. A bad word in a good assignment is a problem of its own.
        """
        values = record(document, ("junction", "slots", "order", "keys"), "assignment", others=True)
        self._require_own(values["junction"])
        rows = sorted(assigned(values["slots"]), key=lambda row: row.version)
        announcements = items(values.get("announcements", []), "announcements")
        before = self.content()
        problems: list[str] = []
        acknowledgements: list[Acknowledgement] = []
        if values["keys"] is not None:
            self._take_announcements([*announcements, values["keys"]], problems)
        for row in rows:
            told = self._judge(row, now_s, problems)
            if told is not None and row.answered(told.result):
                acknowledgements.append(told)
            if row.activation is not None and row.version in self._held:
                _attempt(problems, lambda row=row: self._activate(row.version, row.activation))
        self._forget({row.version for row in rows}, shown, now_s)
        if values["order"] is not None:
            _attempt(problems, lambda: self._take_order(values["order"], now_s))
        return Received(tuple(acknowledgements), tuple(problems), self.content() != before)

    def _require_own(self, junction: object) -> None:
        if junction != self.tables.junction:
            rule = f"must be that of this controller, {self.tables.junction!r}"
            raise InputError(rule, field="junction", value=junction)

    def _take_announcements(self, tokens: list[object], problems: list[str]) -> None:
        """Take announcements of keys from the oldest to the newest, so that one that was missed is made up for.

        Those of before this controller's first keys are nothing to it; where the newest counts, all is well.
        """
        found: list[str] = []
        for token in tokens:
            if self._keys and self._keys[-1] == tokens[-1]:
                return
            if token not in self._keys:
                _attempt(found, lambda token=token: self._take_keys(token))
        if not self._keys or self._keys[-1] != tokens[-1]:
            problems += found[-1:]

    def _take_keys(self, token: object) -> None:
        payload = self._trusted.verify(token, Typ.KEYS)
        issued_s = instant(payload.get("issued_at"), "keys, issued_at")
        if issued_s <= self._keys_issued_s:
            rule = "must be issued after the keys that are trusted now"
            raise InputError(rule, field="keys, issued_at", value=payload["issued_at"])
        named = payload.get("keys")
        new = TrustedKeys.of(named if isinstance(named, dict) else {"keys": named})
        self._trusted, self._keys_issued_s = new, issued_s
        self._ever = TrustedKeys({**self._ever.keys, **new.keys})
        self._keys.append(str(token))

    def _judge(self, row: Assigned, now_s: float, problems: list[str]) -> Acknowledgement | None:
        """Return what is to be said of a version, or nothing where it is none of ours to judge."""
        version, digest = row.version, digest_of(row.plan)
        known = self._verdicts.get(version)
        if known is None or known.token != digest:
            try:
                payload = self._trusted.verify(row.plan, Typ.PLAN)
                self._require_new(payload, version)
            except InputError as error:
                problems.append(f"version {version}: {error}")
                return Acknowledgement(version, "refused", str(error)) if known is None else None
            known = self._verdict(row, payload, now_s)
            self.highest_version = version
            self._verdicts[version] = known
            for old in sorted(self._verdicts)[:-_MOST_VERDICTS]:
                del self._verdicts[old]
            if known.reason:
                problems.append(f"version {version}: {known.reason}")
        result = "refused" if known.reason else "accepted"
        return Acknowledgement(version, result, known.reason)

    def _require_new(self, payload: Mapping[str, Any], version: int) -> None:
        self._require_own(payload.get("junction"))
        if payload.get("version") != version or type(payload["version"]) is not int:
            raise InputError(
                f"must be {version}, as announced", field="version", value=payload.get("version")
            )
        if version <= self.highest_version:
            rule = f"must be higher than {self.highest_version}, which was here before"
            raise InputError(rule, field="version", value=version)

    def _verdict(self, row: Assigned, payload: Mapping[str, Any], now_s: float) -> Verdict:
        try:
            release = self._release(row.slot, payload)
            if row.activation is None:  # one that is over has taken the place of those before it
                _require_valid(release, payload, now_s)
        except InputError as error:
            return Verdict(row.version, digest_of(row.plan), str(error))
        self._held[row.version] = Held(row.plan, None, float("-inf"), release)
        return Verdict(row.version, digest_of(row.plan), "")

    def _release(self, slot: str, payload: Mapping[str, Any]) -> Release:
        """Return the release that a verified payload describes; its plans pass the gate."""
        values = record(payload, _PLAN_KEYS, "plan", others=True)
        rules = (("slot", slot), ("tables", self.tables.digest), ("epoch", EPOCH))
        for name, wanted in rules:
            if values[name] != wanted:
                raise InputError(f"must be {wanted!r}", field=name, value=values[name])
        until = values["valid_until"]
        instant(values["activate_from"], "activate_from")
        programme = Programme.from_values(
            values["plans"], values["day_types"], values["time_zone"], self.tables
        )
        until_s = None if until is None else instant(until, "valid_until")
        name = text(values["release"], "release", empty=True)
        return Release(values["version"], slot, programme, None, until_s, name)

    def _activate(self, version: int, token: str, trusted: TrustedKeys | None = None) -> None:
        held = self._held[version]
        if token == held.activation:
            return
        values = record(
            (trusted or self._trusted).verify(token, Typ.ACTIVATION),
            ("junction", "version", "slot", "issued_at", "activate_at", "until"),
            "activation",
            others=True,
        )
        wanted = {"junction": self.tables.junction, "version": version, "slot": held.release.slot}
        for name, own in wanted.items():
            if values[name] != own:
                raise InputError(f"must be {own!r}", field=f"activation, {name}", value=values[name])
        issued_s = instant(values["issued_at"], "activation, issued_at")
        if held.activation is not None and issued_s <= held.activated_s:
            rule = "must be issued after the one before"
            raise InputError(rule, field="activation, issued_at", value=values["issued_at"])
        plan = self._ever.verify(held.plan, Typ.PLAN)
        active_s = max(
            instant(values["activate_at"], "activation, activate_at"),
            instant(plan["activate_from"], "activate_from"),
        )
        ends = [
            instant(value, "activation, until")
            for value in (values["until"], plan["valid_until"])
            if value is not None
        ]
        until_s = min(ends, default=None)
        if (
            until_s is not None
        ):  # what was ended before it begins has taken the place of those before it all the same
            active_s = min(active_s, until_s)
        release = replace(held.release, active_s=active_s, until_s=until_s)
        self._held[version] = held._replace(activation=token, activated_s=issued_s, release=release)

    def _take_order(self, token: object, now_s: float) -> None:
        if token == self._order_token:
            return
        order = self._read_order(token, self._trusted)
        if order.sequence <= self.order_sequence:
            rule = f"must be higher than {self.order_sequence}, which was here before"
            raise InputError(rule, field="order, sequence", value=order.sequence)
        if order.expires_s <= now_s:
            raise InputError("must not have expired", field="order, expires_at", value=order.expires_s)
        self.order, self.order_sequence, self._order_token = order, order.sequence, str(token)

    def _read_order(self, token: object, trusted: TrustedKeys) -> Order:
        keys = ("junction", "sequence", "mode", "slot", "issued_at", "expires_at")
        values = record(trusted.verify(token, Typ.ORDER), keys, "order", others=True)
        self._require_own(values["junction"])
        mode = Mode(choice(values["mode"], tuple(Mode), "order, mode"))
        slot = None if mode != Mode.SLOT else choice(values["slot"], SLOTS, "order, slot")
        expires_s = instant(values["expires_at"], "order, expires_at")
        issued_s = instant(values["issued_at"], "order, issued_at")
        if expires_s - issued_s > LONGEST_ORDER_S:
            value = values["expires_at"]
            raise InputError("must expire within 12 h", field="order, expires_at", value=value)
        return Order(whole(values["sequence"], "order, sequence", low=1), mode, slot, expires_s, issued_s)

    def _forget(self, named: set[int], shown: int | None, now_s: float) -> None:
        """Let rest what the service does not name, and forget what has been shown to be replaced."""
        self._held, given_up = tidied(self._held, named, shown, now_s)
        for version in given_up:
            if version in self._verdicts:
                reason = "was not named for long, and had to make room for newer ones"
                self._verdicts[version] = self._verdicts[version]._replace(reason=reason)

    def content(self) -> dict[str, Any]:
        """Return what is to be remembered, as plain values."""
        resting = [version for version, one in sorted(self._held.items()) if one.resting]
        content = {
            "keys": [*self._keys],
            "plans": [[one.plan, one.activation] for _, one in sorted(self._held.items())],
            "verdicts": [list(verdict) for verdict in self._verdicts.values()],
            "highest_version": self.highest_version,
            "order": self._order_token,
            "order_sequence": self.order_sequence,
        }
        return content | ({"resting": resting} if resting else {})

    @classmethod
    def restored(cls, tables: Tables, content: object) -> tuple[Desk, list[str]]:
        """Return the desk that remembers `content`, and what of it was refused.

        Every signed word is verified and judged anew. The numbers that only grow are kept also where a plan is refused, as
        after the tables have been changed, or the keys in them.

        Raises
        ------
        InputError
            For what is no memory.
        """
        remembered = record(content, (), "memory", others=True)
        values = record({"resting": [], **remembered}, _CONTENT_KEYS, "memory")
        desk, problems = cls(tables), list[str]()
        tokens = items(values["keys"], "memory, keys")
        if tokens:
            desk._take_announcements(tokens, problems)
        for row in items(values["verdicts"], "memory, verdicts"):
            verdict = read_verdict(row)
            desk._verdicts[verdict.version] = verdict
        for position, row in enumerate(items(values["plans"], "memory, plans")):
            desk._restore_plan(row, f"memory, plans[{position}]", problems)
        for version in items(values["resting"], "memory, resting"):
            if whole(version, "memory, resting") in desk._held:
                desk._held[version] = desk._held[version]._replace(resting=True)
        desk.highest_version = whole(values["highest_version"], "memory, highest_version")
        desk.order_sequence = whole(values["order_sequence"], "memory, order_sequence")
        if values["order"] is not None:
            _attempt(problems, lambda: desk._restore_order(values["order"]))
        return desk, problems

    def _restore_order(self, token: str) -> None:
        self.order = self._read_order(token, self._ever)
        self._order_token = token

    def _restore_plan(self, row: object, where: str, problems: list[str]) -> None:
        pair = items(row, where)
        if len(pair) != 2:
            raise InputError("must be a plan and its activation", field=where, value=len(pair))
        token, activation = pair
        try:
            payload = self._ever.verify(token, Typ.PLAN)
            self._require_own(payload.get("junction"))
            release = self._release(choice(payload.get("slot"), SLOTS, f"{where}, slot"), payload)
            self._held[whole(release.version, where, low=1)] = Held(token, None, float("-inf"), release)
            if activation is not None:
                self._activate(release.version, activation, self._ever)
        except InputError as error:
            problems.append(f"{where}: {error}")
            self._refuse_again(token, str(error))

    def _refuse_again(self, token: object, reason: str) -> None:
        """Take back that a version was accepted, so that the service hears of it."""
        for version, verdict in self._verdicts.items():
            if isinstance(token, str) and verdict.token == digest_of(token):
                self._verdicts[version] = verdict._replace(reason=reason)
                self._held.pop(version, None)


def _require_valid(release: Release, payload: Mapping[str, Any], now_s: float) -> None:
    if release.until_s is not None and release.until_s <= now_s:
        hint = "If it has not, the clock of the controller is wrong"
        raise InputError("has ended", field="valid_until", value=payload["valid_until"], hint=hint)


def _attempt(problems: list[str], act: Any) -> None:
    """Do what one word says, or note why not: the others must not suffer from it."""
    try:
        act()
    except InputError as error:
        problems.append(str(error))
