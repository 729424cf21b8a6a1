# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Operations of the security extension (whitepaper "Improved security for OCPP 1.6-J", edition 3)."""

import base64
import binascii
from typing import Any

from bench.desk.commands import (
    Command,
    Mistake,
    NotNow,
    file_bytes,
    json_object,
    moment,
    one_of,
    options,
)
from bench.desk.operations import Caller
from bench.desk.profiles import retries, triggered, url
from bench.messages import utc_text

Payload = dict[str, Any]

TRIGGERS = (
    "BootNotification",
    "LogStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "MeterValues",
    "SignChargePointCertificate",
    "StatusNotification",
)
USES = {"central": "CentralSystemRootCertificate", "manufacturer": "ManufacturerRootCertificate"}
LOGS = {"diagnostics": "DiagnosticsLog", "security": "SecurityLog"}


def _pem(name: str) -> str:
    try:
        text = file_bytes(name, "the certificate").decode("ascii")
    except UnicodeDecodeError:
        text = ""
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise Mistake(f"{name!r} is no PEM file with a certificate")
    return text


def _signature(name: str) -> str:
    """Base64 of the signature that a file holds, as bytes or as base64 already."""
    content = file_bytes(name, "the signature")
    try:
        base64.b64decode(b"".join(content.split()), validate=True)
    except binascii.Error:
        return base64.b64encode(content).decode()
    return b"".join(content.split()).decode()


class SecurityOperations:
    def __init__(self, caller: Caller):
        self._caller, self._call = caller, caller.call
        self._certificates: list[Payload] = []  # certificateHashData, as last listed

    def commands(self) -> list[Command]:
        return [
            Command(
                "trigger-extended MESSAGE [CONNECTOR]",
                "ExtendedTriggerMessage, e.g. trigger-extended sign",
                self._trigger,
                ("extendedtriggermessage", "extended-trigger-message"),
            ),
            Command(
                "log diagnostics|security URL",
                "GetLog; [retries N] [interval SECONDS] [from TIME] [until TIME]",
                self._log,
                ("getlog", "get-log"),
            ),
            Command(
                "signed-update URL CERTIFICATE SIGNATURE",
                "SignedUpdateFirmware, two files; [at TIME] [install TIME] [retries N] [interval SECONDS]",
                self._update,
                ("signedupdatefirmware", "signed-update-firmware"),
            ),
            Command(
                "certificate-signed FILE",
                "CertificateSigned, with the chain in a PEM file",
                self._signed,
                ("certificatesigned",),
            ),
            Command(
                "install-certificate central|manufacturer FILE",
                "InstallCertificate, a root certificate in a PEM file",
                self._install,
                ("installcertificate",),
            ),
            Command(
                "certificates [central|manufacturer]",
                "GetInstalledCertificateIds",
                self._installed,
                ("getinstalledcertificateids", "get-installed-certificate-ids"),
            ),
            Command(
                "delete-certificate NUMBER | {json}",
                "DeleteCertificate, by its number in `certificates` or its hash data",
                self._delete,
                ("deletecertificate",),
            ),
        ]

    async def _trigger(self, words: list[str]) -> None:
        await self._call("ExtendedTriggerMessage", triggered(words, TRIGGERS))

    async def _log(self, words: list[str]) -> None:
        words, given = options(words, ("retries", "interval", "from", "until"))
        if len(words) != 2:
            raise Mistake("say which log, and the URL where it goes")
        kind = one_of(LOGS.get(words[0].lower(), words[0]), tuple(LOGS.values()), "the log")
        place: Payload = {"remoteLocation": url(words[1:])}
        for word, name in (("from", "oldestTimestamp"), ("until", "latestTimestamp")):
            if word in given:
                place[name] = utc_text(moment(given[word], f"`{word}`"))
        payload = {"logType": kind, "requestId": self._caller.number(), "log": place}
        await self._call("GetLog", payload | retries(given))

    async def _update(self, words: list[str]) -> None:
        words, given = options(words, ("retries", "interval", "at", "install"))
        if len(words) != 3:
            raise Mistake(
                "a URL, the file with the signing certificate and that with the signature are needed"
            )
        firmware: Payload = {
            "location": url(words[:1]),
            "retrieveDateTime": utc_text(moment(given.get("at", "now"), "`at`")),
            "signingCertificate": _pem(words[1]),
            "signature": _signature(words[2]),
        }
        if "install" in given:
            firmware["installDateTime"] = utc_text(moment(given["install"], "`install`"))
        payload = {"requestId": self._caller.number(), "firmware": firmware}
        await self._call("SignedUpdateFirmware", payload | retries(given))

    async def _signed(self, words: list[str]) -> None:
        if len(words) != 1:
            raise Mistake("which file has the certificate?")
        await self._call("CertificateSigned", {"certificateChain": _pem(words[0])})

    async def _install(self, words: list[str]) -> None:
        if len(words) != 2:
            raise Mistake("say central or manufacturer, and which file has the certificate")
        await self._call(
            "InstallCertificate", {"certificateType": _use(words[0]), "certificate": _pem(words[1])}
        )

    async def _installed(self, words: list[str]) -> None:
        if len(words) > 1:
            raise Mistake("say central or manufacturer")
        answer = await self._call(
            "GetInstalledCertificateIds", {"certificateType": _use(words[0] if words else "central")}
        )
        self._certificates = answer.get("certificateHashData") or []
        for number, entry in enumerate(self._certificates, 1):
            self._caller.screen.row(
                f"  {number}  serial {entry['serialNumber']}  {entry['hashAlgorithm']}  "
                f"issuer {entry['issuerNameHash'][:16]}..."
            )

    async def _delete(self, words: list[str]) -> None:
        if not words:
            raise Mistake("which certificate? `certificates` numbers them")
        if words[0].startswith("{"):
            data = json_object(words)
        elif words[0].isdecimal() and 0 < int(words[0]) <= len(self._certificates):
            data = self._certificates[int(words[0]) - 1]
        else:
            raise NotNow(f"`certificates` has listed no certificate {words[0]}")
        await self._call("DeleteCertificate", {"certificateHashData": data})


def _use(word: str) -> str:
    return one_of(USES.get(word.lower(), word), tuple(USES.values()), "the use (central, manufacturer)")
