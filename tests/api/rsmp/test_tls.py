"""TLS, with certificates that say who a site is."""

from __future__ import annotations

import asyncio
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from simulation.controller.rsmp_memory import MemoryModel
from simulation.controller.rsmp_site import RsmpSite, SiteSettings
from tests.api.rsmp.world import frames, new_id, now, quick, socket_to, world
from tests.signals.rsmp.samples import CODES, SITE

_PEM = serialization.Encoding.PEM


class _Authority:
    """Signs certificates for the length of a test."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        certificate = self._signed(self._name, self._key, authority=True)
        self.file = folder / "ca.pem"
        self.file.write_bytes(certificate.public_bytes(_PEM))

    def _signed(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *, authority: bool
    ) -> x509.Certificate:
        day = timedelta(days=1)
        builder = (
            x509.CertificateBuilder().subject_name(name).issuer_name(self._name).public_key(key.public_key())
        )
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now() - day).not_valid_after(now() + day)
        constraints = x509.BasicConstraints(ca=authority, path_length=None)
        builder = builder.add_extension(constraints, critical=True)
        if not authority:
            address = x509.SubjectAlternativeName([x509.DNSName("localhost")])
            builder = builder.add_extension(address, critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def context(self, purpose: ssl.Purpose, name: str) -> ssl.SSLContext:
        """Return a context for one side, with a certificate for `name`."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        file = self._folder / f"{name}.pem"
        private = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        file.write_bytes(private + self._signed(subject, key, authority=False).public_bytes(_PEM))
        context = ssl.create_default_context(purpose, cafile=str(self.file))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(file)
        if purpose is ssl.Purpose.CLIENT_AUTH:
            context.verify_mode = ssl.CERT_REQUIRED
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> _Authority:
    return _Authority(tmp_path_factory.mktemp("certificates"))


def _site(name: str, authority: _Authority, port: int, capability) -> tuple[RsmpSite, asyncio.Task[None]]:
    settings = SiteSettings(SITE, capability.component, reconnect_s=0.05, look_s=0.02)
    made = RsmpSite(MemoryModel(capability, clock=now), settings, codes=CODES, new_id=new_id)
    context = authority.context(ssl.Purpose.SERVER_AUTH, name)
    return made, asyncio.create_task(made.run("localhost", port, context=context))


def test_a_site_with_its_certificate_is_served_and_one_with_anothers_is_not(authority):
    server = authority.context(ssl.Purpose.CLIENT_AUTH, "supervisor")

    async def run() -> None:
        async with world(context=server) as made:
            _, wrong = _site("AL+9999", authority, made.port, made.capability)
            made.tasks.append(wrong)
            right, task = _site(SITE, authority, made.port, made.capability)
            made.tasks.append(task)
            await made.ready(right)
            await made.supervisor.activate(SITE, 2)
            assert len(made.recorder.of("connected")) == 1
            wrong.cancel()
            async with socket_to(made.port) as (reader, writer):  # plain text is no handshake
                writer.write(b'{"mType":"rSMsg"}\f')
                assert await frames(reader) == []

    asyncio.run(run())


def test_one_with_anothers_certificate_alone_is_refused(authority, caplog):
    server = authority.context(ssl.Purpose.CLIENT_AUTH, "supervisor")
    caplog.set_level("INFO")

    async def run() -> None:
        async with world(settings=quick(), context=server) as made:
            wrong, task = _site("AL+9999", authority, made.port, made.capability)
            made.tasks.append(task)
            async with asyncio.timeout(10):
                await wrong.gone.wait()
            assert made.recorder.told == []

    asyncio.run(run())
    assert "certificate of the peer" in caplog.text
