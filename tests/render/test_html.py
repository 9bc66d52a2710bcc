"""Pages as HTML: whole, harmless, self-contained, and what they look like in a browser."""

import html
import os
import re
import shutil
import struct
import subprocess
import zlib
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.render.clean import clean
from crmcli.result import Chart, Column, Page, Panel, Record, Report, Table, Tile
from tests.render.screen import ACME, DEALS, deals, look_at, printed

HOSTILE = (
    "<script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "'; background: url(http://x.example)",
    "a\u202eb\u2066c",
    "&lt;b&gt; ]]> <!--",
    "</style></title>",
    "\x1b[31m\x00\x07",
)


class Parsed(HTMLParser):
    """The tags of a page, each closed by its own, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.cells: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == [], "tags that are not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self._open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if {"td", "th"} & {*self._open} and "svg" not in self._open:
            self.cells[-1] += data

    def all(self, tag: str, name: str = "") -> list[dict[str, str | None]]:
        return [
            attrs for each, attrs in self.tags if each == tag and (not name or attrs.get("class") == name)
        ]


def bars(
    names: tuple[str, ...] = ("Ann", "李娜", "Bo"), amounts: tuple[int, ...] = (8000, 4000, 2000)
) -> Report:
    return Report(
        (
            Column("owner", "Owner"),
            Column("currency", "Currency", hidden=True),
            Column("amount", "Amount", "money"),
            Column("gap", "Gap", "money", minor=1, absent="n/a"),
        ),
        [[name, "USD", amount, None] for name, amount in zip(names, amounts, strict=True)],
        title="By owner",
        head={"currency": "USD"},
        total=[None, "USD", sum(amounts), None],
        notes=["As they stand"],
        chart=Chart("amount"),
    )


def over_time() -> Report:
    return Report(
        (
            Column("month", "Month"),
            Column("currency", "Currency", hidden=True),
            Column("won", "Won", "money"),
        ),
        [[f"2026-{month:02}", "USD", month * 100_000] for month in range(1, 13)],
        title="By month",
        head={"currency": "USD"},
        chart=Chart("won", "columns"),
    )


def attainment(*percents: float | None) -> Report:
    rows = [[f"P{number}", each] for number, each in enumerate(percents)]
    columns = (Column("owner", "Owner"), Column("attainment", "Attainment", "percent"))
    return Report(columns, rows, title="Attainment", chart=Chart("attainment"))


LONG = ("Maximiliane Featherstonehaugh-Ottenburg", "Donaudampfschifffahrtsgesellschaftsfrau", "Bo")


def long_names() -> Report:
    """Names of 39 letters, with and without a place to break them, beside figures that may not be broken."""
    columns = (
        Column("owner", "Owner"),
        Column("currency", "Currency", hidden=True),
        Column("quota", "Quota", "money"),
        Column("won", "Won", "money"),
        Column("attainment", "Attainment", "percent"),
        Column("gap", "Gap", "money", minor=3),
        Column("pace", "Pace", "percent", minor=1),
    )
    figures = ("USD", 120_000_000, 104_217_345, 86.8, 15_782_655, 104.2)
    return Report(
        columns,
        [[name, *figures] for name in LONG],
        title="By member",
        head={"currency": "USD"},
        total=[None, *figures],
        chart=Chart("attainment"),
    )


def waterfall() -> Report:
    return Report(
        (Column("step", "Step"), Column("amount", "Amount", "number")),
        [["Opening", 100], ["New", 100], ["Lost", -50]],
        title="What changed",
        total=["Closing", 150],
        chart=Chart("amount", "steps"),
    )


def page(*reports: Report, title: str = "Sales", **more: Any) -> Page:
    panels = {f"panel{number}": Panel(each, each) for number, each in enumerate(reports)}
    return Page(title, panels=panels, head={"currency": "USD"}, **more)


def whole_page() -> Page:
    tiles = [Tile("Won", 1_400_000, "money", "7 deals"), Tile("Win rate", None, "percent")]
    reports = (over_time(), bars(), attainment(40, 90, None), waterfall())
    return page(*reports, tiles=tiles, notes=["As of 2026-11-18"])


def rects(text: str, name: str = "fill") -> list[float]:
    return [float(attrs["width"] or 0) for attrs in Parsed(text).all("rect", name)]


# --- the file ---------------------------------------------------------------------------------------------


def test_a_page_is_whole_and_says_what_it_is() -> None:
    text = printed(whole_page(), "html")
    found = Parsed(text)
    assert text.startswith("<!doctype html>\n")
    assert found.all("html") == [{"lang": "en"}]
    assert {"charset": "utf-8"} in found.all("meta")
    for said in (
        "Sales",
        "14,000",
        "7 deals",
        "n/a",
        "By month",
        "李娜",
        "As they stand",
        "As of 2026-11-18",
    ):
        assert said in found.texts


def test_it_needs_nothing_else() -> None:
    text = printed(whole_page(), "html")
    found = Parsed(text)
    assert not {"script", "link", "img", "iframe", "object", "base", "form"} & {tag for tag, _ in found.tags}
    for attrs in (attrs for _, attrs in found.tags):
        assert not {"src", "href", "srcset", "xlink:href"} & {*attrs}
        assert not [name for name in attrs if name.startswith("on")]
    assert not re.search(r"https?:|url\(|@import|//\w", text)
    assert "default-src 'none'" in text


def test_it_suits_light_dark_and_paper() -> None:
    text = printed(whole_page(), "html")
    assert '<meta name="color-scheme" content="light dark">' in text
    assert "@media (prefers-color-scheme: dark)" in text
    assert "@media print" in text
    assert "size: A4" in text


def test_every_chart_says_what_it_shows_and_its_figures_stand_in_a_table() -> None:
    found = Parsed(printed(whole_page(), "html"))
    charts = found.all("svg")
    assert len(charts) == 1 + 3 + 3 + 4
    assert all(attrs["role"] == "img" for attrs in charts)
    titles = [found.tags[at + 1][0] for at, (tag, _) in enumerate(found.tags) if tag == "svg"]
    assert titles == ["title"] * len(charts)
    assert len(found.all("desc")) == 1
    for figure in ("80", "40", "12,000", "90 %", "100", "-50", "150", "140"):
        assert figure in found.cells


def test_the_same_page_is_the_same_file() -> None:
    assert printed(whole_page(), "html") == printed(whole_page(), "html")


def test_a_stream_that_cannot_say_a_name_gets_a_reference_to_it() -> None:
    text = printed(page(bars()), "html", look_at(ascii=True))
    assert text.isascii()
    assert "李娜" in Parsed(text).texts


# --- what is in the data ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_only_text(name: str) -> None:
    usual = Counter(tag for tag, _ in Parsed(printed(page(bars()), "html")).tags)
    report = bars((name, "b", "c"))
    report.notes, report.title = [name], name
    found = Parsed(
        printed(page(report, title=name, notes=[name], tiles=[Tile(name, 1, "number", name)]), "html")
    )
    counts = Counter(tag for tag, _ in found.tags)
    for tag in ("script", "svg", "style", "title", "b"):
        assert counts[tag] == usual[tag]
    assert clean(name) in found.cells


@given(st.text(st.characters(codec=None), min_size=1, max_size=30))
def test_any_name_comes_out_as_it_is_written_on_a_terminal(name: str) -> None:
    text = printed(page(bars((name, "b", "c"))), "html")
    assert clean(name, "⏎") in Parsed(text.replace("\r", "")).cells
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f\x7f]", text)


# --- charts -----------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=12))
def test_bars_are_as_long_as_their_figures(amounts: list[int]) -> None:
    names = tuple(str(number) for number in range(len(amounts)))
    widths = rects(printed(page(bars(names, tuple(amounts))), "html"))
    shown = [amount for amount in amounts if amount]
    assert len(widths) == len(shown)
    for width, amount in zip(widths, shown, strict=True):
        assert width == pytest.approx(max(1000 * amount / max(amounts), 4), abs=0.06)


def test_a_share_is_measured_by_the_whole() -> None:
    text = printed(page(attainment(25, 50, None)), "html")
    assert rects(text) == [250, 500]
    assert rects(text, "track") == [1000, 1000, 1000]
    above = printed(page(attainment(50, 200)), "html")
    assert rects(above) == [250, 1000]
    assert rects(above, "track") == [500, 500]


def test_columns_over_time_stand_on_one_line() -> None:
    columns = Parsed(printed(page(over_time()), "html")).all("rect", "fill")
    heights = [float(attrs["height"] or 0) for attrs in columns]
    assert heights == [pytest.approx(100 * month / 12, abs=0.06) for month in range(1, 13)]
    assert all(
        float(attrs["y"] or 0) + height == pytest.approx(100)
        for attrs, height in zip(columns, heights, strict=True)
    )


def test_a_waterfall_goes_on_where_it_stood() -> None:
    found = Parsed(printed(waterfall(), "html"))
    drawn = {
        way: [(float(attrs["x"] or 0), float(attrs["width"] or 0)) for attrs in found.all("rect", way)]
        for way in ("stays", "comes", "goes")
    }
    assert drawn == {"stays": [(0, 500), (0, 750)], "comes": [(500, 500)], "goes": [(750, 250)]}


# --- other results ----------------------------------------------------------------------------------------


def test_a_list_is_a_page_too() -> None:
    found = Parsed(printed(deals(title="Deals"), "html"))
    assert found.all("h1") == [{}]
    for said in ("O45", "Acme renewal", "A4 Huaxin", "[acme] 華信科技股份有限公司", "90 %"):
        assert said in found.cells
    assert "Nothing to show." in Parsed(printed(Table(DEALS, []), "html")).texts


def test_a_record_is_a_page_too() -> None:
    tasks = Table([Column("ref", "Ref"), Column("name", "Name")], [("T1", "Call <b>")], title="Tasks")
    found = Parsed(printed(Record(DEALS, ACME, "O45 Acme renewal", {"tasks": tasks}), "html"))
    assert {"Acme renewal", "USD 12,500.00", "T1", "Call <b>"} <= {*found.cells}
    assert len(found.all("table")) == 2


def test_blocks_of_currencies_stay_apart() -> None:
    report = bars()
    report.rows = [["Ann", "EUR", 1000, None], ["Bo", "USD", 4000, None]]
    report.head, report.block, report.total = {"currency": None}, "currency", None
    report.totals = {"EUR": [None, "EUR", 1000, None], "USD": [None, "USD", 4000, None]}
    text = printed(report, "html")
    assert Parsed(text).all("h3") == [{}, {}]
    assert rects(text) == [1000, 1000]  # each in its own currency


# --- in a browser -----------------------------------------------------------------------------------------

Browser = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Browser:
    """Runs headless Chromium on a page."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip("no Chromium is installed")
    profile = tmp_path_factory.mktemp("chromium")

    def run(page: Path, *options: str) -> "subprocess.CompletedProcess[bytes]":
        root = ["--no-sandbox"] if os.geteuid() == 0 else []
        return subprocess.run(
            [
                *(
                    program,
                    "--headless",
                    "--disable-gpu",
                    "--hide-scrollbars",
                    "--no-pdf-header-footer",
                    *root,
                ),
                *(f"--user-data-dir={profile}", *options, page.as_uri()),
            ],
            capture_output=True,
            timeout=120,
            check=True,
            env={**os.environ, "HOME": str(profile)},
        )

    return run


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "page.html"
    path.write_text(printed(whole_page(), "html"), encoding="utf-8")
    return path


def pixels(png: bytes) -> Counter[bytes]:
    """How often each color is in a picture of 8 bits a channel."""
    width, height, _, kind = struct.unpack(">IIBB", png[16:26])
    size = {2: 3, 6: 4}[kind]
    data, at = b"", 8
    while at < len(png):
        length, name = struct.unpack(">I4s", png[at : at + 8])
        data += png[at + 8 : at + 8 + length] if name == b"IDAT" else b""
        at += length + 12
    raw, stride = zlib.decompress(data), width * size
    before, colors = bytearray(stride), Counter[bytes]()
    for line in range(height):
        start = line * (stride + 1)
        filter, row = raw[start], bytearray(raw[start + 1 : start + 1 + stride])
        for x in range(stride):
            left, up = row[x - size] if x >= size else 0, before[x]
            corner = before[x - size] if x >= size else 0
            row[x] = (row[x] + (0, left, up, (left + up) // 2, paeth(left, up, corner))[filter]) & 255
        colors.update(bytes(row[x : x + 3]) for x in range(0, stride, size))
        before = row
    return colors


def paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda each: abs(guess - each))


@pytest.mark.parametrize(
    ("scheme", "ground", "accent"), [(1, "ffffff", "0f6cbd"), (0, "14171b", "5ba7e8")], ids=["light", "dark"]
)
def test_a_browser_shows_it_in_its_colors(
    browser: Browser, written: Path, scheme: int, ground: str, accent: str
) -> None:
    picture = written.with_suffix(".png")
    browser(
        written,
        "--window-size=700,500",
        f"--blink-settings=preferredColorScheme={scheme}",
        f"--screenshot={picture}",
    )
    colors = pixels(picture.read_bytes())
    assert colors.most_common(1)[0][0].hex() == ground
    assert colors[bytes.fromhex(accent)] > 2000  # the columns over time
    assert len(colors) > 20  # letters, with their smooth edges


@pytest.mark.parametrize("width", [1280, 1200, 1000, 700, 400])
@pytest.mark.parametrize("alone", [False, True], ids=["of several", "alone"])
def test_nobody_has_to_scroll_sideways(browser: Browser, tmp_path: Path, width: int, alone: bool) -> None:
    frame = tmp_path / "frame.html"
    wide = long_names() if alone else page(over_time(), bars(), long_names(), waterfall())
    frame.write_text(
        f'<iframe id="f" style="width:{width}px" srcdoc="{html.escape(printed(wide, "html"))}"></iframe>'
        "<script>f.onload = () => { const d = f.contentDocument, e = d.documentElement;"
        " const wide = [...d.querySelectorAll('.scroll')].filter(s => s.scrollWidth > s.clientWidth).length;"
        " const lines = c => { const r = d.createRange(); r.selectNodeContents(c); return r.getClientRects().length };"
        " const broken = [...d.querySelectorAll('td.figure')].filter(c => lines(c) > 1).length;"
        " const bars = [...d.querySelectorAll('td.bar')].filter(b => b.clientWidth < 16).length;"
        " document.body.dataset.found = [e.clientWidth, e.scrollWidth, wide, broken, bars] }</script>",
        encoding="utf-8",
    )
    shown = browser(frame, "--dump-dom").stdout.decode()
    found = re.search(r'data-found="(\d+),(\d+),(\d+),(\d+),(\d+)"', shown)
    assert found is not None, shown[-500:]
    inside, needed, scrolled, broken, thin = map(int, found.groups())
    assert needed <= inside <= width
    assert inside > width - 30
    assert (scrolled, broken, thin) == (0, 0, 0)


def test_it_fits_on_paper(browser: Browser, written: Path) -> None:
    paper = written.with_suffix(".pdf")
    browser(written, f"--print-to-pdf={paper}")
    assert len(re.findall(rb"/Type\s*/Page\b", paper.read_bytes())) == 1
