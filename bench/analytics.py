"""Reports over a million deals: what `make bench ARGS=analytics` measures.

    BENCH_DEALS=100000 make bench ARGS=analytics   a tenth of it
    BENCH_KEEP=DIR make bench ARGS=analytics       keep the databases there (3 GB), and use them again

Set-based SQL makes the databases: of each deal five versions and two activities, a tenth as many accounts and
people, all of it in the full-text index. The floor of a command is the `sqlite3` shell with the very
statements that the command runs, on the same file; its start-up is the same command where there is one record
of each kind. Whole processes, one round of everything after the other; figures are medians over the rounds, of
processor time: of wall time such differences would drown in what else a machine does.
"""

import os
import shutil
import sqlite3
import statistics
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Final
from unittest.mock import patch

from bench.files import CRM, timed
from crmcli.store.engine import SCHEMA_VERSION

DEALS: Final = int(os.environ.get("BENCH_DEALS", "1000000"))
ROUNDS: Final = int(os.environ.get("BENCH_ROUNDS", "7"))
TODAY: Final = "2026-07-15"
AGO: Final = "2026-04-15"
YEAR: Final = "2026-07..2027-06"

REPORTS: Final = (
    f"forecast --by owner --period {YEAR}",
    f"forecast --by month --period {YEAR}",
    "pipeline",
    f"pipeline diff {AGO} {TODAY}",
    "opp list owner=Owner7 stage=Negotiation/Review amount>10k --sort -amount --limit 20",
    "search falcon renewal",
)
POINTS: Final = ("opp list --limit 20", "opp show O1", "account show A1")
PAST: Final = REPORTS[:3]  # these can be asked for a day that is over
ENVIRONMENT: Final = {"CRMCLI_TODAY": TODAY, "CRMCLI_USER": "Owner1"}

# --- the databases ------------------------------------------------------------------------------------

OWNERS: Final = 50
NAMES: Final = "Alpine Baltic Cobalt Delta Ember Falcon Garnet Harbor Indigo Juniper".split()
KINDS: Final = "Renewal Upgrade Rollout Pilot Licence Support Training Migration Audit Expansion".split()
SOURCES: Final = "Web Referral Partner Event Call".split()
TALKS: Final = "Call Email Meeting Note".split()


def chance(prime: int, below: int) -> str:
    """A number below another that looks like chance, of row n; the same in every run."""
    return f"(n * {prime} % 1000003 * 7919 % 1000033 % {below})"


def word(words: Sequence[str], number: str) -> str:
    cases = " ".join(f"WHEN {place} THEN '{each}'" for place, each in enumerate(words))
    return f"CASE {number} {cases} END"


def at(second: str) -> str:
    return f"strftime('%Y-%m-%dT%H:%M:%SZ', {second}, 'unixepoch')"


def rows(count: int) -> str:
    return f"WITH RECURSIVE row(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM row WHERE n < {count})"


ALL: Final = "id, uid, created_at, updated_at, custom"  # columns that every record has


def all_of(letter: str, made: str = "'2021-01-01'") -> str:
    """Their values."""
    return f"n, printf('0000000{letter}-0000-7000-8000-%012d', n), {made}, {made}, '{{}}'"


NOON: Final = f"CAST(strftime('%s', '{TODAY}T12:00:00Z') AS INTEGER)"
TOPIC: Final = f"{word(NAMES, chance(5099, 10))} || ' ' || {word(KINDS, chance(4271, 10))}"

# Every fifth deal is open, some for most of a year; the others were closed at any time in the last five. They
# are numbered in the order in which they were made.
LIFE: Final = f"""
    SELECT *, CASE WHEN open THEN {NOON} + 86400 * ({chance(8513, 380)} - 15) ELSE first + took END AS closing
    FROM (SELECT *, {NOON} - 86400 * ago - CASE WHEN open THEN 0 ELSE took END AS first
          FROM (SELECT *, 1 + {chance(3011, 1800)} % CASE WHEN open THEN 300 ELSE 1800 END AS ago,
                       86400 * CASE WHEN open THEN 1 + {chance(3011, 1800)} % 300 ELSE 30 + {chance(1511, 200)} END
                       AS took
                FROM (SELECT n, n % 5 = 0 AS open FROM row)))
"""
LIVES: Final = f"""
    SELECT row_number() OVER (ORDER BY first, n) AS n, first, took, closing,
           CASE WHEN open THEN took / 5 ELSE took / 4 END AS step,
           1 + {chance(6151, OWNERS)} AS owner, 1 + n / 10 % {{accounts}} AS account,
           {TOPIC} AS topic, {word(SOURCES, chance(2287, 5))} AS source,
           CASE WHEN {chance(7207, 200)} THEN 100000 + {chance(9001, 990000)} * 10 END AS amount,
           CASE WHEN open THEN 1 + {chance(3571, 8)} WHEN {chance(1901, 5)} < 2 THEN 9 ELSE 10 END AS last
    FROM ({LIFE})
"""
# A deal goes from its first stage to its last in five versions; its amount grows, its close date is put off.
STEPS: Final = "(SELECT 0 AS k UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4)"
VERSIONS: Final = f"""
    SELECT l.n, {at("begins")}, CASE WHEN k < 4 THEN {at("ends")} END, {at("begins")}, 1, l.owner, l.account,
           l.amount * (80 + 5 * k) / 100, 'USD', s.name, s.probability, s.category,
           date(l.closing - (4 - k) * 1209600, 'unixepoch'), l.source, s.is_closed, s.is_won
    FROM (SELECT l.*, k, first + k * step AS begins, first + (k + 1) * step AS ends,
                 CASE WHEN k = 4 THEN last ELSE 1 + (min(last, 8) - 1) * k / 4 END AS stage
          FROM life AS l CROSS JOIN {STEPS}) AS l
    JOIN stage AS s ON s.id = l.stage
"""
DEAL: Final = f"""
    SELECT {all_of("4", at("l.first"))}, l.owner, topic || ' ' || n, lower(topic || ' ' || n), l.account, l.amount,
           'USD', s.name, s.probability, s.category, date(l.closing, 'unixepoch'), l.source, s.is_closed, s.is_won,
           CASE WHEN s.is_closed THEN date(l.closing, 'unixepoch') END, {at("l.first + 4 * l.step")},
           s.probability, s.category
    FROM life AS l JOIN stage AS s ON s.id = l.last
"""


def fill(count: int) -> list[str]:
    """The statements that fill an empty database with so many deals."""
    accounts, activities = max(1, count // 10), count * 2
    talked = at(f"{NOON} - {chance(2693, 157680000)}")
    return [
        "INSERT INTO entry VALUES (1, '2021-01-01T00:00:00Z', 'bench', 'import', 'crm import', NULL, NULL)",
        f"CREATE TEMP TABLE life AS {rows(count)} {LIVES.format(accounts=accounts)}",
        f'{rows(OWNERS)} INSERT INTO "user" ({ALL}, name, name_key, team, manager_id, active)'
        f" SELECT {all_of('8')}, 'Owner' || n, 'owner' || n, 'Team ' || (n % 5), CASE WHEN n > 5 THEN n % 5 + 1 END, 1"
        " FROM row",
        f"{rows(accounts)} INSERT INTO account ({ALL}, owner_id, name, name_key, industry, city)"
        f" SELECT {all_of('2')}, 1 + n % {OWNERS}, 'Company ' || n, 'company ' || n, 'Retail', 'Berlin' FROM row",
        f"{rows(accounts)} INSERT INTO contact ({ALL}, owner_id, name, name_key, account_id)"
        f" SELECT {all_of('3')}, 1 + n % {OWNERS}, 'Person ' || n, 'person ' || n, n FROM row",
        f"INSERT INTO opportunity ({ALL}, owner_id, name, name_key, account_id, amount, currency, stage, probability,"
        f" category, close_date, source, is_closed, is_won, closed_at, stage_since, stage_probability,"
        f" stage_category) {DEAL}",
        "INSERT INTO opportunity_version (opportunity_id, valid_from, valid_to, recorded_at, entry_id, owner_id,"
        " account_id, amount, currency, stage, probability, category, close_date, source, is_closed, is_won)"
        f" {VERSIONS}",
        f"{rows(activities)} INSERT INTO activity ({ALL}, owner_id, type, subject, happened_at, related_to_entity,"
        f" related_to_id, contact_id)"
        f" SELECT {all_of('6')}, 1 + n % {OWNERS}, {word(TALKS, 'n % 4')}, 'About ' || {TOPIC}, {talked},"
        f" CASE n % 3 WHEN 0 THEN 'account' ELSE 'opportunity' END,"
        f" CASE n % 3 WHEN 0 THEN n / 3 % {accounts} + 1 ELSE (n * 7 - 1) % {count} + 1 END,"
        f" CASE WHEN n % 4 THEN NULL ELSE n / 4 % {accounts} + 1 END FROM row",
        *(
            "INSERT INTO search (rowid, document)"
            f" SELECT id * 64 + {code}, lower({words}) FROM {table} ORDER BY id"
            for code, table, words in (
                (2, "account", "name || ' ' || industry || ' ' || city"),
                (3, "contact", "name"),
                (4, "opportunity", "name"),
                (6, "activity", "subject"),
                (8, '"user"', "name"),
            )
        ),
        *(
            f"INSERT INTO change (entry_id, entity, first_id, last_id, op)"
            f" SELECT 1, '{table}', 1, max(id), 'add' FROM \"{table}\""
            for table in ("user", "account", "contact", "opportunity", "activity")
        ),
        *(
            f"UPDATE sequence SET next_id = (SELECT max(id) + 1 FROM \"{table}\") WHERE entity = '{table}'"
            for table in ("entry", "user", "account", "contact", "opportunity", "activity")
        ),
    ]


def make(database: Path, count: int) -> Path:
    """A database of so many deals, unless it is there; its indexes are made when it is full."""
    if database.exists():
        return database
    draft = database.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    timed((CRM, "init"), draft)
    with sqlite3.connect(draft, isolation_level=None) as connection:
        for pragma in ("synchronous=OFF", "cache_size=-500000", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql NOT NULL"
        )
        found = indexes.fetchall()
        connection.execute("BEGIN")
        for name, _ in found:
            connection.execute(f"DROP INDEX {name}")
        for statement in fill(count):
            connection.execute(statement)
        for _, statement in found:
            connection.execute(statement)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return draft.rename(database)


# --- the measuring --------------------------------------------------------------------------------------


def argv(line: str) -> list[str]:
    return ["env", *(f"{name}={value}" for name, value in ENVIRONMENT.items()), CRM, *line.split()]


def statements(line: str, database: Path) -> str:
    """The queries that a command runs, with their values: a script for the shell."""
    from crmcli import cli
    from crmcli.store.engine import connect_to_read

    said: list[str] = []

    def listened_to(path: Path) -> sqlite3.Connection:
        connection = connect_to_read(path)
        connection.set_trace_callback(said.append)
        return connection

    environ = {"CRMCLI_DB": str(database), "TZ": "UTC", "HOME": str(database.parent), **ENVIRONMENT}
    with patch("crmcli.store.reader.connect_to_read", listened_to):
        code = cli.run(line.split(), stdin=StringIO(), stdout=StringIO(), stderr=StringIO(), environ=environ)
    if code:
        raise SystemExit(f"crm {line} ended with {code}")
    return ";\n".join(each for each in said if not each.startswith("--")) + ";"  # -- are FTS5's own


class Times:
    """The processor seconds that processes took."""

    def __init__(self) -> None:
        self.all: dict[tuple[str, str, int], list[float]] = {}

    def run(self, what: str, line: str, deals: int, words: Sequence[str | Path], database: Path) -> None:
        self.all.setdefault((what, line, deals), []).append(timed(words, database).processor)

    def of(self, what: str, line: str, deals: int = DEALS) -> float:
        return statistics.median(self.all[what, line, deals])

    def net(self, line: str, deals: int = DEALS) -> float:
        """What a command took beyond its start-up; less than a millisecond is chance."""
        return max(0.001, self.of("crm", line, deals) - self.of("start", line, 0))


def told(line: str, seconds: Sequence[float], ratio: float, goal: float) -> None:
    taken = "".join(f"{each * 1000:9.1f}" for each in seconds)
    verdict = "reached" if ratio <= goal else "MISSED"
    print(f"  {f'crm {line}':<72.72}{taken}  {ratio:6.2f}  goal {goal:<4g}{verdict}", flush=True)


def past(line: str) -> str:
    return f"{line} --as-of {AGO}"


def measure_analytics(folder: Path) -> None:
    """All of it."""
    if not shutil.which("sqlite3"):
        print("\nAnalytics: there is no sqlite3 shell to compare with")
        return
    place = Path(os.environ.get("BENCH_KEEP") or folder)
    place.mkdir(parents=True, exist_ok=True)
    small, middle = DEALS // 100, DEALS // 10
    databases = {
        size: make(place / f"schema-{SCHEMA_VERSION}-deals-{size}.db", size or 1)
        for size in (0, small, middle, DEALS)
    }
    lines = (*REPORTS, *POINTS, *map(past, PAST))
    times = Times()
    for each in range(-1, ROUNDS):
        if each == 0:
            times = Times()  # the round before was to warm the caches
        for line in lines:
            for _ in range(3):  # what takes hardly longer than the start is measured more often
                times.run("start", line, 0, argv(line), databases[0])
                times.run("crm", line, small, argv(line), databases[small])
                times.run("crm", line, middle, argv(line), databases[middle])
            times.run("crm", line, DEALS, argv(line), databases[DEALS])
            script = place / "statements.sql"
            script.write_text(statements(line, databases[DEALS]), "utf-8")
            times.run(
                "shell", line, DEALS, ("sqlite3", databases[DEALS], f".read {script}"), databases[DEALS]
            )

    print(f"\n{DEALS:,} deals, {DEALS * 5:,} versions, {DEALS * 2:,} activities")
    print("  (ms, ms of its start-up, of the shell with the same SQL; to start-up and 1.5 times the shell)")
    for line in lines:
        taken, start, shell = times.of("crm", line), times.of("start", line, 0), times.of("shell", line)
        told(line, (taken, start, shell), taken / (start + 1.5 * shell), 1)
    print("  as of three months ago  (ms, ms of now; ratio)")
    for line in PAST:
        then, now = times.of("crm", past(line)), times.of("crm", line)
        told(past(line), (then, now), then / now, 3)
    print(
        f"  growth  (ms with {small:,}, {middle:,}, {DEALS:,} deals; of a deal, start-up apart, to {middle:,})"
    )
    for line in (*REPORTS, *map(past, PAST)):
        growth = times.net(line) / times.net(line, middle) / (DEALS / middle)
        told(line, [times.of("crm", line, size) for size in (small, middle, DEALS)], growth, 1.1)
    print("  points  (the same; the last to the first)")
    for line in POINTS:
        growth = times.of("crm", line) / times.of("crm", line, small)
        told(line, [times.of("crm", line, size) for size in (small, middle, DEALS)], growth, 1.1)
