# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the installer says of links, and the links made of it. Loaded when he says something, or the board has
other links than one modem.

    "wifi"      {"ssid", "password"}, or a list of up to 8 of them, the preferred one first
    "country"   two letters (ISO 3166), of which Wi-Fi makes its channels and its power
    "ethernet"  {"address", "netmask", "gateway", "dns"}; without it DHCP
    "links"     kinds of the board's links in another order; those that are left out are not used
    "dns"       addresses of DNS servers that are asked beside the network's own
    "ntp"       names or addresses of servers that tell the time (`net.sntp`)

ValueError names what is wrong by its field, never by a value: passwords are among them.
"""

import log
from net.dns import is_address

FIELDS = ("wifi", "country", "ethernet", "links", "dns", "ntp")

_MOST_NETWORKS = 8
_MOST_SERVERS = 4
_ETHERNET = ("address", "netmask", "gateway", "dns")
_WIRES = ("lan", "w5500")
# How long a link may take to come up before the next one is tried (`net.links`): DHCP behind a switch that
# starts itself; a round of several networks; a modem that boots and looks for its network.
_PATIENCE_MS = {"lan": 30000, "w5500": 30000, "wifi": 60000, "modem": 180000}


def check(name: str, value):
    """The field as it is used. Raises ValueError, without the file's name."""
    if name == "wifi":
        return _wifi(value)
    if name == "country":
        if not isinstance(value, str) or len(value) != 2 or not all("A" <= letter <= "Z" for letter in value):
            raise ValueError('"country" is not of two capital letters')
        return value
    if name == "ethernet":
        return _ethernet(value)
    if name == "links":
        return _links(value)
    return _servers(name, value)


def _wifi(value):
    rows = value if isinstance(value, list) else [value]
    if len(rows) > _MOST_NETWORKS:
        raise ValueError('"wifi" has more than %d networks' % _MOST_NETWORKS)
    for row in rows:
        if not isinstance(row, dict):
            raise ValueError('"wifi" is no JSON object, nor a list of them')
        for key, text in row.items():
            if key not in ("ssid", "password"):
                raise ValueError('"%s" of "wifi" is no field of it: ssid, password' % key[:40])
            if not isinstance(text, str):
                raise ValueError('"%s" of "wifi" is no text' % key)
            if any(letter < " " or letter == "\x7f" for letter in text):
                raise ValueError('"%s" of "wifi" has a control character' % key)
        if row and not 1 <= len(row.get("ssid", "").encode()) <= 32:
            raise ValueError('"ssid" of "wifi" is not of 1 to 32 bytes')
        password = row.get("password", "")
        size = len(password.encode())
        # IEEE 802.11 annex J.4: a passphrase of 8 to 63 characters, or the key itself in hex.
        key = size == 64 and all(letter in "0123456789abcdefABCDEF" for letter in password)
        if size and not key and not 8 <= size <= 63:
            raise ValueError('"password" of "wifi" is not of 8 to 63 characters, nor of 64 hex digits')
    return value


def _ethernet(value):
    if not isinstance(value, dict):
        raise ValueError('"ethernet" is no JSON object')
    for key, text in value.items():
        if key not in _ETHERNET:
            raise ValueError('"%s" of "ethernet" is no field of it: %s' % (key[:40], ", ".join(_ETHERNET)))
        if not isinstance(text, str) or _number(text) is None:
            raise ValueError('"%s" of "ethernet" is no address such as 192.168.1.20' % key)
    for key in _ETHERNET:
        # Half of it would be DHCP for some, and no DNS for others.
        if value and key not in value:
            raise ValueError('"%s" of "ethernet" is missing: all four, or none for DHCP' % key)
    if value:
        mask, address, gateway = [_number(value[key]) or 0 for key in ("netmask", "address", "gateway")]
        host = ~mask & 0xFFFFFFFF
        if host & (host + 1) or not 3 <= host < 0xFFFFFFFF:
            raise ValueError('"netmask" of "ethernet" is none')
        if (address ^ gateway) & mask or address == gateway or address & host in (0, host):
            raise ValueError('"gateway" of "ethernet" is not in the net of "address"')
    return value


def _number(text):
    """Of an IPv4 address, None: it is none."""
    parts = text.split(".")
    if len(parts) != 4:
        return None
    number = 0
    for part in parts:
        if not 1 <= len(part) <= 3 or not all("0" <= digit <= "9" for digit in part) or int(part) > 255:
            return None
        number = number << 8 | int(part)
    return number


def _links(value):
    if not isinstance(value, list) or not value:
        raise ValueError('"links" is no list of kinds')
    for index, kind in enumerate(value):
        if not isinstance(kind, str) or kind not in _PATIENCE_MS:
            raise ValueError('"links" has another kind than %s' % ", ".join(sorted(_PATIENCE_MS)))
        if kind in value[:index]:
            raise ValueError('"links" has a kind twice')
    return value


def _servers(name, value):
    if not isinstance(value, list) or len(value) > _MOST_SERVERS:
        raise ValueError('"%s" is no list of up to %d' % (name, _MOST_SERVERS))
    for index, text in enumerate(value):
        if not isinstance(text, str) or (_number(text) is None if name == "dns" else not _is_host(text)):
            raise ValueError('"%s" has what is no %s' % (name, "address" if name == "dns" else "server"))
        if text.lower() in [other.lower() for other in value[:index]]:
            raise ValueError('"%s" has one twice' % name)
    return value


def _is_host(text):
    fine = all(_is_plain(letter) or letter in ".-" for letter in text)
    # What looks like an address has to be one.
    return 0 < len(text) <= 253 and fine and (not is_address(text) or _number(text) is not None)


# --- what comes of it ---


def networks_of(value) -> list:
    """(name, password) of each network of the field "wifi"."""
    rows = value if isinstance(value, list) else [value]
    return [(row["ssid"], row.get("password", "")) for row in rows if row]


def hostname_of(identity: str) -> str:
    """RFC 952, RFC 1123: what routers show, and take."""
    letters = [letter if _is_plain(letter) else "-" for letter in identity]
    return "".join(letters)[:32].strip("-") or "pilotlight"


def _is_plain(letter):
    return "0" <= letter <= "9" or "a" <= letter.lower() <= "z"


def rows_of(links, given) -> list:
    """Those of a board's `links` that can be used, one of a kind, in the order they are to be used in."""
    usable, kinds = [], []
    for row in links:
        kind = row["kind"]
        there = kind != "wifi" or networks_of(given["wifi"])
        if there and kind not in kinds:
            usable.append(row)
            kinds.append(kind)
    ordered = []
    for kind in given.get("links") or ():
        if kind in kinds:
            ordered.append(usable[kinds.index(kind)])
        else:
            log.error("main", '"links": %s is not there', kind)
    # Better another one than none, when none of his is there.
    return ordered or usable


def link_of(board, links, given, chip):
    """The `hal.contract.Link` of a board with these `links`; None without any. `chip(name)`: a module of hal
    for the chip at hand."""
    rows = rows_of(links, given)
    if not rows:
        return None
    if any(row["kind"] != "modem" for row in rows):
        _introduce(given)
    made = [(row["kind"], _PATIENCE_MS[row["kind"]], _maker(board, row, given, chip)) for row in rows]
    if len(made) == 1:
        return made[0][2]()
    from net.links import Links

    return Links(made)


def _introduce(given):
    """What counts for all interfaces, before the first one starts."""
    import network  # pyright: ignore (not on every port)

    for name, value in (("country", given.get("country")), ("hostname", hostname_of(given["id"]))):
        try:
            if value:
                getattr(network, name)(value)
        except Exception as error:  # a port that has it not: the link is worth more
            log.failure("main", name, error)


def _maker(board, row, given, chip):
    kind = row["kind"]
    if kind == "wifi":
        return lambda: chip("wifi").link_of(networks_of(given["wifi"]))
    if kind in _WIRES:
        given = given.get("ethernet")
        fixed = tuple([given[key] for key in _ETHERNET]) if given else None
        return lambda: chip("ethernet").link_of(row, fixed)

    def modem():
        from net.lte import LteLink, parts_of

        return LteLink(board.modem, given["lte"], parts_of(board.modem))

    return modem
