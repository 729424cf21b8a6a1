# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""URLs of the links the station opens: ws, wss, http, https, ftp, ftps (RFC 3986, the part that is
needed)."""

_PORTS = {"ws": 80, "wss": 443, "http": 80, "https": 443, "ftp": 21, "ftps": 990}

# RFC 3986 section 2.3 (unreserved).
_UNRESERVED = "-._~"


class OwnFault(OSError):
    """There is no connection because of what this charger was given, or was not: a URL that is none, a file
    that is missing. Nothing was sent: it says nothing about the network, whatever the error's number, and
    making the link anew mends nothing.
    """


class Url:
    """The parts of one URL. `host` is without brackets, `target` is path and query as they go on the wire."""

    def __init__(self, scheme, host, port, target, user, password):
        self.scheme = scheme
        self.host = host
        self.port = port
        self.target = target
        self.user = user
        self.password = password

    def authority(self) -> str:
        """`host` or `host:port` as the Host header wants it: the port only when it is not the scheme's
        own."""
        host = "[" + self.host + "]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else "%s:%d" % (host, self.port)


def parse(text: str) -> Url:
    """Raise ValueError when `text` is not an absolute URL of a scheme in use.

    Control characters, spaces and non-ASCII are refused, not escaped: a URL comes from settings or from a
    CSMS, and what goes into a request line must not be able to end it.
    """
    for c in text:
        if not "!" <= c <= "~":
            raise ValueError("URL has a character that must be percent-encoded: %r" % c)
    scheme, found, rest = text.partition("://")
    scheme = scheme.lower()
    if not found or scheme not in _PORTS:
        raise ValueError("URL must start with one of ws, wss, http, https, ftp, ftps and ://")
    behind = rest
    rest = rest.partition("#")[0]
    end = len(rest)
    for mark in "/?":
        at = rest.find(mark)
        if 0 <= at < end:
            end = at
    authority, target = rest[:end], rest[end:]
    if scheme in ("ws", "wss") and "@" in behind[end:]:
        # A password with one of / ? # in it: its beginning would be taken for a host or a port.
        raise ValueError("URL has @ behind its host: it, / ? and # in a password must be percent-encoded")
    if target[:1] != "/":
        target = "/" + target
    user = password = None
    if "@" in authority:
        user, _, authority = authority.rpartition("@")
        user, found, password = user.partition(":")
        user = unquote(user)
        password = unquote(password) if found else None
    host, port = _host_port(authority)
    return Url(scheme, host, _PORTS[scheme] if port is None else port, target, user, password)


def _host_port(authority):
    if authority[:1] == "[":
        host, found, rest = authority[1:].partition("]")
        if not found or (rest and rest[0] != ":"):
            raise ValueError("URL has a broken IPv6 address")
        port = rest[1:]
    else:
        host, _, port = authority.partition(":")
    if not host:
        raise ValueError("URL has no host")
    if not port:
        return host, None
    if not port.isdigit() or len(port) > 5 or not 0 < int(port) < 65536:
        raise ValueError("URL has a bad port")  # which may be the beginning of a password: not told
    return host, int(port)


def unquote(text: str) -> str:
    """Undo percent-encoding. Raise ValueError on a broken escape or on bytes that are not UTF-8."""
    if "%" not in text:
        return text
    out = bytearray()
    parts = text.split("%")
    out.extend(parts[0].encode())
    for part in parts[1:]:
        try:
            if not (part[0].isalpha() or part[0].isdigit()):  # int() would take "+5" and " 5"
                raise ValueError
            out.append(int(part[:2], 16))
            if len(part) < 2:
                raise ValueError
        except (ValueError, IndexError):
            raise ValueError("broken percent-encoding")
        out.extend(part[2:].encode())
    try:
        return str(out, "utf-8")
    except UnicodeError:
        raise ValueError("percent-encoding is not UTF-8")


def quote(text: str) -> str:
    """Percent-encode everything but unreserved characters: the charge point id as a path segment (OCPP-J
    3.1.1)."""
    out = []
    for byte in text.encode():
        c = chr(byte)
        if byte < 128 and (c.isalpha() or c.isdigit() or c in _UNRESERVED):
            out.append(c)
        else:
            out.append("%%%02X" % byte)
    return "".join(out)
