# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Boards that differ from ours in one thing, and parts that none of ours has."""

from boards.pico_lte.board import BOARD as PICO

FIRST = ["connectors", 0]
MODEM = ["links", 0]
ON_SPI = {"spi": 1, "sck": 14, "mosi": 15, "miso": 12, "cs": 13}
ADE = {"kind": "ade7953", "counts_per_v": 26000, "counts_per_a": 100000, "counts_per_w": 154}
ADE["counts_per_kwh"] = 25240000
ATM = dict(ON_SPI, kind="atm90e32", phases=3, hz=50, voltage_gain=7305, current_gain=27961)
ATM["counts_per_kwh"] = 320000
I2C = {"i2c": 1, "sda": 2, "scl": 3}
LAN = {"kind": "lan", "mdc": 23, "mdio": 24, "phy": "lan8720", "address": 0, "ref_clk": 29, "clock": "in"}

W5500 = {"kind": "w5500", "spi": 0, "sck": 26, "mosi": 27, "miso": 28, "cs": 29, "interrupt": 22}


def changed(board: dict, path: list, value) -> dict:
    """The board with another value at `path`, a list of keys; `changed` itself takes it away."""
    board = dict(board)
    key = path[0]
    if len(path) > 1:
        if isinstance(board[key], tuple):
            rows = list(board[key])
            rows[path[1]] = changed(rows[path[1]], path[2:], value)
            board[key] = tuple(rows)
        else:
            board[key] = changed(board[key], path[1:], value)
    elif value is changed:
        del board[key]
    else:
        board[key] = value
    return board


def with_switch(board: dict, coil: dict, feedback: dict) -> dict:
    """The board with a second contactor for L2 and L3, and what belongs to it."""
    board = changed(board, FIRST + ["phase_switch"], {"coil": coil, "feedback": feedback})
    board = changed(board, FIRST + ["meter", "kind"], "sdm630")
    row = dict(board["station"]["connectors"][0], phases=3, phase_switch=True)
    return changed(board, ["station", "connectors"], [row])


def bare(**parts) -> dict:
    """The Pico's board with room on its pins, and these parts at its connector; `i2c` at the board."""
    board = dict(PICO)
    i2c = parts.pop("i2c", None)
    for name in ("reader", "grid_meter"):
        del board[name]
    board["station"] = dict(board["station"], reader="none")
    board["station"]["connectors"] = [dict(PICO["station"]["connectors"][0], cable="fixed", lock=False)]
    connector = dict(PICO["connectors"][0])
    for name in ("lock", "proximity", "rcd"):
        del connector[name]
    connector.update(parts)
    board["connectors"] = (connector,)
    board["links"] = ({"kind": "wifi"},)
    if i2c is not None:
        board["i2c"] = i2c
    return board
