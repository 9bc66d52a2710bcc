"""What every report can be asked for: a comparison, a condition under which to fail, silence where nothing changed."""

import inspect
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Annotated, Any, Final, NamedTuple

import typer

from crmcli.app import App
from crmcli.errors import CrmError, InvalidValue
from crmcli.result import Column, Page, Panel, Report, Row, Table

FIGURES: Final = ("number", "percent", "money")
NAMED: Final = 10  # rows that a sentence names
SERIES: Final = ("week", "month", "quarter")  # rows that follow one another in time
FAILED: Final = 8

Compare = Annotated[
    str | None,
    typer.Option(
        "--compare",
        metavar="PERIOD",
        help="Beside each figure, how it differs from that period's, or from that day.",
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


def options(parameters: Mapping[str, inspect.Parameter]) -> list[inspect.Parameter]:
    """The options of a command with these parameters: a comparison needs a usual period, or a day it stands on."""
    offered: list[tuple[str, Any, Any]] = [("fail_if", FailIf, None), ("changed_since_last", Changed, False)]
    if "as_of" in parameters or ("period" in parameters and parameters["period"].default is not None):
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

    result: Table | Page | None  # None where nothing has changed
    said: list[str]  # to stderr
    exit_code: int
    remember: Callable[[], None] = lambda: None


def watched(app: App, function: Callable[..., Any], given: dict[str, Any], watch: Watch) -> Watched:
    """Run a report and look at it as was asked. Raises CrmError."""
    conditions = conditions_of(watch)
    result: Table | Page = function(app, **given)
    if isinstance(result, Page) and any(condition.column == "rows" for condition in conditions):
        raise InvalidValue("A page of reports has no rows to be counted.", field="fail-if")
    if watch.compare is not None:
        if isinstance(result, Page):
            result = page_beside_another_time(app, function, given, result, watch.compare)
        else:
            result = beside_another_time(app, function, given, result, watch.compare)
    if isinstance(result, Table):
        result.rows = list(result.rows) if conditions or watch.changed else result.rows
    said, code = failed(headline(result) if isinstance(result, Page) else result, conditions)
    code = code or (result.exit_code if isinstance(result, Report) else 0)
    if not watch.changed:
        return Watched(result, said, code)
    changes, content = changed(app, result)
    if not changes:
        return Watched(None, said, code)
    if isinstance(result, Report):
        result.remarks += changes
    elif isinstance(result, Page):
        result.notes += changes
    return Watched(result, said, code, lambda: remember(memory_of(app), content))


# --- the rows by name -------------------------------------------------------------------------------------


def names_of(result: Table, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """What each row is known by: its first words, its reference, its currency, and where it stands among equals."""
    words = [at for at, column in enumerate(result.columns) if column.kind not in FIGURES]
    known = [at for at, column in enumerate(result.columns) if column.name in ("ref", "currency")]
    places = [*words[:1], *(at for at in known if at not in words[:1])]
    seen: Counter[tuple[Any, ...]] = Counter()
    names = []
    for row in rows:
        name = tuple(row[at] for at in places)
        names.append((*name, seen[name]))
        seen[name] += 1
    return names


def called(name: tuple[Any, ...]) -> str:
    return str(name[0]) if name[0] is not None else ""


# --- another period ---------------------------------------------------------------------------------------


def beside_another_time(
    app: App, function: Callable[..., Any], given: dict[str, Any], now: Table, text: str
) -> Report:
    """A report with what it was in another period, in one currency. Raises CrmError."""
    assert isinstance(now, Report)
    then = at_another_time(app, given, text)
    convertible = "currency" in given and given["currency"] is None
    if convertible and now.head.get("currency"):
        then["currency"] = now.head["currency"]
    before: Report = function(app, **then)
    if convertible and now.head.get("currency") != before.head.get("currency"):
        now = function(app, **{**given, "currency": app.currency})
        before = function(app, **{**then, "currency": app.currency})
        assert isinstance(now, Report)
    return compared(now, before, text, app.fiscal_start)


def page_beside_another_time(
    app: App, function: Callable[..., Any], given: dict[str, Any], now: Page, text: str
) -> Page:
    """A page with what it was in another period, in the same currency: its headline figures for people, all for
    programs. A panel that is asked the same in both stays as it is. Raises CrmError."""
    then = at_another_time(app, given, text)
    before: Page = function(app, **{**then, "currency": now.head["currency"]})
    panels = {}
    for name, panel in now.panels.items():
        was = before.panels[name].report
        asked, asked_then = (
            (each.head.get("period"), each.head.get("as_of")) for each in (panel.report, was)
        )
        same = asked == asked_then
        panels[name] = (
            panel if same else Panel(compared(panel.report, was, text, app.fiscal_start), panel.shown)
        )
    return replace(
        now,
        tiles=[
            replace(tile, change=difference(tile.value, was.value))
            for tile, was in zip(now.tiles, before.tiles, strict=True)
        ],
        panels=panels,
        head={**now.head, "compared_with": time_of(before.head)},
        notes=[
            *now.notes,
            f"Compared with {label_of(before.head, text)}: under the headline figures, what is more (+) or less (-)"
            " now.",
        ],
    )


def headline(page: Page) -> Report:
    """The headline figures of a page as a total; compared, with what they changed by."""
    columns: list[Column] = []
    row: list[Any] = []
    for tile in page.tiles:
        name = tile.label.casefold().replace(" ", "_")
        columns.append(Column(name, tile.label, tile.kind))
        row.append(tile.value)
        if "compared_with" in page.head:
            kind = "number" if tile.kind == "percent" else tile.kind
            columns.append(Column(f"{name}_change", tile.label, kind))
            row.append(tile.change)
    return Report(columns, [], head=page.head, total=row)


def at_another_time(app: App, given: dict[str, Any], text: str) -> dict[str, Any]:
    """What is asked for instead: that period; of a day, or of a report without a period, how it stood then."""
    from crmcli.values.periods import parse_period

    period = parse_period(text, today=app.today, fiscal_start=app.fiscal_start)
    stands = "as_of" in given
    if given.get("period") is not None and not (stands and period.start == period.end):
        return {**given, "period": text}
    if period.end >= app.today:
        raise InvalidValue(
            f"{period.label} is not over: it ends on {period.end}.",
            hint="--compare last-month",
            field="compare",
        )
    return {**given, "as_of": period.end.isoformat()}


class Side(NamedTuple):
    """One of two reports that are compared: its rows by what pairs them, and the columns that simply add up."""

    rows: dict[Any, Row]
    added: set[int]


def side_of(report: Report, fiscal_start: int) -> Side:
    """The rows of a report; those that follow one another in time by how far they are from its beginning."""
    rows = list(report.rows)
    report.rows = rows
    names: list[Any] = names_of(report, rows)
    if report.head.get("by") in SERIES and report.head.get("period"):
        start = report.head["period"]["start"]
        first = ordinals_of(start, fiscal_start)
        for at, name in enumerate(names):
            kind, place = ordinal(called(name))
            if kind:
                names[at] = (place - first[kind], *name[1:])
    return Side(dict(zip(names, rows, strict=True)), added_up(report, rows))


def ordinal(label: str) -> tuple[str, int]:
    """The kind of a stretch of time, and its number among its like; no kind for what is none."""
    if found := re.fullmatch(r"([0-9]{4})-([0-9]{2})", label):
        return "month", int(found[1]) * 12 + int(found[2])
    if found := re.fullmatch(r"(?:FY)?([0-9]{2,4})-Q([1-4])", label):
        return "quarter", int(found[1]) * 4 + int(found[2])
    if found := re.fullmatch(r"([0-9]{4})-W([0-9]{2})", label):
        return "week", date.fromisocalendar(int(found[1]), int(found[2]), 1).toordinal() // 7
    return "", 0


def ordinals_of(day: str, fiscal_start: int) -> dict[str, int]:
    """The numbers of the month, the quarter and the week that a day is in."""
    from crmcli.values.periods import quarter_of

    year, week, _ = date.fromisoformat(day).isocalendar()
    return dict(ordinal(label) for label in (day[:7], quarter_of(day, fiscal_start), f"{year}-W{week:02}"))


def added_up(report: Report, rows: list[Row]) -> set[int]:
    """The figures whose total is the sum of the rows: where a row is missing, they are 0."""
    if report.total is None:
        return set()
    return {
        at
        for at, column in enumerate(report.columns)
        if column.kind in FIGURES
        and isinstance(report.total[at], int)
        and sum(row[at] or 0 for row in rows) == report.total[at]
    }


def compared(now: Report, before: Report, text: str, fiscal_start: int) -> Report:
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
    new, old = side_of(now, fiscal_start), side_of(before, fiscal_start)
    added = new.added & old.added

    def beside(row: Row | None, other: Row | None) -> list[Any]:
        wide: list[Any] = []
        for at, is_figure in enumerate(figures):
            nothing = 0 if at in added else None
            value = row[at] if row is not None else nothing if is_figure else other and other[at]
            wide.append(value)
            if is_figure:
                was = other[at] if other is not None else nothing
                wide += [was, difference(value, was)]
        return wide

    fresh = [name for name in new.rows if name not in old.rows]
    gone = [name for name in old.rows if name not in new.rows]
    remarks = [
        f"Compared with {label_of(before.head, text)}: behind each figure, what is more (+) or less (-) now."
    ]
    for when, names, rows in (("now", fresh, now), ("then", gone, before)):
        if names:
            said = dict(zip((new if rows is now else old).rows, names_of(rows, list(rows.rows)), strict=True))
            remarks.append(f"Only {when}: {', '.join(called(said[name]) for name in names)}.")
    if reasons := {each["reason"]: None for each in before.tail.get("excluded", ())}:
        remarks.append(f"Left out then, too: {', '.join(reasons)}.")
    return replace(
        now,
        columns=columns,
        rows=[
            *(beside(row, old.rows.get(name)) for name, row in new.rows.items()),
            *(beside(None, old.rows[name]) for name in gone),
        ],
        head={
            **now.head,
            "compared_with": time_of(before.head),
        },
        total=None if now.total is None else beside(now.total, before.total),
        totals={name: beside(row, before.totals.get(name)) for name, row in now.totals.items()},
        remarks=[*now.remarks, *remarks],
    )


def time_of(head: Mapping[str, Any]) -> dict[str, Any]:
    """The period of a report and the day it stands on."""
    return {**(head.get("period") or {}), "as_of": head.get("as_of")}


def label_of(head: Mapping[str, Any], text: str) -> str:
    """What it is compared with: a period, and how it stood then where that is another day than today."""
    period = head.get("period")
    as_of = head.get("as_of") or text
    return f"{period['label']}, as of {as_of}" if period else str(as_of)


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

    is_report = isinstance(result, Report)
    totals: list[tuple[str, Row]] = []
    if isinstance(result, Report):
        totals = [("", result.total)] if result.total is not None else [*result.totals.items()]
    home = result.head.get("currency") if isinstance(result, Report) else None
    given = list(result.rows)
    rows = [(called(name), row) for name, row in zip(names_of(result, given), given, strict=True)]
    said: list[str] = []
    code = 0
    for condition in conditions:
        found = judged(condition, Rows(result.columns, rows, totals if is_report else (), home))
        said += [*found.holds, *found.unknown]
        code = FAILED if found.holds else code
    return said, code


# --- what has changed ---------------------------------------------------------------------------------------


def changed(app: App, result: Table | Page) -> tuple[list[str], str]:
    """What has changed since this command was last asked so, in words, and what is to be remembered."""
    import json
    from datetime import datetime

    from crmcli.render.cells import json_default

    known = json.loads(json.dumps(all_figures(result), default=json_default))
    content = json.dumps({**known, "at": app.now.isoformat(), "command": app.command}, ensure_ascii=False)
    try:
        last = json.loads(memory_of(app).read_text("utf-8"))
        was = {json.dumps(name): row for name, row in zip(last["names"], last["rows"], strict=True)}
        since = datetime.fromisoformat(last["at"]).astimezone(app.zone)
    except (OSError, ValueError, KeyError, TypeError):  # never asked so, or the memory is damaged
        return ["Asked so for the first time."], content
    if (last["names"], last["rows"], last.get("totals")) == (known["names"], known["rows"], known["totals"]):
        return [], content
    now = {json.dumps(name): row for name, row in zip(known["names"], known["rows"], strict=True)}
    keys = [key for key in {**was, **now} if was.get(key) != now.get(key)]
    different = list(dict.fromkeys(called(json.loads(key)) for key in keys))
    more = [f"and {len(different) - NAMED} more"] if len(different) > NAMED else []
    what = f": {', '.join([*different[:NAMED], *more])}" if different else ""
    return [f"Changed since {since:%Y-%m-%d %H:%M}{what}."], content


def all_figures(result: Table | Page) -> dict[str, Any]:
    """The rows by their names, and the totals, without what grows by itself; those of a page by its panels."""
    if isinstance(result, Page):
        found = {name: all_figures(panel.report) for name, panel in result.panels.items()}
        return {
            "names": [(panel, *name) for panel, each in found.items() for name in each["names"]],
            "rows": [row for each in found.values() for row in each["rows"]],
            "totals": {panel: each["totals"] for panel, each in found.items()},
        }
    kept = [at for at, column in enumerate(result.columns) if not column.ages]
    given = list(result.rows)
    totals: dict[str, Any] = {}
    if isinstance(result, Report):
        sums = {"": result.total, **result.totals}
        totals = {name: [row[at] for at in kept] for name, row in sums.items() if row is not None}
    return {
        "names": names_of(result, given),
        "rows": [[row[at] for at in kept] for row in given],
        "totals": totals,
    }


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
