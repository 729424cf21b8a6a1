# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A station that is abused over its wire and must be the same afterwards."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from host_tests.integration.bad_payloads import FORMATION, OCCURENCE, PROPERTY, TYPE
from host_tests.integration.wire import Frame, Site, Wire, site

NO_ID = "-1"  # what a CALLERROR bears when the message's own id is not to be seen
CODES = {
    *(FORMATION, OCCURENCE, PROPERTY, TYPE),
    *("NotImplemented", "NotSupported", "InternalError", "ProtocolError", "SecurityError", "GenericError"),
}

# Bytes of a message that is read as a whole.
RECEIVE_LIMIT = 8192

# The heap may end this much higher: buffers that stay, fragments that a collection does not join.
HEAP_SLACK = 2048

both = pytest.mark.parametrize("charging", [False, True], ids=["idle", "charging"])


@contextlib.asynccontextmanager
async def abused(charging: bool) -> AsyncIterator[tuple[Site, Wire]]:
    """A station that is the same afterwards: keys, state, flash, heap; its transaction ends well."""
    async with site("generic_socket", MeterValueSampleInterval=1, HeartbeatInterval=0) as here:
        transaction_id = await here.begin() if charging else None
        async with here.wire() as wire:
            if charging:
                await wire.expect("MeterValues")
            for _ in range(70):  # the ring of the log is full, of the longest lines
                assert await wire.replies([3, "nobody" * 100, {}]) == []
            before = await here.probe(wire)
            heap = await here.heap_used()
            yield here, wire
            differ = differences(before, await here.probe(wire))
            assert not differ, differ
            assert await here.heap_used() < heap + HEAP_SLACK
            # And it is in one piece, so that a message of the greatest length can still be read.
            await longest(wire)
            if transaction_id is None:
                assert wire.calls == []
                return
            assert {call.action for call in wire.calls} == {"MeterValues"}
            seen = len(wire.calls)
            await wire.expect("MeterValues", since=seen, transactionId=transaction_id)
            await here.charger.do("tag", id="04A1B2C3")
            stopped = await wire.expect("StopTransaction", transactionId=transaction_id)
            assert stopped.payload["reason"] == "Local"
            assert stopped.payload["meterStop"] > 0


def differences(before: Any, after: Any, path: str = "") -> list[str]:
    """Where two probes differ, and how."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = [*before, *(name for name in after if name not in before)]
        found = [differences(before.get(name), after.get(name), f"{path}.{name}") for name in names]
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        found = [
            differences(a, b, f"{path}[{n}]") for n, (a, b) in enumerate(zip(before, after, strict=True))
        ]
    else:
        return [] if before == after else [f"{path}: {before!r:.200} has become {after!r:.200}"]
    return [line for lines in found for line in lines]


async def longest(wire: Wire) -> None:
    """Messages of 8,192 bytes, with escapes and without, are taken and understood."""
    for sign in ("x", "\\u00e4", "\\ud83d\\udd0c", "\\n", "ä"):
        text = sized(RECEIVE_LIMIT, "longest", sign)
        await wire.send(text)
        answer = await wire.answer_to("longest")
        assert answer == [3, "longest", {"status": "UnknownVendorId"}], f"{answer} for {text[:80]}"
        await wire.call("DataTransfer", {"vendorId": "v"})  # so that the id may come again


def sized(size: int, message_id: str, sign: str = "x") -> str:
    """A harmless DataTransfer of so many bytes."""
    text = f'[2,"{message_id}","DataTransfer",{{"vendorId":"v","data":"'
    end = '"}]'
    text += sign * ((size - len(text) - len(end)) // len(sign.encode()))
    text += "x" * (size - len(text.encode()) - len(end)) + end
    assert len(text.encode()) == size
    return text


def refusals(replies: list[Frame]) -> list[tuple[str, str]]:
    """(id, code) of each CALLERROR; there must be nothing else."""
    for frame in replies:
        assert frame[0] == 4 and len(frame) == 5, frame
        assert frame[2] in CODES and isinstance(frame[3], str) and isinstance(frame[4], dict), frame
        assert frame[3] and len(frame[3]) <= 255, frame
    return [(frame[1], frame[2]) for frame in replies]
