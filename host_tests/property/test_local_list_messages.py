# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""SendLocalList as a stream: answered as an ordinary message of the same text, and carried out only when that
says Accepted."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from host_tests.property.test_json_text import pieces
from host_tests.property.test_rpc import anything
from host_tests.unit.local_list_rig import ListWire
from host_tests.unit.test_local_list_messages import ordinary
from ocpp16 import utf8
from station import timestamp

tags = st.text(st.characters(exclude_categories=["Cs"]), max_size=21) | st.just("TAG")
infos = st.fixed_dictionaries(
    {"status": st.sampled_from(["Accepted", "Blocked", "Invalid"])},
    optional={
        "expiryDate": st.sampled_from(["2030-01-01T00:00:00Z", "2030-02-30T00:00:00Z", "soon"]),
        "parentIdTag": tags,
    },
)
entries = st.fixed_dictionaries({"idTag": tags}, optional={"idTagInfo": infos})


@st.composite
def texts(draw):
    """Near to a SendLocalList.req."""
    payload = {
        "listVersion": draw(st.integers(-5, 5)),
        "updateType": draw(st.sampled_from(["Full", "Differential"])),
        "localAuthorizationList": draw(st.lists(entries, max_size=5)),
    }
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        what = draw(st.sampled_from(["drop", "replace", "add", "entry", "field"]))
        name = draw(st.sampled_from(list(payload) or ["x"]))
        listed = payload.get("localAuthorizationList")
        if what == "drop":
            payload.pop(name, None)
        elif what == "replace":
            payload[name] = draw(anything)
        elif what == "add":
            payload["x"] = draw(anything)
        elif isinstance(listed, list):
            listed.insert(draw(st.integers(0, len(listed))), draw(anything))
    payload = dict(draw(st.permutations(list(payload.items()))))
    frame = [2, "1", "SendLocalList", payload, *draw(st.sampled_from([[], [], [], [5]]))]
    separators = draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    return json.dumps(frame, ensure_ascii=draw(st.booleans()), separators=separators)


@st.composite
def damaged(draw):
    """Somewhere behind the action."""
    text = bytearray(draw(texts()).encode("utf-8", "replace"))
    head = text.find(b"{")
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        at = draw(st.integers(min(head + 1, len(text)), len(text)))
        text[at : at + draw(st.integers(0, 2))] = draw(st.just(b"") | pieces)
    return bytes(text)


def readable(entry):
    """Whether it has an expiryDate that can be read, or none."""
    try:
        timestamp.parse(entry.get("idTagInfo", {}).get("expiryDate", "2030-01-01T00:00:00Z"), True)
    except ValueError:
        return False
    return True


@settings(max_examples=1000)
@given(damaged(), st.none() | st.integers(1, 200))
def test_the_answer_is_that_of_an_ordinary_message(data, size):
    if not utf8.is_valid(data):
        return
    text = data.decode()
    [expected] = ordinary(text)
    wire = ListWire()
    [answer] = wire.says(text, size)
    if " is longer than 512 " in str(answer) or " is longer than 768 " in str(answer):
        assert len(data) > 512
    elif expected[0] == 3 and answer[0] == 4 and ".expiryDate is " in answer[3]:
        # Nobody has read the dates of the ordinary one.
        assert answer[2] == "PropertyConstraintViolation"
        assert not all(readable(entry) for entry in json.loads(text)[3]["localAuthorizationList"])
    elif "twice" not in str(answer):
        assert answer[:3] == expected[:3]
        if not str(answer[3:]).startswith("['not JSON"):
            assert answer == expected
    [update] = wire.list.updates
    if answer[0] == 3:
        payload = json.loads(text)[3]
        assert all(readable(entry) for entry in payload.get("localAuthorizationList", []))
        tags = [entry["idTag"] for entry in payload.get("localAuthorizationList", [])]
        [(version, full, kept)] = wire.list.done
        assert (version, full) == (payload["listVersion"], payload["updateType"] == "Full")
        assert [tag for tag, _ in kept] == tags
    else:
        assert update.closed == "abandoned"
        assert wire.list.done == []
