# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Headless Chromium through its DevTools protocol, over `websockets`, which is there: Playwright would bring
53 MB, a Node.js of its own and releases that have to fit those of Chromium.

    with Chromium() as chromium:
        with chromium.page(360, 740) as page:
            page.open(file)
            page.click("#TC_012_CS > summary")
            page.value("document.title")
            page.complaints, page.requests
"""

import base64
import contextlib
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from websockets.sync.client import ClientConnection, connect

from toolchain import browser
from toolchain.layout import BUILD

_PATIENCE_S = 20


class Chromium:
    def __init__(self) -> None:
        (BUILD / "tmp").mkdir(parents=True, exist_ok=True)
        self._profile = Path(tempfile.mkdtemp(prefix="chromium-", dir=BUILD / "tmp"))
        program = [str(browser.find()), *browser.FLAGS, f"--user-data-dir={self._profile}"]
        # No name is ever looked up: what a page asks for outside of itself fails at once, and is counted.
        program += ["--remote-debugging-port=0", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        self._process = subprocess.Popen(
            [*program, "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._profile, ignore_errors=True)

    @contextlib.contextmanager
    def page(self, width: int, height: int, dark: bool = False, script: bool = True) -> Iterator["Page"]:
        """A new tab of that size, in CSS pixels. `script` False: scripts are switched off."""
        opened = self._ask("new?about:blank", "PUT")
        with connect(opened["webSocketDebuggerUrl"], max_size=None, compression=None) as connection:
            page = Page(connection)
            for domain in ("Page", "Runtime", "Network", "Log"):
                page.call(f"{domain}.enable")
            page.call(
                "Emulation.setDeviceMetricsOverride",
                width=width,
                height=height,
                deviceScaleFactor=2 if width < 500 else 1,
                mobile=width < 500,
            )
            scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
            page.call("Emulation.setEmulatedMedia", features=[scheme])
            page.call("Emulation.setScriptExecutionDisabled", value=not script)
            yield page
        self._ask(f"close/{opened['id']}")

    def _ask(self, path: str, method: str = "GET") -> Any:
        url = f"http://127.0.0.1:{self._port()}/json/{path}"
        with urllib.request.urlopen(
            urllib.request.Request(url, method=method), timeout=_PATIENCE_S
        ) as answer:
            text = answer.read().decode()
        return json.loads(text) if text.startswith(("{", "[")) else text

    def _port(self) -> int:
        """Chromium takes a free one and writes it down."""
        file = self._profile / "DevToolsActivePort"
        give_up = time.monotonic() + _PATIENCE_S
        while not (file.exists() and file.read_text().count("\n")):
            if self._process.poll() is not None:
                raise RuntimeError(f"Chromium ended with {self._process.returncode}")
            if time.monotonic() > give_up:
                raise RuntimeError("Chromium opens no DevTools port")
            time.sleep(0.02)
        return int(file.read_text().splitlines()[0])


class Refused(RuntimeError):
    """Chromium's answer to a command is an error."""


class Page:
    """`complaints`: what the console, the page's scripts and its security policy said that is an error.
    `requests`: addresses that were asked for, the page's own aside.
    """

    def __init__(self, connection: ClientConnection):
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._connection, self._number, self._address = connection, 0, ""
        self._seen: set[str] = set()  # names of events since `open`

    def open(self, file: Path, fragment: str = "") -> None:
        self._address = file.resolve().as_uri()
        self._seen.clear()
        self.call("Page.navigate", url=self._address + fragment)
        give_up = time.monotonic() + _PATIENCE_S
        while "Page.loadEventFired" not in self._seen:
            self._take(give_up)

    def value(self, expression: str) -> Any:
        """Of a JavaScript expression, also where the page's own scripts are switched off."""
        told = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in told:
            raise AssertionError(told["exceptionDetails"]["exception"].get("description", expression))
        return told["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait until it is true: after a click that leads to another page."""
        give_up = time.monotonic() + _PATIENCE_S
        while not self._is_so(f"Boolean(document.readyState === 'complete' && {expression})"):
            assert time.monotonic() < give_up, expression
            time.sleep(0.02)

    def _is_so(self, expression: str) -> bool:
        """Of the page that is there: between two pages there is none, and a question to the one that is being
        left may be refused."""
        try:
            return self.value(expression)
        except Refused:
            return False

    def click(self, selector: str) -> None:
        """In the middle of the element, with a mouse; it is scrolled to, and must not be covered."""
        middle = self.value(f"""(() => {{
            const element = document.querySelector({json.dumps(selector)});
            element.scrollIntoView({{block: "center"}});
            const box = element.getBoundingClientRect();
            const x = box.x + box.width / 2, y = box.y + box.height / 2;
            const hit = document.elementFromPoint(x, y);
            return element.contains(hit) || hit.contains(element) ? {{x, y}} : null;
        }})()""")
        assert middle is not None, f"{selector} is covered"
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **middle)

    def shown(self, selector: str) -> int:
        """How many elements are to be seen, wherever on the page."""
        return self.value(
            f"[...document.querySelectorAll({json.dumps(selector)})].filter(e => e.checkVisibility()).length"
        )

    def screenshot(self, file: Path, whole: bool = False) -> None:
        told = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(told["data"]))

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the DevTools protocol and its result."""
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        give_up = time.monotonic() + _PATIENCE_S
        while True:
            message = self._take(give_up)
            if message.get("id") == self._number:
                if "error" in message:
                    raise Refused(f"{method}: {message['error']['message']}")
                return message["result"]

    def _take(self, give_up: float) -> dict[str, Any]:
        message = json.loads(self._connection.recv(timeout=max(0.0, give_up - time.monotonic())))
        name, told = message.get("method", ""), message.get("params", {})
        self._seen.add(name)
        if name == "Network.requestWillBeSent":
            url = told["request"]["url"].partition("#")[0]
            if url not in (self._address, "about:blank") and not url.startswith("data:"):
                self.requests.append(url)
        elif name == "Runtime.exceptionThrown":
            self.complaints.append(told["exceptionDetails"].get("text", "exception"))
        elif name == "Runtime.consoleAPICalled" and told["type"] in ("error", "assert"):
            self.complaints.append(str([each.get("value") for each in told["args"]]))
        elif name == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.complaints.append(told["entry"]["text"])
        return message
