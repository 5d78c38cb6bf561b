"""Tokens and credentials as a pure state."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from api.centre.security import (
    ROLES,
    Access,
    Actor,
    Credential,
    Issued,
    Right,
    Role,
    applied,
    authenticate,
    bootstrap,
    create_token,
    issue,
    register_controller,
    revoke_controller,
    revoke_token,
    rotate_controller,
)
from traffic.errors import InputError, RefusedError, UnknownError

NOW = datetime(2026, 11, 27, 7, 0, tzinfo=UTC)


def numbered(n: int) -> Issued:
    return issue(lambda size: bytes([n]) * size)


def after(access: Access, facts: list) -> Access:
    for fact in facts:
        access = applied(access, fact)
    return access


def started() -> tuple[Access, Actor]:
    """An access with one administrator."""
    first = numbered(1)
    access = after(Access(), bootstrap(Access(), NOW, first))
    once = authenticate(access, first.text, NOW)
    assert once is not None
    second = numbered(2)
    facts = create_token(access, NOW, once, second, name="Aigerim", roles=[Role.ADMINISTRATOR])
    access = after(access, facts)
    admin = authenticate(access, second.text, NOW)
    assert admin is not None
    return access, admin


def test_a_token_has_its_form_and_only_its_hash_is_stored() -> None:
    token = issue(lambda size: bytes(range(size)))
    assert token.text == "jsy_0001020304050607_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    secret = token.text.split("_", 2)[2]
    assert token.digest == hashlib.sha256(secret.encode()).hexdigest()
    (fact,) = bootstrap(Access(), NOW, token)
    assert secret not in str(fact)


def test_the_token_of_the_first_start_makes_an_administrator_and_is_spent() -> None:
    first = numbered(1)
    access = after(Access(), bootstrap(Access(), NOW, first))
    assert not access.has_administrator(NOW)
    once = authenticate(access, first.text, NOW)
    assert once is not None
    assert once.rights == {Right.ACCESS}
    with pytest.raises(InputError, match="must have the role administrator"):
        create_token(access, NOW, once, numbered(2), name="Aigerim", roles=[Role.ENGINEER])
    access, admin = started()
    assert access.has_administrator(NOW)
    assert admin.rights == ROLES[Role.ADMINISTRATOR]
    assert authenticate(access, first.text, NOW) is None
    with pytest.raises(RefusedError, match="has been spent or revoked"):
        create_token(access, NOW, once, numbered(3), name="Mallory", roles=[Role.ADMINISTRATOR])


def test_each_replica_has_a_token_of_the_first_start_and_one_of_them_spends_all() -> None:
    access = after(Access(), bootstrap(Access(), NOW, numbered(1), shared=True))
    access = after(access, bootstrap(access, NOW, numbered(2), shared=True))
    first, second = (authenticate(access, numbered(number).text, NOW) for number in (1, 2))
    assert first is not None
    assert second is not None
    made = create_token(access, NOW, first, numbered(3), name="Aigerim", roles=[Role.ADMINISTRATOR])
    access = after(access, made)
    assert [authenticate(access, numbered(number).text, NOW) is None for number in (1, 2, 3)] == [
        True,
        True,
        False,
    ]
    with pytest.raises(RefusedError, match="has been spent or revoked"):
        create_token(access, NOW, second, numbered(4), name="Bolat", roles=[Role.ADMINISTRATOR])


def test_a_newer_token_of_the_first_start_ends_the_older() -> None:
    access = after(Access(), bootstrap(Access(), NOW, numbered(1)))
    access = after(access, bootstrap(access, NOW, numbered(2)))
    assert authenticate(access, numbered(1).text, NOW) is None
    assert authenticate(access, numbered(2).text, NOW) is not None
    assert authenticate(access, numbered(2).text, NOW + timedelta(hours=24)) is None


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + "A", lambda t: t.upper(), lambda _: ""])
def test_what_is_not_the_token_is_nobody(change: object) -> None:
    access, _ = started()
    assert authenticate(access, change(numbered(2).text), NOW) is None  # type: ignore[operator]


def test_the_right_identifier_with_another_secret_is_nobody() -> None:
    access, _ = started()
    one, other = numbered(2).text, numbered(3).text
    assert authenticate(access, one[:21] + other[21:], NOW) is None


def test_every_letter_of_the_secret_counts() -> None:
    access, _ = started()
    token = numbered(2).text
    for at in range(21, len(token)):
        letter = "A" if token[at] != "A" else "B"
        assert authenticate(access, token[:at] + letter + token[at + 1 :], NOW) is None


def test_tokens_end() -> None:
    access, admin = started()
    end = NOW + timedelta(days=1)
    facts = create_token(access, NOW, admin, numbered(3), name="Dana", roles=[Role.VIEWER], expires_at=end)
    access = after(access, facts)
    assert authenticate(access, numbered(3).text, end - timedelta(milliseconds=1)) is not None
    assert authenticate(access, numbered(3).text, end) is None
    for wrong in (NOW, NOW + timedelta(days=367)):
        with pytest.raises(InputError, match="expires_at: must be later than"):
            create_token(access, NOW, admin, numbered(4), name="Dana", roles=[Role.VIEWER], expires_at=wrong)


def test_a_token_may_have_fewer_rights_than_its_roles_and_not_more() -> None:
    access, admin = started()
    facts = create_token(
        access, NOW, admin, numbered(3), name="Dana", roles=[Role.ENGINEER], rights=[Right.READ]
    )
    actor = authenticate(after(access, facts), numbered(3).text, NOW)
    assert actor is not None
    assert actor.rights == {Right.READ}
    with pytest.raises(InputError, match="must be rights that the roles have"):
        create_token(
            access, NOW, admin, numbered(4), name="Dana", roles=[Role.ENGINEER], rights=[Right.PUBLISH]
        )


@pytest.mark.parametrize("name", ["", " ", "a" * 81, "controller:osm:1", "service:1", " Dana"])
def test_names_are_those_of_people(name: str) -> None:
    access, admin = started()
    with pytest.raises(InputError, match="name"):
        create_token(access, NOW, admin, numbered(3), name=name, roles=[Role.VIEWER])


def test_a_name_that_looks_like_that_of_somebody_else_is_refused() -> None:
    access, admin = started()
    roles = [Role.APPROVER]
    for name in ("AIGERIM", "\u0410igerim", "Aigerim\u200b", "A\u0456gerim"):
        with pytest.raises(InputError, match="must not look like 'Aigerim', who has a token"):
            create_token(access, NOW, admin, numbered(3), name=name, roles=roles)
    with pytest.raises(InputError, match="not that of a controller or the service"):
        create_token(access, NOW, admin, numbered(3), name="s\u0435rvice", roles=roles)
    access = after(access, create_token(access, NOW, admin, numbered(3), name="Aigerim", roles=roles))
    assert [one.name for one in access.credentials.values()] == ["Aigerim", "Aigerim"]


def test_the_last_administrator_stays() -> None:
    access, admin = started()
    with pytest.raises(RefusedError, match="last administrator"):
        revoke_token(access, NOW, admin.token)
    facts = create_token(access, NOW, admin, numbered(3), name="Bolat", roles=[Role.ADMINISTRATOR])
    access = after(access, facts)
    access = after(access, revoke_token(access, NOW, admin.token))
    assert authenticate(access, numbered(2).text, NOW) is None
    with pytest.raises(UnknownError, match="there is no such token"):
        revoke_token(access, NOW, admin.token)


def test_a_controller_has_one_junction_and_its_credential_can_be_rotated_and_revoked() -> None:
    access, _ = started()
    access = after(access, register_controller(access, "osm:1", numbered(5)))
    actor = authenticate(access, numbered(5).text, NOW)
    assert actor is not None
    assert (actor.junction, actor.rights, actor.name) == ("osm:1", {Right.CONTROL}, "controller:osm:1")
    with pytest.raises(RefusedError, match="is registered"):
        register_controller(access, "osm:1", numbered(6))
    access = after(access, rotate_controller(access, NOW, "osm:1", numbered(6)))
    assert authenticate(access, numbered(5).text, NOW + timedelta(minutes=14)) is not None
    assert authenticate(access, numbered(5).text, NOW + timedelta(minutes=15)) is None
    access = after(access, rotate_controller(access, NOW, "osm:1", numbered(7)))
    assert [authenticate(access, numbered(n).text, NOW) is not None for n in (5, 6, 7)] == [False, True, True]
    access = after(access, revoke_controller(access, "osm:1"))
    assert all(authenticate(access, numbered(n).text, NOW) is None for n in (5, 6, 7))
    with pytest.raises(UnknownError, match="has no controller that is registered"):
        revoke_controller(access, "osm:1")


def test_hashes_are_not_shown() -> None:
    credential = Credential("id", "digest-of-the-secret", "Dana", (Role.VIEWER,), frozenset())
    assert "digest-of-the-secret" not in repr(credential)
