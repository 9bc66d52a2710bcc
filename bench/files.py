"""Files in and out, at scale: the minutes that `make bench ARGS=files` takes.

    BENCH_ROWS=100000 make bench ARGS=files   a tenth of it

Whole processes, each into a database of its own, one round of everything after the other; a figure is the
median of the ratios within the rounds. The floor is the `sqlite3` shell with the same file and as many
indexes; the peer is `sqlite-utils insert --csv`.
"""

import csv
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

ROWS: Final = int(os.environ.get("BENCH_ROWS", "1000000"))
ROUNDS: Final = int(os.environ.get("BENCH_FILE_ROUNDS", "3"))
FEW: Final = 10_000
DOUBLES: Final = 100_000
BIN: Final = Path(sys.executable).parent
CRM: Final = str(BIN / "crm")
HEADINGS: Final = (
    *("first_name", "last_name", "company", "title", "email", "phone", "website"),
    *("source", "status", "city", "country", "employees", "annual_revenue", "description"),
)
SEARCHED: Final = "first_name,last_name,company,title,email,phone,website,city,description"


class Taken(NamedTuple):
    """What a process took: seconds, mebibytes at its peak, seconds of the processor."""

    seconds: float
    peak: float
    processor: float


def timed(argv: Sequence[str | Path], database: Path, out: Path | None = None) -> Taken:
    """Run a process to its end; its output goes to a file or nowhere."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CRMCLI"))}
    env |= {"CRMCLI_DB": str(database), "TZ": "UTC", "CRMCLI_NO_INPUT": "1"}
    with Path(out or os.devnull).open("wb") as sink:
        start = time.perf_counter()
        process = subprocess.Popen(
            [str(word) for word in argv],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.PIPE,
        )
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, argv))} failed:\n{said.decode()}")
    return Taken(seconds, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime)


def leads(path: Path, count: int, *, start: int = 0) -> Path:
    """A file of made-up leads, most of whom have ASCII names."""
    chance = random.Random(count + start)
    firsts = (
        "Wei Anna John María José Fatima Olga Ivan Chen Li Emma Noah Liam Olivia Lucas Mia Hiro 芳".split()
    )
    lasts = "Wang Smith García Müller Nguyen Petrov Rossi Tanaka Kim Patel Silva Jones Brown Novak 李".split()
    firms = (
        "Acme Globex Initech Umbrella Hooli Stark Wayne Soylent Wonka Huaxin Tyrell Aperture Massive".split()
    )
    forms = ("Inc.", "GmbH", "Ltd", "LLC", "S.A.", "Co., Ltd.", "AG", "")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADINGS)
        for n in range(start, start + count):
            firm = chance.choice(firms)
            writer.writerow(
                (
                    *(
                        chance.choice(firsts),
                        chance.choice(lasts),
                        f"{firm} {n % 50000} {chance.choice(forms)}",
                    ),
                    *(
                        chance.choice(("Buyer", "Head of Sales", "CTO")),
                        f"user{n}@{firm.lower()}{n % 50000}.com",
                    ),
                    *(f"+49 30 {chance.randint(1000000, 9999999)}", f"{firm.lower()}{n % 50000}.com"),
                    *(chance.choice(("Web", "Trade Show", "Partner")), "Open - Not Contacted"),
                    *(
                        chance.choice(("Berlin", "Paris", "Köln", "New York")),
                        chance.choice(("DE", "US", "FR")),
                    ),
                    *(chance.randint(1, 5000), chance.randint(1000, 9999999)),
                    f"Stand {chance.randint(1, 999)}, call back in week {chance.randint(1, 52)}",
                )
            )
    return path


def floor(file: Path, database: Path) -> Taken:
    """The shell: the file into a table, then the indexes, then the full-text index."""
    types = ", ".join(
        f"{name} {'INTEGER' if name in ('employees', 'annual_revenue') else 'TEXT'}" for name in HEADINGS
    )
    return timed(
        (
            *("sqlite3", database, "PRAGMA journal_mode=WAL", f"CREATE TABLE lead({types})"),
            f".import --csv --skip 1 {file} lead",
            "CREATE INDEX by_email ON lead(email)",
            "CREATE INDEX by_name ON lead(first_name, last_name)",
            "CREATE INDEX by_phone ON lead(phone)",
            f"CREATE VIRTUAL TABLE search USING fts5({SEARCHED}, content='lead')",
            "INSERT INTO search(search) VALUES('rebuild')",
        ),
        database,
    )


def peer(file: Path, database: Path) -> Taken:
    """sqlite-utils: the file into a table that has the indexes."""
    columns = [word for name in HEADINGS for word in (name, "text")]
    tool = BIN / "sqlite-utils"
    subprocess.run([tool, "create-table", database, "lead", *columns], check=True)
    for index in (("email",), ("first_name", "last_name"), ("phone",)):
        subprocess.run([tool, "create-index", database, "lead", *index], check=True)
    return timed((tool, "insert", database, "lead", file, "--csv"), database)


def line(name: str, ratios: Sequence[float], taken: Sequence[Taken], goal: float | None = None) -> None:
    """Print a case: seconds, ratio, goal."""
    ratio = statistics.median(ratios)
    seconds = statistics.median(each.seconds for each in taken)
    verdict = "" if goal is None else f"  goal {goal:<5g} {'reached' if ratio <= goal else 'MISSED'}"
    print(f"  {name:<58} {seconds:8.2f} s  {ratio:6.2f}{verdict}", flush=True)


def as_exported(export: Path, database: Path) -> str:
    """The query that gives the shell what an export holds: amounts as decimals, the owner by name."""
    with export.open(encoding="utf-8") as file:
        headings = file.readline().strip().split(",")
    asked = "SELECT group_concat(name) FROM pragma_table_info('lead')"
    known = subprocess.run(
        ["sqlite3", database, asked], capture_output=True, text=True, check=True
    ).stdout.strip()
    said = {
        "owner": "u.name",
        "annual_revenue": "printf('%.2f', l.annual_revenue / 100.0)",
        "ref": "'L' || l.id",
    }
    columns = [said.get(name, f"l.{name}") for name in headings if name in said or name in known.split(",")]
    return f"SELECT {', '.join(columns)} FROM lead l LEFT JOIN user u ON u.id = l.owner_id ORDER BY l.id"


def fresh(folder: Path) -> Iterator[Path]:
    """Databases that nobody has used, one after the other."""
    n = 0
    while True:
        n += 1
        place = folder / f"db{n}"
        place.mkdir()
        yield place / "crm.db"
        shutil.rmtree(place)


def imports(folder: Path) -> None:
    """A million leads into an empty database, beside others, and once more; few into many."""
    many, few = leads(folder / "many.csv", ROWS), leads(folder / "few.csv", FEW, start=ROWS * 2)
    has_peer = (BIN / "sqlite-utils").exists()
    command = (CRM, "lead", "import")
    cases: dict[str, list[Taken]] = {}

    def note(name: str, taken: Taken) -> Taken:
        cases.setdefault(name, []).append(taken)
        return taken

    for _ in range(ROUNDS):
        databases = fresh(folder)
        note("floor", floor(many, next(databases)))
        if has_peer:
            note("peer", peer(many, next(databases)))
        database = next(databases)
        note("empty", timed((*command, many, "--match", "email"), database))
        note("again", timed((*command, many, "--match", "email"), database))
        note("few into many", timed((*command, few, "--match", "email"), database))
        out = folder / "out.csv"
        note("export", timed((CRM, "lead", "export", "-", "--format", "csv"), database, out))
        note(
            "shell export",
            timed(("sqlite3", "-csv", "-header", database, as_exported(out, database)), database, out),
        )
        database = next(databases)
        timed((*command, few, "--match", "email"), database)
        note("matching", timed((*command, many, "--match", "email"), database))
        note("few", timed((*command, few, "--match", "email"), next(databases)))
        databases.close()  # type: ignore[attr-defined]  # a generator

    def ratios(mine: str, other: str) -> list[float]:
        return [a.seconds / b.seconds for a, b in zip(cases[mine], cases[other], strict=True)]

    print(f"\nImport of {ROWS:,} leads of 14 columns  (ratio to `.import`, indexes, full-text rebuild)")
    line("sqlite3: .import, indexes, full-text rebuild", [1.0], cases["floor"])
    line("crm, where others are to be matched", ratios("matching", "floor"), cases["matching"], 2.1)
    line("crm, into an empty database", ratios("empty", "floor"), cases["empty"], 1.6)
    line("crm, the same file again (to its first import)", ratios("again", "empty"), cases["again"], 1.0)
    if has_peer:
        print("  (ratio to `sqlite-utils insert --csv`)")
        line("sqlite-utils insert --csv, same indexes", [1.0], cases["peer"])
        line("crm, where others are to be matched", ratios("matching", "peer"), cases["matching"], 0.26)
        line("crm, into an empty database", ratios("empty", "peer"), cases["empty"], 0.2)
    line(
        f"{FEW:,} into {ROWS:,} (to into an empty one)",
        ratios("few into many", "few"),
        cases["few into many"],
        2,
    )
    line("export to CSV (to sqlite3 -csv)", ratios("export", "shell export"), cases["export"], 2.8)
    peak, small = (max(each.peak for each in cases[name]) for name in ("matching", "few"))
    verdict = "reached" if peak <= min(80, 1.1 * small) else "MISSED"
    print(
        f"  peak memory {peak:.1f} MiB; of {FEW:,} rows {small:.1f} MiB: {peak / small:.2f}  goal 80 MiB, 1.1 {verdict}"
    )


def doubles(folder: Path) -> None:
    """`dedupe` over a hundred thousand leads."""
    file = leads(folder / "doubles.csv", min(DOUBLES, ROWS))
    database = folder / "doubles.db"
    timed((CRM, "lead", "import", file), database)
    taken = timed((CRM, "dedupe", "leads"), database)
    verdict = "reached" if taken.seconds <= 60 else "MISSED"
    print(
        f"\ndedupe of {min(DOUBLES, ROWS):,} leads: {taken.seconds:.1f} s, {taken.peak:.0f} MiB  goal 60 s {verdict}"
    )


def measure_files(folder: Path) -> None:
    """All of it."""
    if not shutil.which("sqlite3"):
        print("\nFiles: there is no sqlite3 shell to compare with")
        return
    imports(folder)
    doubles(folder)
