# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""For how long the certificates are valid with which a connection was made (docs/tls.md)."""

import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from bench.certificates import DAY, Authority, ServerCertificate, now
from host_tests.integration.peer import client, server


def _span(*certificates: x509.Certificate) -> list[int]:
    begin = max(each.not_valid_before_utc for each in certificates)
    end = min(each.not_valid_after_utc for each in certificates)
    return [int(begin.timestamp()), int(end.timestamp())]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("root", "between", "leaf"),  # days since each begun, days that it lasts
    [
        ((3000, 3650), (100, 2000), (20, 90)),
        ((3000, 3650), (10, 40), (20, 90)),
        ((3000, 3010), (100, 2000), (20, 90)),
        ((5, 3650), (100, 300), (20, 9000)),
        ((5, 365 * 7000), (100, 365 * 7000), (20, 365 * 7000)),
    ],
)
async def test_the_span_for_which_a_connection_is_certified(tmp_path, version, root, between, leaf):
    """Of the authority in the file, one between and the server's own; not of what else is sent, or lies in
    the file."""
    top = Authority(begin=now() - root[0] * DAY, days=root[1])
    middle = Authority(name="Between", number=1, begin=now() - between[0] * DAY, days=between[1], above=top)
    own = middle.server(begin=now() - leaf[0] * DAY, days=leaf[1])
    idle = Authority(name="Idle", number=2, begin=now() - DAY / 2, days=1)
    chain = (middle.certificate, idle.certificate)
    (tmp_path / "ca.der").write_bytes(top.der + idle.der)

    async def play(peer):
        await peer.accept()
        peer.order("!close")
        await peer.gone()

    tls = ServerCertificate(own.certificate, own._key, chain).context(highest=version)
    for known in (True, False):
        options = {"scheme": "wss", "ca": str(tmp_path), "sure": known}
        async with server(play, None, tls) as port, client(port, **options) as it:
            span = _span(top.certificate, middle.certificate, own.certificate)
            assert (await it.until("open"))["certified"] == [*span, known]
            await it.end()


async def test_the_span_of_a_server_that_is_its_own_authority(tmp_path):
    own = Authority().server(self_signed=True, begin=now() - 20 * DAY, days=90)
    (tmp_path / "ca.der").write_bytes(own.certificate.public_bytes(serialization.Encoding.DER))

    async def play(peer):
        await peer.accept()
        peer.order("!close")
        await peer.gone()

    async with (
        server(play, None, own.context()) as port,
        client(port, scheme="wss", ca=str(tmp_path)) as it,
    ):
        assert (await it.until("open"))["certified"] == [*_span(own.certificate), True]
        await it.end()
