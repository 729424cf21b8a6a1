# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""host_tests/scheduling: which worker runs which file, with workers that run nothing."""

from types import SimpleNamespace

import pytest

from bench.charger import REPOSITORY
from host_tests.scheduling import LONGEST, WAITING, OneWaits, place, waits

FILES = (*WAITING[:2], "test_a.py", "test_b.py", "test_c.py")
TESTS = 4  # a worker gets its next file before its last two tests
COLLECTION = [f"host_tests/integration/{name}::test_{number}" for name in FILES for number in range(TESTS)]


class Worker:
    def __init__(self, name: str):
        self.gateway = SimpleNamespace(id=name)
        self.shutting_down = False
        self.given: list[int] = []

    def send_runtest_some(self, indices: list[int]) -> None:
        assert not self.shutting_down
        self.given += indices

    def shutdown(self) -> None:
        self.shutting_down = True


def scheduled(number: int, collection: list[str]) -> tuple[OneWaits, list[Worker]]:
    option = SimpleNamespace(loadscopereorder=False)
    config = SimpleNamespace(getvalue=lambda name: ["popen"] * number, option=option)
    scheduler = OneWaits(config)  # pyright: ignore[reportArgumentType]
    workers = [Worker(f"gw{index}") for index in range(number)]
    for worker in workers:
        scheduler.add_node(worker)  # pyright: ignore[reportArgumentType]
    for worker in workers:
        scheduler.add_node_collection(worker, collection)  # pyright: ignore[reportArgumentType]
    scheduler.schedule()
    return scheduler, workers


def play(scheduler: OneWaits, workers: list[Worker], collection: list[str]) -> list[list[str]]:
    """The files that each has run, in order; all tests are run once."""
    done = dict.fromkeys(workers, 0)
    ran: list[list[str]] = [[] for _ in workers]
    while any(done[worker] < len(worker.given) for worker in workers):
        for worker, files in zip(workers, ran, strict=True):
            if done[worker] < len(worker.given):
                index = worker.given[done[worker]]
                done[worker] += 1
                scheduler.mark_test_complete(worker, index)  # pyright: ignore[reportArgumentType]
                file = collection[index].partition("::")[0].rpartition("/")[2]
                if file not in files:
                    files.append(file)
    assert sorted(index for worker in workers for index in worker.given) == list(range(len(collection)))
    assert scheduler.tests_finished
    assert all(worker.shutting_down for worker in workers)
    return ran


def test_the_last_of_three_runs_what_waits_and_nothing_else():
    ran = play(*scheduled(3, COLLECTION), COLLECTION)
    assert ran[2] == list(WAITING[:2])
    assert sorted(ran[0] + ran[1]) == ["test_a.py", "test_b.py", "test_c.py"]


@pytest.mark.parametrize("number", [1, 2])
def test_fewer_run_everything_in_order(number):
    ran = play(*scheduled(number, COLLECTION), COLLECTION)
    assert ran[0][0] == WAITING[0]
    assert sorted(name for files in ran for name in files) == sorted(FILES)


@pytest.mark.parametrize("kept", [FILES[2:3], FILES[:1], (WAITING[1], "test_b.py"), FILES[2:]])
def test_some_of_the_files(kept):
    """Whoever has nothing to do is sent home."""
    collection = [nodeid for nodeid in COLLECTION if nodeid.partition("::")[0].rpartition("/")[2] in kept]
    ran = play(*scheduled(3, collection), collection)
    assert sorted(name for files in ran for name in files) == sorted(kept)


def test_when_the_worker_of_those_that_wait_dies_others_run_them():
    scheduler, workers = scheduled(3, COLLECTION)
    crashed = scheduler.remove_node(workers[2])  # pyright: ignore[reportArgumentType]
    assert crashed == COLLECTION[0]
    while scheduler.has_pending:
        for worker in workers[:2]:
            for index in worker.given:
                scheduler.mark_test_complete(worker, index)  # pyright: ignore[reportArgumentType]
    given = {index for worker in workers[:2] for index in worker.given}
    assert given >= set(range(len(COLLECTION)))


def test_the_names_are_of_files():
    """One that was renamed would lose its place, and nobody notice."""
    there = {path.name for path in (REPOSITORY / "host_tests").rglob("test_*.py")}
    assert set(WAITING + LONGEST) <= there


def test_the_order_of_the_files():
    names = ["test_z.py", *reversed(LONGEST), "test_many.py", *reversed(WAITING)]
    ordered = sorted(names, key=lambda name: place(name, 900 if name == "test_many.py" else 3))
    assert ordered == [*WAITING, *LONGEST, "test_many.py", "test_z.py"]
    assert waits(f"host_tests/integration/{WAITING[0]}::test_x")
    assert not waits(f"host_tests/integration/{LONGEST[0]}::test_x")
