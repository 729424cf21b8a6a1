# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""WLAN, LAN and PPP of `network`."""


class Radio:
    """The Wi-Fi around a chip: networks by name, with their passwords; `joined` is the name of the one."""

    def __init__(self):
        self.networks = {}
        self.rssi = -60
        self.active = False
        self.joined = None
        self.tries = 0
        self.settings = {}


class WLAN:
    def __init__(self, interface_id=0):
        assert interface_id == self.IF_STA

    def active(self, *is_active):
        radio = self._chip.radio
        if not is_active:
            return radio.active
        radio.active = bool(is_active[0])
        return None

    def connect(self, ssid=None, password=None, *, bssid=None):
        radio = self._chip.radio
        if not radio.active:
            raise OSError("Wifi Not Started")
        if radio.joined is not None:
            raise OSError("Wifi Internal State Error")
        radio.tries += 1
        if ssid in radio.networks and radio.networks[ssid] == password:
            radio.joined = ssid

    def disconnect(self):
        self._chip.radio.joined = None

    def isconnected(self):
        radio = self._chip.radio
        if radio.joined not in radio.networks:  # out of reach
            radio.joined = None
        return radio.joined is not None

    def status(self, *param):
        radio = self._chip.radio
        if not param:
            return 1010 if self.isconnected() else 1001
        assert param[0] == "rssi"
        if radio.joined is None:
            raise OSError("Wifi Not Connected")
        return radio.rssi

    def config(self, *param, **settings):
        radio = self._chip.radio
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
