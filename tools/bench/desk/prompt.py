# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Where lines come from: a person at the terminal, a pipe, a file."""

import asyncio
import contextlib
import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.history import DummyHistory, InMemoryHistory
from prompt_toolkit.input.vt100 import Vt100Input
from prompt_toolkit.styles import Style

from bench.desk.commands import Commands, presentable


class _Keys(Vt100Input):
    """The keyboard. It stays with us while a message is printed above the prompt: in the terminal's own line
    mode, which the library restores for that moment, Ctrl-D would be lost and other keys shown twice.
    """

    def cooked_mode(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


class _History(InMemoryHistory):
    """What was typed, but for lines with a password."""

    def append_string(self, string: str) -> None:
        if presentable(string) == string:
            super().append_string(string)


async def typed_lines(
    prompt: str, commands: Commands, toolbar: Callable[[], str], words: Callable[[], list[str]] | None = None
) -> None:
    """A person at the terminal: the prompt stays at the bottom, messages scroll above it. `words` complete
    what is typed. Ends with EOFError (Ctrl-C, Ctrl-D) or what a command raises.
    """
    keys = _Keys(sys.stdin)
    style = Style.from_dict({"bottom-toolbar": "noreverse fg:ansigray bg:ansiblack"})
    session: PromptSession[str] = PromptSession(
        prompt,
        completer=WordCompleter(words or commands.names, sentence=True),
        complete_while_typing=False,
        auto_suggest=AutoSuggestFromHistory(),
        history=_History(),
        bottom_toolbar=toolbar,
        refresh_interval=0.5,
        style=style,
        interrupt_exception=EOFError,
        input=keys,
    )
    secrets: PromptSession[str] = PromptSession(
        is_password=True, history=DummyHistory(), interrupt_exception=EOFError, input=keys
    )
    lines: asyncio.Queue[tuple[str, str | None]] = asyncio.Queue()

    async def carry_out() -> None:
        while True:
            await commands.run(*await lines.get())

    async def type_one() -> tuple[str, str | None]:
        line = await session.prompt_async()
        question = commands.asks_for(line)
        return line, (await secrets.prompt_async(question) if question else None)

    # The prompt is there all the time, also while a command waits for its answer.
    working = asyncio.create_task(carry_out())
    typing: asyncio.Task[tuple[str, str | None]] | None = None
    with keys.raw_mode():  # also between one prompt and the next
        try:
            while True:
                typing = asyncio.create_task(type_one())
                await asyncio.wait({typing, working}, return_when=asyncio.FIRST_COMPLETED)
                if working.done():
                    return working.result()
                lines.put_nowait(typing.result())
        finally:
            # The prompt gives the terminal back before we do, or it would stay as the prompt had it.
            for task in (typing, working):
                if task is not None:
                    task.cancel()
                    await asyncio.wait([task])


async def read_lines(stream: TextIO) -> AsyncIterator[str]:
    """Commands from a file or another program: its lines, without comments and empty ones."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()

    def read() -> None:
        # A thread, because asyncio cannot wait for a file; daemon, because readline cannot be cancelled.
        with contextlib.suppress(RuntimeError, ValueError):  # the loop has ended
            for line in stream:
                loop.call_soon_threadsafe(lines.put_nowait, line)
            loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=read, daemon=True).start()
    while (line := await lines.get()) is not None:
        if line.strip() and not line.lstrip().startswith("#"):
            yield line.strip()
