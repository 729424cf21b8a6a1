# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Charts of charging profiles: that they are drawn, and each time alike; the page of examples."""

import io
import os
import re
import subprocess
import sys
from xml.etree import ElementTree

import numpy
import pytest
from PIL import Image

from bench.charger import REPOSITORY
from bench.schedule import pages
from bench.schedule.chart import Chart
from bench.schedule.labels import Labels
from bench.schedule.lanes import Lanes
from bench.schedule.situation import situation
from bench.schedule.ticks import moments, round_step
from host_tests.integration.schedules import NAMES, NOW, example, payload

LARGE = {
    "name": "large",
    "profiles": ["Core", "SmartCharging"],
    "configuration": {"MaxChargingProfilesInstalled": "24", "ChargingScheduleMaxPeriods": "32"},
}

_SVG = "{http://www.w3.org/2000/svg}"


def drawn(document) -> Chart:
    return Chart(Lanes(situation(document)))


def words(svg: bytes) -> list[str]:
    """Text is drawn as outlines; what it says stands beside as a comment."""
    return re.findall(r"<!-- (.*?) -->", svg.decode())


def pixels(png: bytes) -> numpy.ndarray:
    return numpy.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


@pytest.mark.parametrize("name", ("case-066", "two-connectors"))
def test_a_png_of_sensible_size_with_ink_on_white(name):
    png = drawn(example(name)).png()
    assert png.startswith(b"\x89PNG\r\n\x1a\n") and 20_000 < len(png) < 400_000
    seen = pixels(png)
    height, width, _ = seen.shape
    assert width == 1500 and 700 < height < 1500
    white = (seen == 255).all(axis=2).mean()
    dark = (seen.max(axis=2) < 100).mean()
    assert 0.6 < white < 0.95 and 0.01 < dark < 0.2
    assert (seen[[0, 0, -1, -1], [0, -1, 0, -1]] == 255).all(), "the corners are white, whatever the page"


def test_nothing_is_cut_off_at_the_edges():
    for name in NAMES:
        seen = pixels(drawn(example(name)).png())
        edges = [seen[:4], seen[-4:], seen[:, :4], seen[:, -4:]]
        assert all((edge == 255).all() for edge in edges), name


def test_black_and_white_keeps_apart_what_colours_do():
    """The area, its part below 6 A, and the paper: three greys."""
    seen = pixels(drawn(example("case-066")).png())
    grey = (0.299 * seen[..., 0] + 0.587 * seen[..., 1] + 0.114 * seen[..., 2]).round().astype(int)
    shades, counts = numpy.unique(grey, return_counts=True)
    large = sorted(
        shade
        for shade, count in zip(shades, counts, strict=True)
        if count > 0.02 * grey.size and not 240 < shade < 255
    )
    assert len(large) == 3 and min(numpy.diff(large)) > 15


def test_an_svg_says_what_is_on_it():
    svg = drawn(example("case-066")).svg()
    root = ElementTree.fromstring(svg)
    assert root.tag == _SVG + "svg" and float(root.attrib["viewBox"].split()[2]) == 720
    title = root.find(_SVG + "title")
    assert (
        title is not None
        and title.text == "Generic three-phase socket, connector 1: 400 s from 2026-11-21 08:00:00 UTC"
    )
    said = words(svg)
    for text in (
        "id 1, level 0",
        "id 2, connector 1, level 0",
        "id 3, level 0",
        "now",
        "Sat 21 Nov",
        "UTC",
        "08:00:00",
    ):
        assert text in said, text
    assert [text for text in said if text.endswith(" A") and text[0].isdigit()] == [
        "8 A",
        "10 A",
        "6 A",
        "10 A",
        "8 A",
        "10 A",
    ]
    assert "local limit 32 A" in said and "below 6 A: pause" in said
    assert not root.findall(f".//{_SVG}text"), "no font of the reader's"
    assert b"matplotlib v" not in svg and b"dc:date" not in svg
    assert all(line == line.strip() for line in svg.split(b"\n"))


def test_an_svg_of_power_is_in_kilowatts():
    said = words(drawn(example("pv-surplus-switch")).svg())
    assert "1.8 kW" in said and "kW" in said and "4.14 kW" in said
    assert "local limit 7.36 kW" in said and "local limit 22.08 kW" in said
    assert "below 6 A (1.38 kW or 4.14 kW): pause" in said


def test_a_station_has_no_least_current():
    assert not [text for text in words(drawn(example("two-connectors")).svg()) if "pause" in text]


def test_what_says_nothing_is_named():
    later = payload(1, 9, [(0, 8)], startSchedule="2026-11-22T08:00:00Z")
    said = words(drawn({"now": NOW, "duration": 600, "profiles": [later]}).svg())
    assert "silent in this time: id 9, connector 1, level 0" in said
    assert "TxProfile: none" in said and "ChargePointMaxProfile: none" in said


def test_many_that_say_nothing_are_counted():
    later = [payload(1, at, [(0, 8)], stackLevel=at, startSchedule="2026-11-22T08:00:00Z") for at in range(9)]
    said = words(drawn({"now": NOW, "duration": 600, "profiles": later}).svg())
    assert "silent in this time: 9 profiles" in said


@pytest.mark.parametrize(
    "name",
    ("$x_1$ at 5 $", "two\nlines\x00\x1b[1m", "<b> & --> ]]>", "\u5145\u7535 \u26a1", "long " * 40, ""),
)
def test_a_station_may_have_any_name(name, recwarn):
    document = {**example("case-072"), "station": {"name": name, "profiles": ["Core", "SmartCharging"]}}
    chart = drawn(document)
    title = ElementTree.fromstring(chart.svg()).find(_SVG + "title")
    assert title is not None and title.text is not None
    assert title.text.startswith(
        " ".join(name.replace("\x00", " ").replace("\x1b", " ").split()) + ", connector 1"
    )
    seen = pixels(chart.png())
    assert all((edge == 255).all() for edge in (seen[:4], seen[-4:], seen[:, :4], seen[:, -4:]))
    assert not recwarn.list


def test_24_profiles_of_32_periods_over_a_week():
    """As many as a station may have: it is full, but nothing is cut off, and each has its name."""
    profiles = [
        payload(
            0, at, [(2000 * step, 6 + (at + step) % 26) for step in range(32)], stackLevel=at,
            chargingProfileKind="Recurring", recurrencyKind="Daily", duration=3600 * (at + 1),
        )
        for at in range(24)
    ]  # fmt: skip
    chart = drawn({"station": LARGE, "now": NOW, "duration": 604800, "profiles": profiles})
    seen = pixels(chart.png())
    assert all((edge == 255).all() for edge in (seen[:4], seen[-4:], seen[:, :4], seen[:, -4:]))
    assert {f"id {at}, connector 0, level {at}, daily" for at in range(24)} <= set(words(chart.svg()))


def test_a_limit_far_above_all_that_counts_is_named_and_cut():
    said = words(drawn({"now": NOW, "duration": 600, "profiles": [payload(1, 9, [(0, 500)])]}).svg())
    assert "id 9, connector 1, level 0, up to 500 A" in said


def test_a_narrow_step_has_its_limit_upright_and_a_line_has_none():
    steps = [(0, 8), (3600, 9), (4800, 10), (4860, 11)]
    said = words(drawn({"now": NOW, "duration": 86400, "profiles": [payload(1, 9, steps)]}).svg())
    limits = [text for text in said if re.fullmatch(r"\d+ A", text)]
    assert limits == ["8 A", "9 A", "11 A"]


@pytest.mark.parametrize("duration", (1, 59, 3600, 31 * 86400))
def test_intervals_of_any_length(duration):
    document = {"now": "2026-11-21T08:00:07Z", "duration": duration, "profiles": [payload(1, 1, [(0, 8)])]}
    said = words(drawn(document).svg())
    times = [
        text
        for text in said
        if re.fullmatch(r"\d\d:\d\d(:\d\d)?|(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d+ \w+", text)
    ]
    assert len(times) >= 2


def test_ticks_are_round_moments_that_have_room():
    def width(text: str) -> float:
        return 5.0 * len(text)

    day = 86400
    midnight = 1795219200  # 2026-11-21
    assert moments(midnight + 7, 86400, 650, width)[:2] == [(3593, "01:00"), (7193, "02:00")]
    assert [text for _, text in moments(midnight, 400, 656, width)][:3] == [
        "00:00:00",
        "00:00:30",
        "00:01:00",
    ]
    weeks = moments(midnight, 31 * day, 300, width)
    assert [text for _, text in weeks][:2] == ["Mon 23 Nov", "Mon 30 Nov"]
    assert [round_step(most, 5) for most in (384, 60, 41, 9)] == [80, 20, 10, 2]


def test_names_hide_neither_each_other_nor_a_line():
    labels = Labels(600, 60)
    for y in (20.0, 24.0):
        labels.line(0, 600, y)
    found = [labels.place(80, 7.5, [(0, 600, y)]) for y in (20.0, 24.0, 24.0)]
    boxes = [box for box in found if box is not None]
    assert len(boxes) == 3
    assert not any(one.shared(other) for at, one in enumerate(boxes) for other in boxes[:at])
    assert all(box.high < 20 or box.low > 24 for box in boxes)
    assert all(box.left >= 0 and box.right <= 600 and box.low >= 0 and box.high <= 60 for box in boxes)


def test_a_name_that_has_no_room_is_left_out():
    labels = Labels(100, 60)
    assert [labels.place(80, 7.5, [(0, 100, 30.0)]) is None for _ in range(3)] == [False, False, True]
    flat = [payload(1, at, [(0, 8)], stackLevel=at) for at in range(20)]
    said = words(drawn({"station": LARGE, "now": NOW, "duration": 600, "profiles": flat}).svg())
    named = [text for text in said if text.startswith("id ")]
    assert named[0] == "id 19, connector 1, level 19" and 4 <= len(named) < 20
    assert f"{20 - len(named)} without room for their names" in said


@pytest.mark.parametrize("kind", ("png", "svg"))
def test_the_same_file_gives_the_same_bytes(kind, tmp_path):
    """In another process, with other settings, another time zone and another home."""
    (tmp_path / "matplotlibrc").write_text("font.size: 23\nsvg.fonttype: none\naxes.facecolor: red\n")
    script = (
        "import json, sys\n"
        "from bench.schedule.chart import Chart\n"
        "from bench.schedule.lanes import Lanes\n"
        "from bench.schedule.situation import situation\n"
        "chart = Chart(Lanes(situation(json.load(sys.stdin))))\n"
        f"sys.stdout.buffer.write(chart.{kind}())\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY / "tools"),
        "PYTHONHASHSEED": "7",
        "TZ": "Asia/Kathmandu",
        "LC_ALL": "C",
        "SOURCE_DATE_EPOCH": "1000000000",
        "HOME": str(tmp_path),
    }
    document = (pages.EXAMPLES / "weekend.json").read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", script], input=document, env=environment, cwd=tmp_path, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == getattr(drawn(example("weekend")), kind)()
    assert [path.name for path in tmp_path.iterdir()] == ["matplotlibrc"], "nothing is left in a home"


# --- docs/smart-charging-examples.md ---


def test_the_page_of_examples_and_its_pictures_are_up_to_date():
    command = [sys.executable, "-m", "bench.schedule.pages", "--check"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "tools")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


def test_every_example_is_on_the_page():
    text = pages.TEMPLATE.read_text("utf-8")
    shown = {match[2] for match in pages._DIRECTIVE.finditer(text) if match[1] == "EXAMPLE"}
    assert shown == set(NAMES)


def test_the_page_says_the_error_that_there_is():
    """The one that it quotes."""
    page = pages.TEMPLATE.read_text("utf-8")
    with pytest.raises(ValueError) as raised:
        situation([payload(1, 1, [(0, 8)]), payload(1, 2, [(60, 8)])])
    assert f"mine.json: {raised.value}\n" in page


def test_the_check_notices_what_is_stale(tmp_path, capsys, monkeypatch):
    once = pages.made()
    monkeypatch.setattr(pages, "made", lambda: once)
    assert pages.main([], tmp_path) == 0
    assert pages.main(["--check"], tmp_path) == 0
    page, picture = tmp_path / pages.PAGE, tmp_path / pages.PICTURES / "schedule-weekend.svg"
    page.write_text(page.read_text().replace("| 40 A |", "| 41 A |"))
    picture.write_bytes(picture.read_bytes().replace(b"<!-- 0 A -->", b"<!-- 1 A -->"))
    stray = picture.with_name("schedule-older.svg")
    stray.write_text("<svg/>")
    other = picture.with_name("wiring.svg")
    other.write_text("<svg/>")
    capsys.readouterr()
    assert pages.main(["--check"], tmp_path) == 1
    said = capsys.readouterr().err.splitlines()
    assert [line.split(" is stale")[0] for line in said] == [str(page), str(picture), str(stray)]
    assert pages.main([], tmp_path) == 0
    assert pages.main(["--check"], tmp_path) == 0
    assert other.exists() and not stray.exists()
