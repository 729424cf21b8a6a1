# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""WLAN, LAN and PPP of `network`."""


class Radio:
    """The Wi-Fi around a chip: networks by name, with their passwords; `joined` is the name of the one.

    failing    names of methods: each of their calls is an OSError of the driver (no memory, a state of its
               own), as nearly all of ports/esp32/network_wlan.c can be
    failures   how many there were
    """

    def __init__(self):
        self.networks = {}
        self.rssi = -60
        self.active = False
        self.asked = None  # network and password that the driver goes on trying for
        self.joined = None
        self.tries = 0
        self.settings = {}
        self.failing = set()
        self.failures = 0

    def may(self, method):
        if method in self.failing:
            self.failures += 1
            raise OSError("Wifi Internal Error")

    def settle(self):
        """The driver gives up a network that is out of reach, and takes up again one that it was told."""
        if self.joined not in self.networks:
            self.joined = None
        if self.joined is None and self.asked is not None:
            ssid, password = self.asked
            if ssid in self.networks and self.networks[ssid] == password:
                self.joined = ssid


class WLAN:
    def __init__(self, interface_id=0):
        assert interface_id == self.IF_STA

    def active(self, *is_active):
        radio = self._chip.radio
        radio.may("active")
        if not is_active:
            return radio.active
        radio.active = bool(is_active[0])
        return None

    def connect(self, ssid=None, password=None, *, bssid=None):
        radio = self._chip.radio
        radio.may("connect")
        if not radio.active:
            raise OSError("Wifi Not Started")
        if radio.joined is not None or radio.asked is not None:
            raise OSError("Wifi Internal State Error")
        radio.tries += 1
        radio.asked = ssid, password
        radio.settle()

    def disconnect(self):
        radio = self._chip.radio
        radio.may("disconnect")
        if not radio.active:
            raise OSError("Wifi Not Started")
        radio.joined = radio.asked = None

    def isconnected(self):
        radio = self._chip.radio
        radio.settle()
        return radio.joined is not None

    def status(self, *param):
        radio = self._chip.radio
        if not param:
            return 1010 if self.isconnected() else 1001
        assert param[0] == "rssi"
        radio.may("status")
        radio.settle()
        if radio.joined is None:
            raise OSError("Wifi Not Connected")
        return radio.rssi

    def config(self, *param, **settings):
        radio = self._chip.radio
        radio.may("config")
        if param:
            return radio.settings[param[0]]
        radio.settings.update(settings)
        return None


class LAN:
    """A cable that is in it or not: `Chip.peers["lan"]`."""

    def __init__(self, id=0, **settings):
        self._active = False

    def active(self, *is_active):
        if not is_active:
            return self._active
        self._active = bool(is_active[0])
        return None

    def isconnected(self):
        return self._active and bool(self._chip.peers.get("lan"))

    def status(self):
        return 5 if self.isconnected() else 4


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


CLASSES = {"WLAN": WLAN, "LAN": LAN, "PPP": PPP}
