# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Commands that show what the CSMS knows, and enter tags."""

import json
from collections.abc import Callable
from typing import Any

from bench.books import TAG_STATUSES, StationEntry, Transaction
from bench.desk.commands import Command, Mistake, NotNow, moment, options, whole
from bench.desk.operations import show_configuration
from bench.desk.screen import Screen, local
from bench.ledger.books import Ledger
from bench.messages import parse_utc
from bench.station import Station

_ROWS = 20


class Records:
    """`target()`: the charge point that is meant; `connected(id)`: whether it is there now."""

    def __init__(
        self,
        ledger: Ledger,
        screen: Screen,
        target: Callable[[], Station],
        connected: Callable[[str], bool],
    ):
        self._ledger, self._screen = ledger, screen
        self._target, self._connected = target, connected

    def commands(self) -> list[Command]:
        return [
            Command("stations", "the charge points and their connectors", self._stations),
            Command(
                "transactions [NUMBER | running]",
                f"the last {_ROWS}, one of them, or those that have not ended",
                self._transactions,
            ),
            Command(
                "meter-values [TRANSACTION]",
                "readings of a transaction; without a number: the last outside transactions",
                self._meter_values,
                ("metervalues", "readings"),
            ),
            Command(
                "tags [ID STATUS]",
                "show the cards the CSMS knows, or enter one; [parent TAG] [until TIME]; tags ID remove",
                self._tags,
            ),
            Command(
                "configuration [WORD]", "keys as the charge point last told them, without asking", self._keys
            ),
            Command("security-events [COUNT]", "what the charge point has reported", self._security),
        ]

    async def _stations(self, words: list[str]) -> None:
        entries = self._ledger.stations
        if not entries:
            self._screen.line("  none has ever been connected")
        for name, entry in entries.items():
            state = "connected" if self._connected(name) else "not connected"
            heartbeat = f"heartbeat {local(entry.last_heartbeat)}" if entry.last_heartbeat else ""
            self._screen.row("  ".join(filter(None, (f"  {name:12}", state, _kind(entry), heartbeat))))
            for number, told in sorted(entry.statuses.items()):
                error = told.get("errorCode", "NoError")
                words = [told.get("status", "?"), "" if error == "NoError" else error, told.get("info", "")]
                self._screen.row(f"    connector {number:<3} {'  '.join(filter(None, words))}")

    async def _transactions(self, words: list[str]) -> None:
        entries = list(self._ledger.transactions.values())
        if words == ["running"]:
            entries = [entry for entry in entries if entry.stopped is None]
        elif words:
            self._transaction(self._known(words[0]))
            return
        else:
            entries = entries[-_ROWS:]
        for entry in entries:
            self._screen.row("  " + _transaction_text(entry))
        if not entries:
            self._screen.line("  none")

    def _known(self, word: str) -> Transaction:
        number = whole(word, "the transaction")
        if number not in self._ledger.transactions:
            raise NotNow(f"there is no transaction {number}")
        return self._ledger.transactions[number]

    def _transaction(self, entry: Transaction) -> None:
        rows: list[tuple[str, Any]] = [
            ("charge point", f"{entry.station}, connector {entry.connector}"),
            ("tag", entry.tag),
            ("reservation", entry.reservation),
            ("started", f"{local(entry.started)}  {entry.meter_start_wh} Wh"),
            ("stopped", f"{local(entry.stopped)}  {entry.meter_stop_wh} Wh" if entry.stopped else "not yet"),
            ("reason", entry.reason),
            ("stopped by", entry.stop_tag),
            ("energy", None if entry.energy_wh is None else f"{entry.energy_wh} Wh"),
            ("readings", len(self._ledger.readings(entry.id))),
            ("with its end", len(self._ledger.readings(entry.id, "StopTransaction")) or None),
        ]
        for name, value in rows:
            if value is not None:
                self._screen.row(f"  {name:14} {value}")

    async def _meter_values(self, words: list[str]) -> None:
        if words:
            entry = self._known(words[0])
            self._samples(
                self._ledger.readings(entry.id) + self._ledger.readings(entry.id, "StopTransaction")
            )
            return
        outside = self._ledger.station(self._target().id).readings
        if not outside:
            self._screen.line("  none outside transactions; `meter-values NUMBER` shows those of one")
        for number, values in sorted(outside.items()):
            self._screen.line(f"  connector {number}")
            self._samples(values[-_ROWS:])

    def _samples(self, values: list[dict[str, Any]]) -> None:
        if not values:
            self._screen.line("  none")
        for entry in values:
            for sample in entry.get("sampledValue", ()):
                parts = (
                    sample.get("measurand", "Energy.Active.Import.Register"),
                    sample.get("phase", ""),
                    f"{sample.get('value')} {sample.get('unit', 'Wh')}",
                    ""
                    if sample.get("context", "Sample.Periodic") == "Sample.Periodic"
                    else sample["context"],
                )
                self._screen.row(f"  {_when(entry.get('timestamp'))}  {'  '.join(filter(None, parts))}")

    async def _tags(self, words: list[str]) -> None:
        words, given = options(words, ("parent", "until"))
        if len(words) == 2 and words[1].lower() == "remove":
            if not self._ledger.forget_tag(words[0]):
                raise NotNow(f"there is no tag {words[0]}")
        elif words or given:
            known = {status.lower(): status for status in TAG_STATUSES}
            if len(words) != 2 or words[1].lower() not in known:
                raise Mistake(f"say a tag and one of {', '.join(TAG_STATUSES)}")
            self._enter_tag(words[0], known[words[1].lower()], given)
        for tag in self._ledger.tags.values():
            family = f"parent {tag.parent}" if tag.parent else ""
            until = f"until {local(tag.expiry)}" if tag.expiry else ""
            self._screen.row("  ".join((f"  {tag.id:20}", f"{tag.status:12}", family, until)).rstrip())
        self._screen.line(f"  any other             {self._ledger.unknown_tag}")

    def _enter_tag(self, name: str, status: str, given: dict[str, str]) -> None:
        """A tag that is there keeps its parent and expiry, unless others are given, or `none`."""
        before = self._ledger.tags.get(name.upper())
        parent, expiry = (before.parent, before.expiry) if before else (None, None)
        if "parent" in given:
            parent = None if given["parent"].lower() == "none" else given["parent"]
        if "until" in given:
            expiry = None if given["until"].lower() == "none" else moment(given["until"], "`until`")
        if not 0 < len(name) <= 20 or len(parent or "") > 20:
            raise Mistake("a tag has 1 to 20 characters")
        self._ledger.tag(before.id if before else name, status, parent, expiry)

    async def _keys(self, words: list[str]) -> None:
        station = self._target()
        rows = [
            (key, value, readonly)
            for key, (value, readonly) in self._ledger.station(station.id).configuration.items()
            if all(word.lower() in key.lower() for word in words)
        ]
        if not rows:
            raise NotNow(f"nothing is known of {station.id} yet; `get` asks it")
        show_configuration(self._screen, rows)

    async def _security(self, words: list[str]) -> None:
        count = whole(words[0], "the count") if words else _ROWS
        events = self._ledger.station(self._target().id).security_events
        for event in events[-count:] if count > 0 else []:
            text = f"{event.get('type', '?')}  {event.get('techInfo', '')}".rstrip()
            self._screen.row(f"  {_when(event.get('timestamp'))}  {text}")
        if not events:
            self._screen.line("  none")


def _kind(entry: StationEntry) -> str:
    boot = entry.boot
    words = [boot.get("chargePointVendor"), boot.get("chargePointModel"), boot.get("firmwareVersion")]
    return " ".join(word for word in words if word)


def _transaction_text(entry: Transaction) -> str:
    words = [f"{entry.id:>5}", f"{entry.station} connector {entry.connector}", f"tag {entry.tag}"]
    words.append(local(entry.started))
    if entry.stopped is None:
        words.append("running")
    else:
        words += [f"to {local(entry.stopped)}", f"{entry.energy_wh} Wh", entry.reason or ""]
    return "  ".join(words)


def _when(timestamp: Any) -> str:
    """A message's timestamp in local time; as it came when it is none."""
    try:
        return local(parse_utc(timestamp))
    except (TypeError, ValueError, OverflowError):
        return json.dumps(timestamp)
