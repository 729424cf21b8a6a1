# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Operations of the feature profiles: smart charging, reservation, local list, remote trigger, firmware."""

from datetime import UTC, datetime, timedelta
from typing import Any

from bench.books import TAG_STATUSES, Tag
from bench.desk.charging import PURPOSES, charging_schedule, is_period, tx_profile
from bench.desk.commands import (
    Command,
    Mistake,
    NotNow,
    connector,
    file_bytes,
    moment,
    one_of,
    options,
    split,
    whole,
)
from bench.desk.operations import Caller
from bench.messages import utc_text

Payload = dict[str, Any]

TRIGGERS = (
    "BootNotification",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "MeterValues",
    "StatusNotification",
)
_RESERVED_MINUTES = 15


def _purpose(word: str) -> str:
    return one_of(
        PURPOSES.get(word.lower(), word), tuple(PURPOSES.values()), "the purpose (max, default, tx)"
    )


class ProfileOperations:
    def __init__(self, caller: Caller):
        self._caller, self._call = caller, caller.call
        self._reservations: dict[str, int] = {}  # charge point -> its last one

    def commands(self) -> list[Command]:
        return [
            Command(
                "trigger MESSAGE [CONNECTOR]",
                "TriggerMessage, e.g. trigger status 1",
                self._trigger,
                ("triggermessage", "trigger-message"),
            ),
            Command(
                "reserve [TAG] [CONNECTOR] [MINUTES]",
                f"ReserveNow, for {_RESERVED_MINUTES} minutes; 0 is the whole station",
                self._reserve,
                ("reservenow", "reserve-now"),
            ),
            Command(
                "cancel-reservation [NUMBER]",
                "CancelReservation; without a number: the last one",
                self._cancel,
                ("cancelreservation", "cancel"),
            ),
            Command(
                "list-version",
                "GetLocalListVersion",
                self._list_version,
                ("getlocallistversion", "get-local-list-version"),
            ),
            Command(
                "send-list [full|differential] [TAG|-TAG ...]",
                "SendLocalList; without tags: all that the CSMS knows; -TAG takes one out; "
                "[from FILE] [version N]",
                self._send_list,
                ("sendlocallist", "send-local-list"),
            ),
            Command(
                "profile PURPOSE CONNECTOR LIMIT ...",
                "SetChargingProfile; max|default|tx, e.g. profile default 1 0:16A 600:8A level 2 daily",
                self._profile,
                ("setchargingprofile", "set-charging-profile"),
            ),
            Command(
                "clear-profile [ID] [PURPOSE]",
                "ClearChargingProfile; [connector N] [level N]; without any word: all profiles",
                self._clear_profile,
                ("clearchargingprofile", "clear-charging-profile"),
            ),
            Command(
                "schedule [CONNECTOR] [SECONDS] [A|W]",
                "GetCompositeSchedule; of the next hour, when nothing else is said",
                self._schedule,
                ("getcompositeschedule", "get-composite-schedule"),
            ),
            Command(
                "diagnostics URL",
                "GetDiagnostics; [retries N] [interval SECONDS] [from TIME] [until TIME]",
                self._diagnostics,
                ("getdiagnostics", "get-diagnostics"),
            ),
            Command(
                "update-firmware URL",
                "UpdateFirmware; [at TIME] [retries N] [interval SECONDS]",
                self._update,
                ("updatefirmware",),
            ),
        ]

    async def _trigger(self, words: list[str]) -> None:
        await self._call("TriggerMessage", triggered(words, TRIGGERS))

    # --- reservation ----------------------------------------------------------------------------------------

    async def _reserve(self, words: list[str]) -> None:
        if len(words) > 3:
            raise Mistake("too many words")
        tag = words[0] if words else self._caller.tag()
        minutes = whole(words[2], "the number of minutes") if len(words) > 2 else _RESERVED_MINUTES
        if not 0 < minutes < 10**6:
            raise Mistake("a reservation is for one minute at least")
        number = self._caller.number()
        payload: Payload = {
            "connectorId": connector(words[:2], 1).get("connector", 1),
            "expiryDate": utc_text(datetime.now(UTC) + timedelta(minutes=minutes)),
            "idTag": tag,
            "reservationId": number,
        }
        known = self._caller.books.tags.get(tag.upper())
        if known is not None and known.parent:
            payload["parentIdTag"] = known.parent
        self._reservations[self._caller.target().id] = number
        await self._call("ReserveNow", payload)

    async def _cancel(self, words: list[str]) -> None:
        number = whole(words[0], "the reservation") if words else None
        if number is None:
            number = self._reservations.get(self._caller.target().id)
        if number is None:
            raise NotNow("nothing has been reserved from here; say its number")
        await self._call("CancelReservation", {"reservationId": number})

    # --- local authorization list ---------------------------------------------------------------------------

    async def _list_version(self, words: list[str]) -> None:
        await self._call("GetLocalListVersion", {})

    async def _send_list(self, words: list[str]) -> None:
        kinds = ("Full", "Differential")
        words, given = options(words, ("from", "version"))
        kind = words.pop(0).capitalize() if words and words[0].capitalize() in kinds else None
        lines = [[word] for word in words]
        if "from" in given:
            lines += _lines(given["from"])
        differential = any(line[0].startswith("-") for line in lines)
        if differential and kind == "Full":
            raise Mistake("a full list holds what it holds; to take a tag out: send-list differential -TAG")
        entries = [self._entry(*line) for line in lines]
        if not words and not given.get("from"):
            entries = [self._information(tag) for tag in self._caller.books.tags.values()]
        if "version" in given:
            version = whole(given["version"], "the version")
        else:
            version = (await self._call("GetLocalListVersion", {}))["listVersion"] + 1
            if version < 1:
                raise NotNow("the charge point has no local list (version -1)")
        await self._call(
            "SendLocalList",
            {
                "listVersion": version,
                "updateType": kind or kinds[differential],
                "localAuthorizationList": entries,
            },
        )

    def _entry(self, word: str, *more: str) -> Payload:
        """`-TAG`, or `TAG [STATUS] [parent TAG] [until TIME]`: what the CSMS knows of it, but for these."""
        if word.startswith("-"):
            return {"idTag": word[1:]}
        known = self._caller.books.tags.get(word.upper()) or Tag(word)
        rest, given = options(list(more), ("parent", "until"))
        if len(rest) > 1:
            raise Mistake(f"too many words after {word!r}")
        return self._information(
            Tag(
                known.id,
                one_of(rest[0], TAG_STATUSES, "the status") if rest else known.status,
                given.get("parent", known.parent),
                moment(given["until"], "`until`") if "until" in given else known.expiry,
            )
        )

    def _information(self, tag: Tag) -> Payload:
        info: Payload = {"status": tag.status}
        if tag.parent:
            info["parentIdTag"] = tag.parent
        if tag.expiry:
            info["expiryDate"] = utc_text(tag.expiry)
        return {"idTag": tag.id, "idTagInfo": info}

    # --- smart charging -------------------------------------------------------------------------------------

    async def _profile(self, words: list[str]) -> None:
        known = ("level", "id", "transaction", "from", "until", "duration", "start")
        words, given = options(words, known)
        recurring = next((word.capitalize() for word in words if word.lower() in ("daily", "weekly")), None)
        limits = [word for word in words if is_period(word)]
        rest = [word for word in words if not is_period(word) and word.lower() not in ("daily", "weekly")]
        if len(rest) != 2:
            raise Mistake("say the purpose (max, default, tx), the connector and the limits")
        purpose, number = _purpose(rest[0]), whole(rest[1], "the connector")
        schedule = charging_schedule(limits)
        if "duration" in given:
            schedule["duration"] = whole(given["duration"], "the duration")
        level = whole(given.get("level", "0"), "the level")
        # The same words again mean the same profile, changed.
        default_id = 1000 * number + 100 * list(PURPOSES.values()).index(purpose) + level
        profile = tx_profile(whole(given.get("id", str(default_id)), "the id"), schedule, level)
        profile["chargingProfilePurpose"] = purpose
        if purpose != PURPOSES["tx"] or "start" in given or recurring:
            profile["chargingProfileKind"] = "Recurring" if recurring else "Absolute"
            schedule["startSchedule"] = utc_text(moment(given.get("start", "now"), "the start"))
        if recurring:
            profile["recurrencyKind"] = recurring
        if "transaction" in given:
            profile["transactionId"] = whole(given["transaction"], "the transaction")
        elif purpose == PURPOSES["tx"]:
            profile |= self._running(number)
        for word, name in (("from", "validFrom"), ("until", "validTo")):
            if word in given:
                profile[name] = utc_text(moment(given[word], f"`{word}`"))
        await self._call("SetChargingProfile", {"connectorId": number, "csChargingProfiles": profile})

    def _running(self, number: int) -> dict[str, int]:
        """The transaction that a TxProfile is for (the standard asks for its id since edition 2)."""
        running = self._caller.books.running(self._caller.target().id)
        return next(({"transactionId": entry.id} for entry in running if entry.connector == number), {})

    async def _clear_profile(self, words: list[str]) -> None:
        words, given = options(words, ("id", "connector", "level"))
        payload: Payload = {}
        for word in words:
            if word.isdecimal():
                payload["id"] = int(word)
            else:
                payload["chargingProfilePurpose"] = _purpose(word)
        for word, name in (("id", "id"), ("connector", "connectorId"), ("level", "stackLevel")):
            if word in given:
                payload[name] = whole(given[word], f"`{word}`")
        await self._call("ClearChargingProfile", payload)

    async def _schedule(self, words: list[str]) -> None:
        units = [word.upper() for word in words if word.upper() in ("A", "W")]
        numbers = [whole(word, "a connector or duration") for word in words if word.upper() not in ("A", "W")]
        if len(units) > 1 or len(numbers) > 2:
            raise Mistake("too many words")
        number, duration = [*numbers, *(1, 3600)[len(numbers) :]]
        payload: Payload = {"connectorId": number, "duration": duration}
        if units:
            payload["chargingRateUnit"] = units[0]
        answer = await self._call("GetCompositeSchedule", payload)
        found = answer.get("chargingSchedule") or {}
        for period in found.get("chargingSchedulePeriod", ()):
            phases = f", {period['numberPhases']} phases" if "numberPhases" in period else ""
            limit = f"{period['limit']:g} {found.get('chargingRateUnit', '')}"
            self._caller.screen.row(f"  from {period['startPeriod']:>6} s  {limit}{phases}")

    # --- firmware management --------------------------------------------------------------------------------

    async def _diagnostics(self, words: list[str]) -> None:
        words, given = options(words, ("retries", "interval", "from", "until"))
        payload: Payload = {"location": url(words)} | retries(given)
        for word, name in (("from", "startTime"), ("until", "stopTime")):
            if word in given:
                payload[name] = utc_text(moment(given[word], f"`{word}`"))
        await self._call("GetDiagnostics", payload)

    async def _update(self, words: list[str]) -> None:
        words, given = options(words, ("retries", "interval", "at"))
        when = utc_text(moment(given.get("at", "now"), "`at`"))
        await self._call("UpdateFirmware", {"location": url(words), "retrieveDate": when} | retries(given))


def _lines(name: str) -> list[list[str]]:
    """The words of each line of a file of tags, without comments and empty ones."""
    try:
        lines = file_bytes(name, "the list").decode().splitlines()
        return [split(line) for line in lines if line.strip() and not line.lstrip().startswith("#")]
    except ValueError as error:
        raise Mistake(f"{name!r} cannot be read: {error}") from None


def url(words: list[str]) -> str:
    if len(words) != 1 or "://" not in words[0]:
        raise Mistake("one URL is needed, e.g. ftp://user:password@192.168.1.2/folder/")
    return words[0]


def triggered(words: list[str], messages: tuple[str, ...]) -> Payload:
    """`MESSAGE [CONNECTOR]`, one of these."""
    if not words:
        raise Mistake(f"which message? {', '.join(messages)}")
    payload: Payload = {"requestedMessage": one_of(words[0], messages, "the message")}
    number = connector(words, 1)
    if number:
        payload["connectorId"] = number["connector"]
    return payload


def retries(given: dict[str, str]) -> Payload:
    names = {"retries": "retries", "interval": "retryInterval"}
    return {name: whole(given[word], f"`{word}`") for word, name in names.items() if word in given}
