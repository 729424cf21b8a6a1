# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""One log sink: a level, a line on the console and a ring of the last lines.

`log.info("rpc", "answer to nobody: %s", message_id)`: formatting happens only when the level is on.
Secrets (AuthorizationKey, passwords, private keys) never come here: the ring ends up in diagnostics.
"""

import sys

from hal.ticks import ticks_ms

DEBUG = 10
INFO = 20
WARNING = 30
ERROR = 40

_LETTER = {DEBUG: "D", INFO: "I", WARNING: "W", ERROR: "E"}

# 40 lines of at most 160 characters: what a GetDiagnostics reader needs of the last minutes, under 7 KB, and
# not too many long-lived pieces between what comes and goes.
_RING_LINES = 40
_LINE_CHARS = 160

level = INFO
# fn(severity, module, fmt, text): told of warnings and errors as well (`event_log`); it must not raise.
sink = None
_ring: list = [None] * _RING_LINES
_next = 0


def emit(severity, module, fmt, args):
    """A line of that severity; `args`: a tuple."""
    global _next
    if severity < level:
        return
    try:
        text = fmt % args if args else fmt
    except (TypeError, ValueError):
        text = fmt + " " + repr(args)
    if len(text) > _LINE_CHARS:
        text = text[:_LINE_CHARS] + "..."
    data = text.encode()
    if data and min(data) < 32:
        # Much of it is others' text: it ends no line, and tells no terminal what to do. What is not ASCII
        # goes with it: it need not be UTF-8 either.
        text = str(bytes([byte if 31 < byte < 127 else 63 for byte in data]), "utf-8")
    line = "%10d %s %s: %s\n" % (ticks_ms(), _LETTER[severity], module, text)
    _ring[_next] = line
    _next = (_next + 1) % _RING_LINES
    sys.stdout.write(line)  # print() would write the end of the line by itself: twice the cost
    if severity >= WARNING and sink is not None:
        sink(severity, module, fmt, text)


def debug(module, fmt, *args):
    emit(DEBUG, module, fmt, args)


def info(module, fmt, *args):
    emit(INFO, module, fmt, args)


def warning(module, fmt, *args):
    emit(WARNING, module, fmt, args)


def error(module, fmt, *args):
    emit(ERROR, module, fmt, args)


def failure(module, what, error):
    """The line of an exception that ends nothing. Told where everything is to go on, so nothing is raised
    here, also where there is no memory for the line. For the same reason it takes `what` as it is: who puts a
    text together in the handler has asked for memory before he comes here.
    """
    try:
        emit(ERROR, module, "%s: %r", (what, error))
    except Exception:
        pass


def lines():
    """The remembered lines, oldest first."""
    return [line[:-1] for line in _ring[_next:] + _ring[:_next] if line is not None]
