# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Debian packages through the machine's own apt, without touching the system: everything is in a private apt
state.

The Debian mirror is the one the machine's apt already uses. On Ubuntu, which uses none, Debian's keys and the
address of its mirror come out of Ubuntu's own signed packages debian-archive-keyring and debootstrap.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from toolchain.layout import SetupError, fresh

# The first Debian release with MicroPython >= 1.24 (1.25.0). Named, not "stable": everyone is to have the
# same one.
SUITE = "trixie"

_KEYRINGS = ("debian-archive-keyring.pgp", "debian-archive-keyring.gpg")
_ENVIRONMENT = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}


def available() -> bool:
    return all(shutil.which(command) for command in ("apt-get", "apt-config", "dpkg", "dpkg-deb"))


def native_architecture() -> str:
    return _output(["dpkg", "--print-architecture"]).strip()


class PrivateApt:
    """apt with its lists, caches and status in `folder`, for one architecture.

    source: the lines of a sources.list and the keyring that must have signed what it names, or None for the
    machine's own sources and keys.
    """

    def __init__(self, folder: Path, architecture: str, source: tuple[str, Path] | None = None):
        self.folder = fresh(folder)
        self.architecture = architecture
        for sub in ("lists/partial", "archives/partial"):
            (folder / sub).mkdir(parents=True)
        (folder / "status").touch()  # nothing is installed: apt resolves the whole list of packages
        settings = {
            "Acquire::Languages": "none",
            # The machine's hooks (package kit, cache cleaning) and pins are none of ours: of its settings
            # only Acquire (proxies, certificates, retries) is taken over, below.
            "Dir::Etc::parts": "/dev/null",
            "Dir::Etc::main": "/dev/null",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "Dir::State": str(folder),
            "Dir::State::lists": str(folder / "lists"),
            "Dir::State::status": str(folder / "status"),
            "Dir::Cache": str(folder),
            "APT::Architecture": architecture,
            "APT::Architectures": architecture,
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "root",
            "Debug::NoLocking": "true",
        }
        self.source = source
        if source is not None:
            entries, keyring = source
            (folder / "sources.list").write_text(entries + "\n")
            settings["Dir::Etc::sourcelist"] = str(folder / "sources.list")
            settings["Dir::Etc::sourceparts"] = "/dev/null"
            # Not [signed-by=...] in the line: that cannot name a path with a space.
            (folder / "keys").mkdir()
            shutil.copy(keyring, folder / "keys" / "archive.gpg")
            settings["Dir::Etc::trusted"] = "/dev/null"
            settings["Dir::Etc::trustedparts"] = str(folder / "keys")
        self._tolerant = source is None  # somebody's broken third-party source is not our subject
        lines = [line for line in _output(["apt-config", "dump"]).splitlines() if _is_network_setting(line)]
        lines += ['%s "%s";' % item for item in settings.items()]
        (folder / "apt.conf").write_text("\n".join(lines) + "\n")
        self._environment = {**_ENVIRONMENT, "APT_CONFIG": str(folder / "apt.conf")}

    def update(self) -> None:
        try:
            # An unreachable mirror is only a warning to apt by default.
            self._run("apt-get", "-qq", "-o", "APT::Update::Error-Mode=any", "update")
        except SetupError:
            if not self._tolerant:
                raise
        if not any((self.folder / "lists").glob("*_Packages*")):
            raise SetupError("no package lists could be fetched")

    def extract(self, package: str, root: Path, dependencies: bool = False) -> list[str]:
        """Unpack `package`, with what it depends on when asked, under `root`. Return the names of the
        packages' files: name_version_architecture.deb."""
        archives = fresh(self.folder / "archives")
        (archives / "partial").mkdir()
        if dependencies:
            self._run("apt-get", "-qq", "-y", "--download-only", "install", package)
        else:
            self._run("apt-get", "-qq", "download", package, cwd=archives)
        debs = sorted(archives.glob("*.deb"))
        for deb in debs:
            self._run("dpkg-deb", "-x", str(deb), str(root))
        return [deb.name for deb in debs]

    def original(self, package: str, folder: Path) -> Path:
        """The sources that `package` is made of, as their authors released them: the archive, in `folder`,
        which is empty. Only where the state has sources (`debian`)."""
        self._run("apt-get", "-qq", "source", "--download-only", "--tar-only", package, cwd=folder)
        archive = next(folder.glob("*.orig.tar.*"), None)
        if archive is None:
            raise SetupError("the source package %s has no original archive" % package)
        return archive

    def _run(self, *command: str, cwd: Path | None = None) -> None:
        # APT_CONFIG takes part in every apt tool; dpkg-deb does not mind it.
        done = subprocess.run(
            command, env=self._environment, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode:
            lines = done.stderr.splitlines() or ["exit code %d" % done.returncode]
            said = next((line for line in lines if line.startswith("E:")), lines[-1])
            raise SetupError("%s: %s" % (command[0], said))


def debian(folder: Path, sources: bool = False) -> PrivateApt:
    """A private apt state of Debian's SUITE for this machine's architecture, updated; with its source
    packages when asked."""
    kinds = ("deb", "deb-src") if sources else ("deb",)
    keyring = _debian_keyring(folder)
    architecture = native_architecture()
    reasons = []
    for mirror in _debian_mirrors(folder):
        entries = "\n".join("%s %s %s main" % (kind, mirror, SUITE) for kind in kinds)
        state = PrivateApt(folder / architecture, architecture, (entries, keyring))
        try:
            state.update()
        except SetupError as error:
            reasons.append(str(error))
            continue
        return state
    why = reasons[-1] if reasons else "this machine's apt names no mirror"
    raise SetupError("Debian %s was not found: %s" % (SUITE, why))


def debian_for(native: PrivateApt, architecture: str) -> PrivateApt:
    """The same for another architecture, from the same mirror."""
    state = PrivateApt(native.folder.parent / architecture, architecture, native.source)
    state.update()
    return state


def machines_own(folder: Path) -> PrivateApt:
    """A private apt state of the machine's own sources, updated."""
    state = PrivateApt(folder / "own", native_architecture())
    state.update()
    return state


def _debian_mirrors(folder: Path) -> Iterator[str]:
    """Addresses that may be a Debian mirror, the likeliest first. Which one is, its signature tells."""
    given = os.environ.get("PILOTLIGHT_DEBIAN_MIRROR")
    if given:
        yield given
        return
    # --print-uris works without lists, which a container image does not have; an empty folder makes it name
    # them all.
    lists = fresh(folder / "no-lists")
    (lists / "partial").mkdir()
    settings = ("Dir::State::lists=%s" % lists, "Dir::Cache=%s" % lists, "Debug::NoLocking=1")
    options = [part for setting in settings for part in ("-o", setting)]
    uris = _output(["apt-get", *options, "--print-uris", "update"])
    found = dict.fromkeys(re.findall(r"^'(.+)/dists/\S+/InRelease'", uris, re.MULTILINE))
    yield from sorted(found, key=lambda uri: not uri.rstrip("/").endswith("/debian"))
    if _is_debian():
        return
    root = fresh(folder / "debootstrap")
    machines_own(folder).extract("debootstrap", root)
    named = re.search(r'^DEF_MIRROR="(.+)"', (root / "usr/sbin/debootstrap").read_text(), re.MULTILINE)
    if named:
        yield named.group(1)


def _debian_keyring(folder: Path) -> Path:
    system, own = Path("/usr/share/keyrings"), folder / "keyring"
    if not any((system / name).exists() for name in _KEYRINGS):
        machines_own(folder).extract("debian-archive-keyring", own)
    for name in _KEYRINGS:
        for keyrings in (system, own / "usr/share/keyrings"):
            if (keyrings / name).exists():
                return keyrings / name
    raise SetupError("Debian's archive keys are not on this machine")


def _is_debian() -> bool:
    try:
        return bool(re.search(r"^ID=debian$", Path("/etc/os-release").read_text(), re.MULTILINE))
    except OSError:
        return False


def _is_network_setting(line: str) -> bool:
    # IndexTargets name further lists to fetch (Contents, icons): hundreds of megabytes that nobody reads
    # here.
    others = ("Acquire::IndexTargets", "Acquire::Languages")
    return line.startswith("Acquire::") and not line.startswith(others)


def _output(command: list[str]) -> str:
    done = subprocess.run(command, env=_ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.stdout
