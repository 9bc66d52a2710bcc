"""crm quota: what everybody is to close."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from crmcli.app import App
from crmcli.changes import Changes
from crmcli.commands._facts import owner_for
from crmcli.commands._noun import AsOf, DryRun, Into, Noun, Owner, Period, complete_users
from crmcli.commands._report import into_of, owner_of, scope_of
from crmcli.errors import CrmError, InvalidValue, Refused
from crmcli.render.clean import clean
from crmcli.result import Outcome, Report, Result
from crmcli.rules.quotas import Quota, weights_of
from crmcli.store.figures import quotas
from crmcli.store.find import find, title_of
from crmcli.store.reader import Reader
from crmcli.values.money import amount_text, amount_words, check_currency, parse_money, split_evenly
from crmcli.values.periods import Period as Stretch
from crmcli.values.periods import parse_period, period_of

if TYPE_CHECKING:
    from crmcli.store.work import UnitOfWork

command = Noun("quota", "Quotas: what everybody is to close in a period, and how much of it is closed.")

HEADINGS: Final = {
    "owner": "owner user salesperson salesagent salesrep rep employee employeeid name",
    "period": "period quarter year",
    "month": "month date targetmonth",
    "amount": "amount quota target targetamount",
    "count": "count deals",
    "currency": "currency currencycode",
}
CLEARED: Final = "none"
NOTHING: Final = "no quota"

ForWhom = Annotated[
    str | None,
    typer.Option(
        "--owner", metavar="USER", help="Who it is for; you, if not said.", autocompletion=complete_users
    ),
]
Needed = Annotated[
    str | None, typer.Option("--period", metavar="PERIOD", help="2026-Q3, 2026-07, FY27, this-quarter.")
]
Team = Annotated[
    bool, typer.Option("--team", help="The quota of the owner together with everybody below them.")
]
Explain = Annotated[bool, typer.Option("--explain", help="Show what the figures are.")]


class Wanted(NamedTuple):
    """A quota that is to be set; `deals` and `amount` as they are to be, None where there is to be none."""

    owner: int
    start: date
    end: date
    team: bool
    amount: int | None
    deals: int | None
    currency: str

    @property
    def key(self) -> tuple[int, str, str, bool]:
        return self.owner, self.start.isoformat(), self.end.isoformat(), self.team


# --- setting ----------------------------------------------------------------------------------------------


@command.verb(
    "crm quota set --owner 'Li Wei' --period 2026-Q3 --amount 300k",
    "crm quota set --period this-month --count 5",
    "crm quota set --owner 'Ann Lee' --team --period 2026-Q3 --amount 1m",
    "crm quota set --owner 'Li Wei' --period 2026-Q3 --amount none",
    name="set",
)
def set_(
    app: App,
    owner: ForWhom = None,
    period: Needed = None,
    amount: Annotated[
        str | None, typer.Option("--amount", metavar="MONEY", help="The amount to win; none clears it.")
    ] = None,
    count: Annotated[
        str | None, typer.Option("--count", metavar="N", help="How many deals to win; none clears it.")
    ] = None,
    team: Team = False,
    dry_run: DryRun = False,
) -> Result:
    """Set what somebody is to close in a period: an amount, a number of deals, or both.

    What was set before is kept, so that a report of the past shows the quota of then. With --team it is the
    quota of the owner and all below them; without one, that is the sum of their own.
    """
    stretch = period_asked(app, period)
    if amount is None and count is None:
        raise InvalidValue("What is the quota?", hint="--amount 300k, --count 5, or both", field="amount")
    with app.work(dry_run=dry_run, makes=True) as work:
        user = owner_of_work(app, work, owner)
        old = known_quotas(work.reader).get(
            (user, stretch.start.isoformat(), stretch.end.isoformat(), team)
        ) or Quota(user, "", "", team, None, None, app.currency)
        minor, currency = money_of(amount, app.currency) if amount is not None else (old.amount, old.currency)
        deals = count_of(count) if count is not None else old.deals
        wanted = Wanted(user, stretch.start, stretch.end, team, minor, deals, currency)
        set_quotas(work, [wanted])
        entry = work.entry if work.wrote and not dry_run else None
        name = title_of(work.reader, "user", user)
    said = [f"{'Would be: ' if dry_run else ''}{in_words(name, stretch, wanted)}{was(old, wanted)}"]
    return Outcome(said, data={**as_data(name, stretch, wanted), "entry": entry})


def period_asked(app: App, text: str | None) -> Stretch:
    if text is None:
        raise InvalidValue("--period is missing.", hint="--period this-quarter", field="period")
    return parse_period(text, today=app.today, fiscal_start=app.fiscal_start)


def owner_of_work(app: App, work: "UnitOfWork", text: str | None) -> int:
    """Who a quota is for: the user that is named, else the one who acts. Raises NotFound, Conflict."""
    if text is None or text.strip().casefold() == "me":
        return owner_for(work)
    return find(work.reader, "user", text)


def money_of(text: str, currency: str) -> tuple[int | None, str]:
    """An amount to win, and its currency; none clears it. Raises InvalidValue."""
    if text.strip().casefold() == CLEARED:
        return None, currency
    minor, of = parse_money(text, currency=currency)
    if minor < 0:
        raise InvalidValue(f"{text!r} is negative; a quota is not.", field="amount")
    return minor, of


def count_of(text: str) -> int | None:
    """A number of deals; none clears it. Raises InvalidValue."""
    typed = text.strip()
    if typed.casefold() == CLEARED:
        return None
    if not (typed.isascii() and typed.isdigit()) or len(typed) > 9:
        raise InvalidValue(f"{text!r} is not a number of deals.", field="count")
    return int(typed)


def known_quotas(reader: Reader) -> dict[tuple[int, str, str, bool], Quota]:
    """All quotas that hold now."""
    found = (
        Quota(owner, start, end, bool(team), amount, deals, currency)
        for owner, start, end, team, amount, deals, currency in quotas(reader, None, "", "9999-12-31")
    )
    return {(quota.owner, quota.start, quota.end, quota.team): quota for quota in found}


def set_quotas(work: "UnitOfWork", wanted: list[Wanted]) -> tuple[int, int, int]:
    """Add a row for each quota that is not so already: how many are new, changed, and the same."""
    known = known_quotas(work.reader)
    changes = Changes()
    new = changed = 0
    for quota in wanted:
        old = known.get(quota.key)
        if target_words(quota) == (target_words(old) if old else NOTHING):
            continue
        new, changed = (new, changed + 1) if old else (new + 1, changed)
        changes.add(
            "quota",
            work.ids("quota"),
            owner_id=quota.owner,
            period_start=quota.start,
            period_end=quota.end,
            team=quota.team,
            amount=quota.amount,
            deals=quota.deals,
            currency=quota.currency,
        )
    work.apply(changes)
    return new, changed, len(wanted) - new - changed


def in_words(name: str, stretch: Stretch, quota: Wanted) -> str:
    return f"{'Team of ' if quota.team else ''}{name} · {stretch.label} · {target_words(quota)}"


def target_words(quota: Wanted | Quota) -> str:
    parts = []
    if quota.amount is not None:
        parts.append(amount_words(quota.amount, quota.currency))
    if quota.deals is not None:
        parts.append("1 deal" if quota.deals == 1 else f"{quota.deals} deals")
    return " and ".join(parts) or NOTHING


def was(old: Quota, new: Wanted) -> str:
    before, after = target_words(old), target_words(new)
    if old.amount is None and old.deals is None:
        return ""
    return " already" if before == after else f" (was {before})"


def as_data(name: str, stretch: Stretch, quota: Wanted) -> dict[str, Any]:
    return {
        "owner": name,
        "period": stretch.label,
        "team": quota.team,
        "amount": None if quota.amount is None else amount_text(quota.amount, quota.currency),
        "currency": quota.currency,
        "count": quota.deals,
    }


# --- splitting --------------------------------------------------------------------------------------------


@command.verb(
    "crm quota split --period 2026-Q3 --total 1m --even",
    "crm quota split --period 2026-Q3 --total 1m --weights 'Li Wei=3,Zhang Min=2'",
    "crm quota split --period FY27 --total 4m --by-history --to 'Li Wei,Zhang Min'",
)
def split(
    app: App,
    period: Needed = None,
    total: Annotated[
        str | None, typer.Option("--total", metavar="MONEY", help="What all are to close together.")
    ] = None,
    even: Annotated[bool, typer.Option("--even", help="The same for everybody.")] = False,
    weights: Annotated[
        str | None, typer.Option("--weights", metavar="USER=N,…", help="In proportion to these numbers.")
    ] = None,
    by_history: Annotated[
        bool, typer.Option("--by-history", help="In proportion to what each won in the year before.")
    ] = False,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="USER,USER", help="Among these; all active users, if not said."),
    ] = None,
    dry_run: DryRun = False,
) -> Result:
    """Split a total among people, exact to the last cent, and set it as their quotas.

    What cannot be divided goes, one cent each, to the largest remainders. The history is what was won in the
    year before the period begins.
    """
    stretch = period_asked(app, period)
    if total is None:
        raise InvalidValue("--total is missing.", hint="--total 1m", field="total")
    if even + (weights is not None) + by_history != 1:
        raise InvalidValue("Say how: --even, --weights USER=N,… or --by-history.", field="even")
    if weights is not None and to is not None:
        raise InvalidValue("--weights names the people already; --to is not needed.", field="to")
    amount, currency = money_of(total, app.currency)
    if amount is None:
        raise InvalidValue("--total none: there is nothing to split.", field="total")
    named = {} if weights is None else weights_of(weights)
    if named and not any(named.values()):
        raise InvalidValue(
            "Nobody would get anything: no weight is above 0.", hint="--weights li=3,zhang=2", field="weights"
        )
    with app.work(dry_run=dry_run, makes=True) as work:
        people = those_named(app, work.reader, list(named) if named else names_of(to))
        if weights is not None:
            shares = list(named.values())
        else:
            shares = [1] * len(people)
        if by_history:
            shares = won_in_the_year_before(work.reader, people, stretch, currency)
        parts = split_evenly(amount, shares)
        wanted = [
            Wanted(id, stretch.start, stretch.end, False, part, None, currency)
            for id, part in zip(people, parts, strict=True)
        ]
        known = known_quotas(work.reader)
        wanted = [
            quota._replace(deals=known[quota.key].deals) if quota.key in known else quota for quota in wanted
        ]
        set_quotas(work, wanted)
        entry = work.entry if work.wrote and not dry_run else None
        names = {id: title_of(work.reader, "user", id) for id in people}
    said = [
        f"{'Would be: ' if dry_run else ''}{in_words(names[quota.owner], stretch, quota)}" for quota in wanted
    ]
    said.append(f"Together {amount_words(amount, currency)}.")
    if entry:
        said.append(f"`crm undo {entry}` takes it back.")
    return Outcome(
        said,
        data={
            "rows": [as_data(names[quota.owner], stretch, quota) for quota in wanted],
            "total": {"amount": amount_text(amount, currency), "currency": currency},
            "entry": entry,
        },
    )


def names_of(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def those_named(app: App, reader: Reader, names: list[str]) -> list[int]:
    """The users that are named, else all who are active. Raises NotFound, Conflict, Refused."""
    if not names:
        active = 'SELECT id FROM "user" WHERE deleted_at IS NULL AND active = 1 ORDER BY name_key, id'
        people = [row[0] for row in reader.rows(active)]
        if not people:
            raise Refused("There is nobody to split among.", hint="crm user add 'Li Wei'")
        return people
    people = [
        owner_of(app, name)[0] if name.casefold() == "me" else find(reader, "user", name) for name in names
    ]
    if len(set(people)) < len(people):
        raise InvalidValue("Somebody is named twice.", field="to")
    return people


def won_in_the_year_before(reader: Reader, people: list[int], stretch: Stretch, currency: str) -> list[int]:
    """What each won in the year before a period, in its currency. Raises Refused where nobody did."""
    from crmcli.values.dates import add_months

    found = dict(
        reader.rows(
            "SELECT owner_id, CAST(sum(amount) AS BIGINT) FROM opportunity WHERE deleted_at IS NULL"
            " AND is_closed = 1 AND is_won = 1 AND amount IS NOT NULL AND currency = :currency"
            " AND close_date >= :since AND close_date < :start GROUP BY owner_id",
            currency=currency,
            since=add_months(stretch.start, -12).isoformat(),
            start=stretch.start.isoformat(),
        )
    )
    shares = [int(found.get(id) or 0) for id in people]
    if not any(shares):
        raise Refused(
            f"None of them won anything in {currency} in the year before {stretch.start}.",
            hint="Split with --even or --weights.",
        )
    return shares


# --- looking ----------------------------------------------------------------------------------------------


@command.verb(
    "crm quota show",
    "crm quota show --period FY27 --json",
    "crm quota show --period 2026 --currency EUR",
    "crm quota show --as-of 2026-03-31",
    aliases=("list",),
)
def show(
    app: App,
    period: Period = "this-quarter",
    owner: Owner = None,
    currency: Into = None,
    as_of: AsOf = None,
    explain: Explain = False,
) -> Report:
    """Show quotas, what is closed of each, the gap and the pace.

    A quota counts where its days lie within the period asked for, which is this quarter unless another is
    given. Who has none stands with n/a. Deals in another currency are converted at the rate of the day they
    were closed. Where quotas are in several currencies, teams and the total are in the home currency, quotas
    at the rate of the day; --currency converts the quotas of all.
    """
    from crmcli.reports.quota_show import Asked, quota_show

    scope = scope_of(app, as_of=as_of, owner=owner, period=period or "this-quarter")
    assert scope.period is not None
    asked = Asked(scope, scope.period, app.currency, app.fiscal_start, into_of(currency), explain)
    return quota_show(app.read(), asked)


# --- importing --------------------------------------------------------------------------------------------


@command.verb(
    "crm quota import quotas.csv",
    "crm quota import Targets.csv --map EmployeeID=owner --map TargetMonth=month",
    name="import",
)
def import_(
    app: App,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="One row for each person and period.")],
    map: Annotated[
        list[str] | None, typer.Option("--map", metavar="HEADING=FIELD", help="What a heading means.")
    ] = None,
    delimiter: Annotated[str | None, typer.Option("--delimiter", metavar="CHAR", help="; or tab")] = None,
    dry_run: DryRun = False,
) -> Result:
    """Set quotas from a file: owner, period (or month: any day of it), amount, count, currency.

    All or nothing: what cannot be read is named with its line, and nothing is written. A quota that is so
    already is left alone. One `crm undo` takes it all back.
    """
    from crmcli.transfer.mapping import parse_pairs
    from crmcli.transfer.rows import BadRow
    from crmcli.transfer.source import open_source

    problems: list[dict[str, Any]] = []
    wanted: dict[tuple[int, str, str, bool], Wanted] = {}
    with (
        app.work(source="import", dry_run=dry_run, makes=True) as work,
        open_source(file, app.stdin_bytes, encoding=None, delimiter=delimiter) as source,
    ):
        places = places_of(source.headings, parse_pairs(map or [], option="--map"))
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


def stretch_of(app: App, cells: Mapping[str, str]) -> Stretch:
    """The period of a row; of a month any day is given, or its name."""
    from crmcli.values.dates import last_of_month, parse_date

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
