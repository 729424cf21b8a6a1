# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The installer's test of the whole charger: the parts of each connector (`evse.part_tests`), meter, tag
reader, network, time, central system. Pure: time comes in, results go out; loaded when somebody asks for it.
What each of them means: docs/self-test.md.

    test = SelfTest(firmware, contactor)
    while test.step(now): ...          # every 20 ms
    test.results                       # (connector or 0, name, verdict, text) of each, in order
"""

from evse.part_tests import ABSENT, FAIL, PASS, PartTests
from hal.ticks import ticks_diff
from station import timestamp

_METER_MS = 3000
_TAG_MS = 20000
_LINK_MS = 10000
_CSMS_MS = 60000  # a modem that has just come up, a handshake with TLS, BootNotification
_VOLTS_PERCENT = 15  # EN 50160 has 10, meters and long lines have their own
_FREQUENCIES_MHZ = (50000, 60000)
_FREQUENCY_MHZ = 1000
_LEAK_MA = 500  # that flow although the contactor is open
_WEAK_DBM = -100
# A clock that says less was never set: no firmware of ours is older.
_LEAST_UTC_MS = 1735689600000  # 2025-01-01


class SelfTest:
    """results   (connector or 0 of the station, name, verdict, text)
    prompt    what somebody has to do now, "": nothing
    """

    def __init__(self, firmware, contactor: bool):
        """`firmware`: a `charger.Firmware`; `contactor`: the contactors may be closed."""
        self.results = []
        self.prompt = ""
        self._firmware = firmware
        self._may_close = contactor
        self._now = 0
        self._tag = None  # while one is waited for: ""
        self._parts = None
        self._steps = self._run()

    def step(self, now: int) -> bool:
        """False: it is over."""
        self._now = now
        try:
            next(self._steps)
            return True
        except StopIteration:
            return False

    def stop(self) -> None:
        """Somebody wants it no more. Nothing stays closed or driven."""
        self._steps.close()
        parts = self._parts
        self._parts = None
        if parts is not None:
            parts.stop("by hand")
        self._tag = None
        self.prompt = ""
        self.results.append((0, "test", FAIL, "stopped by hand"))

    def tag(self, uid: str) -> bool:
        """A tag was read. True: it was for the test, nobody charges with it."""
        if self._tag is None:
            return False
        self._tag = uid
        return True

    @property
    def passed(self) -> bool:
        """What was tried is as it should be."""
        return not any(verdict == FAIL for _, _, verdict, _ in self.results)

    def _add(self, number, name, verdict, text):
        self.results.append((number, name, verdict, text))

    def _run(self):
        station = self._firmware.station
        if station.closing is not None:
            self._add(0, "test", FAIL, "the charger is about to restart")
            return
        for connector in station.connectors:
            yield from self._connector(connector)
        yield from self._reader()
        yield from self._link()
        yield from self._csms()
        self._time()  # after the central system, which tells it

    def _connector(self, connector):
        number = connector.number
        if connector.busy:
            self._add(number, "parts", FAIL, "not tried: a transaction runs")
            return
        found = []
        parts = self._parts = PartTests(connector.supply, self._may_close, found)
        told = 0
        while True:
            running = parts.step(self._now)
            for name, verdict, text in found[told:]:
                self._add(number, name, verdict, text)
            told = len(found)
            if not running:
                break
            yield
        self._parts = None
        yield from self._meter(number)

    def _meter(self, number):
        answer = []
        self._firmware.station.read_meter(number, lambda reading, now: answer.append(reading))
        yield from self._until(_METER_MS, lambda: answer)
        reading = answer[0] if answer else None
        if reading is None:
            self._add(number, "meter", FAIL, "does not answer")
            return
        described = self._firmware.station.description.connectors[number - 1]
        text, wrong = _judged(reading, described)
        self._add(number, "meter", FAIL if wrong else PASS, text + ("; " + wrong if wrong else ""))

    def _reader(self):
        reader = self._firmware.board.tag_reader
        if reader is None:
            self._add(0, "tag reader", ABSENT, "none")
            return
        if reader.silent():
            self._add(0, "tag reader", FAIL, "does not answer")
            return
        self._tag = ""
        self.prompt = "hold a tag to the reader"
        yield from self._until(_TAG_MS, lambda: self._tag)
        uid = self._tag
        self._tag = None
        self.prompt = ""
        if uid:
            # Not all of it: who finds the page could charge with it.
            self._add(0, "tag reader", PASS, "%d characters, the last ones %s" % (len(uid), uid[-2:]))
        else:
            self._add(0, "tag reader", FAIL, "no tag within %d s" % (_TAG_MS // 1000))

    def _link(self):
        link = self._firmware.board.link
        if link is None:
            self._add(0, "network", ABSENT, "none is set up")
            return
        up_ms = yield from self._until(_LINK_MS, link.up)
        dbm = link.signal_dbm()
        text = "no radio, or not known" if dbm is None else "%d dBm" % dbm
        if up_ms < 0:
            self._add(0, "network", FAIL, "down; signal: " + text)
            return
        self._add(0, "network", PASS, "up")
        weak = dbm is not None and dbm < _WEAK_DBM
        self._add(0, "signal", ABSENT if dbm is None else FAIL if weak else PASS, text)

    def _csms(self):
        firmware = self._firmware
        if firmware.url is None or firmware.board.link is None:
            self._add(0, "central system", ABSENT, "none is set up: the charger works by itself")
            return
        session = firmware.session
        yield from self._until(_CSMS_MS, lambda: session.connected and session.registration == "Accepted")
        if not session.connected:
            self._add(0, "central system", FAIL, "not connected: the log says why")
        elif session.registration != "Accepted":
            self._add(0, "central system", FAIL, "connected, registration: %s" % session.registration)
        else:
            secure = "with TLS" if firmware.url.lower().startswith("wss") else "without TLS"
            self._add(0, "central system", PASS, "connected %s, registered" % secure)

    def _time(self):
        utc_ms = self._firmware.station.clock.utc_ms
        if utc_ms is None:
            # Who works by himself bills nobody.
            verdict = ABSENT if self._firmware.url is None else FAIL
            self._add(
                0, "time", verdict, "not known: neither a clock with a battery nor a central system tells it"
            )
            return
        text = timestamp.text(utc_ms, False)
        self._add(0, "time", FAIL if utc_ms < _LEAST_UTC_MS else PASS, text)

    def _until(self, ms, done):
        began = self._now
        while not done():
            passed_ms = ticks_diff(self._now, began)
            if passed_ms >= ms:
                return -1
            yield
        return ticks_diff(self._now, began)


def _judged(reading, described):
    """(what it says, what is wrong with that or nothing)."""
    wrong = []
    shown = []
    if reading.energy_wh is None:
        wrong.append("no register of energy")
    else:
        shown.append("%d Wh" % reading.energy_wh)
        if reading.energy_wh < 0:
            wrong.append("a negative register")
    if described.current == "AC":  # that of a DC output shows what the car gets: nothing
        nominal_mv = described.nominal_v * 1000
        most_mv = nominal_mv * _VOLTS_PERCENT // 100
        for voltage_mv in reading.voltage_mv[: described.phases]:
            shown.append("%d.%d V" % (voltage_mv // 1000, voltage_mv % 1000 // 100))
            if abs(voltage_mv - nominal_mv) > most_mv:
                wrong.append("%d V are nominal" % described.nominal_v)
        if reading.frequency_mhz is not None:
            frequency = reading.frequency_mhz
            shown.append("%d.%02d Hz" % (frequency // 1000, frequency % 1000 // 10))
            if all(abs(frequency - nominal) > _FREQUENCY_MHZ for nominal in _FREQUENCIES_MHZ):
                wrong.append("neither 50 nor 60 Hz")
    if any(abs(current_ma) > _LEAK_MA for current_ma in reading.current_ma):
        wrong.append(
            "%d mA flow with the contactor open" % max([abs(current) for current in reading.current_ma])
        )
    return ", ".join(shown), ", ".join(wrong)
