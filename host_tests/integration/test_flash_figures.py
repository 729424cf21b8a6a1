# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make wear` and `make outbox-bench`, shortened. Erases are counts, the same in every run: more than twice
as many as may be fail. Times are not looked at.
"""

import re
import subprocess
import sys

import pytest

from bench.charger import REPOSITORY
from flash import outbox_bench, wear
from host_tests.integration.test_figures import ENVIRONMENT

# Twice what the aim allows: it is measured on a year, not on two days.
MOST_ERASES = 2 * wear.AIM_ERASES


# Seconds of work; a busy machine takes its time.
TIMEOUT_S = 280
slow = pytest.mark.timeout(TIMEOUT_S + 20)


def figures(module: str, *options: str) -> tuple[int, str]:
    """Exit code and output."""
    done = subprocess.run(
        [sys.executable, "-m", module, *options],
        cwd=REPOSITORY,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
    )
    return done.returncode, done.stdout


def row(text: str, title: str) -> list[float]:
    """The numbers of the one line that begins with `title`."""
    lines = [line for line in text.splitlines() if line.strip().startswith(title)]
    assert len(lines) == 1, f"{title}\n{text}"
    cells = lines[0].strip()[len(title) :].split("   ")
    return [float(cell.replace(",", "")) for cell in cells if re.fullmatch(r"\s*[\d,.]+", cell)]


COUNTS = {
    "geometry": "rp2",
    "prog_bytes": 256,
    "blocks": 256,
    "days": 4,
    "a_day": 10,
    "transactions": 40,
    "worst_erases": 40,
    "life": [5000, 480, 1_000_000],
    "ordinary": {"transactions": 36, "meter_values": 2160, "count": [3600, 360, 720_000]},
    "charging": [3000, 216, 432_000],
    "without": {"transactions": 30, "count": [300, 75, 30_000]},
    "offline": {"transactions": 30, "count": [3000, 900, 300_000]},
    "files": {},
    "files_transactions": 10,
}


def test_the_arithmetic_of_wear():
    found = wear.Figures(COUNTS)
    assert (found.erases, found.operations, found.bytes, found.meter_values) == (10, 100, 20_000, 60)
    assert (found.meter_value_erases, found.meter_value_bytes) == (0.1, 200)
    assert (found.without_erases, found.offline_erases) == (2.5, 30)
    # 120 erases a day: 10 transactions of 10 each, and 20 of which no transaction is the reason.
    assert (found.day_erases, found.day_bytes, found.rest_erases) == (120, 250_000, 20)
    assert found.day_erases_at(30) == 320
    # 10 a day at the worst block: 10,000 days. At 30 transactions 320 instead of 120 erases a day.
    assert found.years(10) == pytest.approx(10_000 / 365.25)
    assert found.years(30) == pytest.approx(10_000 / 365.25 * 120 / 320)
    assert wear.missed(found) == ["10.0 erases per ordinary transaction"]
    # The same, forty times as long.
    found.counts = dict(COUNTS, days=160, worst_erases=1600)
    assert wear.missed(found)[1:] == ["10 years at 30 a day"]


@slow
def test_wear_is_measured():
    code, text = figures("flash.wear", "--days", "2", "--geometry", "rp2", "--geometry", "esp32")
    assert code == 0, text
    assert row(text, "MeterValues in it") == [60, 60]
    assert row(text, "transactions simulated") == [20, 20]
    erases = row(text, "ordinary transaction: erases")
    assert len(erases) == 2 and all(1 < each <= MOST_ERASES for each in erases), text
    operations = row(text, "operations (erases and programs)")
    assert all(fewer < more for fewer, more in zip(erases, operations, strict=True)), text
    days = row(text, "a day with 10 transactions: erases")
    rests = row(text, "of these, what no transaction writes")
    for each, day, rest in zip(erases, days, rests, strict=True):
        assert day == pytest.approx(10 * each + rest, abs=0.2)
    # By file it comes to the same: nine of the ten transactions that are shown are ordinary ones.
    by_file = [re.findall(r"[\d.]+ / ([\d.]+)", line) for line in text.splitlines() if " / " in line]
    for each, shown in zip(erases, zip(*by_file[1:], strict=True), strict=True):
        assert sum(map(float, shown)) == pytest.approx(each, rel=0.5)


@slow
def test_a_queue_is_filled_and_drained():
    code, text = figures("flash.outbox_bench", "--transactions", "20", "--geometry", "rp2")
    assert code == 0 and text.endswith("Everything came, in order.\n"), text
    assert row(text, "transactions that could begin") == [20]
    assert row(text, "messages that wait then") == [240]
    assert row(text, "messages delivered") == [240]
    assert 0 < row(text, "RAM of the outbox, queue empty: bytes")[0] < outbox_bench.AIM_RAM_BYTES


@slow
def test_a_flash_that_is_too_small_is_told():
    code, text = figures("flash.outbox_bench", "--transactions", "150", "--geometry", "rp2", "--kb", "48")
    assert code == 1 and text.endswith("NOT everything came as it should.\n"), text
    assert re.search(r"^rp2: [\d,]+ of 1,800 messages came$", text, re.MULTILINE), text
