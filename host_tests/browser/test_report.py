# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The report in a real browser, on a phone and on a desk."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bench.cases.run import Run
from bench.report import write
from host_tests.browser.chromium import Chromium, Page
from host_tests.report import played

PHONE, DESK = (360, 740), (1280, 900)
CASE = f"#{played.FAILS}"


@pytest.fixture(scope="module")
def run() -> Run:
    made = asyncio.run(played.run())
    made.boot["chargePointVendor"] = played.HOSTILE
    # A word that nobody can break is the worst that can happen to a narrow page.
    made.configuration["Unbreakable" * 8] = ("x" * 200, False)
    made.outcomes[0].exchange[0].payload["info"] = played.HOSTILE + "y" * 300
    return made


@pytest.fixture(scope="module")
def report(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write([run], tmp_path_factory.mktemp("report"))[0]


@pytest.fixture(scope="module")
def chromium():
    with Chromium() as running:
        yield running


def open_everything(page: Page) -> None:
    page.value("document.querySelectorAll('details').forEach(each => { each.open = true; })")


def sticks_out(page: Page) -> list[str]:
    """What is wider than the page: classes of elements."""
    return page.value("""[...document.querySelectorAll("body *")]
        .filter(each => each.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
        .filter(each => !each.closest(".sr, thead"))
        .map(each => `${each.tagName}.${each.className}`)""")


def colour(page: Page, selector: str, which: str = "color") -> tuple[float, ...]:
    """Red, green and blue of what is painted there, 0 to 255; `color-mix` and other spaces included."""
    return tuple(
        page.value(f"""(() => {{
            const canvas = new OffscreenCanvas(1, 1).getContext("2d");
            canvas.fillStyle = getComputedStyle(document.querySelector({selector!r}))[{which!r}];
            canvas.fillRect(0, 0, 1, 1);
            return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
        }})()""")
    )


def is_red(rgb: tuple[float, ...]) -> bool:
    red, green, blue = rgb
    return red > 1.4 * green and red > 1.4 * blue


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Of two colours, 1 to 21 (WCAG 2.2, relative luminance)."""

    def luminance(rgb: tuple[float, ...]) -> float:
        parts = [
            part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4
            for part in rgb
        ]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_is_wider_than_the_screen(chromium, report, size, dark):
    with chromium.page(*size, dark) as page:
        page.open(report)
        assert page.value("matchMedia('(prefers-color-scheme: dark)').matches") is dark
        assert sticks_out(page) == []
        open_everything(page)
        assert sticks_out(page) == []
        assert page.value("document.documentElement.scrollWidth <= innerWidth")
        assert (page.complaints, page.requests) == ([], [])


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_a_case_opens_to_its_diagram_and_a_message_to_its_json(chromium, report, size):
    with chromium.page(*size) as page:
        page.open(report)
        assert page.shown(".diagram") == 0
        page.click(f"{CASE} > summary .title")
        assert page.shown(".diagram") == 1
        assert page.shown(f"{CASE} .event") > 8 and page.shown(f"{CASE} .event.driver") == 1
        assert page.shown(f"{CASE} pre") == 0
        page.click(f"{CASE} .event.wrong .label")
        assert page.shown(f"{CASE} pre") == 1
        text = page.value(f"document.querySelector('{CASE} .event.wrong pre').innerText")
        assert text.startswith("{\n") and "\n}" in text
        page.click(f"{CASE} > summary .title")
        assert page.shown(".diagram") == 0
        assert (page.complaints, page.requests) == ([], [])


@pytest.mark.parametrize("script", [True, False], ids=["with-script", "without-script"])
def test_cases_are_filtered(chromium, report, script):
    with chromium.page(*PHONE, script=script) as page:
        page.open(report)
        every = page.shown(".case")
        assert every == len(played.CASES)
        found = {}
        for verdict in ("failed", "passed", "not-applicable"):
            page.click(f"label:has(#show-{verdict})")
            found[verdict] = page.shown(".case")
            assert page.shown(f".case.{verdict}") == found[verdict]
        assert found == {"failed": 1, "passed": every - 2, "not-applicable": 1}
        page.click("label:has(#show-all)")
        assert page.shown(".case") == every


def test_the_diagram_opens_without_a_script_too(chromium, report):
    with chromium.page(*PHONE, script=False) as page:
        page.open(report)
        page.click(f"{CASE} > summary .title")
        assert page.shown(f"{CASE} .event.wrong") == 1


def test_a_link_opens_its_case_even_one_that_is_filtered_out(chromium, report):
    with chromium.page(*PHONE) as page:
        page.open(report, CASE)
        assert page.shown(f"{CASE} .diagram") == 1
        page.click("label:has(#show-passed)")
        assert page.shown(CASE) == 0
        page.click("#problems a")
        assert page.shown(f"{CASE} .diagram") == 1
        page.click("a.tile.failed")
        assert page.shown(".case") == 1


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_what_failed_is_seen_and_red(chromium, report, dark):
    with chromium.page(*PHONE, dark) as page:
        page.open(report)
        top = page.value("document.querySelector('.verdict').getBoundingClientRect().bottom")
        assert top < PHONE[1] and "1 of 8 cases failed" in page.value(
            "document.querySelector('.verdict').innerText"
        )
        page.click(f"{CASE} > summary .title")
        for selector in (f"{CASE} .badge", f"{CASE} .so", f"{CASE} .event.wrong .label b", "p.verdict"):
            if page.shown(selector):
                assert is_red(colour(page, selector)), selector
        assert not is_red(colour(page, ".case.passed .badge"))
        assert is_red(colour(page, f"{CASE}", "border-left-color"))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_contrast_is_enough_to_read_outdoors(chromium, report, dark):
    """4.5 to 1 (WCAG 2.2, 1.4.3) for every text colour on the background that it stands on."""
    with chromium.page(*PHONE, dark) as page:
        page.open(report)
        open_everything(page)
        pairs = (
            ("body", "body"),
            (".who", "body"),
            (".note", "section"),
            ("p.verdict", "p.verdict"),
            (".case.passed .badge", ".case.passed .badge"),
            (".badge.not-tested", ".badge.not-tested"),
            (f"{CASE} .so", CASE),
            (f"{CASE} .why b", CASE),
            (".event.station .label b", ".diagram"),
            (".event.csms .label b", ".diagram"),
            (".event.driver .label b", ".diagram"),
            (".event .time", ".diagram"),
            ("nav a", "nav a"),
        )
        poor = {
            (front, back): round(ratio, 2)
            for front, back in pairs
            if (ratio := contrast(colour(page, front), colour(page, back, "background-color"))) < 4.5
        }
        assert poor == {}


def test_a_hostile_name_is_text(chromium, report):
    with chromium.page(*PHONE) as page:
        page.open(report)
        open_everything(page)
        assert page.value("document.querySelector('.who').innerText").startswith(played.HOSTILE)
        assert played.HOSTILE in page.value("document.querySelector('.case pre').textContent")
        assert page.value("document.querySelectorAll('img').length") == 0
        assert page.value("document.scripts.length") == 1
        assert (page.complaints, page.requests) == ([], [])


def test_charge_points_beside_each_other(chromium, run, tmp_path):
    runs = [replace(run, claims=replace(run.claims, name=f"Charge point {number}")) for number in range(4)]
    index = write(runs, tmp_path)[0]
    assert index.name == "index.html"
    for size in (PHONE, DESK):
        with chromium.page(*size) as page:
            page.open(index)
            assert sticks_out(page) == []
            assert page.shown(".matrix .badge.failed") == 4 * 2  # of each the case, and its profile
            page.click(f"#cases a.badge.failed[href$='{CASE}']")
            page.until("document.querySelector('.back')")
            assert page.value("document.title").startswith("Charge point 0")
            assert page.shown(f"{CASE} .diagram") == 1
            assert page.complaints == []


def test_that_an_address_is_asked_for_is_seen(chromium, tmp_path):
    """The counts of requests and complaints above can be other than none."""
    file = tmp_path / "chatty.html"
    file.write_text(
        "<img src=http://nowhere.invalid/x.png><script>console.error('no'); nothing.at.all</script>"
    )
    with chromium.page(*PHONE) as page:
        page.open(file)
        assert page.requests == ["http://nowhere.invalid/x.png"]
        assert len(page.complaints) >= 2
