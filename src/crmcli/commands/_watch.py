"""What every report can be asked for: a comparison, a condition under which to fail, silence where nothing changed."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Final, NamedTuple

import typer

from crmcli.app import App
from crmcli.errors import CrmError, InvalidValue
from crmcli.result import Column, Report, Row, Table

FIGURES: Final = ("number", "percent", "money")
SERIES: Final = ("week", "month", "quarter")  # rows that follow one another in time
FAILED: Final = 8

Compare = Annotated[
    str | None,
    typer.Option(
        "--compare", metavar="PERIOD", help="Beside each figure, how it differs from that period's."
    ),
]
FailIf = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-if", metavar="CONDITION", help="Exit with 8 where it holds: coverage<3; may be repeated."
    ),
]
Changed = Annotated[
    bool,
    typer.Option("--changed-since-last", help="Print only if a figure changed since it was last asked so."),
]


class Watch(NamedTuple):
    """How the result is watched."""

    compare: str | None = None
    fail_if: tuple[str, ...] = ()
    changed: bool = False


def options(parameters: list[str]) -> list[inspect.Parameter]:
    """The options of a command with these parameters: a comparison needs a period, or a day it stands on."""
    offered: list[tuple[str, Any, Any]] = [("fail_if", FailIf, None), ("changed_since_last", Changed, False)]
    if "period" in parameters or "as_of" in parameters:
        offered.insert(0, ("compare", Compare, None))
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, kind, default in offered
    ]


def taken(given: dict[str, Any]) -> Watch:
    """These options, taken out of all that were given."""
    return Watch(
        given.pop("compare", None),
        tuple(given.pop("fail_if", None) or ()),
        bool(given.pop("changed_since_last", False)),
    )


class Watched(NamedTuple):
    """What is to be printed, if anything, and what is to be done when that has succeeded."""

    result: Table | None  # None where nothing has changed
    said: list[str]  # to stderr
    exit_code: int
    remember: Callable[[], None] = lambda: None


def watched(app: App, function: Callable[..., Any], given: dict[str, Any], watch: Watch) -> Watched:
    """Run a report and look at it as was asked. Raises CrmError."""
    conditions = conditions_of(watch)
    result: Table = function(app, **given)
    if watch.compare is not None:
        assert isinstance(result, Report)
        before = function(app, **at_another_time(app, given, watch.compare))
        result = compared(result, before, watch.compare)
    if conditions or watch.changed:
        result.rows = list(result.rows)
    said, code = failed(result, conditions)
    if not watch.changed:
        return Watched(result, said, code)
    changes, content = changed(app, result)
    if not changes:
        return Watched(None, said, code)
    if isinstance(result, Report):
        result.notes += changes
    return Watched(result, said, code, lambda: remember(memory_of(app), content))


# --- the rows by name -------------------------------------------------------------------------------------


def identity(result: Table) -> Callable[[Row], tuple[Any, ...]]:
    """A function that says which row one is: by its first words, and its currency."""
    words = [at for at, column in enumerate(result.columns) if column.kind not in FIGURES]
    currency = [at for at, column in enumerate(result.columns) if column.name == "currency"]
    places = [*words[:1], *(at for at in currency if at not in words[:1])]
    return lambda row: tuple(row[at] for at in places)


def called(row: tuple[Any, ...]) -> str:
    return str(row[0]) if row and row[0] is not None else ""


# --- another period ---------------------------------------------------------------------------------------


def at_another_time(app: App, given: dict[str, Any], text: str) -> dict[str, Any]:
    """What is asked for instead: that period, or, of a report without one, the day on which it ended."""
    from crmcli.values.periods import parse_period

    period = parse_period(text, today=app.today, fiscal_start=app.fiscal_start)
    if given.get("period") is not None:
        return {**given, "period": text}
    if period.end >= app.today:
        raise InvalidValue(
            f"{period.label} is not over: it ends on {period.end}.",
            hint="--compare last-month",
            field="compare",
        )
    return {**given, "as_of": period.end.isoformat()}


def compared(now: Report, before: Report, text: str) -> Report:
    """A report with, behind each figure, what it was and how it differs."""
    figures = [column.kind in FIGURES and not column.hidden for column in now.columns]
    columns: list[Column] = []
    for column, is_figure in zip(now.columns, figures, strict=True):
        columns.append(column)
        if is_figure:
            kind = "number" if column.kind == "percent" else column.kind
            was = replace(column, name=f"{column.name}_before", hidden=True)
            change = replace(
                column, name=f"{column.name}_change", kind=kind, folded=True, signed=True, absent=""
            )
            columns += [was, change]
    which, which_before = identity(now), identity(before)
    now.rows, before.rows = list(now.rows), list(before.rows)
    if now.head.get("by") in SERIES and len(now.rows) == len(before.rows):
        # January against January: what they are called differs, their places do not
        places = iter(now.rows)
        old = {which(next(places)): row for row in before.rows}
    else:
        old = {which_before(row): row for row in before.rows}

    def beside(row: Row, other: Row | None) -> list[Any]:
        wide: list[Any] = []
        for at, is_figure in enumerate(figures):
            wide.append(row[at])
            if is_figure:
                was = other[at] if other is not None else None
                wide += [was, difference(row[at], was)]
        return wide

    rows = []
    fresh = []
    for row in now.rows:
        other = old.pop(which(row), None)
        rows.append(beside(row, other))
        fresh += [called(which(row))] if other is None else []
    for row in old.values():
        gone = [None if is_figure else value for value, is_figure in zip(row, figures, strict=True)]
        rows.append(beside(gone, row))
    notes = [f"Compared with {label_of(before, text)}: behind each figure, what is more (+) or less (-) now."]
    if fresh:
        notes.append(f"Only now: {', '.join(fresh)}.")
    if old:
        notes.append(f"Only then: {', '.join(called(which_before(row)) for row in old.values())}.")
    return replace(
        now,
        columns=columns,
        rows=rows,
        head={**now.head, "compared_with": before.head.get("period") or {"as_of": before.head.get("as_of")}},
        total=None if now.total is None else beside(now.total, before.total),
        totals={name: beside(row, before.totals.get(name)) for name, row in now.totals.items()},
        notes=[*now.notes, *notes],
    )


def label_of(report: Report, text: str) -> str:
    period = report.head.get("period")
    return str(period["label"]) if period else f"{report.head.get('as_of') or text}"


def difference(value: Any, was: Any) -> Any:
    """What a figure is more or less; None where it is missing on one side."""
    if value is None or was is None:
        return None
    return round(value - was, 6) if isinstance(value, float) or isinstance(was, float) else value - was


# --- failing ----------------------------------------------------------------------------------------------


def conditions_of(watch: Watch) -> list[Any]:
    """The conditions, read before anything is asked of the database. Raises InvalidValue."""
    if not watch.fail_if:
        return []
    from crmcli.rules.conditions import parse_condition

    return [parse_condition(text) for text in watch.fail_if]


def failed(result: Table, conditions: list[Any]) -> tuple[list[str], int]:
    """The sentences of the conditions that hold, or cannot be judged, and the exit code."""
    if not conditions:
        return [], 0
    from crmcli.rules.conditions import Rows, judged

    which = identity(result)
    is_report = isinstance(result, Report)
    totals: list[tuple[str, Row]] = []
    if isinstance(result, Report):
        totals = [("", result.total)] if result.total is not None else [*result.totals.items()]
    home = result.head.get("currency") if isinstance(result, Report) else None
    rows = [(called(which(row)), row) for row in result.rows]
    said: list[str] = []
    code = 0
    for condition in conditions:
        found = judged(condition, Rows(result.columns, rows, totals if is_report else (), home))
        said += [*found.holds, *found.unknown]
        code = FAILED if found.holds else code
    return said, code


# --- what has changed ---------------------------------------------------------------------------------------


def changed(app: App, result: Table) -> tuple[list[str], str]:
    """What has changed since this command was last asked so, in words, and what is to be remembered."""
    import json
    from datetime import datetime

    from crmcli.render.cells import json_default

    kept = [at for at, column in enumerate(result.columns) if not column.ages]
    which = identity(result)
    rows = {json.dumps(which(row), default=str): [row[at] for at in kept] for row in result.rows}
    totals: dict[str, Any] = {}
    if isinstance(result, Report):
        sums = {"": result.total, **result.totals}
        totals = {name: [row[at] for at in kept] for name, row in sums.items() if row is not None}
    known = json.loads(json.dumps({"rows": rows, "totals": totals}, default=json_default))
    content = json.dumps({**known, "at": app.now.isoformat(), "command": app.command}, ensure_ascii=False)
    try:
        last = json.loads(memory_of(app).read_text("utf-8"))
    except (OSError, ValueError):  # never asked so, or the memory is damaged
        return ["Asked so for the first time."], content
    if (last.get("rows"), last.get("totals")) == (known["rows"], known["totals"]):
        return [], content
    since = datetime.fromisoformat(last["at"]).astimezone(app.zone)
    keys = [
        key for key in {**last["rows"], **known["rows"]} if last["rows"].get(key) != known["rows"].get(key)
    ]
    names = [called(tuple(json.loads(key))) for key in keys]
    what = f": {', '.join([*names[:10], *([f'and {len(names) - 10} more'] if len(names) > 10 else [])])}"
    return [f"Changed since {since:%Y-%m-%d %H:%M}{what if names else ''}."], content


def memory_of(app: App) -> Any:
    """The file that keeps what a command printed last: of this user, on this database, as it was asked."""
    import hashlib
    from pathlib import Path

    asked = f"{app.target.shown}\n{app.actor}\n{app.command}"
    name = hashlib.sha256(asked.encode()).hexdigest()[:24]
    state = app.environ.get("XDG_STATE_HOME")
    home = Path(app.environ.get("HOME") or "~").expanduser()
    return (Path(state) if state else home / ".local" / "state") / "crmcli" / "last" / f"{name}.json"


def remember(path: Any, text: str) -> None:
    """Keep what was printed, for its owner alone. Raises CrmError."""
    from crmcli.transfer.whole_file import whole_file

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with whole_file(path) as out:
            out.write(text)
    except OSError as error:
        raise CrmError(
            f"What was printed cannot be remembered in {path}: {error.strerror or error}.",
            hint="XDG_STATE_HOME names another folder.",
        ) from error
