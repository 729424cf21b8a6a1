# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Integration tests may be coroutines: each runs in an event loop of its own.

A charger is `bench.charger.SimulatedCharger`, a CSMS `bench.csms.Csms`; both are used with `async with`, so
that a failing test leaves no process behind.
"""

import asyncio
import inspect

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    asyncio.run(pyfuncitem.obj(**arguments))
    return True
