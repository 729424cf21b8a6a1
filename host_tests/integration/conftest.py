# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Integration tests may be coroutines: each runs in an event loop of its own.

A charger is `bench.charger.SimulatedCharger`, a CSMS `bench.csms.Csms`; both are used with `async with`, so
that a failing test leaves no process behind.

A module that says `AT_ONCE = n` has its coroutine tests run n at a time, in one loop: they spend their time
waiting for cars. When one ends the next begins, whichever of them pytest asks for. Each is still reported by
itself. Tests that use fixtures, other than the values of `parametrize`, run alone.
"""

import asyncio
import contextlib
import inspect

import pytest

from bench.deadline import within
from host_tests.integration.skipping_clock import SkippingLoop

_DEADLINE_S = 50  # of a test that runs beside others: pytest's own time-out could not tell which one it is


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    if _may_run_ahead(pyfuncitem):
        _Together.of(pyfuncitem).run(pyfuncitem)
    else:
        arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
        asyncio.run(pyfuncitem.obj(**arguments))
    return True


def _parameters(item):
    return item.callspec.params if hasattr(item, "callspec") else {}


def _may_run_ahead(item):
    return (
        getattr(item.module, "AT_ONCE", 1) > 1
        and inspect.iscoroutinefunction(item.obj)
        and set(item._fixtureinfo.argnames) <= set(_parameters(item))
    )


class _Together:
    """The tests of one module in one event loop, some of them ahead of the one that pytest asks for."""

    _present = None

    def __init__(self, module):
        self._module = module
        skips = getattr(module, "SKIPS_WAITING", False)
        self._loop = SkippingLoop() if skips else asyncio.new_event_loop()
        self._tasks = {}  # begun, and not yet asked for
        self._item = None

    @classmethod
    def of(cls, item):
        present = cls._present
        if present is None or present._module is not item.module:
            if present is not None:
                present.close()
            present = cls._present = cls(item.module)
        return present

    def run(self, item):
        self._item = item
        self._begin()
        task = self._tasks[item]
        try:
            self._loop.run_until_complete(task)
        except BaseException:
            if not task.done():  # its time is over: what it holds is given back
                task.cancel()
                with contextlib.suppress(BaseException):
                    self._loop.run_until_complete(task)
            raise
        finally:
            del self._tasks[item]

    def _begin(self, _ended=None):
        """The item that pytest asks for, and those behind it, until enough are under way."""
        if self._item is None:
            return
        under_way = sum(not task.done() for task in self._tasks.values())
        items = self._item.session.items
        for other in items[items.index(self._item) :]:
            if other.module is not self._module or not _may_run_ahead(other):
                return  # while one runs alone this loop stands still, and time goes on for who is in it
            if other in self._tasks:
                continue
            if under_way >= self._module.AT_ONCE and other is not self._item:
                return
            arguments = {name: _parameters(other)[name] for name in other._fixtureinfo.argnames}
            task = self._loop.create_task(within(_DEADLINE_S, other.obj(**arguments)))
            self._tasks[other] = task
            under_way += 1
            task.add_done_callback(self._begin)

    def close(self):
        self._item = None
        for task in self._tasks.values():
            task.cancel()
        with contextlib.suppress(BaseException):
            self._loop.run_until_complete(asyncio.gather(*self._tasks.values(), return_exceptions=True))
        self._loop.close()


def pytest_sessionfinish():
    if _Together._present is not None:
        _Together._present.close()
        _Together._present = None
