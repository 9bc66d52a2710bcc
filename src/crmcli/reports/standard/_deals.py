"""What the standard reports about deals share: sums in one currency, names of rows, and the origin of figures."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, tzinfo
from typing import Any, Final, NamedTuple

from crmcli.fields import reference
from crmcli.reports.standard import Asked
from crmcli.result import Report
from crmcli.rules.forecast import NO_AMOUNT
from crmcli.rules.rates import NO_RATE
from crmcli.store import groups
from crmcli.store.groups import BY, Key
from crmcli.store.reader import Reader
from crmcli.values.dates import from_iso_instant
from crmcli.values.money import amount_text

NAMED: Final = 10  # deals that a footer names
EXPLAINED: Final = 20  # deals of a row that --explain shows to people
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
    return f"{asked.scope.holds} AND d.is_closed = 0"


def used(asked: Asked, condition: str) -> dict[str, Any]:
    """The parameters that a condition names."""
    return {name: value for name, value in asked.bounds.items() if f":{name}" in condition}


# --- sums -----------------------------------------------------------------------------------------------


def in_one_currency(reader: Reader, asked: Asked, *conditions: str) -> Asked:
    """The same with the currency of the figures: the one asked for, the only one in use, or the home currency."""
    if asked.currency:
        return asked
    found: set[str] = set()
    for condition in conditions:
        rows = reader.rows(
            f"SELECT DISTINCT d.currency FROM {asked.scope.source.table} WHERE {condition}"
            " AND d.amount IS NOT NULL",
            **used(asked, condition),
        )
        found |= {row[0] for row in rows}
    return asked._replace(currency=found.pop() if len(found) == 1 else asked.home)


def sums(reader: Reader, asked: Asked, condition: str, *more: str) -> Iterator[Sum]:
    """The deals that meet a condition by row, and by further columns: as many groups as there are.

    Amounts in other currencies are converted deal by deal: of open deals at the rate of the as-of day, of
    closed ones at that of the day they were closed.
    """
    assert asked.currency is not None
    table = asked.scope.source.table
    columns = ", ".join((BY.get(asked.by, "NULL") + " AS k", *more))
    places = ", ".join(str(number) for number in range(1, len(more) + 2))
    there = used(asked, condition)
    home = f"{condition} AND (d.currency = :into OR d.amount IS NULL)"
    for key, *others, deals, valued, amount in reader.rows(
        f"SELECT {columns}, count(*), count(d.amount), CAST(coalesce(sum(d.amount), 0) AS BIGINT)"
        f" FROM {table} WHERE {home} GROUP BY {places}",
        into=asked.currency,
        **there,
    ):
        yield Sum(key, tuple(others), deals, valued, amount)
    day = "CASE WHEN d.is_closed = 1 THEN d.close_date ELSE CAST(:as_of AS TEXT) END"
    for key, *others, currency, amount, day_of, deals in reader.rows(
        f"SELECT {columns}, d.currency, d.amount, {day} AS day, count(*) FROM {table}"
        f" WHERE {condition} AND d.currency <> :into AND d.amount IS NOT NULL"
        f" GROUP BY {places}, d.currency, d.amount, day",
        into=asked.currency,
        as_of=asked.scope.as_of,
        **there,
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
        **used(asked, condition),
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
    return groups.keys_of(reader, asked.by, asked.fiscal_start, accounts, used(asked, condition))


# --- what a report says beside its figures --------------------------------------------------------------


def head(asked: Asked, name: str) -> dict[str, Any]:
    """The keys that the JSON of every standard report begins with."""
    period = asked.period
    return {
        "report": name,
        "as_of": asked.scope.as_of,
        "period": {
            "start": period.start.isoformat(),
            "end": period.end.isoformat(),
            "label": period.label,
        },
        "currency": asked.currency,
        "by": asked.by or None,
        "owner": asked.scope.owner,
    }


def footer(asked: Asked, what: str) -> str:
    """The last line: the day the report stands on, what it counts, and whose."""
    period = f"{asked.period.start}..{asked.period.end}"
    whose = f"owner {asked.scope.owner}" if asked.scope.owner else "all owners"
    return f"As of {asked.scope.as_of} · {what} {period} · {whose}"


def left_out(reader: Reader, asked: Asked, report: Report, *conditions: str) -> None:
    """Name the deals whose amount is in no sum: there is none, or it cannot be converted."""
    excluded: list[dict[str, str]] = []
    source = asked.scope.source
    unrated_sql = (
        "d.amount IS NOT NULL AND d.currency = :unrated AND CASE WHEN d.is_closed = 1 THEN d.close_date"
        " ELSE CAST(:as_of AS TEXT) END < :rated_from"
    )
    ways: list[tuple[str, str, dict[str, Any]]] = [(NO_AMOUNT, "d.amount IS NULL", {})]
    for currency, day in asked.rates.unrated(asked.currency or asked.home).items():
        params = {"unrated": currency, "rated_from": day, "as_of": asked.scope.as_of}
        ways.append((f"{NO_RATE} for {currency}", unrated_sql, params))
    for condition in conditions:
        for reason, where, params in ways:
            found = reader.rows(
                f"SELECT {source.id} FROM {source.table} WHERE {condition} AND {where} ORDER BY 1",
                **used(asked, condition),
                **params,
            )
            excluded += [{"ref": reference("opportunity", row[0]), "reason": reason} for row in found]
    not_summed(report, excluded)


def not_summed(report: Report, excluded: list[dict[str, str]]) -> None:
    """The same of deals that are known already, each with its reason."""
    report.tail["excluded"] = excluded
    reasons = dict.fromkeys(each["reason"] for each in excluded)
    for reason in reasons:
        refs = [each["ref"] for each in excluded if each["reason"] == reason]
        hint = " (crm rate set)" if reason.startswith(NO_RATE) else ""
        report.notes.insert(0, named(f"{reason[0].upper()}{reason[1:]}{hint}", refs, "counted, in no amount"))


def not_timed(report: Report, ids: Iterable[int]) -> None:
    """Name the deals that are in no number of days: by their dates they were closed before they were made."""
    refs = [reference("opportunity", id) for id in sorted(ids)]
    report.tail.setdefault("excluded", []).extend({"ref": ref, "reason": NO_DAYS} for ref in refs)
    if refs:
        report.notes.insert(0, named(f"{NO_DAYS[0].upper()}{NO_DAYS[1:]}", refs, "in no number of days"))


def named(why: str, refs: Sequence[str], what: str) -> str:
    """A sentence on deals that are left out: why, how many, out of what, and which."""
    more = [f"and {len(refs) - NAMED} more"] if len(refs) > NAMED else []
    deals = f"{len(refs)} deal{'s' if len(refs) > 1 else ''}"
    return f"{why}: {deals}, {what}: {' '.join([*refs[:NAMED], *more])}"


def explain(
    reader: Reader,
    asked: Asked,
    report: Report,
    formulas: Mapping[str, str],
    condition: str,
    key_of: Callable[[Any], Key],
    by: str | None = None,
) -> None:
    """Say how the figures are made, from how many deals, and from which: all of them to programs.

    `by` is the column that tells the row of a deal, where that is not what the report is asked by.
    """
    source = asked.scope.source
    made = local_day(asked.zone)
    found: dict[Key, list[dict[str, Any]]] = {}
    for key, id, name, amount, currency, created, close_date, is_won, is_closed in reader.rows(
        f"SELECT {by or BY.get(asked.by, 'NULL')} AS k, {source.id} AS id, {source.name} AS name, d.amount,"
        f" d.currency, {source.created}, d.close_date, d.is_won, d.is_closed FROM {source.named}"
        f" WHERE {condition} ORDER BY coalesce(d.amount, -1) DESC, 2",
        **used(asked, condition),
    ):
        row = key_of(key) if asked.by or by else Key("")
        deal = told(id, name, amount, currency, made(created), close_date, is_won, is_closed)
        found.setdefault(row, []).append(deal)
    explained(report, formulas, found)


def told(
    id: int,
    name: str,
    amount: int | None,
    currency: str,
    made: date,
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
        "created": made.isoformat(),
        "close_date": close_date,
        "outcome": ("won" if is_won else "lost") if is_closed else "open",
    }


def explained(report: Report, formulas: Mapping[str, str], found: Mapping[Key, list[dict[str, Any]]]) -> None:
    """The same of deals that are told already, by the name of their row."""
    ordered = in_place(found.items())
    rows = [{"key": key.name, "counted": len(deals), "deals": deals} for key, deals in ordered]
    report.tail["explain"] = {"formulas": dict(formulas), "rows": rows}
    report.explain = [f"{name.replace('_', ' ')}: {formula}" for name, formula in formulas.items()]
    for key, deals in ordered:
        report.explain.append(f"{key.name or 'All'}: deals counted: {len(deals)}")
        for deal in deals[:EXPLAINED]:
            worth = f"{deal['currency']} {deal['amount']}" if deal["amount"] else "no amount"
            close = f"{deal['outcome']} {deal['close_date'] or 'no close date'}"
            became = f" · {deal['became']}" if "became" in deal else ""
            words = f"{worth} · made {deal['created']} · {close}{became}"
            report.explain.append(f"  {deal['ref']} {deal['name']} · {words}")
        if len(deals) > EXPLAINED:
            report.explain.append(f"  and {len(deals) - EXPLAINED} more")


def in_place(rows: Iterable[tuple[Key, Any]]) -> list[tuple[Key, Any]]:
    """Rows in the order of their keys: names by the alphabet, months by the calendar, stages as they follow."""
    return sorted(rows, key=lambda row: row[0].place)
