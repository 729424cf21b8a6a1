# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The description of somebody else's charge point: how little is enough, and what is said of a wrong one."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.cases import claims
from bench.cases.claims import Claims
from bench.charger import REPOSITORY, STATIONS

EXAMPLE = REPOSITORY / "tools" / "bench" / "examples" / "station.json"

LEAST: dict[str, Any] = {"name": "Somebody's", "connectors": [{"cable": "socket"}]}


@pytest.fixture
def read(tmp_path):
    """Claims of a file with this content; an object is written as JSON."""

    def with_content(content: Any) -> Claims:
        path = tmp_path / "station.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return claims.read(path)

    return with_content


def test_a_name_and_the_cables_are_enough(read):
    found = read(LEAST)
    assert (found.name, found.connectors, found.profiles) == ("Somebody's", ({"cable": "socket"},), ("Core",))
    assert (found.cache, found.absent, found.read_only) == (False, (), ())
    assert found.described == LEAST
    assert list(found.numbers) == [1]
    assert found.changes("HeartbeatInterval")


def test_the_rest_is_taken_over(read):
    more = {
        "connectors": [
            {"cable": "fixed", "phases": 3, "phase_switch": True},
            {"cable": "socket", "lock": True},
        ],
        "profiles": ["Core", "Reservation"],
        "options": {"cache": True},
        "absent": ["BlinkRepeat"],
        "read_only": ["LocalPreAuthorize"],
    }
    found = read({**LEAST, **more})
    assert list(found.connectors) == more["connectors"] and list(found.numbers) == [1, 2]
    assert found.profiles == ("Core", "Reservation") and found.cache
    assert not found.changes("BlinkRepeat") and not found.changes("LocalPreAuthorize")
    assert found.changes("ConnectionTimeOut")


@pytest.mark.parametrize("path", [EXAMPLE, *sorted(STATIONS.glob("*.json"))], ids=lambda path: path.stem)
def test_the_stations_that_we_ship(path: Path):
    found = claims.read(path)
    written = json.loads(path.read_text())
    assert found.name == written["name"] and len(found.numbers) == len(written["connectors"])
    assert found.cache == written["options"]["cache"] and list(found.profiles) == written["profiles"]


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in LEAST.items() if name != key}


def wrong(**values: Any) -> dict[str, Any]:
    return {**LEAST, **values}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"name: Somebody's", "is no JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"", "is no JSON: Expecting value: line 1 column 1 (char 0)"),
        (b'{"name": "\xff"}', "is no JSON: 'utf-8' codec can't decode byte 0xff"),
        (b"[" * 100_000, "is no JSON: maximum recursion depth exceeded"),
        ([LEAST], ": a station description is a JSON object"),
        (without("name"), ": name is missing"),
        (wrong(name=7), ": name: a text is needed, not 7"),
        (wrong(name=None), ": name: a text is needed, not None"),
        (wrong(name="  "), ": name is empty"),
        (without("connectors"), ": connectors is missing"),
        (wrong(connectors=2), ": connectors: a list is needed, not 2"),
        (wrong(connectors=[]), ": connectors: there is none"),
        (wrong(connectors=[{"cable": "fixed"}, 2]), ": connectors[1]: an object is needed, not 2"),
        (wrong(connectors=[{}]), ": connectors[0].cable is missing"),
        (wrong(connectors=[{"cable": True}]), ": connectors[0].cable: a text is needed, not True"),
        (wrong(connectors=[{"cable": "Socket"}]),
         ": connectors[0].cable: 'Socket' is not one of fixed, socket"),
        (wrong(connectors=[{"cabel": "fixed"}]),
         ": connectors[0].cabel: there is no such key; known: cable, lock"),
        (wrong(profiles="Core"), ": profiles: a list is needed, not 'Core'"),
        (wrong(profiles=["core"]), ": profiles: 'core' is not one of Core, FirmwareManagement"),
        (wrong(profiles=[{}]), ": profiles[0]: a text is needed, not {}"),
        (wrong(options=["cache"]), ": options: an object is needed, not ['cache']"),
        (wrong(options={"cache": "false"}), ": options.cache: true or false is needed, not 'false'"),
        (wrong(options={"backup_power": 1}), ": options.backup_power: true or false is needed, not 1"),
        (wrong(options={"cahce": True}), ": options.cahce: there is no such key; known: cache"),
        (wrong(absent="BlinkRepeat"), ": absent: a list is needed, not 'BlinkRepeat'"),
        (wrong(absent=[None]), ": absent[0]: a text is needed, not None"),
        (wrong(read_only={"BlinkRepeat": True}), ": read_only: a list is needed, not {'BlinkRepeat': True}"),
        (wrong(readonly=[]), ": readonly: there is no such key; known: name, reader"),
    ],
)  # fmt: skip
def test_a_wrong_description_is_told_in_one_sentence(read, tmp_path, content, sentence):
    with pytest.raises(ValueError) as told:
        read(content)
    text = str(told.value)
    path = tmp_path / "station.json"
    assert text.startswith(f"{path}{'' if sentence[0] == ':' else ' '}{sentence}"), text
    assert "\n" not in text


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere\.json cannot be read: No such file or directory$"):
        claims.read(tmp_path / "nowhere.json")
    with pytest.raises(ValueError, match=r"cannot be read: Is a directory$"):
        claims.read(tmp_path)
