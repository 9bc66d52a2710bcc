"""The benchmark: whole processes, measured side by side in one run, as ratios against named peers.

    make bench                     every group
    make bench ARGS="start reads"  only these groups
    make bench ARGS=files          a million rows in and out, which takes half an hour
    make bench ARGS=analytics      reports over a million deals, which takes five minutes

Each case runs the same number of times, in turn, and its figure is the median of its ratios to the
baseline of the same round: a noisy machine disturbs both alike. Nothing here fails on a slow machine.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.analytics import measure_analytics
from bench.files import measure_files

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "11"))
RECORDS = 1_000
BIN = Path(sys.executable).parent
PYTHON = str(BIN / "python")
CRM = str(BIN / "crm")


class Case(NamedTuple):
    """One command line, and the ratio to its group's baseline that it should not exceed."""

    name: str
    argv: Sequence[str]
    goal: float | None = None


class Group(NamedTuple):
    """Cases that are measured in turn; the first is the baseline."""

    title: str
    cases: Sequence[Case]


def environment(database: Path) -> dict[str, str]:
    """A clean environment: nothing that keeps Python from caching its bytecode."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CRMCLI", "_CRM"))
    }
    return {**kept, "CRMCLI_DB": str(database), "TZ": "UTC", "COLUMNS": "100", "TERM": "xterm"}


def once(argv: Sequence[str], env: dict[str, str]) -> float:
    """The seconds a process takes, output thrown away."""
    start = time.perf_counter()
    done = subprocess.run(
        argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    taken = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{' '.join(argv)} failed:\n{done.stderr.decode()}")
    return taken


def measure(group: Group, env: dict[str, str]) -> None:
    """Run a group's cases in turn and print their ratios."""
    times: dict[str, list[float]] = {case.name: [] for case in group.cases}
    for case in group.cases:
        once(case.argv, env)  # caches warm, bytecode written
    for _ in range(ROUNDS):
        for case in group.cases:
            times[case.name].append(once(case.argv, env))
    baseline = times[group.cases[0].name]
    print(f"\n{group.title}  (ratio to `{group.cases[0].name}`)")
    for case in group.cases:
        ratio = statistics.median(mine / base for mine, base in zip(times[case.name], baseline, strict=True))
        milliseconds = statistics.median(times[case.name]) * 1000
        verdict = (
            ""
            if case.goal is None
            else f"  goal {case.goal:<5g} {'reached' if ratio <= case.goal else 'MISSED'}"
        )
        print(f"  {case.name:<44} {milliseconds:8.1f} ms  {ratio:6.2f}{verdict}")


def crm(line: str, goal: float | None = None) -> Case:
    return Case(f"crm {line}", [CRM, *line.split()], goal)


def fill(database: Path, env: dict[str, str]) -> None:
    """A thousand of everything, made by our own import."""
    folder = database.parent
    leads = folder / "leads.csv"
    leads.write_text(
        "name,company,email,source,status\n"
        + "".join(f"Lead {n},Company {n % 97},lead{n}@c{n % 97}.example,Web,\n" for n in range(RECORDS))
    )
    accounts = folder / "accounts.csv"
    accounts.write_text("name,industry\n" + "".join(f"Company {n},Retail\n" for n in range(97)))
    stages = (
        "Prospecting",
        "Qualification",
        "Proposal/Price Quote",
        "Negotiation/Review",
        "Closed Won",
        "Closed Lost",
    )
    deals = folder / "deals.csv"
    deals.write_text(
        "name,account,amount,stage,close_date,created_at\n"
        + "".join(
            f"Deal {n},Company {n % 97},{n * 10},{stages[n % 6]},"
            f"2026-0{n % 6 + 1}-1{n % 9},2026-01-0{n % 9 + 1}\n"
            for n in range(RECORDS)
        )
    )
    tasks = folder / "tasks.csv"
    tasks.write_text(
        "subject,due_date\n" + "".join(f"Call {n},2026-07-{n % 28 + 1:02}\n" for n in range(RECORDS))
    )
    env = {**env, "CRMCLI_TODAY": "2026-07-15"}
    for noun, file in (("account", accounts), ("lead", leads), ("opp", deals), ("task", tasks)):
        once([CRM, noun, "import", str(file)], env)


def start() -> Group:
    return Group(
        "Start",
        (
            Case("python -c pass", [PYTHON, "-c", "pass"]),
            crm("--version", 1.15),
        ),
    )


def help() -> Group:
    return Group(
        "Help",
        (
            Case("import typer", [PYTHON, "-c", "import typer"]),
            crm("--help", 1.2),
            Case(
                "completion of a noun",
                ["env", "_CRM_COMPLETE=complete_bash", "COMP_WORDS=crm le", "COMP_CWORD=1", CRM],
                1.2,
            ),
        ),
    )


READS = ("lead list", "opp list", "task list", "pipeline", "forecast", "today", "search deal")


def reads() -> Group:
    return Group(
        f"Reads of {RECORDS:,} records, piped",
        (Case("import typer", [PYTHON, "-c", "import typer"]), *(crm(line, 1.5) for line in READS)),
    )


def peers(database: Path) -> Group:
    return Group(
        "Reads beside sqlite-utils",
        (
            Case("sqlite-utils rows lead", [str(BIN / "sqlite-utils"), "rows", str(database), "lead"]),
            crm("lead list", 0.4),
            crm("opp list", 0.4),
            crm("pipeline", 0.4),
            crm("forecast", 0.4),
            crm("today", 0.4),
            crm("search deal", 0.4),
        ),
    )


def tables() -> Group:
    """On a terminal, which `script` pretends to be."""

    def terminal(line: str) -> list[str]:
        return ["script", "-qec", f"{CRM} {line}", "/dev/null"]

    return Group(
        "Tables on a terminal (20 rows)",
        (
            Case("import typer", ["script", "-qec", f"{PYTHON} -c 'import typer'", "/dev/null"]),
            Case("crm lead list --limit 20", terminal("lead list --limit 20"), 2.2),
            Case("crm opp list --limit 20", terminal("opp list --limit 20"), 2.2),
            Case("crm pipeline", terminal("pipeline"), 2.2),
        ),
    )


def writes() -> Group:
    return Group(
        "Writes",
        (
            Case("import typer, sqlmodel", [PYTHON, "-c", "import typer, sqlmodel"]),
            crm("lead add Somebody --email somebody@example.org", 1.3),
            crm("opp edit O1 --next-step Call", 1.3),
        ),
    )


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="crmcli-bench-") as folder:
        database = Path(folder) / "crm.db"
        env = environment(database)
        wanted = sys.argv[1:]
        groups: dict[str, Callable[[], Group]] = {
            "start": start,
            "help": help,
            "reads": reads,
            "peers": lambda: peers(database),
            "tables": tables,
            "writes": writes,
        }
        known = (*groups, "files", "analytics")
        unknown = set(wanted) - set(known)
        if unknown:
            raise SystemExit(f"no such group: {', '.join(unknown)}; there are {', '.join(known)}")
        fill(database, env)
        for name, group in groups.items():
            if wanted and name not in wanted:
                continue
            if name == "peers" and not (BIN / "sqlite-utils").exists():
                print("\nReads beside sqlite-utils: it is not installed (pip install sqlite-utils)")
                continue
            if name == "tables" and not shutil.which("script"):
                print("\nTables on a terminal: there is no `script` command to pretend one")
                continue
            measure(group(), env)
        if not wanted or "files" in wanted:
            measure_files(Path(folder))
        if not wanted or "analytics" in wanted:
            measure_analytics(Path(folder))


if __name__ == "__main__":
    main()
