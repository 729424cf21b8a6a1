# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Run unit test files under MicroPython: `micropython run.py FILE ...`, one line per test, as host_tests/conftest.py reads it.

A test is a module-level function named test_*, as for pytest. Prints `ok NAME` or `FAILED NAME` with the traceback between.
"""

import gc
import sys


def run_file(path):
    name = path.rsplit("/", 1)[-1][:-3]
    failed = 0
    module = __import__("host_tests.unit." + name, None, None, [name])
    for test in sorted(dir(module)):
        if not test.startswith("test_"):
            continue
        gc.collect()
        try:
            getattr(module, test)()
        except Exception as error:  # a test may fail in any way; report it and go on
            failed += 1
            print("FAILED", test)
            sys.print_exception(error)
        else:
            print("ok", test)
    return failed


if __name__ == "__main__":
    sys.exit(1 if sum(run_file(path) for path in sys.argv[1:]) else 0)
