"""Who may do what: tokens of people and credentials of controllers, as a pure state like that of plans.

A token is ``jsy_<id>_<secret>``; only the SHA-256 of the secret is stored. The secret has 256 random bits, so that a hash without
salt and stretching is enough. There are no default credentials: the first start prints a token that can do one
thing, once: make the first administrator.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from signals.instants import instant_text, optional_instant
from signals.lifecycle.facts import Fact
from signals.names import folded, same_name
from signals.texts import is_line
from traffic.errors import InputError, RefusedError, UnknownError

__all__ = [
    "BOOTSTRAP_VALID",
    "ROLES",
    "Access",
    "Actor",
    "Credential",
    "Issued",
    "Right",
    "Role",
    "applied",
    "authenticate",
    "bootstrap",
    "create_token",
    "is_valid",
    "issue",
    "register_controller",
    "require_valid",
    "revoke_controller",
    "revoke_token",
    "rotate_controller",
]

BOOTSTRAP_VALID = timedelta(hours=24)
ROTATION_OVERLAP = timedelta(minutes=15)
"""How long the old credential of a controller still counts, so that it can be given the new one."""
LONGEST_TOKEN = timedelta(days=366)

_FORM = re.compile(r"jsy_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_NAME = re.compile(r"\S(.{0,78}\S)?")
_NOT_PEOPLE = tuple(map(folded, ("controller:", "service", "first start")))


class Right(StrEnum):
    """What a role may do."""

    READ = "read"
    DRAFT = "plans:draft"
    APPROVE = "plans:approve"
    PUBLISH = "plans:publish"
    OPERATE = "junctions:operate"
    EJECT = "junctions:eject"
    JOBS = "jobs:run"
    ACCESS = "access:manage"
    CONTROL = "controller"
    FEED = "feed:write"


class Role(StrEnum):
    """What somebody is."""

    VIEWER = "viewer"
    ENGINEER = "engineer"
    APPROVER = "approver"
    ADMINISTRATOR = "administrator"
    CONTROLLER = "controller"
    FEED = "feed"


_PEOPLE = frozenset({Right.READ})
ROLES: Mapping[Role, frozenset[Right]] = {
    Role.VIEWER: _PEOPLE,
    Role.ENGINEER: _PEOPLE | {Right.DRAFT, Right.OPERATE, Right.JOBS},
    Role.APPROVER: _PEOPLE | {Right.APPROVE, Right.PUBLISH, Right.OPERATE},
    Role.ADMINISTRATOR: _PEOPLE
    | {Right.DRAFT, Right.APPROVE, Right.PUBLISH, Right.OPERATE, Right.EJECT, Right.JOBS, Right.ACCESS},
    Role.CONTROLLER: frozenset({Right.CONTROL}),
    Role.FEED: frozenset({Right.FEED}),
}
"""Rights of each role."""


class Issued(NamedTuple):
    """A new secret: the text that is shown once, and what is stored."""

    text: str
    id: str
    digest: str


def issue(random: Callable[[int], bytes]) -> Issued:
    """Return a new token.

    Parameters
    ----------
    random
        Gives so many bytes that nobody can guess (`secrets.token_bytes`).
    """
    identifier = random(8).hex()
    secret = _base64url(random(32))
    return Issued(f"jsy_{identifier}_{secret}", identifier, _digest(secret))


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True)
class Credential:
    """A token as stored.

    Attributes
    ----------
    digest
        SHA-256 of its secret.
    name
        Whose it is; the person, or ``controller:<junction>``.
    rights
        What it may do: that of its roles, or less.
    junction
        The only junction that it is for; none for people.
    once
        True for the token of the first start.
    """

    id: str
    digest: str = field(repr=False)
    name: str
    roles: tuple[Role, ...]
    rights: frozenset[Right]
    expires_at: datetime | None = None
    junction: str | None = None
    once: bool = False


@dataclass(frozen=True)
class Access:
    """All credentials, by their identifiers, and which a controller has."""

    credentials: Mapping[str, Credential] = field(default_factory=dict)
    controllers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def has_administrator(self, at: datetime) -> bool:
        """Return whether somebody can manage access; who has a token that is over cannot."""
        return any(
            Right.ACCESS in c.rights and not c.once and (c.expires_at is None or c.expires_at > at)
            for c in self.credentials.values()
        )


class Actor(NamedTuple):
    """Who makes a request."""

    name: str
    token: str
    roles: tuple[Role, ...]
    rights: frozenset[Right]
    junction: str | None
    once: bool


def authenticate(access: Access, presented: str, at: datetime) -> Actor | None:
    """Return who presents a token; none where it is not one, not ours, or over."""
    match = _FORM.fullmatch(presented)
    credential = access.credentials.get(match[1]) if match else None
    # The comparison is made in any case, so that time does not tell which identifiers there are.
    digest = credential.digest if credential else "0" * 64
    same = hmac.compare_digest(_digest(match[2] if match else presented), digest)
    if credential is None or not same or not is_valid(access, credential.id, at):
        return None
    return Actor(
        credential.name,
        credential.id,
        credential.roles,
        credential.rights,
        credential.junction,
        credential.once,
    )


def is_valid(access: Access, token: str, at: datetime) -> bool:
    """Return whether the token with an identifier counts: it has been neither revoked nor is it over."""
    credential = access.credentials.get(token)
    return credential is not None and (credential.expires_at is None or credential.expires_at > at)


def require_valid(access: Access, actor: Actor, at: datetime) -> None:
    """Raise where the token of whoever asks does not count any more, as it did when it was looked at."""
    if not is_valid(access, actor.token, at):
        raise RefusedError("has been spent or revoked", field="token", value=actor.token, status=403)


def create_token(
    access: Access,
    at: datetime,
    by: Actor,
    issued: Issued,
    *,
    name: str,
    roles: Sequence[Role],
    rights: Sequence[Right] | None = None,
    expires_at: datetime | None = None,
) -> list[Fact]:
    """Make a token for a person or a feed; the token of the first start makes an administrator and is spent."""
    require_valid(access, by, at)
    if not (_NAME.fullmatch(name) and is_line(name)) or folded(name).startswith(_NOT_PEOPLE):
        rule = "must be a name of 1 to 80 characters in a line, and not that of a controller or the service"
        raise InputError(rule, field="name", value=name)
    _require_own_name(access, name)
    if not roles or Role.CONTROLLER in roles:
        hint = "Controllers are registered with their junction"
        raise InputError("must be roles of people or feeds", field="roles", value=", ".join(roles), hint=hint)
    if by.once and Role.ADMINISTRATOR not in roles:
        raise InputError("must have the role administrator", field="roles", value=", ".join(roles))
    whole = frozenset().union(*(ROLES[role] for role in roles))
    narrow = whole if rights is None else frozenset(rights)
    if not narrow or not narrow <= whole:
        raise InputError(
            "must be rights that the roles have",
            field="rights",
            value=", ".join(sorted(narrow - whole or narrow)),
        )
    latest = at + LONGEST_TOKEN
    end = latest if expires_at is None else expires_at
    if not at < end <= latest:
        rule = f"must be later than {instant_text(at)} and no later than {instant_text(latest)}"
        raise InputError(rule, field="expires_at", value=instant_text(end))
    facts = [_created(issued, name, roles, narrow, end)]
    if by.once:
        facts += _revoked_first(access, "spent")
    return facts


def _require_own_name(access: Access, name: str) -> None:
    """Raise where a name can be mistaken for that of somebody else: whoever approves must be seen to be another."""
    for credential in access.credentials.values():
        if credential.name != name and credential.junction is None and same_name(credential.name, name):
            hint = "Take that very name for another token of the same person, or one that nobody can mistake for it"
            rule = f"must not look like {credential.name!r}, who has a token"
            raise InputError(rule, field="name", value=name, hint=hint)


def _revoked_first(access: Access, because: str) -> list[Fact]:
    """Return that the tokens of the first start count no more: each replica may have printed one."""
    return [
        Fact("token.revoked", {"token": credential.id, "because": because})
        for credential in access.credentials.values()
        if credential.once
    ]


def _created(
    issued: Issued,
    name: str,
    roles: Sequence[Role],
    rights: frozenset[Right],
    expires_at: datetime | None,
    *,
    once: bool = False,
) -> Fact:
    return Fact(
        "token.created",
        {
            "token": issued.id,
            "digest": issued.digest,
            "name": name,
            "roles": [role.value for role in roles],
            "rights": sorted(right.value for right in rights),
            "expires_at": None if expires_at is None else instant_text(expires_at),
            "once": once,
        },
    )


def bootstrap(access: Access, at: datetime, issued: Issued, *, shared: bool = False) -> list[Fact]:
    """Make the token of the first start; those that were printed before are spent.

    Parameters
    ----------
    shared
        Whether other replicas may run, whose token counts as well until one of them has made the administrator.
    """
    facts = [] if shared else _revoked_first(access, "a newer one was printed")
    rights = frozenset({Right.ACCESS})
    name = "first start"
    end = at + BOOTSTRAP_VALID
    return [*facts, _created(issued, name, [Role.ADMINISTRATOR], rights, end, once=True)]


def revoke_token(access: Access, at: datetime, token: str) -> list[Fact]:
    """Take a token of a person back, at once."""
    credential = access.credentials.get(token)
    if credential is None or credential.junction is not None:
        raise UnknownError("there is no such token", field="token", value=token)
    left = Access({key: c for key, c in access.credentials.items() if key != token})
    if access.has_administrator(at) and not left.has_administrator(at):
        hint = "Make another administrator first"
        raise RefusedError("is that of the last administrator", field="token", value=token, hint=hint)
    return [Fact("token.revoked", {"token": token, "because": "revoked"})]


def register_controller(access: Access, junction: str, issued: Issued) -> list[Fact]:
    """Give the controller of a junction its first credential."""
    if junction in access.controllers:
        hint = "Rotate its credential, or revoke it first"
        raise RefusedError("is registered", field="junction", value=junction, hint=hint)
    data = {"junction": junction, "token": issued.id, "digest": issued.digest}
    return [Fact("controller.registered", data)]


def rotate_controller(access: Access, at: datetime, junction: str, issued: Issued) -> list[Fact]:
    """Give a controller a new credential; the old one counts for some time more."""
    _require_controller(access, junction)
    data = {
        "junction": junction,
        "token": issued.id,
        "digest": issued.digest,
        "old_until": instant_text(at + ROTATION_OVERLAP),
    }
    return [Fact("controller.rotated", data)]


def revoke_controller(access: Access, junction: str) -> list[Fact]:
    """Take all credentials of a controller back, at once."""
    _require_controller(access, junction)
    return [Fact("controller.revoked", {"junction": junction})]


def _require_controller(access: Access, junction: str) -> None:
    if junction not in access.controllers:
        raise UnknownError("has no controller that is registered", field="junction", value=junction)


def applied(access: Access, fact: Fact) -> Access:
    """Return the access after `fact`."""
    return _KINDS[fact.kind](access, fact.data)


def _token_created(access: Access, data: Mapping[str, Any]) -> Access:
    credential = Credential(
        id=data["token"],
        digest=data["digest"],
        name=data["name"],
        roles=tuple(Role(role) for role in data["roles"]),
        rights=frozenset(Right(right) for right in data["rights"]),
        expires_at=optional_instant(data["expires_at"], "expires_at"),
        once=data["once"],
    )
    return replace(access, credentials={**access.credentials, credential.id: credential})


def _token_revoked(access: Access, data: Mapping[str, Any]) -> Access:
    return replace(access, credentials=_without(access.credentials, (data["token"],)))


def _without(credentials: Mapping[str, Credential], identifiers: Sequence[str]) -> dict[str, Credential]:
    return {key: value for key, value in credentials.items() if key not in identifiers}


def _of_controller(data: Mapping[str, Any]) -> Credential:
    return Credential(
        id=data["token"],
        digest=data["digest"],
        name=f"controller:{data['junction']}",
        roles=(Role.CONTROLLER,),
        rights=ROLES[Role.CONTROLLER],
        junction=data["junction"],
    )


def _controller_registered(access: Access, data: Mapping[str, Any]) -> Access:
    credential = _of_controller(data)
    return Access(
        {**access.credentials, credential.id: credential},
        {**access.controllers, data["junction"]: (credential.id,)},
    )


def _controller_rotated(access: Access, data: Mapping[str, Any]) -> Access:
    credential = _of_controller(data)
    *older, last = access.controllers[data["junction"]]
    credentials = _without(access.credentials, older)
    until = optional_instant(data["old_until"], "old_until")
    credentials[last] = replace(credentials[last], expires_at=until)
    credentials[credential.id] = credential
    return Access(credentials, {**access.controllers, data["junction"]: (last, credential.id)})


def _controller_revoked(access: Access, data: Mapping[str, Any]) -> Access:
    gone = access.controllers[data["junction"]]
    controllers = {key: value for key, value in access.controllers.items() if key != data["junction"]}
    return Access(_without(access.credentials, gone), controllers)


_KINDS: Mapping[str, Callable[[Access, Mapping[str, Any]], Access]] = {
    "token.created": _token_created,
    "token.revoked": _token_revoked,
    "controller.registered": _controller_registered,
    "controller.rotated": _controller_rotated,
    "controller.revoked": _controller_revoked,
}
