# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the CSMS knows: tags, charge points, transactions, readings. In memory.

`bench.ledger.books` keeps the same in a file. No OCPP framing here: `bench.handlers` translates messages into
these calls.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from bench.messages import parse_utc, utc_text

# Of a key that nobody may read back there is no value in any book (errata 4.0; its comparison knows no case).
SECRET_KEYS = frozenset({"authorizationkey"})
TAG_STATUSES = ("Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx")
_EVENTS = 1000  # security events of one charge point in memory
_READINGS = 100  # entries of MeterValues outside transactions, per connector


def is_secret(key: object) -> bool:
    """A configuration key whose value must not be seen."""
    return isinstance(key, str) and key.lower() in SECRET_KEYS


@dataclass
class Tag:
    """An idTag and what Authorize answers for it."""

    id: str
    status: str = "Accepted"  # one of TAG_STATUSES
    parent: str | None = None
    expiry: datetime | None = None


@dataclass
class Transaction:
    id: int
    station: str
    connector: int
    tag: str
    meter_start_wh: int
    started: datetime
    reservation: int | None = None
    stopped: datetime | None = None
    meter_stop_wh: int | None = None
    stop_tag: str | None = None
    reason: str | None = None
    readings: list[dict[str, Any]] = field(default_factory=list)  # meterValue entries, as received
    transaction_data: list[dict[str, Any]] = field(default_factory=list)  # of StopTransaction

    @property
    def energy_wh(self) -> int | None:
        return None if self.meter_stop_wh is None else self.meter_stop_wh - self.meter_start_wh

    @property
    def duration_s(self) -> float | None:
        return None if self.stopped is None else (self.stopped - self.started).total_seconds()


@dataclass
class StationEntry:
    """What a charge point has told about itself."""

    id: str
    boot: dict[str, Any] = field(default_factory=dict)  # last BootNotification.req
    statuses: dict[int, dict[str, Any]] = field(
        default_factory=dict
    )  # connector -> last StatusNotification.req
    readings: dict[int, list[dict[str, Any]]] = field(default_factory=dict)  # outside transactions, last 100
    configuration: dict[str, tuple[str | None, bool]] = field(
        default_factory=dict
    )  # key -> (value, readonly)
    last_heartbeat: datetime | None = None
    security_events: list[dict[str, Any]] = field(default_factory=list)  # last 1,000


class Books:
    """`unknown_tag`: the status of tags nobody has entered, "Invalid" unless told otherwise."""

    def __init__(self, unknown_tag: str = "Invalid"):
        self.unknown_tag = unknown_tag
        self.tags: dict[str, Tag] = {}
        self.stations: dict[str, StationEntry] = {}
        self.transactions: dict[int, Transaction] = {}
        self.data_transfer_vendors: set[str] = set()  # vendorIds that DataTransfer accepts
        self.heartbeat_interval_s = 300
        self.next_transaction = 1

    def tag(
        self, id_tag: str, status: str = "Accepted", parent: str | None = None, expiry: datetime | None = None
    ) -> Tag:
        """Enter a tag, or change it. idTags compare without case (OCPP 1.6, 7: CiString20)."""
        entry = self.tags[id_tag.upper()] = Tag(id_tag, status, parent, expiry)
        return entry

    def forget_tag(self, id_tag: str) -> bool:
        """Take a tag out of the books. False when it is not there."""
        return self.tags.pop(id_tag.upper(), None) is not None

    def id_tag_info(self, id_tag: str) -> dict[str, Any]:
        """The IdTagInfo of a tag, as it goes into an answer."""
        entry = self.tags.get(id_tag.upper())
        if entry is None:
            return {"status": self.unknown_tag}
        expired = entry.expiry is not None and entry.expiry <= datetime.now(UTC)
        info: dict[str, Any] = {
            "status": "Expired" if expired and entry.status == "Accepted" else entry.status
        }
        if entry.parent:
            info["parentIdTag"] = entry.parent
        if entry.expiry:
            info["expiryDate"] = utc_text(entry.expiry)
        return info

    def station(self, station_id: str) -> StationEntry:
        return self.stations.setdefault(station_id, StationEntry(station_id))

    def booted(self, station_id: str, request: dict[str, Any]) -> None:
        """Enter a BootNotification.req."""
        self.station(station_id).boot = request

    def heartbeat(self, station_id: str, at: datetime | None = None) -> None:
        self.station(station_id).last_heartbeat = at or datetime.now(UTC)

    def status(self, station_id: str, connector: int, told: dict[str, Any]) -> None:
        """Enter a StatusNotification.req; `told` is the request without its connectorId."""
        self.station(station_id).statuses[connector] = told

    def security_event(self, station_id: str, event: dict[str, Any]) -> None:
        """Enter a SecurityEventNotification.req."""
        events = self.station(station_id).security_events
        events.append(event)
        del events[:-_EVENTS]

    def start(
        self,
        *,
        station_id: str,
        connector: int,
        tag: str,
        meter_start_wh: int,
        timestamp: str,
        reservation: int | None = None,
    ) -> Transaction:
        """Enter a StartTransaction. One delivered twice (3.7.1: retries) gets its first id again."""
        entry = Transaction(
            self.next_transaction,
            station_id,
            connector,
            tag,
            meter_start_wh,
            parse_utc(timestamp),
            reservation,
        )
        known = self._known(entry)
        if known is not None:
            return known
        self._enter(entry)
        self.next_transaction += 1
        self.transactions[entry.id] = entry
        return entry

    def _known(self, new: Transaction) -> Transaction | None:
        """The transaction that `new` is the retry of."""
        for known in self.transactions.values():
            if (known.station, known.connector, known.tag, known.meter_start_wh, known.started) == (
                new.station,
                new.connector,
                new.tag,
                new.meter_start_wh,
                new.started,
            ):
                return known
        return None

    def _enter(self, entry: Transaction) -> None:
        """What else is to be done with a new transaction; an exception keeps it out of the books."""

    def stop(
        self,
        *,
        transaction_id: int,
        meter_stop_wh: int,
        timestamp: str,
        tag: str | None,
        reason: str | None,
        data: list[dict[str, Any]],
        station_id: str | None = None,
    ) -> Transaction | None:
        """Enter a StopTransaction; None for a transaction nobody knows, or of another charge point than the
        one that says so. The first one delivered counts.
        """
        entry = self.of_station(transaction_id, station_id)
        if entry is not None and entry.stopped is None:
            end = replace(
                entry,
                stopped=parse_utc(timestamp),
                meter_stop_wh=meter_stop_wh,
                stop_tag=tag,
                reason=reason or "Local",  # the standard's default when the field is left out
                transaction_data=data,
            )
            self._end(end)
            vars(entry).update(vars(end))
        return entry

    def _end(self, entry: Transaction) -> None:
        """What else is to be done with a transaction that is over; an exception keeps it running here."""

    def of_station(self, transaction_id: int | None, station_id: str | None) -> Transaction | None:
        """The transaction, if it is that charge point's; `station_id` None: anybody's."""
        entry = self.transactions.get(transaction_id) if transaction_id is not None else None
        return entry if entry is not None and station_id in (None, entry.station) else None

    def meter_values(
        self, station_id: str, connector: int, transaction_id: int | None, values: list[dict[str, Any]]
    ) -> None:
        entry = self.of_station(transaction_id, station_id)
        if entry is not None:
            entry.readings.extend(values)
            return
        kept = self.station(station_id).readings.setdefault(connector, [])
        kept.extend(values)
        del kept[:-_READINGS]

    def configuration(self, station_id: str, rows: list[dict[str, Any]]) -> None:
        """Enter what GetConfiguration answered: its `configurationKey` rows."""
        known = self.station(station_id).configuration
        for row in rows:
            value = None if is_secret(row["key"]) else row.get("value")
            known[row["key"]] = (value, row["readonly"])

    def changed(self, station_id: str, key: str, value: str) -> None:
        """Enter what the charge point has accepted in ChangeConfiguration, under the key's own spelling."""
        known = self.station(station_id).configuration
        name = next((name for name in known if name.lower() == key.lower()), key)
        self.configuration(station_id, [{"key": name, "value": value, "readonly": False}])

    def running(self, station_id: str) -> list[Transaction]:
        return [
            entry for entry in self.transactions.values() if entry.station == station_id and not entry.stopped
        ]
