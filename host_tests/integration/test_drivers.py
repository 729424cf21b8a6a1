# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The driver of shell commands: how they are run and what becomes of them, wrong files, and two cases played
through the commands of the example.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.drivers import STIMULI, command
from host_tests.integration.driven import EXAMPLES, charge_point, refusal, two_cases_pass, until
from host_tests.integration.processes import processes

AT_ONCE = 8

OBLIGATORY = {"plug": "true", "unplug": "true", "tag": "true"}


def text_of(commands: dict[str, str], more: str = "") -> str:
    # Between three quotes TOML takes everything as it is.
    return "[commands]\n" + "".join(f"{name} = '''{line}'''\n" for name, line in commands.items()) + more


@contextlib.contextmanager
def driver(more: str = "", **commands: str) -> Iterator[tuple[command.Command, Path]]:
    """A driver of these commands, and the folder in which they run. `more`: after them in the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "driver.toml"
        path.write_text(text_of({**OBLIGATORY, **commands}, more))
        yield command.read(path), path.parent


@contextlib.contextmanager
def mark() -> Iterator[str]:
    """Seconds for `sleep`, longer than any test, that no other process sleeps for. Who is left at the end of
    the block is killed.
    """
    seconds = f"1{uuid.uuid4().int % 10**12:012}.5"
    try:
        yield seconds
    finally:
        for process in processes(seconds):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


async def until_gone(marked: str) -> None:
    await until(lambda: not processes(marked))


# --- commands ---


PLAIN = ("power_off", "power_on", "link_down", "link_up", "data_transfer")


async def test_every_stimulus_has_its_command():
    names = ("plug", "unplug", "leave", "full", "fault", "mend", "lock_failure", "lock_mended")
    lines = {name: f"echo {name} {{connector}} >>told" for name in names}
    lines |= {name: f"echo {name} >>told" for name in PLAIN}
    lines["offered"] = "echo offered {connector} >>told; echo some words; echo 13.5"
    with driver(**lines, tag="echo tag {tag} >>told") as (it, folder):
        assert it.can == frozenset(STIMULI)
        await it.plug(1)
        await it.unplug(2)
        await it.leave(3)
        await it.present("04A1B2C3")
        await it.power(False)
        await it.power(True)
        await it.link(False)
        await it.link(True)
        await it.fault(4, True)
        await it.fault(5, False)
        await it.lock_failure(6, True)
        await it.lock_failure(7, False)
        await it.full(8)
        await it.data_transfer()
        assert await it.offered(9) == 13.5
        assert (folder / "told").read_text().splitlines() == [
            "plug 1", "unplug 2", "leave 3", "tag 04A1B2C3", "power_off", "power_on", "link_down", "link_up",
            "fault 4", "mend 5", "lock_failure 6", "lock_mended 7",
            "full 8", "data_transfer", "offered 9",
        ]  # fmt: skip


@pytest.mark.parametrize("said", ["", "much", "-1", "nan", "inf", "13,5"])
async def test_what_is_no_current_is_told(said: str):
    with driver(offered=f"echo '{said}'") as (it, _):
        assert await refusal(it.offered(1)) == f"the command offered is to print amperes, not {said!r}"


async def test_what_has_no_command_cannot_be_done():
    with driver(power_off="true", power_on="true") as (it, _):
        assert it.can == {"power"}
        assert await refusal(it.leave(1)) == "driver.toml has no command leave"
        assert await refusal(it.fault(1, False)) == "driver.toml has no command mend"


@pytest.mark.parametrize(
    "tag",
    [
        "04A1B2C3", "; touch hacked;", "'; touch hacked; '", '"; touch hacked; "', "$(touch hacked)",
        "`touch hacked`", "& touch hacked &", "| touch hacked", "> hacked", "\ntouch hacked\n", "a  b",
        "it's", '"', "\\", "*", "${HOME}", "$PATH", "{tag}", "{connector}", "# no", "%s", "!!", "-n", "",
        "Zoë",
    ],
)  # fmt: skip
async def test_a_tag_is_one_word_whatever_it_holds(tag: str):
    with driver(tag="set -- {tag} end; printf '%s' \"$1\" >told; test $# = 2") as (it, folder):
        await it.present(tag)
        assert (folder / "told").read_text() == tag
        assert sorted(path.name for path in folder.iterdir()) == ["driver.toml", "told"]


async def test_braces_of_the_shell_are_left_alone():
    line = """x=7; echo ${x} {a,b} {} '{"do":1}' | awk '{ print $1, $4 }' >told"""
    with driver(plug=line) as (it, folder):
        await it.plug(1)
        assert (folder / "told").read_text() == '7 {"do":1}\n'


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("echo first; echo relay 3 is stuck >&2; echo; exit 4",
         "the command plug ended with exit code 4; its last line: relay 3 is stuck"),
        ("exit 1", "the command plug ended with exit code 1; it printed nothing"),
        ("kill -9 $$", "the command plug was ended by signal 9; it printed nothing"),
        ("printf 'a\\tb\\033[31m\\377\\rred\\007'; false",
         "the command plug ended with exit code 1; its last line: red"),
    ],
)  # fmt: skip
async def test_a_command_that_fails(line: str, sentence: str):
    with driver(plug=line) as (it, _):
        assert await refusal(it.plug(1)) == sentence


async def test_a_command_that_cannot_be_started():
    with driver() as (it, folder):
        shutil.rmtree(folder)
        assert (await refusal(it.plug(1))).startswith("the command plug cannot be started: ")
        folder.mkdir()
    with driver(tag="echo {tag}") as (it, _):
        assert "cannot be started" in await refusal(it.present("a\0b"))


async def test_only_the_end_of_a_long_output_is_kept():
    line = "head -c 30000000 /dev/zero | tr '\\0' x; echo; head -c 5000 /dev/zero | tr '\\0' y; exit 1"
    with driver(plug=line) as (it, _):
        told = await refusal(it.plug(1))
        assert told.endswith("y" * 200) and not told.endswith("y" * 201)


async def test_a_command_reads_nothing_of_ours():
    with driver(plug="cat >told") as (it, folder):
        await it.plug(1)
        assert (folder / "told").read_text() == ""


async def test_a_command_that_does_not_end_is_killed_with_its_children():
    with mark() as seconds:
        line = f"echo waiting; sleep {seconds} & sleep {seconds}; echo never"
        with driver("[timing]\ntimeout_s = 2\n", plug=line, unplug="echo >told") as (it, folder):
            told = await refusal(it.plug(1))
            assert told == "the command plug had not ended after 2 s; its last line: waiting"
            await until_gone(seconds)
            await it.unplug(1)
            assert (folder / "told").exists()


# Among the first turns of the event loop: whatever is under way then.
@pytest.mark.parametrize("turns", [1, 2, 3, 5, 8, None])
async def test_a_cancelled_command_leaves_nobody_behind(turns: int | None):
    with mark() as seconds, driver(plug=f"sleep {seconds} & sleep {seconds}; true") as (it, _):
        task = asyncio.create_task(it.plug(1))
        if turns is None:
            await until(lambda: len(processes(seconds)) == 3)
        for _ in range(turns or 0):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until_gone(seconds)


async def test_what_goes_on_in_the_background_holds_nothing_up():
    with mark() as seconds, driver(power_off="true", power_on=f"sleep {seconds} & true") as (it, _):
        await it.power(True)
        assert len(processes(seconds)) == 1


async def test_what_goes_on_in_the_background_can_print():
    """More than a pipe holds, after its command has ended: it neither waits for ever nor dies of it."""
    line = "(until test -e go; do sleep 0.02; done; head -c 500000 /dev/zero && touch done) & true"
    with driver(power_off="true", power_on=line) as (it, folder):
        await it.power(True)
        assert not (folder / "done").exists()
        (folder / "go").touch()
        await until((folder / "done").exists)


async def test_a_babbler_in_the_background_holds_nothing_up():
    with mark() as word, driver(power_off="true", power_on=f"yes {word} & exit 3") as (it, _):
        told = await refusal(it.power(True))
        assert told.startswith("the command power_on ended with exit code 3")


PAIR = {"link_down": "true", "link_up": "true"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[commands", "is no TOML: "),
        ("", ": commands.plug is missing"),
        (text_of({"plug": "a", "unplug": "b"}), ": commands.tag is missing"),
        (text_of({**OBLIGATORY, "plgu": "x"}), ": commands.plgu: there is no such key; known: plug, unplug"),
        (text_of(OBLIGATORY, "[comands]\n"), ": comands: there is no such key; known: commands, timing"),
        ("commands = 3", ": commands: a table is needed, not 3"),
        ("[commands]\nplug = 3", ": commands.plug: a text is needed, not 3"),
        ("[commands]\nplug = ['a']", ": commands.plug: a text is needed, not ['a']"),
        (text_of({**OBLIGATORY, "tag": "  "}), ": commands.tag is empty"),
        (text_of({**OBLIGATORY, "power_on": "x"}), ": commands.power_on needs commands.power_off beside it"),
        (text_of({**OBLIGATORY, **PAIR, "fault": "x"}), ": commands.fault needs commands.mend beside it"),
        (text_of({**OBLIGATORY, "plug": "plug {conector}"}),
         ": commands.plug: there is no placeholder {conector} here, {connector} is the only one"),
        (text_of({**OBLIGATORY, "tag": "tag {connector}"}),
         ": commands.tag: there is no placeholder {connector} here, {tag} is the only one"),
        (text_of({**OBLIGATORY, **PAIR, "link_up": "up {tag}"}),
         ": commands.link_up: there is no placeholder {tag} here, it takes none"),
        (text_of(OBLIGATORY, "[timing]\nsettle_s = 1\n"),
         ": timing.settle_s: there is no such key; known: timeout_s"),
        (text_of(OBLIGATORY, "[timing]\ntimeout_s = '30'\n"),
         ": timing.timeout_s: a number is needed, not '30'"),
        (text_of(OBLIGATORY, "[timing]\ntimeout_s = true\n"),
         ": timing.timeout_s: a number is needed, not True"),
        (text_of(OBLIGATORY, "[timing]\ntimeout_s = 0\n"),
         ": timing.timeout_s: 0 is no time that can be waited"),
        (text_of(OBLIGATORY, "[timing]\ntimeout_s = nan\n"),
         ": timing.timeout_s: nan is no time that can be waited"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_told_in_one_sentence(tmp_path, text, sentence):
    path = tmp_path / "driver.toml"
    path.write_text(text)
    with pytest.raises(ValueError) as told:
        command.read(path)
    said = str(told.value)
    assert said.startswith(f"{path}{'' if sentence[0] == ':' else ' '}{sentence}"), said
    assert "\n" not in said


@pytest.mark.parametrize(
    "line",
    ["tag '{tag}'", 'tag "{tag}"', "ssh pi 'tag {tag}'", "x='it' tag \"is \\\" {tag}\"", "tag \\{tag}",
     "cat <<END\n{tag}\nEND"],
)  # fmt: skip
def test_a_tag_within_quotes_is_refused(tmp_path, line):
    path = tmp_path / "driver.toml"
    path.write_text(text_of({**OBLIGATORY, "tag": line}))
    with pytest.raises(ValueError, match=r"commands\.tag: \{tag\} must not stand within quotes"):
        command.read(path)


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere\.toml cannot be read: No such file or directory$"):
        command.read(tmp_path / "nowhere.toml")
    (tmp_path / "driver.toml").write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"driver\.toml is no TOML: 'utf-8' codec"):
        command.read(tmp_path / "driver.toml")


# --- cases ---


async def test_cases_are_played_through_the_commands_of_the_example():
    async with charge_point() as (csms, charger):
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True)) / "driver.toml"
            copy.write_text(copy.read_text().replace(" 7001 ", f" {charger.control_port} "))
            it = command.read(copy)
            assert it.can == frozenset(STIMULI) - {"power"}
            await two_cases_pass(csms, charger, it)
            # What these cases have no use for.
            seen = csms.station(charger.id)
            seen.mark()
            await it.fault(1, True)
            await seen.expect("StatusNotification", connectorId=1, status="Faulted")
            await it.fault(1, False)
            await seen.expect("StatusNotification", connectorId=1, status="Available")
            await it.plug(1)
            await seen.expect("StatusNotification", connectorId=1, status="Preparing")
            await it.leave(1)
            assert (await charger.state())["connectors"][0]["high_mv"] == 12000
            assert await it.offered(1) == 0
            await it.unplug(1)
            await it.lock_failure(1, True)
            assert (await charger.state())["connectors"][0]["broken"] == ["ConnectorLockFailure"]
            await it.lock_failure(1, False)
            assert (await charger.state())["connectors"][0]["broken"] == []
            await it.link(False)
            assert (await charger.state())["link"] is False
            await it.link(True)
            assert (await charger.state())["link"] is True


async def test_the_example_tells_why_it_could_not():
    async with charge_point() as (_, charger):
        with driver(plug=f"python3 {EXAMPLES / 'control.py'} {charger.control_port} plug 7") as (it, _):
            told = await refusal(it.plug(1))
            assert told.startswith("the command plug ended with exit code 1; its last line: plug: ")
            assert told.endswith('"connector" is not from 1 to 1')
