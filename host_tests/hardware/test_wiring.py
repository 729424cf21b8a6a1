# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""tools/wiring: the drawings, tables and the list of parts that are committed are what the boards' data give,
and say what the data say."""

import re
from xml.etree import ElementTree

import pytest

from hal import board_data, board_keys
from host_tests.unit.board_variants import changed
from toolchain import board_check
from toolchain.layout import ROOT
from wiring import __main__ as wiring
from wiring import catalogue, drawing, parts, table

SVG = "{http://www.w3.org/2000/svg}"
PICO = board_check.load("pico_lte")
ESP32 = board_check.load("esp32_devkit")
FIRST = ["connectors", 0]
MIRROR = "mirror contact to ground, closed while the main contacts are open; high = closed or a broken wire"


@pytest.fixture(params=board_check.names())
def board(request):
    return board_check.load(request.param)


def texts(board) -> list[str]:
    root = ElementTree.fromstring(drawing.svg(board))
    return [element.text or "" for element in root.iter(SVG + "text")]


def test_what_is_committed_is_what_the_data_give():
    assert [str(path.relative_to(ROOT)) for path in wiring.stale()] == [], "make wiring"


def test_what_is_stale_is_named_and_written(monkeypatch, tmp_path, capsys):
    page = tmp_path / "page.md"
    monkeypatch.setattr(wiring, "ROOT", tmp_path)
    monkeypatch.setattr(wiring, "made", lambda: {page: "new"})
    assert wiring.main(["--check"]) == 1 and not page.exists()
    assert "page.md is stale: make wiring" in capsys.readouterr().err
    assert wiring.main([]) == 0 and page.read_text() == "new"
    assert wiring.main(["--check"]) == 0


def test_every_pin_is_in_the_table_and_in_the_drawing_once(board):
    numbers = sorted(number for number, _, _ in board_data.pins(board))
    rows = [line for line in table.markdown(board).splitlines() if re.match(r"\| \d", line)]
    assert [int(row.split("|")[1]) for row in rows] == numbers
    assert all(row.split("|")[-2].strip() for row in rows), "a wire of which nothing is said"
    drawn = [re.fullmatch(r"(?:GPIO|GP)(\d+)(?:, pin \d+)?", text) for text in texts(board)]
    assert sorted(int(found[1]) for found in drawn if found) == numbers


def test_every_part_is_drawn_with_its_wires(board):
    shown = texts(board)
    wifi = any(link["kind"] == "wifi" for link in board["links"])
    assert ("Wi-Fi: on the board, no wires" in shown) == wifi
    for part in parts.of(board):
        assert part.title in shown
        assert all(wire.label in shown for wire in part.wires if wire.label)


def test_nothing_lies_outside_the_drawing_nor_on_another_part(board):
    root = ElementTree.fromstring(drawing.svg(board))
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    boxes = []
    for rect in root.iter(SVG + "rect"):
        if rect.get("width") == "100%":
            continue
        x, y, wide, high = (float(rect.get(key, 0)) for key in ("x", "y", "width", "height"))
        assert x >= 0 and y >= 0 and x + wide <= width and y + high <= height
        if rect.get("fill") == "#ffffff":
            boxes.append((x, y, x + wide, y + high))
    for index, (x1, y1, x2, y2) in enumerate(boxes):
        for x3, y3, x4, y4 in boxes[:index]:
            assert x2 <= x3 or x4 <= x1 or y2 <= y3 or y4 <= y1


def test_the_circuit_of_the_coil_has_its_interlocks(board):
    shown = texts(board)
    assert "Emergency stop" in shown and "RCD's trip contact" in shown
    assert ("Monostable (alive)" in shown) == (board["chip"] != "rp2040")


def wire(board, signal):
    title, _, name = signal.partition(": ")
    (found,) = [
        wire for part in parts.of(board) if part.title == title for wire in part.wires if wire.signal == name
    ]
    return found


@pytest.mark.parametrize(
    ("board", "signal", "text"),
    [
        (PICO, "Contactor: feedback", MIRROR),
        (ESP32, "Contactor: feedback", MIRROR + "; 10 k to 3.3 V on the carrier"),
        (ESP32, "Cable lock: feedback", "contact to ground; low = locked"),
        (PICO, "Cable lock: feedback", "driven, high = locked"),
        (PICO, "Cable lock: lock", "H bridge, 600 ms pulses, 10 k pull-down"),
        (ESP32, "Cable lock: unlock", "H bridge with current limit, 600 ms pulses, 10 k pull-down"),
        (PICO, "Tag reader MFRC522: MISO", "SPI0 MISO, MFRC522"),
        (
            changed(PICO, ["emergency_stop"], {"pin": 22, "active": 1, "pull": "down"}),
            "Emergency stop: stop",
            "normally closed contact to 3.3 V; high = pressed",
        ),
        (
            changed(ESP32, [*FIRST, "pilot_switch", "active"], 0),
            "Control pilot: pilot switch",
            "relay, low = pilot off the line",
        ),
        (
            changed(PICO, [*FIRST, "pilot", "plus_12v_mv"], 2730),
            "Control pilot: voltage",
            "divider or amplifier: pin = pilot * 0.1 + 1530 mV: +12 V is 2730 mV, -12 V is 330 mV",
        ),
    ],
)
def test_the_wiring_follows_the_data(board, signal, text):
    assert wire(board, signal).text == text


def test_pins_that_are_left_over():
    assert parts.left_over(board_check.load("pico_w")) == ([4, 5, 6, 7], [])
    assert parts.left_over(ESP32) == ([16], [14])
    assert parts.left_over(changed(ESP32, ["module"], "wrover")) == ([], [14])
    assert parts.left_over(board_check.load("esp32_s3_w5500")) == ([38], [])


def test_a_part_that_nobody_has_described_is_drawn_by_its_keys(monkeypatch):
    """One of these days there is another kind: its pins are not left out."""
    kinds = {"ring": {"data": board_keys.NUMBER, "gate": board_keys.PIN}}
    monkeypatch.setattr(board_keys, "indicators", lambda: kinds)
    board = changed(PICO, ["indicator"], {"kind": "ring", "data": 25, "gate": {"pin": 23, "active": 0}})
    assert board_check.problems(board) == []
    (ring,) = [part for part in parts.of(board) if part.kind == "indicator"]
    found = sorted((wire.number, wire.text) for wire in ring.wires)
    assert found == [(23, "gate of RING, low = gate"), (25, "data of RING")] and "RING" in ring.title
    assert "GP25" in texts(board)


def test_a_readme_without_its_place_is_refused():
    with pytest.raises(ValueError, match=r"README\.md of pico_lte lacks"):
        table.put("# pico_lte\n" + table.END, PICO)


# --- docs/parts.md ---


def test_every_part_that_the_data_can_name_is_in_the_list():
    """A new kind in hal/board_keys.py wants a row in tools/wiring/catalogue.py."""
    assert [kind for kind in catalogue.kinds() if catalogue.words_of(*kind) is None] == []
    assert set(catalogue.KINDS) <= set(catalogue.kinds())
    assert sorted(catalogue.PLAIN) == sorted(catalogue.plain())


def test_the_drivers_in_the_list_are_there():
    rows = [catalogue.words_of(*kind) for kind in catalogue.kinds()]
    for _, driver, _ in (*rows, *catalogue.PLAIN.values()):
        for path in driver.split(", ") if driver != catalogue.NO_DRIVER else ():
            assert (ROOT / path).is_file(), path


def test_what_has_no_driver_in_the_list_has_none():
    """Whoever writes one says so there."""
    described = ("board_keys.py", "board_sense.py", "contract.py")
    sources = [path for path in ROOT.glob("hal/**/*.py") if path.name not in described]
    code = "".join(path.read_text() for path in (*sources, *ROOT.glob("firmware/**/*.py")))
    names = [kind for (_, kind), words in catalogue.KINDS.items() if words[1] == catalogue.NO_DRIVER]
    names += [key for key, words in catalogue.PLAIN.items() if words[1] == catalogue.NO_DRIVER]
    assert [name for name in names if '"%s"' % name in code] == []
