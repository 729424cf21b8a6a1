# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the installer says of links: what is refused, and which links come of it."""

import installation
import log
from host_tests.unit.expect import raises
from net import link_settings
from net.link_settings import check, hostname_of, networks_of, rows_of

WIFI, LAN, MODEM = {"kind": "wifi"}, {"kind": "lan"}, {"kind": "modem"}
FIXED = {"address": "192.168.1.20", "netmask": "255.255.255.0", "gateway": "192.168.1.1", "dns": "9.9.9.9"}


def refused(name, value):
    said = str(raises(ValueError, check, name, value))
    assert '"%s"' % name in said, said
    return said


def test_one_network_or_several():
    one = {"ssid": "home", "password": "long secret"}
    assert check("wifi", one) is one and check("wifi", {}) == {}
    several = [one, {"ssid": "guest"}, {"ssid": "K\u00fcche", "password": ""}]
    assert check("wifi", several) is several
    assert networks_of(several) == [("home", "long secret"), ("guest", ""), ("K\u00fcche", "")]
    assert networks_of({}) == networks_of([]) == [] and networks_of(one) == [("home", "long secret")]


def test_networks_that_cannot_be():
    for value in (7, "home", [7], [[]], [{"ssid": "x"}] * 9):
        refused("wifi", value)
    assert '"SSID" of' in refused("wifi", {"SSID": "x"})
    assert '"ssid" of' in refused("wifi", {"ssid": 7})
    for ssid in ("", "x" * 33, "\u00fc" * 17, "a\nb"):
        assert '"ssid" of' in refused("wifi", [{"ssid": ssid}])
    assert '"ssid" of' in refused("wifi", {"password": "long secret"})
    # 64 of them are the key itself, in hex (IEEE 802.11 annex J.4): no access point takes another 64.
    assert check("wifi", {"ssid": "home", "password": "0123456789abcdefABCDEF0123456789" * 2})
    assert check("wifi", {"ssid": "home", "password": "x" * 63})
    for password in ("short", "x" * 65, "x" * 64, "0" * 63 + "g", "long\0secret", "long\x7fsecret"):
        said = refused("wifi", {"ssid": "home", "password": password})
        assert '"password" of' in said and password not in said and "home" not in said


def test_country():
    assert check("country", "DE") == "DE"
    for value in ("de", "D", "DEU", "D1", "", 7, ["D", "E"]):
        refused("country", value)


def test_a_fixed_address():
    assert check("ethernet", FIXED) is FIXED and check("ethernet", {}) == {}
    for key in FIXED:
        less = dict(FIXED)
        del less[key]
        assert '"%s" of "ethernet" is missing' % key in refused("ethernet", less)
        for value in ("", "1.2.3", "1.2.3.256", "1.2.3.4.5", "a.b.c.d", "1.2.3.-4", "1..2.3", "1.2.3.0004"):
            assert '"%s" of' % key in refused("ethernet", dict(FIXED, **{key: value}))
    assert "mask" in refused("ethernet", dict(FIXED, mask="255.0.0.0"))
    for mask in ("255.0.255.0", "0.0.0.0", "255.255.255.255", "255.255.255.254"):
        assert '"netmask"' in refused("ethernet", dict(FIXED, netmask=mask))
    for gateway in ("192.168.2.1", "192.168.1.20"):
        assert '"gateway"' in refused("ethernet", dict(FIXED, gateway=gateway))
    for address in ("192.168.1.0", "192.168.1.255"):
        refused("ethernet", dict(FIXED, address=address))
    refused("ethernet", [])


def test_order():
    assert check("links", ["modem", "wifi"]) == ["modem", "wifi"]
    for value in ([], "wifi", ["wlan"], [7], ["wifi", "wifi"], {"wifi": 1}):
        refused("links", value)


def test_servers():
    assert check("dns", ["9.9.9.9"]) == ["9.9.9.9"] and check("dns", []) == []
    assert check("ntp", ["pool.ntp.org", "10.0.0.1"]) == ["pool.ntp.org", "10.0.0.1"]
    for value in ("9.9.9.9", ["dns.example"], [7], ["1.1.1.1"] * 5, ["1.2.3.999"]):
        refused("dns", value)
    many = ["a", "b", "c", "d", "e"]
    # Two have to agree, and the same one does with itself.
    assert "twice" in refused("ntp", ["t.example", "T.example"])
    for value in ("t.example", [""], ["a b"], ["http://x"], ["1.2.3.999"], ["::1"], [7], many, ["x" * 254]):
        refused("ntp", value)


def test_in_the_file():
    found = installation.read(b'{"wifi": [{"ssid": "a"}], "country": "NL", "ntp": ["t.example"]}', "")
    assert found["wifi"] == [{"ssid": "a"}] and found["country"] == "NL" and found["ntp"] == ["t.example"]
    assert "ethernet" not in found and "links" not in found
    for text in (b'{"country": "nl"}', b'{"wifi": [{"ssid": "home", "password": "short"}]}'):
        said = str(raises(installation.InstallationError, installation.read, text, ""))
        assert said.startswith("installation.json: ") and "short" not in said


class Board:
    modem = object()


def kinds(those, **given):
    given = dict({"wifi": {}}, **given)
    level, log.level = log.level, log.ERROR + 1
    try:
        return [row["kind"] for row in rows_of(those, given)]
    finally:
        log.level = level


def test_which_links_are_used():
    home = {"ssid": "home"}
    links = (LAN, WIFI, MODEM)
    assert kinds(links) == ["lan", "modem"]
    assert kinds(links, wifi=home) == ["lan", "wifi", "modem"]
    assert kinds(links, wifi=home, links=["wifi", "modem"]) == ["wifi", "modem"]
    assert kinds(links, links=["modem", "wifi"]) == ["modem"]
    assert kinds(links, links=["wifi"]) == ["lan", "modem"]  # better than none
    assert kinds((MODEM, MODEM, WIFI)) == ["modem"]
    assert kinds((WIFI,)) == []


def test_a_name_in_the_network():
    assert hostname_of("CP1") == "CP1" and hostname_of("a b/c_\u00fc.x") == "a-b-c---x"
    assert hostname_of("x" * 40) == "x" * 32 and hostname_of("///") == "pilotlight"


class Network:
    def __init__(self):
        self.said = {}

    def country(self, code):
        self.said["country"] = code

    def hostname(self, name):
        raise ValueError("too long")


class Chip:
    """What a board's chip has, told by name."""

    def __init__(self):
        self.made = []

    def __call__(self, name):
        self.name = name
        return self

    def link_of(self, data, *fixed):
        self.made.append((self.name, data) if self.name == "wifi" else (data["kind"], fixed[0]))
        return self.made[-1]


def link(those, **given):
    import sys

    chip, network = Chip(), Network()
    given = dict({"wifi": {}, "lte": {}, "id": "CP1"}, **given)
    before = sys.modules.get("network")
    sys.modules["network"] = network
    level, log.level = log.level, log.ERROR + 1
    try:
        return link_settings.link_of(Board(), those, given, chip), chip, network
    finally:
        log.level = level
        if before is None:
            del sys.modules["network"]
        else:
            sys.modules["network"] = before


def test_one_link_needs_nobody_above_it():
    made, _, network = link((WIFI,), wifi={"ssid": "home"}, country="DE")
    assert made == ("wifi", [("home", "")]) and network.said == {"country": "DE"}
    made, _, _ = link((LAN,), ethernet=FIXED)
    assert made == ("lan", ("192.168.1.20", "255.255.255.0", "192.168.1.1", "9.9.9.9"))
    assert link((LAN,))[0] == ("lan", None)
    assert link((WIFI,))[0] is None


def test_several_links_are_made_when_they_are_needed():
    made, chip, _ = link((LAN, WIFI, MODEM), wifi={"ssid": "home"})
    assert [row[0] for row in made._rows] == ["lan", "wifi", "modem"] and chip.made == []
    assert made._rows[1][2]() == ("wifi", [("home", "")])
    assert made._choice._patience_ms == [30000, 60000, 180000]
