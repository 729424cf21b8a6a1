# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""docs/indicator.md and docs/buttons.md are what the data and the code say."""

import re

import factory_reset
from hal import board_keys, contract
from hal.parts.indications import INDICATIONS, SOUNDS
from panel import _INDICATIONS
from toolchain.layout import ROOT

PAGE = (ROOT / "docs" / "indicator.md").read_text()


def rows(page, head):
    """The cells of the table that begins with this head."""
    lines = iter(page.splitlines())
    for line in lines:
        if line.startswith(head):
            break
    else:
        raise AssertionError("no table " + head)
    next(lines)
    found = []
    for line in lines:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def test_what_is_shown():
    page = [(cells[0], *map(int, cells[2:])) for cells in rows(PAGE, "| Shown |")]
    assert page == [("`%s`" % row[0], *row[1:]) for row in INDICATIONS]


def test_what_is_sounded():
    page = [(cells[0], cells[2]) for cells in rows(PAGE, "| Sounded |")]
    assert page == [("`%s`" % name, ", ".join(map(str, pattern))) for name, pattern in SOUNDS]


def test_statuses_stand_beside_what_they_show():
    when = {cells[0].strip("`"): cells[1] for cells in rows(PAGE, "| Shown |")}
    for status, name in _INDICATIONS.items():
        if name not in ("fault", "unavailable"):
            assert status in when[name].replace(",", "").split(), status


def test_the_contract_names_the_same():
    said = set(re.findall(r'"(\w+)"', contract.Indicator.show.__doc__ or ""))
    assert said == {row[0] for row in INDICATIONS}
    said = set(re.findall(r'"(\w+)"', contract.Buzzer.sound.__doc__ or ""))
    assert said == {name for name, _ in SOUNDS}


def test_the_kinds_of_the_boards_data():
    for head, kinds in (
        ("| `indicator` |", board_keys.indicators()),
        ("| `buzzer` |", board_keys.buzzers()),
    ):
        page = {cells[0].strip("`"): cells[1] for cells in rows(PAGE, head)}
        assert set(page) == set(kinds)
        for kind, keys in kinds.items():
            for key in keys:
                assert key.lstrip("?") in page[kind] or key == "?pull", (kind, key)


def test_what_a_factory_reset_takes():
    page = (ROOT / "docs" / "buttons.md").read_text()
    goes = {name for cells in rows(page, "| goes |") for name in re.findall(r"`([\w.]+)`", cells[0])}
    taken = {*factory_reset._FILES, *factory_reset._FOLDERS}
    assert goes == taken | {name + ".bad" for name in factory_reset._FILES}
    stays = {name for cells in rows(page, "| stays |") for name in re.findall(r"`([\w.]+)`", cells[0])}
    files = (ROOT / "docs" / "files.md").read_text()
    # Every file that docs/files.md knows is in one of the two.
    known = {re.split(r"[/`]", cells[0].strip("`"))[0] for cells in rows(files, "| File |")}
    assert known - {"*.bad", "factory_reset"} <= goes | stays, known - goes - stays
