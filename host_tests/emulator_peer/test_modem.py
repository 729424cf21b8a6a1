# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The AT dialogue, data calls, and everything that can go wrong with them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.modem.faults import Faults, UnknownFault
from emulator.modem.modem import ModemSettings
from host_tests.emulator_peer.board_tcp import checked, udp
from host_tests.emulator_peer.world import BOOTED, World, powered

# --- commands -----------------------------------------------------------------------------------------------


def test_echo_and_the_usual_questions():
    it = World()
    assert it.at("ATE0") == "ATE0\r\r\nOK\r\n"
    for command, answer in (
        ("AT", ""),
        ("at+csq", "+CSQ: 22,99"),
        ("AT+CGMM", "SIMCOM_SIM7600E-H"),
        ("AT+CGSN", "001010000000016"),
        ("AT+CIMI", "001010123456789"),
        ("AT+CCID", "+ICCID: 8988211000000000017"),
        ("AT+CPIN?", "+CPIN: READY"),
        ("AT+CREG?", "+CREG: 0,1"),
        ("AT+CGREG?", "+CGREG: 0,1"),
        ("AT+CEREG?", "+CEREG: 0,1"),
        ("AT+COPS?", '+COPS: 0,0,"Loopback Mobile",7'),
        ("AT+CGATT?", "+CGATT: 1"),
        ("AT+CFUN?", "+CFUN: 1"),
        ("AT+IPR?", "+IPR: 115200"),
        ("AT+IFC?", "+IFC: 0,0"),
        ("AT+CGPADDR", "+CGPADDR: 1,10.64.0.2"),
        ("AT+CCLK?", '+CCLK: "23/11/14,22:13:20+00"'),
        ('AT+CGDCONT=1,"IP","a;b"', ""),
        ("AT+CGDCONT?", '+CGDCONT: 1,"IP","a;b","0.0.0.0",0,0,0,0'),
        ("AT+IFC=2,2", ""),
        ("AT+IFC?", "+IFC: 2,2"),
        ("ATV1Q0S0=0&D2", ""),
        ("AT+CMEE=?", ""),
    ):
        expected = f"\r\n{answer}\r\n" if answer else ""
        assert it.at(command) == expected + "\r\nOK\r\n", command
    assert it.at("AT+CSQ;+CREG?") == "\r\n+CSQ: 22,99\r\n\r\n+CREG: 0,1\r\n\r\nOK\r\n"
    assert "Revision: " in it.at("ATI") and it.at("ATH") == "\r\nOK\r\n"


WRONG = ("AT+NOSUCH", "AT+IPR=12345", "AT+CREG=7", "AT+CFUN=9", "AT+CGDCONT=99", "AT~", "ATE0+", "ATJ")


def test_what_it_does_not_understand():
    it = World()
    it.at("ATE0")
    for command in WRONG:
        assert it.at(command) == "\r\nERROR\r\n", command
    assert it.at("AT" + "+" * 10000) == "\r\nERROR\r\n"
    assert it.at("AT") == "\r\nOK\r\n"
    assert it.at("") == "" and it.at("HELLO") == ""
    assert it.at("\x00\x01}garbage AT") == "\r\nOK\r\n", "noise before the first command"
    assert it.at("AX\bT") == "\r\nOK\r\n"


def test_errors_as_asked_for():
    it = World()
    it.modem.faults.set("no_sim")
    it.at("ATE0")
    assert it.at("AT+CPIN?") == "\r\n+CME ERROR: SIM not inserted\r\n"
    it.at("AT+CMEE=1")
    assert it.at("AT+CPIN?") == "\r\n+CME ERROR: 10\r\n"
    it.at("AT+CMEE=0")
    assert it.at("AT+CPIN?") == "\r\nERROR\r\n"
    assert it.at("ATD*99#") == "\r\nNO CARRIER\r\n"
    assert it.at("AT+CSQ") == "\r\n+CSQ: 99,99\r\n\r\nOK\r\n"


def test_a_sim_with_a_pin():
    settings = ModemSettings()
    settings.subscription.pin = "1234"
    it = World(settings)
    it.at("ATE0")
    assert "SIM PIN" in it.at("AT+CPIN?") and "PIN required" in it.at("AT+CIMI")
    assert "incorrect password" in it.at('AT+CPIN="9999"')
    assert it.at('AT+CPIN="1234"') == "\r\nOK\r\n"
    assert "+CREG: 0,2" in it.at("AT+CREG?", 0.1)
    it.run(2)
    assert "+CREG: 0,1" in it.at("AT+CREG?")


def test_registration_takes_time_and_may_be_refused():
    it = powered()
    it.run(3.1)
    assert "+CREG: 0,2" in it.at("AT+CREG?") and "NO CARRIER" in it.at("ATD*99#")
    it.at("AT+CREG=1")
    it.run(5)
    assert "\r\n+CREG: 1\r\n" in it.text.decode("latin-1") and "+CREG: 1,1" in it.at("AT+CREG?")
    it.modem.faults.set("refuse_registration")
    assert "+CREG: 1,3" in it.at("AT+CREG?") and "+CGATT: 0" in it.at("AT+CGATT?")
    it.modem.faults.clear()
    it.at("AT+CFUN=0")
    assert "+CREG: 1,0" in it.at("AT+CREG?")
    it.at("AT+CFUN=1")
    assert "+CREG: 1,2" in it.at("AT+CREG?")


def test_restart_by_command():
    it = World()
    it.at("ATE0")
    it.at("AT+CFUN=1,1")
    it.text = b""
    it.run(10)
    assert it.text.endswith(BOOTED) and it.at("AT") == "AT\r\r\nOK\r\n"


def test_speed():
    it = World()
    it.modem.board_speed = 115200
    assert "OK" in it.at("AT+IPR=460800") and it.modem.commands.speed == 460800
    assert "OK" not in it.at("AT")
    it.modem.board_speed = 460800
    it.text = b""
    assert "OK" in it.at("AT") and "CONNECT 460800" in it.at("ATD*99#")
    it.modem.supply(False, it.now)
    assert it.modem.commands.speed == 115200, "not kept"
    it = World()
    it.at("AT+IPREX=921600")
    it.modem.supply(False, it.now)
    assert it.modem.commands.speed == 921600


def test_slow_answers_come_in_order():
    it = World()
    it.at("ATE0")
    it.modem.faults.set("answer_delay_ms", 3000)
    it.say(b"AT\rAT+CSQ\r")
    before = it.text
    it.run(2.9)
    assert it.text == before
    it.run(0.2)
    assert it.text[len(before) :] == b"\r\nOK\r\n\r\n+CSQ: 22,99\r\n\r\nOK\r\n"


def test_a_hanging_modem_needs_its_supply_cut():
    it = powered()
    it.run(8)
    it.modem.faults.set("hang")
    assert it.at("AT", 5) == ""
    it.modem.pwrkey(True, it.now)
    it.run(10)
    it.modem.pwrkey(False, it.now)
    assert it.at("AT", 5) == "" and it.modem.power.state == "on"
    it.modem.supply(False, it.now)
    it.run(1)
    it.modem.supply(True, it.now)
    it.modem.pwrkey(True, it.now)
    it.run(1)
    it.modem.pwrkey(False, it.now)
    it.run(6)
    assert "OK" in it.at("AT")


# --- data calls ---------------------------------------------------------------------------------------------


def alive(it):
    """Whether a question gets its answer."""
    before = len(it.packets)
    it.send_ip(udp(5353, 999, b"?"))
    it.run(1)
    return len(it.packets) > before


def test_dial_talk_hang_up():
    it = World()
    ppp = it.dial()
    assert ppp.address == b"\x0a\x40\x00\x02" and it.modem.mode == "data" and alive(it)
    assert b"CONNECT 115200" in it.text
    ppp.terminate()
    it.run(1)
    assert it.text.endswith(b"\r\nNO CARRIER\r\n") and it.modem.mode == "command"
    it.ppp = None
    assert "OK" in it.at("AT")
    assert it.dial().address is not None and it.modem.calls == 2


def test_numbers_that_are_no_data_call():
    it = World()
    it.at("ATE0")
    assert it.at("ATD123456;") == "\r\nNO CARRIER\r\n"
    assert it.at("ATD*99***7#") == "\r\nERROR\r\n"
    assert it.at("ATD*99***1#").startswith("\r\nCONNECT 115200\r\n")


def test_escape_to_commands_and_back():
    it = World()
    it.dial()
    it.run(1.5)
    it.say(b"+++")
    it.run(0.9)
    assert it.modem.mode == "data"
    it.run(0.3)
    assert it.modem.mode == "command" and it.text.endswith(b"\r\nOK\r\n")
    assert "+CSQ" in it.at("AT+CSQ") and "CONNECT" in it.at("ATO")
    assert it.modem.mode == "data" and alive(it)
    it.run(2)
    it.say(b"+++")
    it.run(2)
    assert "OK" in it.at("ATH") and it.modem.link is None
    assert "+CME ERROR" in it.at("ATO")


def test_plus_signs_among_data_are_data():
    it = World()
    it.dial()
    it.run(2)
    for pieces in ((b"+++", b"x"), (b"++",), (b"++++",), (b"x+++",)):
        for piece in pieces:
            it.say(piece)
        it.run(3)
        assert it.modem.mode == "data", pieces
    for sign in b"+++":
        it.say(bytes((sign,)))
    it.run(2)
    assert it.modem.mode == "command"


def test_no_carrier():
    for terminate in (False, True):
        it = World()
        ppp = it.dial()
        assert it.modem.drop(it.now, terminate)
        it.run(5)
        assert it.text.endswith(b"\r\nNO CARRIER\r\n") and ppp.dead is terminate
        assert not it.modem.drop(it.now)


def test_flapping():
    it = World()
    it.modem.faults.set("flap_s", 60)
    for _ in range(3):
        it.dial()
        it.run(50)
        assert it.modem.mode == "data"
        it.run(15)
        assert it.modem.mode == "command" and it.text.endswith(b"NO CARRIER\r\n")
        it.ppp = None


def test_a_call_that_lasts_already_begins_to_flap():
    it = World()
    it.dial()
    it.run(30)
    it.modem.faults.set("flap_s", 60)
    it.run(25)
    assert it.modem.mode == "data"
    it.run(10)
    assert it.modem.mode == "command" and it.text.endswith(b"NO CARRIER\r\n")
    it.ppp = None
    it.dial()
    it.run(50)
    it.modem.faults.clear("flap_s")
    it.run(50)
    assert it.modem.mode == "data"


def test_dead_and_half_dead():
    it = World()
    ppp = it.dial()
    it.modem.faults.set("half_dead")
    count = len(ppp.history)
    ppp.echo(5)
    assert not alive(it) and len(ppp.history) == count + 1, "LCP still answers"
    it.modem.faults.clear()
    assert alive(it)
    it.modem.faults.set("dead")
    count = len(ppp.history)
    ppp.echo(6)
    assert not alive(it) and len(ppp.history) == count and it.modem.mode == "data"
    it.say(b"+++")
    it.run(2)
    assert "OK" in it.at("AT"), "the modem itself is well"


def test_a_refused_call_and_refused_authentication():
    it = World()
    it.modem.faults.set("refuse_call")
    assert "NO CARRIER" in it.at("ATD*99#") and it.modem.link is None
    settings = ModemSettings()
    settings.ppp.authentication = "pap"
    it = World(settings)
    it.modem.faults.set("refuse_authentication")
    assert it.dial().dead
    it.run(1)
    assert it.text.endswith(b"NO CARRIER\r\n")
    it.modem.faults.clear()
    assert it.dial().address is not None


def test_a_noisy_line_damages_frames_and_they_are_seen():
    it = World(ports={7: "echo"})
    it.dial()
    tcp = it.connect(7)
    it.say(b"\xff\x03noise~")
    assert it.modem.state(it.now)["frames"]["bad"] == 1
    tcp.write(b"x" * 2000, it.now)
    it.run(5)
    assert len(tcp.received) == 2000


def test_latency_and_rate():
    it = World()
    it.dial()
    it.modem.faults.set("latency_ms", 250)
    begun = it.now
    it.send_ip(udp(5353, 999, b"?"))
    count = len(it.packets)
    it.run(5, lambda: len(it.packets) > count)
    assert abs(it.now - begun - 0.5) < 0.001
    it.modem.faults.clear()
    it.modem.faults.set("bits_per_s", 8000)
    begun = it.now
    echo = udp(5353, 999, b"x" * 972)  # 1000 bytes: a second; the answer has 56
    it.send_ip(echo)
    it.run(5, lambda: len(it.packets) > count + 1)
    assert abs(it.now - begun - 1.056) < 0.01


def test_a_slow_radio_drops_what_its_queue_cannot_hold():
    it = World()
    it.dial()
    it.modem.faults.set("bits_per_s", 100)
    for _ in range(100):
        it.send_ip(udp(5353, 999, b"x" * 1000))
    assert it.modem._up._queued_bytes <= 65536 and it.modem.state(it.now)["lost"] > 30


def test_faults_by_name():
    faults = Faults()
    faults.set("loss", 0.5)
    faults.set("dead")
    faults.set("dns", "silent")
    assert faults.active() == {"dead": True, "loss": 0.5, "dns": "silent"}
    faults.clear("loss")
    assert "loss" not in faults.active()
    faults.clear()
    assert faults.active() == {}
    wrong = (("nothing", 1), ("loss", -1), ("loss", True), ("dead", 1), ("dns", "?"), ("latency_ms", "5"))
    for name, value in wrong:
        try:
            faults.set(name, value)
        except UnknownFault:
            assert name == "nothing"
        except ValueError:
            assert name != "nothing"
        else:
            raise AssertionError(name)


def test_the_state_tells_what_has_been():
    it = World(ports={7: "echo"})
    it.dial()
    it.connect(7)
    it.connect(1)
    state = it.modem.state(it.now)
    assert state["power"] == "on" and state["link"] == "running" and state["registration"] == 1
    assert state["calls"] == 1 and state["connections"] == 1 and state["refused"] == 1
    it.modem.drop(it.now)
    assert it.modem.state(it.now)["frames"]["good"] == state["frames"]["good"]
    assert checked(it.packets[-1])[0] == 6


LINES = [b"AT\r", b"ATD*99#\r", b"+++", b"ATH\r", b"ATO\r", b"AT+CFUN=1,1\r", b"AT+CPOF\r", b"~"]
ACTS_OF_ALL = st.one_of(
    st.binary(max_size=30),
    st.sampled_from(LINES),
    st.floats(0, 4),
    st.tuples(st.sampled_from(["supply", "pwrkey"]), st.booleans()),
    st.tuples(st.sampled_from(["dead", "hang", "no_sim", "half_dead"]), st.booleans()),
    st.just("drop"),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(ACTS_OF_ALL, max_size=30))
def test_whatever_happens_a_power_cycle_brings_it_back(acts):
    it = World()
    for act in acts:
        if isinstance(act, bytes):
            it.say(act)
        elif isinstance(act, float):
            it.run(act)
        elif act == "drop":
            it.modem.drop(it.now)
        elif act[0] in ("supply", "pwrkey"):
            getattr(it.modem, act[0])(act[1], it.now)
        else:
            it.modem.faults.set(*act)
    it.modem.faults.clear()
    it.modem.pwrkey(False, it.now)
    it.modem.supply(False, it.now)
    it.run(1)
    it.modem.supply(True, it.now)
    it.modem.pwrkey(True, it.now)
    it.run(0.5)
    it.modem.pwrkey(False, it.now)
    it.run(8)
    assert it.at("AT").endswith("\r\nOK\r\n") and it.dial().address is not None
