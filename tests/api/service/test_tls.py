"""TLS, and TLS that asks clients for a certificate."""

from __future__ import annotations

import ssl

import httpx
import pytest
from fastapi import Request

from api.http.routing import router
from api.tls import server_tls
from tests.api.service.centres import serving
from tests.api.service.certificates import authority
from tests.api.service.services import made_context, running
from tests.api.service.test_plan_sets import keys
from traffic.errors import InputError


def _routes():
    made = router("controllers", "/controllers")

    @made.get("/me")
    async def me(request: Request) -> str | None:
        return str(request.scope["state"].get("client_certificate"))

    return made


def _client(trusted, certificate=None):
    context = ssl.create_default_context(cafile=trusted)
    if certificate is not None:
        context.load_cert_chain(*certificate)
    return httpx.Client(verify=context, timeout=20)


def test_over_tls_browsers_are_told_to_stay_there(tmp_path):
    issuer = authority(tmp_path)
    cert, key = issuer.issue("server", server=True)
    with running(made_context(tmp_path, tls_cert=cert, tls_key=key)) as (host, port):
        with _client(issuer.file) as client:
            response = client.get(f"https://{host}:{port}/health/live")
        assert response.status_code == 200
        assert response.headers["strict-transport-security"].startswith("max-age=")
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://{host}:{port}/health/live", timeout=20)
        old = ssl.create_default_context(cafile=issuer.file)
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2
        with httpx.Client(verify=old, timeout=20) as client:
            assert client.get(f"https://{host}:{port}/health/live").status_code == 200


def test_only_who_has_a_certificate_of_the_authority_comes_in(tmp_path):
    issuer, other = authority(tmp_path / "ours"), authority(tmp_path / "theirs")
    cert, key = issuer.issue("server", server=True)
    settings = {"tls_cert": cert, "tls_key": key, "tls_client_ca": issuer.file}
    with running(made_context(tmp_path, _routes(), **settings)) as (host, port):
        url = f"https://{host}:{port}/v1/controllers/me"
        with _client(issuer.file, issuer.issue("osm:1", server=False)) as client:
            assert client.get(url).json() == "osm:1"
        for certificate in (None, other.issue("osm:1", server=False)):
            with _client(issuer.file, certificate) as client, pytest.raises(httpx.TransportError):
                client.get(url)
        with _client(issuer.file, issuer.issue("osm:2", server=False)) as client:
            assert client.get(url).json() == "osm:2"


def test_files_that_are_none_of_a_certificate(tmp_path):
    issuer = authority(tmp_path)
    cert, key = issuer.issue("server", server=True)
    _, other_key = issuer.issue("other", server=True)
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no certificate", encoding="utf-8")
    for files, field in (
        ((garbage, key, None), "tls_cert"),
        ((cert, garbage, None), "tls_cert"),
        ((cert, other_key, None), "tls_cert"),
        ((cert, tmp_path / "none.key", None), "tls_key"),
        ((cert, key, garbage), "tls_client_ca"),
        ((cert, key, tmp_path), "tls_client_ca"),
    ):
        with pytest.raises(InputError) as refused:
            server_tls(*files)
        assert refused.value.field == field
    with pytest.raises(InputError) as refused:
        server_tls(garbage, key, None, prefix="rsmp_")
    assert refused.value.field == "rsmp_tls_cert"
    assert server_tls(None, None, None) is None


def test_a_key_with_a_passphrase_asks_nobody(tmp_path):
    from cryptography.hazmat.primitives import serialization

    issuer = authority(tmp_path)
    cert, key = issuer.issue("server", server=True)
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    locked = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"pa55word"),
    )
    key.write_bytes(locked)
    with pytest.raises(InputError, match="without a passphrase"):
        server_tls(cert, key, None)


def test_a_certificate_that_names_a_junction_is_for_that_junction_only(tmp_path):
    async def test(service):
        first, second = keys()[:2]
        await service.register(first)
        for name, statuses in (
            (None, (200, 304)),
            ("gateway", (200, 304)),
            (first, (200, 304)),
            (second, (403, 403)),
        ):
            named = _Named(service.app, name)
            transport = httpx.ASGITransport(named)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                headers = {"Authorization": f"Bearer {service.tokens[first]}"}
                path = f"/v1/controllers/{first}/assignment"
                answers = [
                    await client.get(path, headers=headers | more)
                    for more in ({}, {"If-None-Match": '"0.1"'})
                ]
            assert tuple(answer.status_code for answer in answers) == statuses

    serving(tmp_path, test)


class _Named:
    """The application as the connection of a client with a certificate gives it its requests."""

    def __init__(self, app, name):
        self._app, self._name = app, name

    async def __call__(self, scope, receive, send):
        scope["state"] = {"client_certificate": self._name}
        await self._app(scope, receive, send)
