# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""From what is on a board to what is to be there, in steps that may end after any of them, and in the middle
of any: what the board starts is the old firmware, whole, or the new one, whole, or nothing, and then the next
installation finishes what this one has begun. No input or output here.

Where there is room for both, the new firmware is made beside the old one, and one file says at last which of
them counts. Where there is not, that file is taken away first, and the old one is turned into the new one.

Nothing but `/pilotlight`, `/main.py` and `/main.py.new` is ever touched.
"""

from typing import NamedTuple

from install.firmware_set import CURRENT, FOLDER, MARK, START, FirmwareSet, sha256

NEW = ".new"  # what a file is called until it is whole
# littlefs keeps each folder in a pair of blocks; and works with less trouble when some are free.
_FOLDER_BLOCKS = 2
_SPARE_BLOCKS = 8


class NoRoom(Exception):
    """The text says how much is missing."""


class Found(NamedTuple):
    """files      of ours on the board: path -> (size, SHA-256)
    folders     of ours
    current     the content of `/pilotlight/current`, b"" when there is none
    start       the beginning of `/main.py`, None when there is none
    free_bytes  of the file system
    block_bytes of the file system
    """

    files: dict[str, tuple[int, str]]
    folders: frozenset[str]
    current: bytes
    start: bytes | None
    free_bytes: int
    block_bytes: int

    def named(self) -> str | None:
        """The firmware that is to be started, whether it is there or not."""
        words = self.current.split()
        return words[0].decode(errors="replace") if words else None

    def name(self) -> str | None:
        """The same, if it is there."""
        name = self.named()
        return name if "%s/%s" % (FOLDER, name) in self.folders else None

    def board(self) -> str | None:
        """Whose firmware that is."""
        words = self.current.split()
        return words[1].decode(errors="replace") if self.name() and len(words) > 1 else None


class Step(NamedTuple):
    """do: "remove", "remove folder", "make folder", "move" (`path` to `other`), "copy" (`path` to `other`),
    "write" (`content` into `path`), "replace" (the same, old or new at any moment), "verify" (the whole set).
    """

    do: str
    path: str
    other: str = ""
    content: bytes = b""


def foreign_start(found: Found) -> bool:
    """Is there a `main.py` of somebody else?"""
    return bool(found.start) and not found.start.startswith(MARK)


def steps(found: Found, wanted: FirmwareSet) -> list[Step]:
    """Empty: everything is as it should be. NoRoom."""
    target = wanted.folder
    files = {"%s/%s" % (target, name): content for name, content in wanted.files.items()}
    lacking = [path for path, content in files.items() if not _is_there(found, path, content)]
    old = _source(found, wanted)
    todo = [Step("remove", path + NEW) for path in (START, CURRENT) if path + NEW in found.files]
    if not lacking:
        pass
    elif found.named() == wanted.name:
        # Damaged, or somebody has been in it: what would be started is neither old nor new.
        todo.append(Step("remove", CURRENT))
        todo += _filled(found, wanted, lacking, old)
    else:
        todo += [step for step in _litter(found, (target, old)) if step not in todo]
        room = found.free_bytes + _freed(found, (target, old))
        if _needed(found, files, lacking) <= room:
            todo += _filled(found, wanted, lacking, old)
        else:
            room += _freed(found, ()) - _freed(found, (target, old))
            missing = _needed(found, files, list(files)) - room
            if missing > 0:
                raise NoRoom("%d bytes are missing in the file system" % missing)
            todo += _turned_into(found, wanted, old)
    if lacking:
        todo.append(Step("verify", target))
    if found.files.get(START, (0, ""))[1] != sha256(wanted.start):
        todo.append(Step("replace", START, content=wanted.start))
    if lacking or found.current != wanted.current:
        todo.append(Step("replace", CURRENT, content=wanted.current))
    gone = {step.path for step in todo if step.do in ("remove", "remove folder", "move")}
    return todo + [
        step for step in _litter(found, (target,)) if step.path not in gone and not _under(step, gone)
    ]


def bytes_to_send(todo: list[Step]) -> int:
    return sum(len(step.content) for step in todo)


def stops_the_old(todo: list[Step]) -> bool:
    """Does the board start nothing until this is done?"""
    return any(step == Step("remove", CURRENT) for step in todo)


def _is_there(found: Found, path: str, content: bytes) -> bool:
    return found.files.get(path) == (len(content), sha256(content))


def _source(found: Found, wanted: FirmwareSet) -> str | None:
    """The folder to take unchanged files from: that of the firmware that counts, else the one that has most
    of them, left by an installation that did not come to its end."""
    name = found.name()
    if name is not None and name != wanted.name:
        return "%s/%s" % (FOLDER, name)

    def of_use(folder):
        return sum(_is_there(found, "%s/%s" % (folder, path), wanted.files[path]) for path in wanted.files)

    others = sorted(folder for folder in _sets(found) if folder != wanted.folder)
    return max(others, key=of_use, default=None)


def _sets(found: Found) -> set[str]:
    return {folder for folder in found.folders if folder.count("/") == FOLDER.count("/") + 1}


def _within(path: str, folder: str | None) -> bool:
    return folder is not None and (path == folder or path.startswith(folder + "/"))


def _under(step: Step, gone: set[str]) -> bool:
    """Is it in a folder that has been moved away?"""
    return any(_within(step.path, path) for path in gone)


def _litter(found: Found, kept: tuple) -> list[Step]:
    """Remove what is in our folder and belongs to none of the folders `kept`; and `/main.py.new`."""
    known = (CURRENT, START)
    paths = [
        path for path in found.files if path not in known and not any(_within(path, one) for one in kept)
    ]
    folders = [
        path for path in found.folders if path != FOLDER and not any(_within(path, one) for one in kept)
    ]
    todo = [Step("remove", path) for path in sorted(paths)]
    return todo + [Step("remove folder", path) for path in sorted(folders, reverse=True)]


def _freed(found: Found, kept: tuple) -> int:
    gone = [step.path for step in _litter(found, kept) if step.do == "remove"]
    return sum(_blocks(found, found.files[path][0]) for path in gone) * found.block_bytes


def _blocks(found: Found, size: int) -> int:
    return -(-size // found.block_bytes)


def _needed(found: Found, files: dict[str, bytes], lacking: list[str]) -> int:
    """A file that is to be replaced is not counted as room."""
    blocks = sum(_blocks(found, len(files[path])) for path in lacking)
    folders = {path.rpartition("/")[0] for path in lacking} - found.folders
    return (blocks + len(folders) * _FOLDER_BLOCKS + _SPARE_BLOCKS) * found.block_bytes


def _filled(found: Found, wanted: FirmwareSet, lacking: list[str], old: str | None) -> list[Step]:
    """The folder of the new firmware, whatever of it is there already."""
    target = wanted.folder
    todo = _strangers(found, wanted, target)
    folders = {FOLDER, *_parents(wanted)}
    todo += [Step("make folder", path) for path in sorted(folders - found.folders)]
    for path in lacking:
        name = path.removeprefix(target + "/")
        content = wanted.files[name]
        beside = "%s/%s" % (old, name)
        if old is not None and _is_there(found, beside, content):
            todo.append(Step("copy", beside, path))
        else:
            todo.append(Step("write", path, content=content))
    return todo


def _parents(wanted: FirmwareSet) -> set[str]:
    found = {wanted.folder}
    for name in wanted.files:
        parts = name.split("/")[:-1]
        found |= {"/".join((wanted.folder, *parts[: count + 1])) for count in range(len(parts))}
    return found


def _strangers(found: Found, wanted: FirmwareSet, folder: str) -> list[Step]:
    """Remove what is in `folder` and not in the new firmware: it could be imported."""
    ours = {"%s/%s" % (folder, name) for name in wanted.files}
    parents = {folder + path.removeprefix(wanted.folder) for path in _parents(wanted)}
    paths = [path for path in found.files if _within(path, folder) and path not in ours]
    folders = [path for path in found.folders if _within(path, folder) and path not in parents]
    todo = [Step("remove", path) for path in sorted(paths)]
    return todo + [Step("remove folder", path) for path in sorted(folders, reverse=True)]


def _turned_into(found: Found, wanted: FirmwareSet, old: str | None) -> list[Step]:
    """The old firmware, or what is there of the new one, becomes the new one in its place."""
    target = wanted.folder
    todo = [Step("remove", CURRENT)] if CURRENT in found.files else []
    if old is not None:
        # What is half made of the new one goes: of the old one more can be kept, and both are too much.
        gone = [path for path in found.files if _within(path, target)]
        folders = [path for path in found.folders if _within(path, target)]
        todo += [Step("remove", path) for path in sorted(gone)]
        todo += [Step("remove folder", path) for path in sorted(folders, reverse=True)]
        todo.append(Step("move", old, target))
        kept = {path: told for path, told in found.files.items() if not _within(path, target)}
        files = {_moved(path, old, target): told for path, told in kept.items()}
        others = {path for path in found.folders if not _within(path, target)}
        found = found._replace(files=files, folders=frozenset(_moved(path, old, target) for path in others))
    lacking = [
        "%s/%s" % (target, name)
        for name, content in wanted.files.items()
        if not _is_there(found, "%s/%s" % (target, name), content)
    ]
    # First away with all that is not right: there is no room for more.
    wrong = [Step("remove", path) for path in sorted(lacking) if path in found.files]
    stay = _strangers(found, wanted, target)
    rest = [step for step in _filled(found, wanted, lacking, None) if step not in stay]
    return todo + stay + wrong + rest


def _moved(path: str, old: str, target: str) -> str:
    return target + path.removeprefix(old) if _within(path, old) else path
