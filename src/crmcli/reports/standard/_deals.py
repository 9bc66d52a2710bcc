"""What the standard reports about deals share: sums in one currency, names of rows, and the origin of figures."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, tzinfo
from typing import Any, Final, NamedTuple

from crmcli.fields import reference
from crmcli.reports.standard import Asked
from crmcli.reports.standard._said import EXPLAINED, NAMED, Origin, explained, most, named
from crmcli.result import Column, Report
from crmcli.rules.forecast import NO_AMOUNT
from crmcli.rules.rates import NO_RATE
from crmcli.store import groups
from crmcli.store.deals import usual_currency
from crmcli.store.groups import BY, Key
from crmcli.store.reader import Reader
from crmcli.values.dates import from_iso_instant
from crmcli.values.money import amount_text

NO_DAYS: Final = "closed before it was made"


class Sum(NamedTuple):
    """Deals of one row, and of one of each of the other columns asked for, in the currency of the report."""

    key: Any  # what SQL grouped by
    more: tuple[Any, ...]
    deals: int
    valued: int  # those whose amount is in the sum: it is there, and can be converted
    amount: int


# --- conditions -----------------------------------------------------------------------------------------


def closed(asked: Asked) -> str:
    """The deals that were closed in the period."""
    return f"{asked.scope.holds} AND d.is_closed = 1 AND d.close_date BETWEEN :start AND :end"


def won(asked: Asked) -> str:
    """The deals that were won in the period."""
    return f"{closed(asked)} AND d.is_won = 1"


def open_now(asked: Asked) -> str:
    """The deals that are open on the as-of day, whenever they close."""
    return asked.scope.open


# --- sums -----------------------------------------------------------------------------------------------


def in_one_currency(reader: Reader, asked: Asked) -> Asked:
    """The same with the currency of the figures: the one asked for, or the usual one."""
    return asked._replace(currency=asked.currency or usual_currency(reader, asked.scope, asked.home))


def sums(reader: Reader, asked: Asked, condition: str, *more: str) -> Iterator[Sum]:
    """The deals that meet a condition by row, and by further columns: as many groups as there are.

    Amounts in other currencies are converted deal by deal: of open deals at the rate of the as-of day, of
    closed ones at that of the day they were closed.
    """
    assert asked.currency is not None
    table = asked.scope.source.table
    columns = ", ".join((BY.get(asked.by, "NULL") + " AS k", *more))
    places = ", ".join(str(number) for number in range(1, len(more) + 2))
    home = f"{condition} AND (d.currency = :into OR d.amount IS NULL)"
    for key, *others, deals, valued, amount in reader.rows(
        f"SELECT {columns}, count(*), count(d.amount), CAST(coalesce(sum(d.amount), 0) AS BIGINT)"
        f" FROM {table} WHERE {home} GROUP BY {places}",
        into=asked.currency,
        **asked.bounds,
    ):
        yield Sum(key, tuple(others), deals, valued, amount)
    day = "CASE WHEN d.is_closed = 1 THEN d.close_date ELSE CAST(:as_of AS TEXT) END"
    for key, *others, currency, amount, day_of, deals in reader.rows(
        f"SELECT {columns}, d.currency, d.amount, {day} AS day, count(*) FROM {table}"
        f" WHERE {condition} AND d.currency <> :into AND d.amount IS NOT NULL"
        f" GROUP BY {places}, d.currency, d.amount, day",
        into=asked.currency,
        **asked.bounds,
    ):
        converted = asked.rates.convert(amount, currency, asked.currency, day_of or asked.scope.as_of)
        valued = 0 if converted is None else deals
        yield Sum(key, tuple(others), deals, valued, (converted or 0) * deals)


class Closing(NamedTuple):
    """A deal that was closed, with the days of its creation and of its close on the user's calendar."""

    key: Any  # what it is grouped by
    id: int
    is_won: bool
    amount: int | None
    currency: str
    made: date
    closed: date


def closings(reader: Reader, asked: Asked, condition: str, key: str | None = None) -> Iterator[Closing]:
    """The closed deals that meet a condition, one by one."""
    source = asked.scope.source
    made = local_day(asked.zone)
    for k, id, is_won, amount, currency, created, close_date in reader.rows(
        f"SELECT {key or BY.get(asked.by, 'NULL')} AS k, {source.id}, d.is_won, d.amount, d.currency,"
        f" {source.created}, d.close_date FROM {source.named} WHERE {condition}",
        **asked.bounds,
    ):
        yield Closing(k, id, bool(is_won), amount, currency, made(created), date.fromisoformat(close_date))


def local_day(zone: tzinfo) -> Callable[[str], date]:
    """A function from a stored moment to its day on the user's calendar."""
    known: dict[str, date] = {}

    def day(moment: str) -> date:
        minute = moment[:16]  # no zone changes the day within one
        if minute not in known:
            known[minute] = from_iso_instant(moment).astimezone(zone).date()
        return known[minute]

    return day


def names(reader: Reader, asked: Asked, condition: str) -> Callable[[Any], Key]:
    """A function from what SQL grouped by to the row it belongs to."""
    accounts = f"SELECT d.account_id FROM {asked.scope.source.table} WHERE {condition}"
    return groups.keys_of(reader, asked.by, asked.fiscal_start, accounts, asked.bounds, asked.scope.moment)


def alone(key_of: Callable[[Any], Key]) -> Callable[[Any], Iterable[Key]]:
    """The same where more than one row is possible."""
    return lambda value: (key_of(value),)


def key_columns(asked: Asked) -> list[Column]:
    """The columns that say what a row stands for; accounts of one name are told apart by their references."""
    label = asked.by.capitalize()
    if asked.by == "account":
        return [Column("ref", label, "link"), Column(asked.by, label, folded=True)]
    return [Column(asked.by, label)]


def key_cells(asked: Asked, key: Key | None) -> list[str | None]:
    """What stands in them; nothing in the total."""
    names: list[str | None] = [key.ref, key.name] if key else [None, None]
    return names if asked.by == "account" else names[1:]


def refs_of(asked: Asked) -> str | None:
    """The column that --format ids prints."""
    return "ref" if asked.by == "account" else None


# --- what is left out -----------------------------------------------------------------------------------


def left_out(reader: Reader, asked: Asked, report: Report, condition: str) -> None:
    """Name the deals whose amount is in no sum: there is none, or it cannot be converted."""
    source = asked.scope.source
    unrated_sql = (
        "d.amount IS NOT NULL AND d.currency = :unrated AND CASE WHEN d.is_closed = 1 THEN d.close_date"
        " ELSE CAST(:as_of AS TEXT) END < :rated_from"
    )
    ways: list[tuple[str, str, dict[str, Any]]] = [(NO_AMOUNT, "d.amount IS NULL", {})]
    for currency, day in asked.rates.unrated(asked.currency or asked.home).items():
        params = {"unrated": currency, "rated_from": day}
        ways.append((f"{NO_RATE} for {currency}", unrated_sql, params))
    report.tail["excluded"] = []
    for reason, where, params in ways:
        found = list(
            reader.rows(
                f"SELECT {source.id}, count(*) OVER () FROM {source.table} WHERE {condition} AND {where}"
                " ORDER BY 1 LIMIT :most",
                most=most(asked, NAMED),
                **asked.bounds,
                **params,
            )
        )
        not_summed(report, reason, [id for id, _ in found], found[0][1] if found else 0)


def not_summed(report: Report, reason: str, ids: Sequence[int], deals: int) -> None:
    """The same of so many deals that are known already, these among them."""
    hint = " (crm rate set)" if reason.startswith(NO_RATE) else ""
    _leave_out(report, reason, hint, ids, deals, "counted, in no amount")


def not_timed(report: Report, ids: Sequence[int]) -> None:
    """Name the deals that are in no number of days: by their dates they were closed before they were made."""
    _leave_out(report, NO_DAYS, "", sorted(ids), len(ids), "in no number of days")


def _leave_out(report: Report, reason: str, hint: str, ids: Sequence[int], deals: int, what: str) -> None:
    refs = [reference("opportunity", id) for id in ids]
    report.tail.setdefault("excluded", []).extend({"ref": ref, "reason": reason} for ref in refs)
    if refs:
        report.notes.insert(0, named(f"{reason}{hint}", refs, what, count=deals))


# --- of what the figures are made -----------------------------------------------------------------------


def explain(
    reader: Reader,
    asked: Asked,
    report: Report,
    formulas: Mapping[str, str],
    condition: str,
    rows_of: Callable[[Any], Iterable[Key]],
    by: str | None = None,
) -> None:
    """Say how the figures are made, from how many deals, and from which: the largest, and all to programs.

    `rows_of` has the rows of what SQL groups by, which is the column `by` if not what the report is asked by.
    """
    source = asked.scope.source
    found: dict[Key, list[tuple[int, int]]] = {}  # amounts and deals
    counted: Counter[Key] = Counter()
    facts: dict[int, dict[str, Any]] = {}
    made = local_day(asked.zone)
    place = "row_number() OVER (PARTITION BY k ORDER BY coalesce(amount, -1) DESC, id) AS place"
    for key, amount, place_of, deals, id, *deal in reader.rows(
        "SELECT k, amount, place, deals, id, name, currency, created_at, close_date, is_won, is_closed FROM"
        f" (SELECT x.*, {place}, count(*) OVER (PARTITION BY k) AS deals FROM"
        f" (SELECT {by or BY.get(asked.by, 'NULL')} AS k, {FACTS.format(source)} FROM {source.named}"
        f" WHERE {condition}) AS x) AS p WHERE place <= :most",
        most=most(asked, EXPLAINED),
        **asked.bounds,
    ):
        for row in rows_of(key):
            counted[row] += deals if place_of == 1 else 0
            found.setdefault(row, []).append((-1 if amount is None else amount, -id))
        facts[id] = _told(made, id, amount, *deal)
    told = {
        row: Origin(
            counted[row],
            [facts[-id] for _, id in sorted(those, reverse=True)[: most(asked, EXPLAINED)]],
        )
        for row, those in found.items()
    }
    explained(report, formulas, told, words, "deals")


def explain_those(
    reader: Reader,
    asked: Asked,
    report: Report,
    formulas: Mapping[str, str],
    rows: Mapping[Key, Sequence[tuple[int, dict[str, Any]]]],
) -> None:
    """The same of deals that are known already, by row, the first ones first, with what else is said of each."""
    shown = {row: deals[: most(asked, EXPLAINED)] for row, deals in rows.items()}
    source = asked.scope.source
    ids = sorted({id for deals in shown.values() for id, _ in deals})
    some = "" if asked.every else f" AND {source.id} IN ({', '.join(map(str, ids)) or 0})"
    made = local_day(asked.zone)
    facts = {
        deal[0]: _told(made, *deal)
        for deal in reader.rows(
            f"SELECT {FACTS.format(source)} FROM {source.named} WHERE {asked.scope.holds}{some}",
            **asked.bounds,
        )
    }
    told = {
        row: Origin(len(rows[row]), [{**facts[id], **more} for id, more in deals])
        for row, deals in shown.items()
    }
    explained(report, formulas, told, words, "deals")


# What is told of a deal, as columns of a source.
FACTS: Final = (
    "{0.id} AS id, d.amount AS amount, {0.name} AS name, d.currency AS currency, {0.created} AS created_at,"
    " d.close_date AS close_date, d.is_won AS is_won, d.is_closed AS is_closed"
)


def _told(
    made: Callable[[str], date],
    id: int,
    amount: int | None,
    name: str,
    currency: str,
    created: str,
    close_date: str | None,
    is_won: int,
    is_closed: int,
) -> dict[str, Any]:
    """A deal as --explain tells of it."""
    return {
        "ref": reference("opportunity", id),
        "name": name,
        "amount": None if amount is None else amount_text(amount, currency),
        "currency": currency,
        "created": made(created).isoformat(),
        "close_date": close_date,
        "outcome": ("won" if is_won else "lost") if is_closed else "open",
    }


def words(deal: Mapping[str, Any]) -> str:
    """The same in words."""
    worth = f"{deal['currency']} {deal['amount']}" if deal["amount"] else "no amount"
    close = f"{deal['outcome']} {deal['close_date'] or 'no close date'}"
    more = (
        [deal["became"]]
        if "became" in deal
        else [f"in {', '.join(deal['columns'])}"]
        if "columns" in deal
        else []
    )
    return " · ".join([deal["name"], worth, f"made {deal['created']}", close, *more])
