# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Passwords are in no file of a report, wherever a charge point puts them."""

import base64
import json

import pytest

from bench.cases.run import FAILED, Run
from bench.report import again, write
from bench.report.masking import HIDDEN, Mask
from host_tests.report.made import Exchange, run

HEX = "4F43415F4F4354545F61646D696E5F74657374"
PLAIN = "OCA_OCTT_admin_test"
HEADER = "Basic " + base64.b64encode(f"CP1:{PLAIN}".encode()).decode()


def spoken_of() -> Run:
    """A run in which the password comes everywhere it can."""
    exchange = Exchange()
    question = exchange.asked(1, "ChangeConfiguration", key="AuthorizationKey", value=HEX)
    exchange.answered(1.1, question, status="Accepted")
    answer = exchange.answered(
        2.1,
        exchange.asked(2, "GetConfiguration"),
        configurationKey=[{"value": HEX, "readonly": False, "key": "authorizationkey"}],
    )
    answer.violation = f"configurationKey.0: {{'value': '{HEX}', 'key': 'authorizationkey'}} is too much"
    exchange.told(3, "DataTransfer", vendorId="V", data=f"the password is {PLAIN}, {HEX.lower()}")
    exchange.told(4, "DataTransfer", vendorId="V", data=json.dumps({"Authorization": HEADER}))
    exchange.garbage(5, f'[2,"1","ChangeConfiguration",{{"key":"AuthorizationKey","value":"{HEX[:30]}')
    exchange.did(6, f"writes {PLAIN} on the wall")
    text = f"expected  {HEX}\ncame      {str(answer)[:90]}{HEX[:12]}\nso        it is {PLAIN}"
    return run(
        exchange.outcome("TC_073_CS", FAILED, text),
        described={"name": f"Station {PLAIN}", "configuration": {"AuthorizationKey": HEX}},
        configuration={"AuthorizationKey": (HEX, False), "CpoName": (PLAIN, False)},
        boot={"chargePointVendor": PLAIN, "chargePointModel": "M"},
        security={"scheme": "wss", "basic_auth": HEADER, "Authorization": HEADER},
    )


def test_no_file_has_the_password(tmp_path):
    written = write([spoken_of(), spoken_of()], tmp_path)
    written.append(again(next(file for file in written if file.suffix == ".json")))
    assert len(written) == 7
    for file in written:
        text = file.read_text() + file.name
        for secret in (HEX, HEX.lower(), PLAIN, HEADER, HEADER.split()[1], HEX[:12]):
            assert secret not in text, f"{secret} in {file.name}"
        assert HIDDEN in text or file.name == "index.html"


def test_what_is_hidden_is_still_there_to_be_seen():
    masked = Mask([]).value({"key": "AuthorizationKey", "value": "short"})
    assert masked == {"key": "AuthorizationKey", "value": HIDDEN}
    assert Mask([]).value({"Authorization": HEADER}) == {"Authorization": HIDDEN}


def test_a_short_password_is_hidden_without_taking_other_words_along():
    mask = Mask([{"key": "AuthorizationKey", "value": "Core"}])
    assert mask.value(["Core", {"key": "AuthorizationKey", "value": "Core"}]) == [
        "Core",
        {"key": "AuthorizationKey", "value": HIDDEN},
    ]


@pytest.mark.parametrize(
    "text",
    [
        '{"key": "AuthorizationKey", "value": "tooshor"}',
        '{"value": "tooshor", "key": "AuthorizationKey"}',
        "{'key': 'AuthorizationKey', 'value': 'tooshor'} is wrong",
        '{"key": "AuthorizationKey", "value": "tooshor',
        'data "{\\"key\\": \\"AuthorizationKey\\", \\"value\\": \\"tooshor\\"}"',
        "AuthorizationKey = tooshor",
        "AuthorizationKey=tooshor, and more",
        "Authorization: Basic dG9vc2hvcg== tooshor".replace(" tooshor", ""),
    ],
)
def test_by_where_it_stands_in_a_text(text):
    masked = Mask([]).text(text)
    assert "tooshor" not in masked and "dG9vc2hvcg" not in masked and HIDDEN in masked


def test_passwords_in_addresses():
    masked = Mask([]).text("get ftp://user:geheim@host/file and http://host:8080/x")
    assert masked == f"get ftp://user:{HIDDEN}@host/file and http://host:8080/x"


def test_what_is_no_secret_stays():
    exchange = {"key": "HeartbeatInterval", "value": "300", "list": [1, 2.5, True, None]}
    assert Mask([exchange]).value(exchange) == exchange
    assert Mask([]).text("Basic authentication is expected") == "Basic authentication is expected"


def test_numbers_that_json_does_not_know_become_texts():
    assert Mask([]).value([float("nan"), float("inf")]) == ["nan", "inf"]


def test_a_password_of_bytes_that_are_no_text():
    mask = Mask([{"key": "AuthorizationKey", "value": "FFFE" * 8}])
    assert mask.text(f"told as {'ÿþ' * 8}") == f"told as {HIDDEN}"
