# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The LTE link where all is well: on a modem that is off, on or in a call, on every kind of board, and when
the tick counter wraps."""

from host_tests.unit.expect import raises
from host_tests.unit.link_rig import HOUR_MS, MINUTE_MS, Rig
from host_tests.unit.modem_rig import BOOT_MS
from net.bearer import Parts
from net.lte import parts_of


def test_from_power_on_to_online():
    rig = Rig(settings={"apn": "iot.example"}, fine=True)

    async def scenario(rig):
        assert not rig.link.up()
        took_ms = await rig.until(rig.link.up, 30000)
        assert took_ms < BOOT_MS + 3000 + 6000  # the modem's own start and registration, and our share
        assert rig.modem.supplied_ms == [0]
        assert rig.modem.keyed == 1
        assert rig.link.signal_dbm() == -71
        assert rig.said("AT+CGDCONT") == ['AT+CGDCONT=1,"IP","iot.example"']
        assert rig.modem.baud == rig.modem.host_baud == 921600
        await rig.pass_ms(HOUR_MS)
        assert rig.link.up() and rig.ppp.starts == 1

    rig.live(scenario)


def test_a_modem_that_runs_already_is_not_switched():
    rig = Rig(running=True, fine=True)

    async def scenario(rig):
        assert await rig.until(rig.link.up, 15000) < 5000
        assert rig.modem.keyed == 0 and rig.modem.supplied_ms == []

    rig.live(scenario)


def test_after_a_reset_of_ours_the_modem_is_in_the_middle_of_a_call():
    rig = Rig(running=True)
    rig.modem.data = True
    rig.modem.baud = 921600

    async def scenario(rig):
        await rig.until(rig.link.up, MINUTE_MS)
        assert rig.modem.supplied_ms == []

    rig.live(scenario)


def test_who_waits_for_a_change_is_told():
    rig = Rig(running=True)

    async def scenario(rig):
        await rig.link.changed()
        assert rig.link.up()
        rig.modem.data = False
        await rig.link.changed()
        assert not rig.link.up()

    rig.live(scenario)


def test_user_and_password_go_to_ppp():
    rig = Rig(True, {"user": "me", "password": "secret", "auth": "chap"})

    async def scenario(rig):
        await rig.until(rig.link.up, MINUTE_MS)
        assert rig.ppp.logins == [("me", "secret", True)]

    rig.live(scenario)


def test_ticks_wrap_at_any_moment():
    for before_ms in (100, 5000, 12000, 16000, 30000):
        rig = Rig(ticks=0x3FFFFFFF - before_ms)

        async def scenario(rig):
            await rig.until(rig.link.up, 30000)
            await rig.pass_ms(MINUTE_MS)
            assert rig.link.up()

        rig.live(scenario)


# --- the board's parts ---


class Described:
    """What a board says of its modem."""

    def __init__(self, baud, flow, key_ms):
        self.baud = baud
        self.flow = flow
        self.key_ms = key_ms


def test_what_the_board_says_of_its_modem():
    parts = parts_of(Described(115200, True, None))
    plain = Parts()
    assert (parts.speeds, parts.flow, parts.key_ms) == (plain.speeds, plain.flow, plain.key_ms)
    parts = parts_of(Described(9600, True, 1000))
    assert (parts.speeds, parts.flow, parts.key_ms) == ((9600, 921600), True, 1000)
    # Without RTS and CTS nothing is faster than what the board says: bytes would be lost.
    parts = parts_of(Described(57600, False, 100))
    assert (parts.speeds, parts.flow, parts.key_ms) == ((57600, 57600), False, 100)
    assert parts_of(Described(921600, True, None)).speeds == (921600, 921600)


def test_parts_of_a_board():
    parts = Parts(key_ms=100, speeds=(115200, 460800))
    assert (parts.key_ms, parts.speeds, parts.boot_ms) == (100, (115200, 460800), Parts.boot_ms)
    assert "keys_ms" in str(raises(ValueError, Parts, keys_ms=100))


def test_a_board_without_flow_control():
    rig = Rig(fine=True, parts=parts_of(Described(115200, False, 1000)))

    async def scenario(rig):
        await rig.until(rig.link.up, 30000)
        assert rig.said("AT+IFC") == [] and rig.said("AT+IPR") == []
        assert rig.modem.baud == rig.modem.host_baud == 115200

    rig.live(scenario)


def test_a_modem_that_starts_with_another_speed():
    rig = Rig(fine=True, parts=parts_of(Described(9600, True, None)))
    rig.modem.boot_baud = rig.modem.host_baud = 9600

    async def scenario(rig):
        await rig.until(rig.link.up, 30000)
        assert rig.modem.baud == rig.modem.host_baud == 921600

    rig.live(scenario)


def test_a_modem_that_knows_one_speed():
    rig = Rig(True)
    rig.modem.knows_speed = False

    async def scenario(rig):
        await rig.until(rig.link.up, MINUTE_MS)
        assert rig.modem.host_baud == 115200

    rig.live(scenario)


def test_a_board_without_supply_switch_and_key():
    rig = Rig(True)
    rig.modem.supply = rig.modem.key = None

    async def scenario(rig):
        await rig.until(rig.link.up, MINUTE_MS)
        rig.modem.hung = "radio"
        rig.modem.data = False
        await rig.pass_ms(HOUR_MS)
        rig.modem.hung = None
        await rig.until(rig.link.up, 10 * MINUTE_MS)

    rig.live(scenario)


def test_a_board_with_nothing_but_the_key():
    rig = Rig(True)
    rig.modem.supply = None

    async def scenario(rig):
        await rig.until(rig.link.up, MINUTE_MS)
        rig.modem._answers_ms = None  # it has switched itself off: under-voltage
        rig.modem.data = False
        await rig.until(lambda: not rig.link.up(), MINUTE_MS)
        await rig.until(rig.link.up, 2 * MINUTE_MS)
        assert rig.modem.keyed >= 1

    rig.live(scenario)
