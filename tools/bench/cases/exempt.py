# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Why a case does not apply to a charge point, as far as its description tells."""

from collections.abc import Callable

from bench.cases.claims import Claims

# The reason; None: the case applies.
Exemption = Callable[[Claims], str | None]


def needs(*keys: str) -> Exemption:
    """The case changes these configuration keys."""

    def exemption(claims: Claims) -> str | None:
        for key in keys:
            if not claims.changes(key):
                return f"{key} cannot be changed"
        return None

    return exemption


def lacks(profile: str) -> Exemption:
    """The case looks for the answer of a charge point without this feature profile."""

    def exemption(claims: Claims) -> str | None:
        return f"the station has the profile {profile}" if profile in claims.profiles else None

    return exemption


def unless(*exemptions: Exemption) -> Exemption:
    """Each of these conditions must be met."""

    def exemption(claims: Claims) -> str | None:
        return next((reason for each in exemptions if (reason := each(claims)) is not None), None)

    return exemption


def needs_a_socket(claims: Claims) -> str | None:
    return None if claims.has_socket else "the cable is fixed"


def needs_a_lock(claims: Claims) -> str | None:
    if claims.has_lock:
        return None
    return "the socket has no lock" if claims.has_socket else "the cable is fixed"


def needs_no_lock(claims: Claims) -> str | None:
    return "the cable can be detached, and is locked" if claims.has_lock else None


def needs_a_cache(claims: Claims) -> str | None:
    return None if claims.cache else "the station has no authorization cache"


def needs_a_password(claims: Claims) -> str | None:
    return None if claims.password else "no password of the charge point is given"


def needs_two_connectors(claims: Claims) -> str | None:
    return None if len(claims.connectors) > 1 else "the station has one connector"


def needs_backup_power(claims: Claims) -> str | None:
    return None if claims.backup_power else "the station has no backup power"


def needs_no_backup_power(claims: Claims) -> str | None:
    return "the station has backup power" if claims.backup_power else None


def needs_a_voltage(claims: Claims) -> str | None:
    """What a limit in W is in A."""
    connector = claims.connectors[claims.connector - 1]
    known = all(isinstance(connector.get(name), int) for name in ("nominal_v", "phases"))
    return None if known else "the description does not say phases and nominal_v"


def needs_ac(claims: Claims) -> str | None:
    is_dc = claims.connectors[claims.connector - 1].get("current") == "DC"
    return "the connector is DC: it knows no least current" if is_dc else None


def needs_the_measurand(name: str) -> Exemption:
    def exemption(claims: Claims) -> str | None:
        known = claims.described.get("measurands")
        return f"the station has no {name}" if known is not None and name not in known else None

    return exemption
