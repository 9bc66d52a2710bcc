"""Make the pictures of the documentation, from a sample team's year.

    make screenshots

Terminal output becomes SVG; the page of `crm dashboard --html` becomes PNG where there is a headless Chromium.
The sample is made up, through the program itself, with a clock that is set: the same pictures every time.
"""

import io
import os
import random
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from html import escape
from itertools import groupby
from pathlib import Path

from wcwidth import wcwidth

from crmcli.cli import run

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
TODAY = date(2026, 11, 18)
BEGINS = date(2025, 11, 3)

# The name of a picture, the command, and how many cells wide the terminal is.
TERMINAL = (
    ("dashboard", "crm dashboard", 100),
    ("forecast", "crm forecast", 110),
    ("funnel", "crm report funnel", 100),
    ("win-rate", "crm report win-rate --by quarter", 100),
    ("pipeline-diff", "crm pipeline diff 2026-09-30 today", 100),
)
PAGES = (("dashboard-light", 1), ("dashboard-dark", 0))  # and the color scheme as Chromium calls it
PAGE = (1200, 1210)
SCALE = 0.85  # of the picture: it is shown no larger

CELL, LINE, MARGIN = 8.4, 19, 16  # of a terminal's picture, in pixels
BLOCKS = {  # what block characters fill of their cell: left, top, width, height, and how dark
    **{mark: (0, 0, (8 - at) / 8, 1, 1.0) for at, mark in enumerate("█▉▊▋▌▍▎▏")},
    **{mark: (0, 1 - at / 8, 1, at / 8, 1.0) for at, mark in enumerate("▁▂▃▄▅▆▇", 1)},
    **{mark: (0, 0, 1, 1, dark) for mark, dark in (("▓", 0.7), ("░", 0.35))},
    "─": (0, 0.5, 1, 0.06, 1.0),
}
STYLES = {"0": "", "1": "b", "2": "d", "36": "c"}  # what escape codes mean, as a class
STYLE = (
    "text{font:14px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono','Noto Sans Mono CJK SC',monospace;white-space:pre}"
    "rect{shape-rendering:crispEdges}text,rect{fill:#c9d1d9}.b{font-weight:bold;fill:#f0f4f8}.d{fill:#8b949e}.c{fill:#5ba7e8}.g{fill:#14171b}"
)

TEAM = {  # what each is to close in a quarter, and how many of ten deals they win
    "Ana Silva": (120_000, 6),
    "Ben Okafor": (90_000, 4),
    "陈静": (110_000, 5),
    "Dara Lindqvist": (80_000, 4),
    "Emil Novák": (70_000, 3),
    "Farah Haddad": (80_000, 6),
}
ACCOUNTS = (
    *("Northwind Traders", "Huaxin Sensors", "Cobalt Foods", "Meridian Rail", "Orchard Health"),
    *("Bluebird Logistics", "Kestrel Energy", "Lumen Optics", "Pinecrest Schools", "Tidewater Marine"),
    *("Aster Pharma", "Granite Works"),
)
PRODUCTS = ("licences", "renewal", "pilot", "rollout", "support", "extension")
SOURCES = ("Web", "Partner Referral", "Phone Inquiry", "Employee Referral")
REASONS = ("Pricing", "Competition", "Budget Constraints", "Unresponsive Prospect", "Missing Features")
STEPS = ("Qualification", "Needs Analysis", "Value Proposition", "Proposal/Price Quote", "Negotiation/Review")


class Terminal(io.StringIO):
    """A stream that is a terminal as far as the program can tell."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Program:
    """The program on the sample database."""

    def __init__(self, folder: Path) -> None:
        self.environ = {
            "HOME": str(folder),
            "CRMCLI_DB": str(folder / "sample.db"),
            "TZ": "UTC",
            "CRMCLI_USER": next(iter(TEAM)),
            "TERM": "xterm",
        }

    def __call__(self, *words: str, day: date = TODAY, out: io.StringIO | None = None, **environ: str) -> str:
        said = out or io.StringIO()
        environ = {**self.environ, "CRMCLI_TODAY": f"{day}T10:00:00", **environ}
        code = run([*words], stdin=io.StringIO(), stdout=said, stderr=said, environ=environ)
        if code:
            raise SystemExit(f"crm {' '.join(words)}: {said.getvalue()}")
        return said.getvalue()


# --- the sample -----------------------------------------------------------------------------------------


def sample(crm: Program) -> None:
    """A year of six sellers: what they made, moved, won and lost, day by day."""
    crm("init", day=BEGINS)
    for name, (quota, _) in TEAM.items():
        crm("user", "add", name, "--team", "Sales", day=BEGINS)
        for number in range(1, 5):
            period = ("--period", f"2026-Q{number}", "--amount", str(quota * (12 + number) // 16))
            crm("quota", "set", "--owner", name, *period, day=BEGINS)
    for name in ACCOUNTS:
        crm("account", "add", name, "--type", "Customer - Direct", day=BEGINS)
    for day, words in sorted(acts(random.Random(41)), key=lambda act: act[0]):
        crm(*words, day=day)


def acts(chance: random.Random) -> Iterator[tuple[date, tuple[str, ...]]]:
    """Every act with its day; what would come after today has not happened."""
    people = list(TEAM)
    made = BEGINS
    for number in range(1, 10_000):
        made += timedelta(days=chance.choice((1, 2, 2, 3, 4)))
        if made >= TODAY:
            return
        owner, account = people[number % len(people)], chance.choice(ACCOUNTS)
        growth = 1 + (made - BEGINS).days / 700
        amount = round(chance.choice((6, 9, 12, 18, 24, 30, 42, 55)) * growth * 1000, -2)
        closes = made + timedelta(days=chance.randint(30, 75))
        name = f"{account} {chance.choice(PRODUCTS)} {number}"
        facts = ("--owner", owner, "--amount", str(int(amount)), "--close-date", str(max(closes, made)))
        yield made, ("opp", "add", name, "--account", account, *facts, "--source", chance.choice(SOURCES))
        wins = chance.random() * 10 < TEAM[owner][1] + 0.5
        far = len(STEPS) if wins else chance.randint(1, len(STEPS))
        length = chance.randint(22, 95)
        for step, stage in enumerate(STEPS[:far], 1):
            day = made + timedelta(days=length * step // (far + 1))
            if day < TODAY:
                yield day, ("opp", "stage", name, stage)
        end = made + timedelta(days=length)
        if end < TODAY:
            outcome = ("win", name) if wins else ("lose", name, "--reason", chance.choice(REASONS))
            yield end, ("opp", *outcome)
        elif closes < TODAY + timedelta(days=10):
            later = TODAY + timedelta(days=chance.randint(5, 60))
            yield (
                TODAY - timedelta(days=chance.randint(1, 9)),
                ("opp", "edit", name, "--close-date", str(later)),
            )


# --- the pictures ---------------------------------------------------------------------------------------


def terminal_picture(crm: Program, line: str, width: int) -> str:
    """What a command draws on a terminal, as SVG; blocks are shapes, so that no font leaves gaps between them."""
    words = shlex.split(line)[1:]
    drawn = crm("--color", "always", *words, out=Terminal(), COLUMNS=str(width))
    lines = [f"\x1b[2m$\x1b[0m \x1b[1m{line}\x1b[0m", "", *drawn.rstrip("\n").split("\n")]
    wide, high = round(width * CELL + 2 * MARGIN), len(lines) * LINE + 2 * MARGIN
    shapes = (shape for number, text in enumerate(lines) for shape in line_shapes(text, number))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}">\n'
        f"<title>{escape(line)}</title>\n<style>{STYLE}</style>\n"
        f'<rect class="g" width="{wide}" height="{high}" rx="8"/>\n{"".join(shapes)}</svg>\n'
    )


def line_shapes(line: str, number: int) -> Iterator[str]:
    """The runs of a line: of one style, of one kind of character, and where they stand."""
    at, style = 0, ""
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        if part.startswith("\x1b"):
            style = STYLES.get(part[2:-1].split(";")[0], style)
            continue
        for kind, marks in groupby(part, key=lambda mark: mark if mark in BLOCKS else str(wcwidth(mark))):
            text = "".join(marks)
            for piece in [text] if kind in BLOCKS else re.split(r"( {2,})", text):
                cells = sum(map(wcwidth, piece))
                if piece.strip():
                    yield shape(piece, at, number, cells, style)
                at += cells


def shape(text: str, at: int, number: int, cells: int, style: str) -> str:
    left, top = MARGIN + at * CELL, MARGIN + number * LINE
    name = f' class="{style}"' if style else ""
    if text[0] in BLOCKS:
        x, y, wide, high, dark = BLOCKS[text[0]]
        faded = f' opacity="{dark}"' if dark < 1 else ""
        size = f'width="{cells * CELL * wide:.1f}" height="{LINE * high:.1f}"'
        return f'<rect{name} x="{left + CELL * x:.1f}" y="{top + LINE * y:.1f}" {size}{faded}/>\n'
    fit = f'textLength="{cells * CELL:.1f}" lengthAdjust="spacingAndGlyphs"'
    return f'<text{name} x="{left:.1f}" y="{top + LINE * 0.75:.1f}" {fit}>{escape(text)}</text>\n'


def browser() -> str | None:
    """A Chromium that is installed."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next(filter(None, map(shutil.which, names)), None)


def page_picture(program: str, page: Path, picture: Path, scheme: int) -> None:
    """What a browser shows of a page; letters in shades of gray, which take less room."""
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    options = (
        *("--headless", "--disable-gpu", "--hide-scrollbars", "--disable-lcd-text", *root),
        f"--user-data-dir={page.parent / 'chromium'}",
        f"--blink-settings=preferredColorScheme={scheme}",
        f"--force-device-scale-factor={SCALE}",
        f"--window-size={PAGE[0]},{PAGE[1]}",
        f"--screenshot={picture}",
    )
    subprocess.run([program, *options, page.as_uri()], check=True, capture_output=True, timeout=120)


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        crm = Program(folder)
        sample(crm)
        for picture, line, width in TERMINAL:
            path = PICTURES / f"{picture}.svg"
            path.write_text(terminal_picture(crm, line, width), encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
        page = folder / "dashboard.html"
        crm("dashboard", "--html", str(page))
        program = browser()
        if program is None:
            print("no Chromium is installed: the pictures of the HTML page stay as they are")
            return
        for picture, scheme in PAGES:
            path = PICTURES / f"{picture}.png"
            page_picture(program, page, path, scheme)
            print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
