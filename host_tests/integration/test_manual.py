# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The person at the bench: what is asked, what becomes of the answers, and two cases played through them."""

import asyncio
import contextlib
import os
import pty
import tempfile
from collections.abc import Iterator

import pytest

from bench.deadline import within
from bench.drivers import STIMULI
from bench.drivers.manual import Manual
from bench.drivers.pilotlight import Pilotlight
from host_tests.integration.driven import charge_point, refusal, two_cases_pass, until

AT_ONCE = 8


class Person:
    """At the other end of two pipes: sees what is asked, and types."""

    def __init__(self) -> None:
        source, self._keys = os.pipe()
        screen, output = os.pipe()
        os.set_blocking(screen, False)
        self._screen = screen
        self.source, self.output = os.fdopen(source), os.fdopen(output, "w")
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self._keys, text.encode())

    def leave(self) -> None:
        """Nobody types any more."""
        os.close(self._keys)
        self._keys = -1

    def look(self) -> str:
        """All that has been written."""
        with contextlib.suppress(BlockingIOError):
            self.seen += os.read(self._screen, 65536).decode()
        return self.seen

    async def asked(self, number: int) -> str:
        """The question of this number, once it is there."""
        begin = f"{number:3}. "
        while not (begin in self.look() and self.seen.endswith(": ")):
            await asyncio.sleep(0.01)
        return self.seen[self.seen.rindex(begin) + len(begin) :]

    def close(self) -> None:
        self.source.close()
        self.output.close()
        os.close(self._screen)
        if self._keys >= 0:
            os.close(self._keys)


@contextlib.contextmanager
def at_the_bench(*cannot: str) -> Iterator[tuple[Manual, Person]]:
    person = Person()
    try:
        yield Manual(cannot, person.source, person.output), person
    finally:
        person.close()


async def test_a_person_is_asked_for_everything():
    with at_the_bench() as (manual, person):
        assert manual.can == frozenset(STIMULI) - {"offered"}
        for stimulus, words in (
            (manual.begin(), "Take every cable out, of the car and of the charge point's sockets."),
            (manual.plug(2), "Connector 2: plug the cable in at both ends"),
            (manual.leave(2), "Connector 2: pull the cable out of the car only"),
            (manual.unplug(2), "Connector 2: take the cable out at both ends"),
            (manual.present("04A1B2C3"), "Present the tag 04A1B2C3."),
            (manual.power(False), "Switch the charge point's power off."),
            (manual.power(True), "Switch the charge point's power on."),
            (manual.link(False), "Cut the charge point's network."),
            (manual.link(True), "Give the charge point its network back."),
            (manual.fault(1, True), "Connector 1: cause a fault"),
            (manual.fault(1, False), "Connector 1: mend the fault."),
            (manual.lock_failure(1, True), "Connector 1: keep the lock"),
            (manual.lock_failure(1, False), "Connector 1: let the lock"),
        ):
            number = person.look().count("Enter when done") + 1
            asked = asyncio.create_task(stimulus)
            question = await person.asked(number)
            assert question.startswith(words)
            assert question.endswith(" Enter when done, s if you cannot: ")
            assert not asked.done()
            person.type("\n")
            await asked


async def test_nobody_is_asked_to_take_back_what_was_not_done():
    with at_the_bench() as (manual, person):
        await manual.unplug(1)
        await manual.power(True)
        await manual.link(True)
        await manual.fault(1, False)
        await manual.lock_failure(1, False)
        person.type("\n\n")
        await manual.plug(1)
        await manual.unplug(2)
        await manual.unplug(1)
        await manual.unplug(1)
        assert person.look().count("Enter when done") == 2


async def test_what_the_person_could_not_do_was_not_done():
    with at_the_bench() as (manual, person):
        person.type("s\n SKIP \n")
        told = await refusal(manual.plug(1))
        assert told.startswith("the person at the bench could not do this: Connector 1: plug the cable in")
        await manual.unplug(1)
        assert "present the tag" in (await refusal(manual.present("04A1B2C3"))).lower()


async def test_a_cable_that_could_not_be_taken_out_is_asked_for_again():
    with at_the_bench() as (manual, person):
        person.type("\ns\n\n")
        await manual.plug(1)
        await refusal(manual.unplug(1))
        await manual.unplug(1)
        await manual.unplug(1)
        assert person.look().count("take the cable out") == 2


async def test_a_question_that_is_given_up():
    """The case ended meanwhile. The person may have plugged in by then: the cable is asked back."""
    with at_the_bench() as (manual, person):
        asked = asyncio.create_task(manual.plug(1))
        await person.asked(1)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert person.look().endswith("This is not needed any more.\n")
        person.type("\n")
        await manual.unplug(1)
        assert "take the cable out" in person.look()


async def test_other_answers_are_none():
    with at_the_bench() as (manual, person):
        person.type("what?\ny\n\n")
        await manual.present("04A1B2C3")
        assert person.look().count("is no answer. Enter when done") == 2
        assert "'what?' is no answer." in person.seen


async def test_one_question_at_a_time():
    with at_the_bench() as (manual, person):
        both = asyncio.gather(manual.plug(1), manual.plug(2))
        await person.asked(1)
        for _ in range(20):
            await asyncio.sleep(0)
        assert "Connector 2" not in person.look()
        person.type("\n")
        await person.asked(2)
        person.type("\n")
        await both


async def test_nobody_answers():
    with at_the_bench() as (manual, person):
        person.type("\n")
        person.leave()
        await manual.plug(1)
        for _ in range(2):
            told = await refusal(manual.unplug(1))
            assert told.startswith(
                "nobody answers any more; the question was: Connector 1: take the cable out"
            )


async def test_the_loop_goes_on_while_a_person_thinks():
    with at_the_bench() as (manual, person):
        asked = asyncio.create_task(manual.plug(1))
        await person.asked(1)
        assert await within(5, asyncio.sleep(0.05, "alive")) == "alive"
        assert not asked.done()
        person.type("\n")
        await asked


@pytest.mark.parametrize(("text", "last"), [(b"\n\n", b""), (b"\n\ns", b"s"), (b"", b"")])
async def test_answers_from_a_file(text: bytes, last: bytes):
    """Such as no event loop can wait for. A last line without its end is one."""
    with tempfile.TemporaryFile("w+b") as answers, tempfile.TemporaryFile("w+") as output:
        answers.write(text)
        answers.seek(0)
        manual = Manual((), os.fdopen(os.dup(answers.fileno())), output)
        if text:
            await manual.plug(1)
            await manual.unplug(1)
        told = await refusal(manual.plug(1))
        assert ("could not do this" if last else "nobody answers any more") in told


async def test_at_a_terminal_what_was_typed_before_the_question_is_no_answer():
    keyboard, terminal = pty.openpty()
    os.set_blocking(keyboard, False)
    seen = b""

    def screen() -> bytes:
        nonlocal seen
        with contextlib.suppress(BlockingIOError):
            seen += os.read(keyboard, 65536)
        return seen

    with os.fdopen(terminal) as source, os.fdopen(os.dup(terminal), "w") as output:
        manual = Manual((), source, output)
        os.write(keyboard, b"\nearly\n")
        await until(lambda: screen().endswith(b"early\r\n"))  # as the terminal shows what it has taken
        asked = asyncio.create_task(manual.plug(1))
        await until(lambda: screen().endswith(b"cannot: "))
        assert b"\a  1. Connector 1" in seen
        for _ in range(20):
            await asyncio.sleep(0)
        assert not asked.done() and b"no answer" not in screen()
        os.write(keyboard, b"s\n")
        await refusal(asked)
    os.close(keyboard)


async def test_what_a_person_cannot_do():
    with at_the_bench("fault", "lock_failure") as (manual, person):
        assert manual.can == {"leave", "full", "power", "link", "data_transfer"}
        assert await refusal(manual.fault(1, True)) == f"nobody at the bench can {STIMULI['fault']}"
        assert (
            await refusal(manual.lock_failure(1, False))
            == f"nobody at the bench can {STIMULI['lock_failure']}"
        )
        assert await refusal(manual.offered(1)) == f"nobody at the bench can {STIMULI['offered']}"
        assert person.look() == ""


def test_an_unknown_stimulus_is_told():
    with pytest.raises(ValueError, match=r"^no such stimulus: plug, rain; known: leave, full, power, link"):
        Manual(["rain", "power", "plug"])


async def test_cases_are_played_through_a_person():
    async with charge_point() as (csms, charger):
        hands = Pilotlight(charger)

        async def does(question: str) -> None:
            if question.startswith("Connector 1: plug the cable in"):
                await hands.plug(1)
            elif question.startswith("Connector 1: take the cable out"):
                await hands.unplug(1)
            elif question.startswith("Present the tag "):
                await hands.present(question.removeprefix("Present the tag ").partition(".")[0])
            else:
                assert question.startswith("Take every cable out")

        with at_the_bench() as (manual, person):

            async def person_works() -> None:
                number = 1
                while True:
                    await does(await person.asked(number))
                    person.type("\n")
                    number += 1

            working = asyncio.create_task(person_works())
            try:
                await two_cases_pass(csms, charger, manual)
            finally:
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)
            asked = [line for line in person.look().splitlines() if "Enter when done" in line]
            # Out and in: nobody is asked for a cable that is not there.
            assert [line[5:].split()[0:2] for line in asked] == [
                ["Take", "every"], ["Connector", "1:"], ["Present", "the"], ["Connector", "1:"],
                ["Connector", "1:"], ["Connector", "1:"],
            ]  # fmt: skip
