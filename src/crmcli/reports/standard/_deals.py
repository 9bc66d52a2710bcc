"""What the standard reports about deals share: sums in one currency, names of rows, and the origin of figures."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from crmcli.fields import reference
from crmcli.reports.standard import Asked
from crmcli.result import Report
from crmcli.rules.forecast import NO_AMOUNT
from crmcli.store import groups
from crmcli.store.groups import BY, Key
from crmcli.store.reader import Reader
from crmcli.values.money import amount_text

NAMED: Final = 10  # deals that a footer names
EXPLAINED: Final = 20  # deals of a row that --explain shows to people
NO_RATE: Final = "no rate"


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
    report.tail["excluded"] = excluded
    reasons = dict.fromkeys(each["reason"] for each in excluded)
    for reason in reasons:
        refs = [each["ref"] for each in excluded if each["reason"] == reason]
        more = [f"and {len(refs) - NAMED} more"] if len(refs) > NAMED else []
        deals = f"{len(refs)} deal{'s' if len(refs) > 1 else ''}"
        hint = " (crm rate set)" if reason.startswith(NO_RATE) else ""
        words = f"{reason[0].upper()}{reason[1:]}{hint}: {deals}, counted, in no amount"
        report.notes.insert(0, f"{words}: {' '.join([*refs[:NAMED], *more])}")


def explain(
    reader: Reader,
    asked: Asked,
    report: Report,
    formulas: Mapping[str, str],
    condition: str,
    key_of: Callable[[Any], Key],
) -> None:
    """Say how the figures are made, from how many deals, and from which: all of them to programs."""
    source = asked.scope.source
    found: dict[str, list[dict[str, Any]]] = {}
    for key, id, name, amount, currency, close_date, is_won, is_closed in reader.rows(
        f"SELECT {BY.get(asked.by, 'NULL')} AS k, {source.id} AS id, {source.name} AS name, d.amount, d.currency,"
        f" d.close_date, d.is_won, d.is_closed FROM {source.named} WHERE {condition}"
        " ORDER BY coalesce(d.amount, -1) DESC, 2",
        **used(asked, condition),
    ):
        row = key_of(key).name if asked.by else ""
        found.setdefault(row, []).append(
            {
                "ref": reference("opportunity", id),
                "name": name,
                "amount": None if amount is None else amount_text(amount, currency),
                "currency": currency,
                "close_date": close_date,
                "outcome": ("won" if is_won else "lost") if is_closed else "open",
            }
        )
    rows = [{"key": key, "counted": len(deals), "deals": deals} for key, deals in found.items()]
    report.tail["explain"] = {"formulas": dict(formulas), "rows": rows}
    report.explain = [f"{name.replace('_', ' ')}: {formula}" for name, formula in formulas.items()]
    for key, deals in found.items():
        report.explain.append(f"{key or 'All'}: deals counted: {len(deals)}")
        for deal in deals[:EXPLAINED]:
            worth = f"{deal['currency']} {deal['amount']}" if deal["amount"] else "no amount"
            words = f"{worth} · {deal['outcome']} {deal['close_date'] or 'no close date'}"
            report.explain.append(f"  {deal['ref']} {deal['name']} · {words}")
        if len(deals) > EXPLAINED:
            report.explain.append(f"  and {len(deals) - EXPLAINED} more")


def in_place(rows: Iterable[tuple[Key, Any]]) -> list[tuple[Key, Any]]:
    """Rows in the order of their keys: names by the alphabet, months by the calendar, stages as they follow."""
    return sorted(rows, key=lambda row: row[0].place)
