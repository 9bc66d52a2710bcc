"""crm quota: what everybody is to close."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmcli.app import App
from crmcli.commands._facts import owner_for
from crmcli.commands._noun import AsOf, DryRun, Into, Noun, Owner, Period, complete_users
from crmcli.commands._quotas import Wanted, count_of, known_quotas, money_of, set_quotas, target_words
from crmcli.commands._report import into_of, owner_of, scope_of
from crmcli.errors import InvalidValue, Refused
from crmcli.result import Outcome, Report, Result
from crmcli.rules.quotas import Quota, weights_of
from crmcli.store.find import find, title_of
from crmcli.store.reader import Reader
from crmcli.values.money import amount_text, amount_words, split_evenly
from crmcli.values.periods import Period as Stretch
from crmcli.values.periods import parse_period

if TYPE_CHECKING:
    from crmcli.store.work import UnitOfWork

command = Noun("quota", "Quotas: what everybody is to close in a period, and how much of it is closed.")


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


def in_words(name: str, stretch: Stretch, quota: Wanted) -> str:
    return f"{'Team of ' if quota.team else ''}{name} · {stretch.label} · {target_words(quota)}"


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
    given. Who has none stands with n/a; what they close is part of teams and of the total, as in the forecast.
    What was closed on days that no quota is for counts towards none. Either is said. The pace compares with
    what the quotas come to by today, each spread evenly over its days.

    Deals in another currency are converted at the rate of the day they were closed. Where quotas are in several
    currencies, teams and the total are in the home currency, quotas at the rate of the day; --currency converts
    the quotas of all.
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
    from crmcli.commands._quota_import import run_import

    return run_import(app, file, map or [], delimiter, dry_run=dry_run)
