# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""How the simulated controller stops: the process ends at once with a chosen exit code, whatever tasks
run."""

RESET = 3  # whoever started the process starts it again
POWER_CUT = 137  # as after kill -9: nothing was flushed


def end(code: int) -> None:
    """Does not return. No exception is raised: one in an asyncio task could be caught on its way out."""
    try:
        import ffi
    except ImportError:
        import os

        leave = getattr(os, "_exit", None)
        if leave is not None:  # CPython
            leave(code)
        if code == POWER_CUT:
            os.system("kill -9 $PPID")
        raise SystemExit(code)
    ffi.open(None).func("v", "_exit", "i")(code)
