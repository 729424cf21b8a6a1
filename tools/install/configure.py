# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make configure PORT=... [FILE=...]`: what the installer tells a charger (docs/installation.md).

In a dialogue, or from a file that is laid over what is there. Secrets are asked for unseen; they are in no
output, no log, no arguments and no history. While the questions are answered the charger runs.
"""

import argparse
import getpass
import sys
from pathlib import Path

from install import settings
from install.board_link import BoardError
from install.dialogue import Dialogue
from install.flash import Refused
from install.places import Place, opened
from install.settings import Wrong
from toolchain.layout import SetupError
from toolchain.output import line_by_line

_MOST_BYTES = 65536  # of a file: eight times what is written at most


class There:
    """What was found: the text, the document, why it is none, the board, and whether `set` still counts."""

    def __init__(self, place: Place, say):
        self.text = place.read()
        try:
            self.document = settings.read(self.text)
        except Wrong as error:
            say("%s: it will be replaced" % error)
            self.document = {}
        self.name = place.board()
        self.board = settings.board_data(self.name)
        self.booted = place.has_settings()


def say(line: str) -> None:
    print("configure:", line, flush=True)


def from_file(path: Path, there: dict) -> dict:
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise Wrong("%s: %s" % (path, error.strerror)) from None
    if len(text) > _MOST_BYTES:
        raise Wrong("%s is longer than %d bytes" % (path, _MOST_BYTES))
    if path.stat().st_mode & 0o077:
        say("%s can be read by others on this machine: chmod 600, or remove it afterwards" % path)
    return settings.laid_over(there, settings.read(text))


def tell(there: There, document: dict) -> None:
    say("%s of %s" % (settings.FILE, there.name or "a charger that does not say which board it is"))
    for line in settings.shown(document):
        say("  " + line)
    if there.board is None:
        say("not checked, as the board is not known: station, and keys of set other than AuthorizationKey")
    if document.get("set") and there.booted:
        say("the charger has booted before: what `set` holds counts no more. The CSMS changes those keys; or")
        say("remove the file settings, and with it all that the CSMS has set (docs/installation.md)")


def main() -> int:
    line_by_line()
    parser = argparse.ArgumentParser(prog="make configure", description="Tell a charger what it has to know.")
    parser.add_argument("--port", default="", help="of the board, or the data folder of a simulated one")
    parser.add_argument("--file", type=Path, help="fields of installation.json, laid over what is there")
    parser.add_argument("--force", action="store_true", help="also while a car charges")
    parser.add_argument("--no-restart", action="store_true", help="leave the board at its console")
    chosen = parser.parse_args()
    if chosen.file is None and not sys.stdin.isatty():
        # getpass would show what is typed.
        raise Wrong("the questions need a terminal; FILE=... does without")
    if chosen.file is None:
        return _ask(chosen)
    with opened(chosen.port, chosen.force) as place:
        there = There(place, say)
        document = from_file(chosen.file, there.document)
        settings.check(document, there.board)
        _write(place, there, document)
        _end(place, chosen.no_restart)
    return 0


def _ask(chosen: argparse.Namespace) -> int:
    with opened(chosen.port, chosen.force) as place:
        there = There(place, say)
    dialogue = Dialogue(input, getpass.getpass, say)
    say("Enter keeps what is in brackets, - removes it, Ctrl-C ends without a change")
    document = dialogue.run(there.document, there.board)
    settings.check(document, there.board)
    tell(there, document)
    if document == there.document:
        say("nothing has changed")
        return 0
    if not dialogue.yes("Write it?"):
        say("nothing was written")
        return 0
    restart = not chosen.no_restart and dialogue.yes("Restart the charger then, so that it counts?")
    with opened(chosen.port, chosen.force) as place:
        if (place.read(), place.board()) != (there.text, there.name):
            raise Refused(
                "another board is there now, or somebody has changed it meanwhile: nothing was written"
            )
        place.write(settings.written(document))
        say("written")
        _end(place, not restart)
    return 0


def _write(place: Place, there: There, document: dict) -> None:
    tell(there, document)
    if document == there.document:
        say("nothing has changed")
        return
    place.write(settings.written(document))
    say("written")


def _end(place: Place, stays: bool) -> None:
    if stays:
        place.stay()
        say("it counts after a restart: mpremote connect PORT reset. Until then a board stands still")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Wrong as error:
        sys.exit("configure: %s. Nothing was written." % error)
    except (SetupError, BoardError, Refused) as error:
        sys.exit("configure: %s" % error)
    except (KeyboardInterrupt, EOFError):
        sys.exit("\nconfigure: ended, nothing was written.")
