"""Signed words to controllers."""

from __future__ import annotations

import base64
import json
import subprocess

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.signing import Signer, TrustedKeys, Typ, canonical
from traffic.errors import InputError

SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")


def part(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_key_of_the_standard_has_its_thumbprint_and_signature() -> None:
    # RFC 8037, appendices A.3 and A.4: key, thumbprint, and the signature of a text.
    signer = Signer.of_seed(SEED)
    assert signer.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert signer.public["x"] == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"  # noqa: S105 - of the standard
    signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    key = TrustedKeys.of({"keys": [signer.public]}).keys[signer.kid]
    key.verify(part(signature), token.encode())


def test_what_was_signed_is_what_is_read() -> None:
    signer = Signer.of_seed(SEED)
    payload = {"junction": "osm:1", "version": 7, "name": "жасыл"}
    token = signer.sign(Typ.PLAN, payload)
    assert TrustedKeys.of_signers([signer]).verify(token, Typ.PLAN) == payload
    assert token == signer.sign(Typ.PLAN, dict(reversed(payload.items())))
    assert json.loads(part(token.split(".")[0])) == {"alg": "EdDSA", "kid": signer.kid, "typ": "jasyl-plan"}


def test_a_token_for_something_else_is_refused() -> None:
    signer = Signer.of_seed(SEED)
    token = signer.sign(Typ.ORDER, {"mode": "flash"})
    with pytest.raises(InputError, match=r"jasyl-plan, typ: must be 'jasyl-plan' \(got 'jasyl-order'\)"):
        TrustedKeys.of_signers([signer]).verify(token, Typ.PLAN)


def test_a_key_that_is_not_trusted_is_refused() -> None:
    token = Signer.new().sign(Typ.PLAN, {})
    with pytest.raises(InputError, match="must name a trusted key"):
        TrustedKeys.of_signers([Signer.of_seed(SEED)]).verify(token, Typ.PLAN)


def test_another_algorithm_is_refused() -> None:
    signer = Signer.of_seed(SEED)
    trusted = TrustedKeys.of_signers([signer])
    secret = signer.public["x"] * 2
    headers = {"kid": signer.kid, "typ": "jasyl-plan"}
    for algorithm, key in (("none", None), ("HS256", secret)):
        token = jwt.api_jws.encode(b"{}", key, algorithm=algorithm, headers=headers)
        with pytest.raises(InputError, match="alg: must be 'EdDSA'"):
            trusted.verify(token, Typ.PLAN)


@given(st.data())
def test_a_changed_token_is_refused(data: st.DataObject) -> None:
    signer = Signer.of_seed(SEED)
    token = signer.sign(Typ.PLAN, {"junction": "osm:1", "version": 7})
    at = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.characters(codec="utf-8"))
    changed = token[:at] + letter + token[at + 1 :]
    trusted = TrustedKeys.of_signers([signer])
    try:
        payload = trusted.verify(changed, Typ.PLAN)
    except InputError:
        return
    # The last letter of a base64url text has bits that mean nothing.
    assert payload == {"junction": "osm:1", "version": 7}
    assert [part(p) for p in changed.split(".")] == [part(p) for p in token.split(".")]


@pytest.mark.parametrize("token", [None, 7, "", "a", "a.b", "a.b.c", "a.b.c.d", b"", {}, "." * 10, "é.é.é"])
def test_what_is_no_token_is_refused(token: object) -> None:
    with pytest.raises(InputError):
        TrustedKeys.of_signers([Signer.of_seed(SEED)]).verify(token, Typ.PLAN)


@pytest.mark.parametrize(
    "jwks",
    [
        None,
        {},
        {"keys": []},
        {"keys": [{}]},
        {"keys": [7]},
        {"keys": [{"kty": "OKP", "crv": "Ed25519"}]},
        {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}]},
        {"keys": [{"kty": "OKP", "crv": "X25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]},
    ],
)
def test_what_is_no_key_is_refused(jwks: object) -> None:
    with pytest.raises(InputError):
        TrustedKeys.of(jwks)


@pytest.mark.parametrize("password", [None, b"open sesame"])
def test_a_key_goes_through_pem(password: bytes | None) -> None:
    signer = Signer.new()
    pem = signer.to_pem(password=password)
    assert Signer.from_pem(pem, password=password).kid == signer.kid
    with pytest.raises(InputError, match="signing key"):
        Signer.from_pem(pem[:40])


def test_a_key_of_openssl_is_read(tmp_path: object) -> None:
    file = f"{tmp_path}/key.pem"
    try:
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", file], check=True)  # noqa: S607
    except FileNotFoundError:
        pytest.skip("there is no openssl on the path")
    with open(file, "rb") as stream:  # noqa: PTH123
        assert len(Signer.from_pem(stream.read()).kid) == 43


def test_a_private_key_is_not_shown() -> None:
    signer = Signer.of_seed(SEED)
    assert repr(signer) == f"Signer(kid='{signer.kid}')"


def test_there_is_one_canonical_form() -> None:
    assert canonical({"b": [1, 2.5, None], "a": "ы"}) == '{"a":"ы","b":[1,2.5,null]}'.encode()
    with pytest.raises(ValueError, match="JSON"):
        canonical(float("nan"))
