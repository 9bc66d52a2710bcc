"""crm rate: what other currencies are worth, from which day on."""

from typing import Annotated, Any

import typer

from crmcli.app import App
from crmcli.changes import Changes
from crmcli.commands._noun import DryRun, Noun
from crmcli.errors import InvalidValue, NotFound
from crmcli.result import Column, Outcome, Result, Table
from crmcli.rules.rates import rate_text
from crmcli.store.figures import rates
from crmcli.values.dates import parse_date
from crmcli.values.money import check_currency

command = Noun(
    "rate", "Exchange rates: what other currencies are worth in the home currency, from which day on."
)

COLUMNS = (
    Column("currency", "Currency", cut="never"),
    Column("valid_from", "From", "date"),
    Column("rate", "Rate", cut="never"),
    Column("home", "Of", cut="never"),
    Column("set_at", "Set", "instant"),
    Column("set_by", "By"),
    Column("holds", "Holds", "boolean"),
)
Currency = Annotated[str, typer.Argument(metavar="CURRENCY", help="EUR, JPY, …")]
From = Annotated[
    str | None, typer.Option("--from", metavar="DATE", help="The first day it holds; without it today.")
]


@command.verb("crm rate set EUR 1.08 --from 2026-07-01", "crm rate set JPY 0.0067", name="set")
def set_(
    app: App,
    currency: Currency,
    rate: Annotated[str, typer.Argument(metavar="RATE", help="What one unit is worth in the home currency.")],
    since: From = None,
    dry_run: DryRun = False,
) -> Result:
    """Say what a currency is worth in the home currency from a day on: one EUR is 1.08 USD.

    It holds until the next one begins. Open deals are converted at the rate of the day a report stands on,
    closed ones at that of the day they were closed. A rate counts from its day, whenever it was recorded:
    a correction changes reports of the past too. What was set before is kept, and `crm forecast --known-at`
    converts as it would have then.
    """
    return put(app, currency, rate_text(rate), since, dry_run)


@command.verb("crm rate rm EUR --from 2026-07-01")
def rm(app: App, currency: Currency, since: From = None, dry_run: DryRun = False) -> Result:
    """Take back the rate that begins on a day; the one before it holds on. --known-at still has it."""
    return put(app, currency, None, since, dry_run)


def put(app: App, currency: str, rate: str | None, since: str | None, dry_run: bool) -> Outcome:
    """Add a row that sets, or clears, the rate of a day. Raises InvalidValue, NotFound."""
    code, home = check_currency(currency), app.currency
    if code == home:
        raise InvalidValue(f"{home} is the home currency: its rate is 1.", field="currency")
    day = (
        parse_date(since, today=app.today, order=app.date_order, fiscal_start=app.fiscal_start)
        if since
        else app.today
    )
    if day is None:
        raise InvalidValue("--from none: a rate begins on a day.", field="from")
    with app.work(dry_run=dry_run, makes=True) as work:
        known = {(of, begins): text for of, begins, text in rates(work.reader, None, home)}
        old = known.get((code, day.isoformat()))
        if rate is None and old is None:
            raise NotFound(f"No rate of {code} begins on {day}.", hint="`crm rate list` shows them.")
        if rate != old:
            changes = Changes()
            changes.add("rate", work.ids("rate"), currency=code, home=home, valid_from=day, rate=rate)
            work.apply(changes)
        entry = work.entry if work.wrote and not dry_run else None
    worth = (
        f"1 {code} is {rate} {home} from {day} on" if rate else f"No rate of {code} begins on {day} any more"
    )
    was = " already" if rate == old else f", was {old}" if old and rate else ""
    data = {"currency": code, "home": home, "valid_from": day.isoformat(), "rate": rate, "entry": entry}
    return Outcome([f"{'Would be: ' if dry_run else ''}{worth}{was}."], data=data)


@command.verb("crm rate list", "crm rate list EUR --json", name="list")
def list_(
    app: App,
    currency: Annotated[str | None, typer.Argument(metavar="CURRENCY", help="Only this one.")] = None,
) -> Result:
    """List all rates that were ever set, by currency and day; those that hold are marked."""
    reader = app.read()
    wanted = check_currency(currency) if currency else None
    found = reader.rows(
        "SELECT r.currency, r.valid_from, r.rate, r.home, r.created_at, e.actor, r.id"
        " FROM rate AS r LEFT JOIN change AS c ON c.entity = 'rate' AND c.first_id <= r.id AND c.last_id >= r.id"
        " AND c.op = 'add' LEFT JOIN entry AS e ON e.id = c.entry_id WHERE r.deleted_at IS NULL"
        + (" AND r.currency = :currency" if wanted else "")
        + " ORDER BY r.currency, r.home, r.valid_from, r.created_at, r.id",
        **({"currency": wanted} if wanted else {}),
    )
    rows: list[list[Any]] = [list(row[:6]) for row in found]
    last = {(row[0], row[3], row[1]): number for number, row in enumerate(rows)}
    for number, row in enumerate(rows):
        row.append(row[2] is not None and row[3] == app.currency and last[row[0], row[3], row[1]] == number)
    return Table(COLUMNS, rows, title="Exchange rates", empty="No rates are set.", refs="currency")
