# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The modem of boards/lilygo_t_a7670 on a fake ESP32: its pins, its UART, and the link on it, from the first
press of its key to PPP."""

from boards.lilygo_t_a7670.board import BOARD
from hal import board_data
from host_tests.fakes.chip import Chip
from host_tests.fakes.pilot_line import PilotLine
from host_tests.fakes.sleeping import Life
from net import at, lte
from net.ppp import Ppp

SUPPLY, KEY, TX, RX, COIL = 12, 4, 26, 27, 19
ANSWERS = {
    "AT+CPIN?": "+CPIN: READY",
    "AT+CEREG?": "+CEREG: 0,1",
    "AT+CSQ": "+CSQ: 20,99",
}


class A7670:
    """A peer of the UART: off until its key was pressed, and without supply."""

    def __init__(self, chip):
        self.chip = chip
        self.line = b""
        self.said = []

    def __call__(self, data):
        chip = self.chip
        # Nobody asks it while the key is pressed.
        on = chip.output(SUPPLY) and not chip.output(KEY) and 1 in chip.pins[KEY].writes
        if not on:
            return b""
        self.line += data
        answer = b""
        while b"\r" in self.line:
            line, _, self.line = self.line.partition(b"\r")
            command = line.decode("ascii", "replace").strip()
            self.said.append(command)
            answer += self._answer(command)
        return answer

    def _answer(self, command):
        if command.startswith("ATD"):
            return b"\r\nCONNECT 115200\r\n"
        lines = [ANSWERS[command]] if command in ANSWERS else []
        return "".join("\r\n%s\r\n" % line for line in (*lines, "OK")).encode()


class Rig:
    def __init__(self, monkeypatch, data=BOARD):
        self.chip = chip = Chip("esp32")
        line = PilotLine(chip, 18)
        chip.analog.update({39: line.mv, 34: lambda us: 1650})
        chip.external.update({36: 0, 13: 0, 14: 0})
        self.modem = chip.peers["uart", 1] = A7670(chip)
        with chip.installed():
            board = chip.load("hal.esp32.board")
            self.board = board.Board(data)
            self.ppp = chip.load("network").PPP


def test_its_pins_and_its_uart(monkeypatch):
    rig = Rig(monkeypatch)
    chip, modem = rig.chip, rig.board.modem
    assert set(chip.pins[SUPPLY].writes) == {0} and set(chip.pins[KEY].writes) == {0}
    assert chip.pins[TX].function == "UART1 tx" and chip.pins[RX].function == "UART1 rx"
    assert set(chip.pins) <= {number for number, _, _ in board_data.pins(BOARD)}
    # No read waits (PPP would, once a frame); no pins for flow control, so none is asked for.
    wanted = {"flow": 0, "rxbuf": 4096, "txbuf": 4096, "timeout": 0, "timeout_char": 0}
    assert modem.uart._settings == wanted and modem.uart._baudrate == 115200
    assert (modem.baud, modem.flow, modem.key_ms) == (115200, False, 100)
    modem.supply(True)
    modem.key(True)
    assert chip.output(SUPPLY) == 1 and chip.output(KEY) == 1


def test_a_board_without_one(monkeypatch):
    rig = Rig(monkeypatch, {**BOARD, "links": ({"kind": "wifi"},)})
    assert rig.board.modem is None and not {SUPPLY, KEY, TX, RX} & set(rig.chip.pins)


def test_the_guard_has_a_timer_that_no_uart_takes(monkeypatch):
    """UART.irq makes Timer(0) its own: with the guard on it the guard would be gone."""
    rig = Rig(monkeypatch)
    rig.board.every_ms(20, lambda: None)
    assert list(rig.chip.timers) == [1]


def test_the_link_comes_up_on_it_and_lets_go(monkeypatch):
    rig = Rig(monkeypatch)
    chip = rig.chip
    for module in (at, lte):
        monkeypatch.setattr(module, "ticks_ms", lambda: chip.now_us // 1000)
        monkeypatch.setattr(module, "pause", at._pause)  # unit tests put their own there, and leave it
    modem = rig.board.modem
    link = lte.LteLink(modem, {"apn": "internet"}, lte.parts_of(modem), Ppp(modem.uart, rig.ppp))
    chip.peers["ppp"] = True
    life = Life(chip, link)
    life.live(60, (40, lambda: chip.peers.update(ppp=False)), (45, lambda: chip.peers.update(ppp=True)))
    assert [up for _, up in life.ups] == [True, False, True] and life.ups[0][0] < 20
    assert 'AT+CGDCONT=1,"IP","internet"' in rig.modem.said and link.signal_dbm() == -73
    # The board says its speed, and has no wires for more.
    assert not [command for command in rig.modem.said if command.startswith(("AT+IPR", "AT+IFC"))]
    assert chip.output(COIL) == 0
