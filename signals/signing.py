"""Signed words to controllers: JWS (RFC 7515) with Ed25519 keys (RFC 8037). The only importer of PyJWT and cryptography.

A controller acts on nothing else. What a token is for stands in its header (`typ`), so that an order can never be taken for a
plan; which key signed it stands there too (`kid`), and is the thumbprint of the key (RFC 7638).
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Signer", "TrustedKeys", "Typ", "canonical", "kid_of", "payload_of"]

_ALGORITHM = "EdDSA"
_LARGEST = 4_000_000  # characters of a token


class Typ(StrEnum):
    """What a signed word is for."""

    PLAN = "jasyl-plan"
    ACTIVATION = "jasyl-activation"
    ORDER = "jasyl-order"
    KEYS = "jasyl-keys"


def canonical(value: object) -> bytes:
    """Return plain values as JSON of which there is only one: sorted keys, no spaces, no NaN, UTF-8."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode()


@dataclass(frozen=True)
class Signer:
    """A private key.

    Attributes
    ----------
    kid
        Name of the key: its thumbprint.
    """

    _key: Ed25519PrivateKey = field(repr=False)
    kid: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kid", _thumbprint(_x(self._key.public_key())))

    @classmethod
    def new(cls) -> Signer:
        """Return a new key of the system's random source."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def of_seed(cls, seed: bytes) -> Signer:
        """Return the key of 32 bytes, which must be secret."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def from_pem(cls, pem: bytes, *, password: bytes | None = None) -> Signer:
        """Return the key of a PEM file (PKCS 8)."""
        try:
            key = serialization.load_pem_private_key(pem, password)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            hint = "Make one with: openssl genpkey -algorithm ed25519"
            raise InputError("must be a private key in PEM", field="signing key", hint=hint) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise InputError("must be an Ed25519 key", field="signing key", value=type(key).__name__)
        return cls(key)

    def to_pem(self, *, password: bytes | None = None) -> bytes:
        """Return the key as PEM (PKCS 8), encrypted where there is a password."""
        secrecy = (
            serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        )
        return self._key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secrecy)

    @property
    def public(self) -> dict[str, str]:
        """The public key as a JWK."""
        return _jwk(_x(self._key.public_key()))

    def sign(self, typ: Typ, payload: Mapping[str, Any]) -> str:
        """Return `payload` signed; equal payloads give equal tokens."""
        headers = {"kid": self.kid, "typ": typ.value}
        return jwt.api_jws.encode(canonical(payload), self._key, algorithm=_ALGORITHM, headers=headers)


@dataclass(frozen=True)
class TrustedKeys:
    """Public keys whose signatures count."""

    keys: Mapping[str, Ed25519PublicKey] = field(repr=False)

    @classmethod
    def of(cls, jwks: object) -> TrustedKeys:
        """Return the keys of a JWK set: ``{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": ...}]}``."""
        rows = jwks.get("keys") if isinstance(jwks, dict) else None
        if not isinstance(rows, list) or not rows:
            raise InputError("must be a JWK set with a key", field="keys", value=jwks)
        keys = [_public(row, f"keys[{position}]") for position, row in enumerate(rows)]
        return cls({_thumbprint(_x(key)): key for key in keys})

    @classmethod
    def of_signers(cls, signers: Iterable[Signer]) -> TrustedKeys:
        """Return the public keys of `signers`."""
        return cls.of({"keys": [signer.public for signer in signers]})

    @property
    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The keys as a JWK set."""
        return {"keys": [_jwk(_x(key)) for key in self.keys.values()]}

    def verify(self, token: object, typ: Typ) -> dict[str, Any]:
        """Return the payload of a token that a trusted key has signed.

        Raises
        ------
        InputError
            For anything that is no token, is meant for something else, or is signed by nobody trusted.
        """
        if not isinstance(token, str) or len(token) > _LARGEST:
            raise InputError("must be a signed token", field=typ.value, value=str(type(token).__name__))
        try:
            header = jwt.api_jws.get_unverified_header(token)
        except jwt.InvalidTokenError as error:
            raise InputError(f"must be a signed token: {error}", field=typ.value) from error
        for name, wanted in (("typ", typ.value), ("alg", _ALGORITHM)):
            if header.get(name) != wanted:
                value = str(header.get(name))
                raise InputError(f"must be {wanted!r}", field=f"{typ.value}, {name}", value=value)
        kid = header.get("kid")
        key = self.keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            hint = "A new key must be announced by one that is trusted already"
            raise InputError("must name a trusted key", field=f"{typ.value}, kid", value=str(kid), hint=hint)
        try:
            payload = json.loads(jwt.api_jws.decode(token, key, algorithms=[_ALGORITHM]))
        except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
            raise InputError("must have a valid signature", field=typ.value, value=str(error)) from error
        if not isinstance(payload, dict):
            raise InputError("must be an object", field=typ.value, value=type(payload).__name__)
        return payload


def kid_of(token: str) -> str:
    """Return the name of the key that a token says has signed it; whether that is so is not asked."""
    try:
        return str(jwt.api_jws.get_unverified_header(token)["kid"])
    except (jwt.InvalidTokenError, KeyError) as error:
        raise InputError("must be a signed token", field="token", value=str(error)) from error


def payload_of(token: str) -> dict[str, Any]:
    """Return what a token says; whether anybody has signed it is not asked."""
    try:
        found = json.loads(jwt.api_jws.decode(token, options={"verify_signature": False}))
    except (jwt.InvalidTokenError, ValueError) as error:
        raise InputError("must be a signed token", field="token", value=str(error)) from error
    if not isinstance(found, dict):
        raise InputError("must be an object", field="token", value=type(found).__name__)
    return found


def _x(key: Ed25519PublicKey) -> str:
    return base64.urlsafe_b64encode(key.public_bytes_raw()).rstrip(b"=").decode()


def _jwk(x: str) -> dict[str, str]:
    return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": _thumbprint(x), "use": "sig", "alg": _ALGORITHM}


def _thumbprint(x: str) -> str:
    digest = hashlib.sha256(canonical({"crv": "Ed25519", "kty": "OKP", "x": x})).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _public(row: object, where: str) -> Ed25519PublicKey:
    if not isinstance(row, dict) or row.get("kty") != "OKP" or row.get("crv") != "Ed25519":
        raise InputError("must be an Ed25519 key (kty OKP)", field=where, value=str(row))
    x = row.get("x")
    try:
        raw = base64.urlsafe_b64decode(f"{x}{'=' * (-len(str(x)) % 4)}")
        return Ed25519PublicKey.from_public_bytes(raw)
    except ValueError as error:
        raise InputError("must be 32 bytes in base64url", field=f"{where}.x", value=str(x)) from error
