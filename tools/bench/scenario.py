# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Lets pytest run a coroutine, with a deadline over the whole of it.

@scenario(30)
async def test_boot(tmp_path): ...
"""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

from bench.deadline import within


def scenario(
    timeout_s: float = 60,
) -> Callable[[Callable[..., Coroutine[Any, Any, None]]], Callable[..., None]]:
    """Decorator: the coroutine function becomes a plain test that fails after `timeout_s` seconds."""

    def decorate(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(*args: Any, **fixtures: Any) -> None:
            asyncio.run(within(timeout_s, test(*args, **fixtures)))

        return run

    return decorate
