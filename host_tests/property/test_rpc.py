# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Whatever comes in, the RPC answers as OCPP-J says or not at all, and executes only what is right."""

import json

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from ocpp16 import utf8
from ocpp16.rpc import Rpc

CODES = {
    "NotImplemented",
    "NotSupported",
    "FormationViolation",
    "PropertyConstraintViolation",
    "OccurenceConstraintViolation",
    "TypeConstraintViolation",
    "GenericError",
}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
good_call = st.sampled_from(
    [
        ["Reset", {"type": "Soft"}],
        ["ChangeConfiguration", {"key": "a", "value": "b"}],
        ["GetConfiguration", {"key": ["a"]}],
        ["TriggerMessage", {}],
    ]
)


@st.composite
def frames(draw):
    """Near to a CALL, with any part of it replaced, missing or too many."""
    frame = [2, draw(st.text(min_size=1, max_size=40)), *draw(good_call)]
    for _ in range(draw(st.integers(0, 2))):
        what = draw(st.sampled_from(["replace", "drop", "add", "kind", "payload"]))
        at = draw(st.integers(0, max(0, len(frame) - 1)))
        if what == "add" or not frame:
            frame.append(draw(anything))
        elif what == "drop":
            del frame[at]
        elif what == "replace":
            frame[at] = draw(anything)
        elif what == "kind":
            frame[0] = draw(st.sampled_from([0, 1, 2, 3, 4, 5, 2.0, "2", True]))
        elif isinstance(frame[-1], dict):
            frame[-1] = {**frame[-1], draw(st.sampled_from(["type", "key", "x"])): draw(anything)}
    return json.dumps(frame, ensure_ascii=draw(st.booleans())).encode("utf-8", "replace")


@st.composite
def messages(draw):
    data = bytearray(draw(frames()))
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        at = draw(st.integers(0, len(data)))
        data[at : at + 1] = draw(st.sampled_from([b"", b"x", b'"', b",", b"[", b"]", b"{", b"\\", b" "]))
    return bytes(data)


@settings(max_examples=500)
@given(messages(), st.sampled_from([0, 0, 0, 50_000]))
@example(b'[2,"1","Reset",{"type":"Soft"}]', 0)
@example(b"", 50_000)
def test_one_good_answer_or_none(data, oversize):
    assume(utf8.is_valid(data))  # the WebSocket lets nothing else through
    sent = []
    asked = []

    def handler(payload):
        asked.append(payload)
        return {"status": "Accepted"}

    offered = dict.fromkeys(["Reset", "ChangeConfiguration", "GetConfiguration"], handler)
    rpc = Rpc(offered.get)
    rpc.attach(sent.append)
    rpc.receive(1, memoryview(data), oversize)
    assert len(sent) <= 1
    answer = json.loads(sent[0]) if sent else [None]
    if answer[0] == 3:
        kind, message_id, action, payload = json.loads(data)
        assert (kind, action) == (2, action)
        assert answer == [3, message_id, {"status": "Accepted"}]
        assert asked == [payload]
        assert not oversize
    else:
        assert asked == []
    if answer[0] == 4:
        _, message_id, code, description, details = answer
        assert isinstance(message_id, str)
        assert code in CODES
        assert isinstance(description, str)
        assert len(description) <= 255
        assert details == {}
    try:
        frame = json.loads(data)
    except ValueError:
        return
    if not oversize and isinstance(frame, list) and frame and type(frame[0]) is int and frame[0] == 2:
        assert sent, "a CALL was left without an answer"
