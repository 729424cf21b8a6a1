# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Which worker of `make test` runs which file. With three or more workers the last one has nothing but the
files that wait, `WAITING`: chargers in them live by the clock and leave most of a core to others, so that
there may be one worker more than cores. The others have all the rest, in the order of the collection.
"""

from pathlib import PurePosixPath

from xdist.scheduler import LoadFileScheduling

# They take 45 % of a core, or less, and each lasts for some seconds. Others like them are left to the other
# two, for the balance.
WAITING = (
    "test_soak.py",
    "test_mpremote.py",
    "test_selftest.py",
    "test_console.py",
    "test_demo.py",
    "test_sim_board.py",
    "test_figures.py",
    "test_meter_detection.py",
    "test_car_side.py",
    "test_tls_servers.py",
    "test_load_management.py",
    "test_eastron.py",
    "test_tls_span.py",
    "test_flash_trouble.py",
    "test_meter_tables.py",
)
_WORKERS = 3  # with fewer everybody runs everything

# Of the others those that last for a minute or more: begun last, one would keep its worker busy while the
# other has nothing to do.
LONGEST = ("test_power_cut.py", "test_outlet.py")


def waits(nodeid: str) -> bool:
    return PurePosixPath(nodeid.partition("::")[0]).name in WAITING


def place(name: str, tests: int) -> tuple[int, int]:
    """What a file is sorted by: the longest first, then those with the most tests."""
    for number, names in enumerate((WAITING, LONGEST)):
        if name in names:
            return number, names.index(name)
    return 2, -tests


class OneWaits(LoadFileScheduling):
    _waiting = None  # the worker of those that wait

    def schedule(self) -> None:
        if self.collection is None and len(self.nodes) >= _WORKERS:
            self._waiting = self.nodes[-1]
        super().schedule()

    def _next(self, node) -> str | None:
        """The file that this worker may take."""
        if self._waiting not in self.assigned_work:  # there is none, or it has died
            return next(iter(self.workqueue), None)
        wanted = node is self._waiting
        return next((scope for scope in self.workqueue if waits(scope) == wanted), None)

    def _assign_work_unit(self, node) -> None:
        scope = self._next(node)
        if scope is None:
            node.shutdown()
            return
        self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)

    def _reschedule(self, node) -> None:
        if self._next(node) is not None:
            super()._reschedule(node)
        elif not node.shutting_down:
            node.shutdown()
