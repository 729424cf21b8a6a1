# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""station.tag_format: whatever the UID, the idTag is one, and no two tags of a length share it."""

from hypothesis import given
from hypothesis import strategies as st

from hal.uid import text
from station.tag_format import id_tag

FORMS = st.sampled_from(["hex", "hex_reversed", "decimal", "decimal_reversed"])
UIDS = st.sampled_from([4, 7, 10]).flatmap(lambda size: st.binary(min_size=size, max_size=size))


@given(st.binary(min_size=1, max_size=10), FORMS)
def test_an_id_tag_has_one_to_twenty_characters_of_its_kind(uid, form):
    made = id_tag(text(uid), form)
    assert 1 <= len(made) <= 20
    assert not made.strip("0123456789ABCDEF") and made == made.upper()
    if form.startswith("decimal") and len(uid) < 9:
        assert made.isdigit()


@given(UIDS, FORMS)
def test_the_uid_can_be_had_back(uid, form):
    made = id_tag(text(uid), form)
    size = len(uid)
    value = bytes.fromhex(made) if size == 10 or form.startswith("hex") else int(made).to_bytes(size, "big")
    assert (value[::-1] if form.endswith("reversed") else value) == uid


@given(
    st.integers(1, 10).flatmap(lambda size: st.tuples(*[st.binary(min_size=size, max_size=size)] * 2)), FORMS
)
def test_of_one_length_all_have_the_same_length(uids, form):
    one, other = (id_tag(text(uid), form) for uid in uids)
    assert len(one) == len(other)


@given(st.text(max_size=25), FORMS)
def test_anything_else_passes(found, form):
    made = id_tag(found, form)
    if found.strip("0123456789ABCDEF") or len(found) % 2:
        assert made == found
    assert len(made) <= max(len(found), 20)
