# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The RPC layer between a test that plays the CSMS and handlers that take notes."""

import json

from ocpp16.rpc import Rpc

TEXT = 1


class Wire:
    """An Rpc with handlers that note what they are asked, and what it sends."""

    def __init__(self, **handlers):
        self.sent = []
        self.asked = []
        self.fail = None
        self.handlers = {
            "Reset": self._note("Reset", {"status": "Accepted"}),
            "ChangeConfiguration": self._note("ChangeConfiguration", {"status": "Accepted"}),
            "GetConfiguration": self._note("GetConfiguration", {"unknownKey": ["x" * 2000]}),
        }
        self.handlers.update(handlers)
        self.rpc = Rpc(self.handlers.get)
        self.rpc.attach(self._send)

    def _note(self, action, answer):
        def handler(payload):
            self.asked.append((action, payload))
            return answer

        return handler

    def _send(self, text):
        if self.fail:
            raise self.fail
        self.sent.append(json.loads(text))

    def take(self):
        sent = self.sent
        self.sent = []
        return sent

    def says(self, text, oversize=0):
        """What is answered at once to `text` (a str, or a frame to be written as JSON)."""
        if not isinstance(text, str):
            text = json.dumps(text)
        self.rpc.receive(TEXT, memoryview(text.encode()), oversize)
        return self.take()
