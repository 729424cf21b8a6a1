# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Run one unit test file under MicroPython: `micropython host_tests/micropython/run.py
host_tests/unit/test_x.py`.

A test is a module-level function named test_*, as for pytest. Each ends with a line of its own, which
host_tests/conftest.py reads: `#ok NAME` or `#failed NAME`, the latter after the traceback. What a test prints
stands before its line. The exit code is 1 when a test failed.
"""

import gc
import sys


def run_file(path):
    name = path.rsplit("/", 1)[-1][:-3]
    module = __import__("host_tests.unit." + name, None, None, [name])
    failed = 0
    for test in sorted(dir(module)):
        if not test.startswith("test_"):
            continue
        gc.collect()
        try:
            getattr(module, test)()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit and CancelledError are failures of that test as well
            failed += 1
            sys.print_exception(error)
            print("\n#failed", test)
        else:
            print("\n#ok", test)
    return failed


if __name__ == "__main__":
    sys.exit(1 if run_file(sys.argv[1]) else 0)
