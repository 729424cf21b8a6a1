# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The rules behind the tables of docs/authorization.md, which test_authorization_table.py tries."""

from host_tests.unit.expect import raises
from station.authorization import IdTagInfo, decide, normalise, same_group, same_tag

NOW = 1_795_176_000_000
OK = IdTagInfo("Accepted", None, "PARENT")
FRESH = IdTagInfo("Accepted", NOW + 1, "PARENT")
OLD = IdTagInfo("Accepted", NOW, "PARENT")
BLOCKED = IdTagInfo("Blocked", None, "PARENT")


class Keys:
    def __init__(self, **values):
        self.values = {
            "LocalAuthListEnabled": True,
            "AuthorizationCacheEnabled": True,
            "LocalPreAuthorize": False,
            "LocalAuthorizeOffline": False,
            "AllowOfflineTxForUnknownId": False,
        }
        self.values.update(values)

    def value(self, key):
        return self.values[key]


def test_the_list_counts_before_the_cache():
    keys = Keys(LocalPreAuthorize=True, LocalAuthorizeOffline=True)
    decision = decide("TAG", False, keys, BLOCKED, OK, NOW)
    assert (decision.outcome, decision.status, "local list" in decision.why) == ("refused", "Blocked", True)
    assert decide("TAG", True, keys, BLOCKED, OK, NOW).ask
    decision = decide("TAG", True, keys, OK, BLOCKED, NOW)
    assert decision.accepted
    assert "local list" in decision.why
    assert "cache" in decide("TAG", True, keys, None, OK, NOW).why


def test_what_is_switched_off_does_not_count():
    keys = Keys(LocalPreAuthorize=True, LocalAuthListEnabled=False)
    assert decide("TAG", True, keys, OK, None, NOW).ask
    assert "cache" in decide("TAG", True, keys, BLOCKED, OK, NOW).why
    keys = Keys(LocalPreAuthorize=True, AuthorizationCacheEnabled=False)
    assert decide("TAG", True, keys, None, OK, NOW).ask
    assert decide("TAG", True, keys, OK, None, NOW).accepted
    keys = Keys(AllowOfflineTxForUnknownId=True, AuthorizationCacheEnabled=False, LocalAuthListEnabled=False)
    assert decide("TAG", False, keys, BLOCKED, BLOCKED, NOW).accepted  # nobody knows it


def test_without_a_known_time_an_expiry_date_counts_online_only():
    keys = Keys(LocalPreAuthorize=True, LocalAuthorizeOffline=True)
    for entry in (FRESH, OLD):
        assert decide("TAG", True, keys, entry, None, None).ask
        assert decide("TAG", False, keys, entry, None, None).accepted
    assert decide("TAG", True, keys, OK, None, None).accepted
    assert decide("TAG", False, keys, BLOCKED, None, None).status == "Blocked"


def test_every_status_but_accepted_is_not_valid():
    keys = Keys(LocalPreAuthorize=True, LocalAuthorizeOffline=True, AllowOfflineTxForUnknownId=True)
    for status in ("Blocked", "Expired", "Invalid", "ConcurrentTx"):
        entry = IdTagInfo(status)
        assert decide("TAG", True, keys, None, entry, NOW).ask
        assert decide("TAG", False, keys, None, entry, NOW).status == status


def test_status_at():
    assert OK.status_at(NOW) == "Accepted"
    assert FRESH.status_at(NOW) == "Accepted"
    assert FRESH.status_at(NOW + 1) == "Expired"
    assert OLD.status_at(None) == "Accepted"
    assert IdTagInfo("Blocked", NOW - 5).status_at(NOW) == "Blocked"


def test_tags_are_compared_without_case():
    assert normalise("04a1b2C3") == "04A1B2C3"
    assert normalise("x" * 20) == "X" * 20
    raises(ValueError, normalise, "")
    raises(ValueError, normalise, "x" * 21)
    assert same_tag("abc", "ABC")
    assert not same_tag("abc", "abd")
    assert not same_tag(None, "abc")
    assert not same_tag("abc", None)
    assert not same_tag(None, None)


def test_who_may_stop_what_another_tag_started():
    for start, start_parent, tag, parent, may in (
        ("TAG1", None, "tag1", None, True),
        ("TAG1", "P", "TAG1", None, True),
        ("TAG1", None, "TAG2", None, False),
        ("TAG1", "P", "TAG2", "p", True),
        ("TAG1", "P", "TAG2", "Q", False),
        ("TAG1", None, "TAG2", "P", False),
        ("TAG1", "P", "TAG2", None, False),
        ("TAG1", "", "TAG2", "", False),
        ("TAG1", None, "P", None, False),
    ):
        assert same_group(start, start_parent, tag, parent) == may, (start, start_parent, tag, parent)
