"""crm demo: the main job of the program, done before one's eyes on a sample database."""

from collections.abc import Iterator
from datetime import date, timedelta
from importlib.resources import as_file, files
from pathlib import Path
from shlex import join
from typing import Annotated, Final, TextIO

import typer

from crmcli.app import App
from crmcli.commands._noun import report, run_beside
from crmcli.errors import Conflict, CrmError
from crmcli.result import Outcome, Result
from crmcli.settings import per_user_database, settings_from
from crmcli.store.engine import target_of
from crmcli.store.reader import open_reader

MARK: Final = "demo"  # the setting that only a sample database has
PASSED_ON: Final = (
    "HOME",
    "PATH",
    "LANG",
    "LC_ALL",
    "TERM",
    "COLUMNS",
    "NO_COLOR",
    "TZ",
    "LOGNAME",
    "USER",
    "CRMCLI_TODAY",
)


@report("crm demo", "crm demo --keep ~/sales-demo.db")
def command(
    app: App,
    keep: Annotated[
        str | None,
        typer.Option("--keep", metavar="PATH", help="Where the sample database goes, to play on with it."),
    ] = None,
) -> Result:
    """Try it all on a sample database, beside your own, which is left alone.

    Leads are imported, one is converted, deals move, are won and lost; then pipeline and forecast. Every
    command is shown as it is typed. The next run starts anew.
    """
    path = Path(keep).expanduser().absolute() if keep else per_user_database(app.environ).with_name("demo.db")
    environ = {name: app.environ[name] for name in PASSED_ON if name in app.environ}
    clear(path)
    sample = App(
        settings_from(environ, database=str(path), prompts=False),
        environ=environ,
        stdin=app.stdin,
        stdout=app.stdout,
        stderr=app.stderr,
        command="demo",
    )
    with sample.work(makes=True) as work:
        work.write_setting(MARK, "yes")
        work.wrote = True
    out = app.stdout if app.output is None or app.output.format is None else app.stderr
    with as_file(files("crmcli.commands") / "sample" / "leads.csv") as leads:
        for words in steps(sample.today, str(leads)):
            play(words, path, environ, app, out)
    sample.close()
    go_on = [f"The sample database is at {path}. Go on with it:", f"  crm --db {join([str(path)])} today"]
    return Outcome(go_on, data={"database": str(path)})


def clear(path: Path) -> None:
    """Make room for a new sample database. Raises Conflict where the file is anything else."""
    if not path.is_symlink() and not path.exists():
        return
    try:
        reader = open_reader(target_of(str(path)))
        ours = reader.settings().get(MARK) == "yes"
        reader.close()
    except CrmError as error:
        raise Conflict(f"{path} is not a sample database, and stays as it is: {error.message}") from error
    if not ours:
        raise Conflict(
            f"{path} is not a sample database, and stays as it is.",
            hint="crm demo --keep PATH takes another place.",
        )
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def play(words: list[str], path: Path, environ: dict[str, str], app: App, out: TextIO) -> None:
    """One command of the transcript: as it is typed, then what it says."""
    out.write(f"$ crm {join(words)}\n")
    out.flush()
    run_beside(["--db", str(path), "--no-input", *words], environ, app.stdin, out)
    out.write("\n")
    out.flush()


def steps(today: date, leads: str) -> Iterator[list[str]]:
    """A few weeks of a small team, as commands; all dates are told from today."""

    def day(ahead: int) -> str:
        return (today + timedelta(days=ahead)).isoformat()

    yield ["lead", "import", leads]
    yield ["lead", "list", "rating:hot"]
    yield [
        *[
            "lead",
            "convert",
            "L2",
            "--opp-name",
            "Huaxin sensors",
            "--amount",
            "48k",
            "--close-date",
            day(40),
        ],
        *["--role", "Decision Maker", "--task", "Send proposal:+3d"],
    ]
    yield ["account", "add", "Northwind Traders", "--type", "Customer - Direct", "--at", day(-50)]
    yield [
        "contact",
        "add",
        "Priya Raman",
        "--account",
        "Northwind Traders",
        "--email",
        "priya@northwind.example",
    ]
    deals = (
        ("Northwind renewal", "62k", 20, -45),
        ("Northwind training", "9500", -3, -38),
        ("Northwind warehouse", "120k", 75, -30),
        ("Northwind pilot", "15k", 10, -25),
    )
    for number, (name, amount, close, since) in enumerate(deals, 2):
        yield [
            *["opp", "add", name, "--account", "Northwind Traders", "--amount", amount],
            *["--close-date", day(max(close, 1)), "--at", day(since)],
        ]
        yield ["opp", "stage", f"O{number}", "Needs Analysis", "--at", day(since + 7)]
    yield ["opp", "stage", "O2", "Negotiation", "--at", day(-10), "--note", "Legal has the contract"]
    yield ["opp", "win", "O3", "--at", day(-3)]
    yield ["opp", "stage", "O4", "Proposal", "--at", day(-6)]
    yield ["opp", "lose", "O5", "--reason", "Pricing", "--at", day(-5)]
    yield [
        "log",
        "call",
        "Asked about the delivery dates",
        "--for",
        "O2",
        "--outcome",
        "Wants them by Friday",
    ]
    yield ["account", "show", "Northwind Traders"]
    yield ["pipeline"]
    yield ["forecast", "--period", "this-year"]
