# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Certificates for tests: an authority and what it signs, good and bad.

authority = Authority("rsa")                      # or "ec": P-256, "ec384": P-384 and SHA-384
authority.der, authority.pem                      # what a charger is given
context = authority.server("localhost").context() # of a TLS server with a certificate of that name
"""

import datetime
import functools
import ipaddress
import ssl
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@functools.cache
def key(kind: str, number: int = 0):
    """A private key, the same one each time: RSA keys take a while."""
    if kind == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "ec384":
        return ec.generate_private_key(ec.SECP384R1())
    return rsa.generate_private_key(65537, 2048)


def _hash(kind: str) -> hashes.SHA256 | hashes.SHA384:
    return hashes.SHA384() if kind == "ec384" else hashes.SHA256()


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


class ServerCertificate:
    def __init__(self, certificate: x509.Certificate, private_key, chain: tuple[x509.Certificate, ...] = ()):
        self.certificate = certificate
        self._key = private_key
        self._chain = chain

    def context(self, *, highest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        """For a server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.maximum_version = highest
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "server.pem"
            path.write_bytes(
                self._key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
                + b"".join(
                    each.public_bytes(serialization.Encoding.PEM) for each in (self.certificate, *self._chain)
                )
            )
            context.load_cert_chain(path)
        return context


class Authority:
    """Signed by itself, or by the authority `above`: then what it signs comes with the chain up to that one,
    which is not in it.
    """

    def __init__(
        self,
        kind: str = "ec",
        name: str = "Test CA",
        number: int = 0,
        begin: datetime.datetime | None = None,
        *,
        days: int = 3650,
        above: "Authority | None" = None,
    ):
        self._kind = kind
        self._key = key(kind, 1000 + number)
        self._name = _name(name)
        self._chain: tuple[x509.Certificate, ...] = ()
        begin = begin or now() - DAY
        signing = above or self
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(signing._name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + days * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True
            )
            .sign(signing._key, _hash(signing._kind))
        )
        if above is not None:
            self._chain = (self.certificate, *above._chain)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def server(
        self,
        host: str = "127.0.0.1",
        *,
        kind: str | None = None,
        begin: datetime.datetime | None = None,
        days: int = 30,
        self_signed: bool = False,
    ) -> ServerCertificate:
        """A certificate for `host`, signed by this authority (or by itself, in its name)."""
        private_key = key(kind or self._kind)
        begin = begin or now() - DAY
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_name(host))
            .issuer_name(_name(host) if self_signed else self._name)
            .public_key(private_key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + days * DAY)
            .add_extension(x509.SubjectAlternativeName([_alternative(host)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .sign(private_key if self_signed else self._key, _hash(self._kind))
        )
        return ServerCertificate(certificate, private_key, () if self_signed else self._chain)
