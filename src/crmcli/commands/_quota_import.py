"""Quotas from a file: one row for each person and period."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from crmcli.app import App
from crmcli.commands._quotas import Wanted, count_of, money_of, set_quotas
from crmcli.errors import CrmError, InvalidValue
from crmcli.render.clean import clean
from crmcli.result import Outcome
from crmcli.store.find import find
from crmcli.store.reader import Reader
from crmcli.transfer.mapping import parse_pairs
from crmcli.transfer.rows import BadRow
from crmcli.transfer.source import open_source
from crmcli.values.dates import last_of_month, parse_date
from crmcli.values.money import check_currency
from crmcli.values.periods import Period, parse_period, period_of

HEADINGS: Final = {
    "owner": "owner user salesperson salesagent salesrep rep employee employeeid name",
    "period": "period quarter year",
    "month": "month date targetmonth",
    "amount": "amount quota target targetamount",
    "count": "count deals",
    "currency": "currency currencycode",
}


def run_import(app: App, file: str, mapped: list[str], delimiter: str | None, *, dry_run: bool) -> Outcome:
    """Set the quotas of a file, all or none."""
    problems: list[dict[str, Any]] = []
    wanted: dict[tuple[int, str, str, bool], Wanted] = {}
    with (
        app.work(source="import", dry_run=dry_run, makes=True) as work,
        open_source(file, app.stdin_bytes, encoding=None, delimiter=delimiter) as source,
    ):
        places = places_of(source.headings, parse_pairs(mapped, option="--map"))
        people: dict[str, int] = {}
        for row in source.rows():
            try:
                if isinstance(row, BadRow):
                    raise InvalidValue(row.reason)
                quota = quota_of(app, work.reader, cells_of(row[1], places), people)
                if quota.key in wanted and wanted[quota.key] != quota:
                    raise InvalidValue("the same owner and period stand above with another quota")
                wanted[quota.key] = quota
            except CrmError as error:
                problems.append(
                    {"line": row.line if isinstance(row, BadRow) else row[0], "reason": error.message}
                )
        if problems:
            refuse(app, source.name, problems)
        created, updated, unchanged = set_quotas(work, list(wanted.values()))
        entry = work.entry if work.wrote and not dry_run else None
    counts = {"created": created, "updated": updated, "unchanged": unchanged, "rejected": 0}
    words = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    said = [f"{'Would be: ' if dry_run else ''}{words}."]
    if entry:
        said.append(f"`crm undo {entry}` takes it back.")
    return Outcome(said, data={**counts, "entry": entry})


def places_of(headings: list[str], mapped: Mapping[str, str]) -> dict[str, int]:
    """Where each field stands in a row. Raises InvalidValue."""
    known = {word: field for field, words in HEADINGS.items() for word in words.split()}
    given = {folded(heading): field.strip().casefold() for heading, field in mapped.items()}
    for heading, field in given.items():
        if field not in HEADINGS:
            raise InvalidValue(
                f"A quota has no field {field!r}. There are {', '.join(HEADINGS)}.", field="map"
            )
        if heading not in map_of(headings):
            raise InvalidValue(f"There is no heading {heading!r} in the file.", field="map")
    places: dict[str, int] = {}
    for heading, at in map_of(headings).items():
        field = given.get(heading) or known.get(heading, "")
        if not field:
            raise InvalidValue(
                f"The heading {headings[at]!r} means nothing here.",
                hint=f"--map '{headings[at]}=FIELD', of {', '.join(HEADINGS)}; or take the column out.",
                field="map",
            )
        if field in places:
            raise InvalidValue(f"Two headings mean {field}.", field="map")
        places[field] = at
    for needed, others in (("owner", ()), ("period", ("month",)), ("amount", ("count",))):
        if not {needed, *others} & places.keys():
            raise InvalidValue(f"No heading means {needed}.", hint=f"--map HEADING={needed}", field="map")
    if {"period", "month"} <= places.keys():
        raise InvalidValue("The file has a period and a month; one of them is enough.", field="map")
    return places


def map_of(headings: list[str]) -> dict[str, int]:
    return {folded(heading): at for at, heading in enumerate(headings)}


def folded(heading: str) -> str:
    return "".join(filter(str.isalnum, heading.casefold()))


def cells_of(cells: list[str], places: Mapping[str, int]) -> dict[str, str]:
    return {field: cells[at].strip() for field, at in places.items() if at < len(cells)}


def quota_of(app: App, reader: Reader, cells: Mapping[str, str], people: dict[str, int]) -> Wanted:
    """The quota of a row. Raises CrmError."""
    name = cells["owner"]
    if not name:
        raise InvalidValue("owner is blank")
    if name not in people:
        people[name] = find(reader, "user", name)
    stretch = stretch_of(app, cells)
    currency = check_currency(cells["currency"]) if cells.get("currency") else app.currency
    amount, deals = None, None
    if cells.get("amount"):
        amount, currency = money_of(cells["amount"], currency)
    if cells.get("count"):
        deals = count_of(cells["count"])
    if amount is None and deals is None:
        raise InvalidValue("there is neither amount nor count")
    return Wanted(people[name], stretch.start, stretch.end, False, amount, deals, currency)


def stretch_of(app: App, cells: Mapping[str, str]) -> Period:
    """The period of a row; of a month any day is given, or its name."""
    if "period" in cells:
        return parse_period(cells["period"], today=app.today, fiscal_start=app.fiscal_start)
    text = cells["month"]
    if not text:
        raise InvalidValue("month is blank")
    day = parse_date(text, today=app.today, order=app.date_order, period_end=True, times=True)
    if day is None:
        raise InvalidValue("month is blank")
    return period_of(day.replace(day=1), last_of_month(day.year, day.month))


def refuse(app: App, name: str, problems: list[dict[str, Any]]) -> None:
    """Name what is wrong, and stop: nothing is written. Raises InvalidValue."""
    as_json = app.output.format in ("json", "jsonl")
    if not as_json:
        app.stderr.writelines(f"{clean(line)}\n" for line in lines_of(problems))
    rows = "1 row" if len(problems) == 1 else f"{len(problems):,} rows"
    raise InvalidValue(
        f"{name}: {rows} cannot be taken; nothing was written.",
        field="file",
        details=problems if as_json else None,
    )


def lines_of(problems: list[dict[str, Any]]) -> Iterator[str]:
    for problem in problems[:100]:
        yield f"line {problem['line']}: {problem['reason']}"
    if len(problems) > 100:
        yield f"and {len(problems) - 100:,} more"
