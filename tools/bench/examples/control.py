# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What driver.toml does to the simulated charger, through its control channel (boards/sim/README.md):
`control.py PORT WHAT [CONNECTOR or TAG]`. `offered` prints amperes. Needs nothing but Python.
"""

import json
import socket
import sys
from typing import Any

_TIMEOUT_S = 10


def requests(what: str, value: str) -> list[dict[str, Any]]:
    """The control channel's requests, in order. KeyError: there is no such thing to do."""
    if what == "tag":
        return [{"do": "tag", "id": value}]
    if what in ("link_down", "link_up"):
        return [{"do": "link", "up": what == "link_up"}]
    if what == "data_transfer":
        return [{"do": "data_transfer", "vendorId": "com.example.bench"}]
    at = {"connector": int(value)}
    released = {"do": "pilot", **at}
    return {
        "plug": [released, {"do": "car", "ready": True, **at}, {"do": "plug", **at}],
        # First the cable: the other way round the car would show itself once more.
        "unplug": [{"do": "unplug", **at}, released],
        "full": [{"do": "car", "ready": False, **at}],
        # A pilot at +12 V: nobody is there, but the plug is still in the socket.
        "leave": [{"do": "pilot", "high_mv": 12000, **at}],
        "fault": [{"do": "fault", "name": "OtherError", **at}],
        "mend": [{"do": "clear", "name": "OtherError", **at}],
        "lock_failure": [{"do": "fault", "name": "ConnectorLockFailure", **at}],
        "offered": [{"do": "state"}],
        "lock_mended": [{"do": "clear", "name": "ConnectorLockFailure", **at}],
    }[what]


def main() -> int:
    if len(sys.argv) not in (3, 4):
        print("usage: control.py PORT WHAT [CONNECTOR or TAG]")
        return 2
    port, what, *value = sys.argv[1:]
    try:
        wanted = requests(what, "".join(value))
        with (
            socket.create_connection(("127.0.0.1", int(port)), _TIMEOUT_S) as channel,
            channel.makefile("rwb") as lines,
        ):
            for request in wanted:
                lines.write(json.dumps(request).encode() + b"\n")
                lines.flush()
                answer = json.loads(lines.readline())
                if not answer["ok"]:
                    print(f"{what}: {answer['error']}")
                    return 1
            if what == "offered":
                print(answer["connectors"][int("".join(value)) - 1]["offered_a"])
    except (KeyError, ValueError, OSError) as error:
        print(f"{what}: {error!r}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
