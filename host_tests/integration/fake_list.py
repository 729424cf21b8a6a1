# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The fake charge point's local authorization list. It is kept over a power cut."""

from bench.messages import parse_utc
from host_tests.integration.fake_sessions import Cached, FakeSessions
from host_tests.integration.fake_wire import Payload, Refused


class FakeList(FakeSessions):
    def __init__(self, url: str, defect: str | None, cable: str, password: bytes | None, quirky: bool):
        self._list: dict[str, Cached] = {}
        self._version = 0
        super().__init__(url, defect, cable, password, quirky)

    def _forget(self) -> None:
        super()._forget()
        if self._is("forgets-its-list"):
            self._list, self._version = {}, 0
        if self._is("keeps-the-version-only"):
            self._list = {}

    # --- the CSMS's CALLs -----------------------------------------------------------------------------------

    def _list_version(self) -> int:
        if not self._on("LocalAuthListEnabled"):
            return -1
        return self._version

    def _take_list(self, fields: Payload) -> str:
        if not self._on("LocalAuthListEnabled"):
            return "NotSupported"
        version, entries = fields["listVersion"], fields.get("localAuthorizationList", [])
        differential = fields["updateType"] == "Differential"
        if differential and version <= self._version and not self._is("takes-any-version"):
            if self._is("keeps-the-version-it-refuses"):
                self._version = version
            return "VersionMismatch"
        if differential and self._is("knows-no-differential"):
            return "Failed"
        if not differential and self._is("knows-no-full"):
            return "Failed"
        merged = self._merged(entries, differential and not self._is("replaces-when-updating"))
        if merged is None:
            if self._is("clears-before-it-checks"):
                self._list = {}
            if self._is("keeps-the-version-it-refuses"):
                self._version = version
            if self._quirky and self._is_too_much(entries):
                raise Refused("OccurenceConstraintViolation")
            return "Failed"
        self._list = merged
        empty = not merged and not differential and not self._is("counts-an-empty-list")
        if not self._is("forgets-its-version"):
            self._version = 0 if empty else version
        return "Accepted"

    def _merged(self, entries: list[Payload], differential: bool) -> dict[str, Cached] | None:
        """The new list; None: it cannot be."""
        tags = [entry["idTag"].upper() for entry in entries]
        if len(set(tags)) < len(tags) and not self._is("takes-duplicates"):
            return None
        if self._is_too_much(entries) and not self._is("takes-too-much"):
            return None
        found = dict(self._list) if differential else {}
        for tag, entry in zip(tags, entries, strict=True):
            info = entry.get("idTagInfo")
            if info is not None:
                until = parse_utc(info["expiryDate"]) if "expiryDate" in info else None
                found[tag] = Cached(info["status"], info.get("parentIdTag"), until)
            elif not self._is("deletes-nothing"):
                found.pop(tag, None)
        too_long = len(found) > self._seconds("LocalAuthListMaxLength")
        return None if too_long and not self._is("takes-too-much") else found

    def _is_too_much(self, entries: list[Payload]) -> bool:
        return len(entries) > self._seconds("SendLocalListMaxLength")

    # --- who may --------------------------------------------------------------------------------------------

    def _listed(self, tag: str) -> Cached | None:
        """The key is there only where the list is."""
        enabled = self._configuration.get("LocalAuthListEnabled") == "true"
        return self._list.get(tag.upper()) if enabled else None

    def _known(self, tag: str) -> Cached | None:
        listed, cached = self._listed(tag), super()._known(tag)
        if listed is not None and self._is("asks-about-listed-tags"):
            return None
        if self._is("looks-into-its-cache-first"):
            return cached or listed
        return listed or cached

    def _learn(self, tag: str, info: Payload) -> None:
        listed = self._listed(tag)
        if listed is None or self._is("caches-listed-tags"):
            super()._learn(tag, info)
        if listed is None:
            return
        self._parents[tag] = info.get("parentIdTag")
        if self._is("corrects-its-list"):
            self._list[tag.upper()] = Cached(info["status"])
            self._version += 1
        if listed.status != info["status"] and not self._is("hides-conflicts"):
            connector = 1 if self._quirky else 0
            fields = {"errorCode": "LocalListConflict"}
            self._go_on(self._tell(connector, self._status[connector], **fields))
