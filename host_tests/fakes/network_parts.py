# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""WLAN, LAN and PPP of `network`, and those of an RP2040: a CYW43, a W5500."""

import types
from typing import ClassVar


class Radio:
    """The Wi-Fi around a chip: networks by name, with their passwords; `joined` is the name of the one.

    failing    names of methods: each of their calls is an OSError of the driver (no memory, a state of its
               own), as nearly all of ports/esp32/network_wlan.c can be
    failures   how many there were
    no_dhcp    nobody gives addresses
    mute       access points do not answer: a try comes to nothing, and no reason
    asleep     the chip is stuck: it joins nothing until its power was off
    looks      how often it is looked at until a try comes to its end
    asked_for  the names that were tried, in order
    """

    def __init__(self, esp32=True):
        self.esp32 = esp32
        self.networks = {}
        self.rssi = -60
        self.strength = {}  # of networks that are not as strong as `rssi`
        self.active = False
        self.asked = None  # network and password that the driver tries
        self.joined = None
        self.tries = 0
        self.asked_for = []
        self.settings = {}
        self.failing = set()
        self.failures = 0
        self.no_dhcp = False
        self.mute = False
        self.asleep = False
        self.looks = self.looks_left = 1
        self.starts = 0
        self.verdict = None  # of the last try: "none", "password"

    def may(self, method):
        if method in self.failing:
            self.failures += 1
            raise OSError("Wifi Internal Error")

    def power(self, on):
        if on and not self.active:
            self.starts += 1
        if not on:
            self.asleep = False
            self.leave()
        self.active = on

    def leave(self):
        """The esp32 is told of it only where there is something to be left; else its last reason stays."""
        if not self.esp32 or self.joined is not None or self.asked is not None:
            self.verdict = None
        self.joined = self.asked = None

    def settle(self):
        """The driver gives up a network that is out of reach; it was told not to try by itself."""
        if self.looks_left:
            self.looks_left -= 1
            return
        if self.joined is not None and self.joined not in self.networks:
            self.joined = self.asked = None
            self.verdict = "lost"
        if self.joined is None and self.asked is not None and not self.mute and not self.asleep:
            ssid, password = self.asked
            self.asked = None
            if ssid not in self.networks:
                self.verdict = "none"
            elif (self.networks[ssid] or None) != password:
                self.verdict = "password"
            else:
                self.joined = ssid

    def has_address(self):
        self.settle()
        return self.joined is not None and not self.no_dhcp

    def status(self):
        up = self.has_address()
        if self.esp32:
            if up:
                self.verdict = None
                return 1010
            # Its reason is that of the last event, however old, until there is an address; and some reasons
            # come before "connecting" (network_wlan_status; micropython issue 17339).
            if self.verdict != "none" and (self.joined is not None or self.asked is not None):
                return 1001
            return {"none": 201, "password": 15, "lost": 200, None: 1000}[self.verdict]
        if up or self.joined is not None or self.asked is not None:
            return 3 if up else 2 if self.joined is not None else 1
        return {"none": -2, "password": -3, "lost": 0, None: 0}[self.verdict]


class WLAN:
    """Of the esp32 port."""

    def __init__(self, interface_id=0):
        assert interface_id == self.IF_STA

    def active(self, *is_active):
        radio = self._chip.radio
        radio.may("active")
        if not is_active:
            return radio.active
        radio.power(bool(is_active[0]))
        return None

    def connect(self, ssid=None, password=None, *, bssid=None):
        radio = self._chip.radio
        radio.may("connect")
        if not radio.active:
            raise OSError("Wifi Not Started")
        if radio.joined is not None or radio.asked is not None:
            raise OSError("Wifi Internal State Error")
        radio.tries += 1
        radio.asked_for.append(ssid)
        if not radio.esp32:
            radio.verdict = None
        radio.asked = ssid, password
        radio.looks_left = radio.looks

    def disconnect(self):
        radio = self._chip.radio
        radio.may("disconnect")
        if not radio.active:
            raise OSError("Wifi Not Started")
        radio.leave()

    def isconnected(self):
        return self._chip.radio.has_address()

    def status(self, *param):
        radio = self._chip.radio
        if not param:
            return radio.status()
        assert param[0] == "rssi"
        radio.may("status")
        radio.settle()
        if radio.joined is None:
            raise OSError("Wifi Not Connected")
        return radio.strength.get(radio.joined, radio.rssi)

    def config(self, *param, **settings):
        radio = self._chip.radio
        radio.may("config")
        if param:
            return radio.settings[param[0]]
        radio.settings.update(settings)
        return None


class CYW43(WLAN):
    """Of the rp2 port, as extmod/network_cyw43.c of MicroPython 1.25 has it; there is no stub of it."""

    IF_STA = 0
    PM_NONE = 0xA11140

    def active(self, *is_active):
        radio = self._chip.radio
        radio.may("active")
        if not is_active:
            return radio.active
        # For a station "down" is ignored (cyw43_wifi_set_up); that it fails to start is not told.
        if is_active[0]:
            radio.power(True)
        return None

    def deinit(self):
        self._chip.radio.power(False)

    def disconnect(self):
        radio = self._chip.radio
        radio.may("disconnect")
        radio.joined = radio.asked = None


class Wire:
    """What is at the other end of the Ethernet: `Chip.wire`.

    cable, dhcp   there is one
    stuck         the chip or PHY sees nothing until it is reset
    strict        to be told what it is already is an error of the driver (esp_eth_start, esp_eth_stop; in
                  MicroPython 1.25 `LAN.active` looks first); so is to be started while `dead`
    made          arguments of the driver's objects
    """

    def __init__(self):
        self.cable = False
        self.dhcp = True
        self.stuck = False
        self.strict = False
        self.dead = False
        self.failing = False
        self.made = []
        self.starts = 0
        self.fixed = None

    def linked(self):
        return self.cable

    def has_address(self):
        return self.cable and not self.stuck and (self.dhcp or self.fixed is not None)


class _Nic:
    def _begin(self, arguments):
        wire = self._chip.wire
        if wire.failing:
            raise OSError("esp_eth_driver_install failed")
        wire.made.append(arguments)
        self._active = False

    def active(self, *is_active):
        if not is_active:
            return self._active
        wire = self._chip.wire
        if is_active[0] and wire.dead:
            raise OSError("ethernet enable failed")
        if wire.strict and bool(is_active[0]) == self._active:
            raise OSError("ethernet %s failed" % ("enable" if self._active else "disable"))
        if is_active[0] and not self._active:
            self._chip.wire.starts += 1
            self._chip.wire.fixed = None
            self._chip.wire.stuck = False
        self._active = bool(is_active[0])
        return None

    def isconnected(self):
        return self._active and self._chip.wire.has_address()

    def ifconfig(self, *given):
        if given:
            self._chip.wire.fixed = given[0]
            return None
        return self._chip.wire.fixed or ("192.168.1.20", "255.255.255.0", "192.168.1.1", "192.168.1.1")


class LAN(_Nic):
    """Of the esp32 port. A cable that is in it or not: `Chip.wire`."""

    # ports/esp32/network_lan.c; the documentation's quick reference has them.
    _documented_keywords: ClassVar = {
        "__init__": ("mdc", "mdio", "power", "spi", "cs", "int", "ref_clk"),
    }

    def __init__(self, id=0, **settings):
        self._begin(settings)

    def status(self):
        wire = self._chip.wire
        return 5 if self.isconnected() else 3 if self._active and wire.linked() else 4


class WIZNET5K(_Nic):
    """Of the rp2 port (extmod/network_wiznet5k.c); there is no stub of it."""

    def __init__(self, spi, cs, rst, intn):
        self._begin((spi, cs, rst, intn))

    def status(self):
        return 0 if not self._chip.wire.linked() else 2 if self._active else 1


class PPP:
    """Comes up when there is a provider: `Chip.peers["ppp"]`."""

    def __init__(self, stream):
        self._stream = stream
        self._asked = False

    def active(self, *is_active):
        return bool(is_active and is_active[0])

    def connect(self, security=0, user=None, key=None):
        self._asked = True

    def disconnect(self):
        self._asked = False

    def isconnected(self):
        return self._asked and bool(self._chip.peers.get("ppp"))

    def status(self):
        return self._asked

    def poll(self):
        pass

    def ifconfig(self, configtuple=None):
        return ("10.0.0.2", "255.255.255.255", "10.0.0.1", "10.0.0.1")


CLASSES = {"WLAN": WLAN, "LAN": LAN, "PPP": PPP}


def functions(chip):
    def country(*code):
        chip.radio.settings["country"] = code[0]

    def hostname(*name):
        chip.radio.settings["hostname"] = name[0]

    return {"country": country, "hostname": hostname}


def rp2_module(chip):
    """`network` of an image with both; no stub tells what it has."""
    module = types.ModuleType("network")
    members = dict(functions(chip), STA_IF=0)
    for behaviour in (CYW43, WIZNET5K):
        members[behaviour.__name__] = type(behaviour.__name__, (behaviour,), {"_chip": chip})
    members["WLAN"] = members.pop("CYW43")
    module.__dict__.update(members)
    return module
