"""Quotas, exchange rates and adjustments, as they were known at a moment; without one, as they are now.

Their tables only grow. What counts of the rows with the same key is the last that was made, among those that
were there: made before the moment, and not undone before it.
"""

from typing import Any, Final

from crmcli.store.reader import Reader

KEYS: Final = {
    "quota": "owner_id, period_start, period_end, coalesce(team, 0)",
    "rate": "currency, home, valid_from",
    "adjustment": "owner_id, period_start, period_end, category, layer",
}


def known(table: str, columns: str, condition: str, moment: str | None) -> str:
    """A query for the rows of a table that count at :moment, or now."""
    there = "t.deleted_at IS NULL"
    if moment is not None:
        there = "t.created_at < :moment AND (t.deleted_at IS NULL OR t.deleted_at >= :moment)"
    newest = f"row_number() OVER (PARTITION BY {KEYS[table]} ORDER BY t.created_at DESC, t.id DESC) AS newest"
    rows = f"SELECT t.*, {newest} FROM {table} AS t WHERE {there}"
    return f"SELECT {columns} FROM ({rows}) AS k WHERE newest = 1 AND {condition}"


def _asked(moment: str | None, **params: Any) -> dict[str, Any]:
    return params if moment is None else {**params, "moment": moment}


def quotas(reader: Reader, moment: str | None, start: str, end: str) -> list[tuple[Any, ...]]:
    """The targets for periods that lie within a stretch: owner, first and last day, team, amount, deals, currency."""
    sql = known(
        "quota",
        "owner_id, period_start, period_end, coalesce(team, 0), amount, deals, currency",
        "(amount IS NOT NULL OR deals IS NOT NULL) AND period_start >= :start AND period_end <= :end"
        " ORDER BY period_start, period_end DESC, owner_id",
        moment,
    )
    return list(reader.rows(sql, **_asked(moment, start=start, end=end)))


def rates(reader: Reader, moment: str | None, home: str) -> list[tuple[str, str, str]]:
    """What currencies are worth in the home currency: the currency, from which day, how much.

    A rate counts from its day, whenever it was recorded: the past is converted as it truly was. A moment is for
    what was known then: `Scope.known`.
    """
    sql = known(
        "rate",
        "currency, valid_from, rate",
        "rate IS NOT NULL AND home = :home ORDER BY currency, valid_from",
        moment,
    )
    found = reader.rows(sql, **_asked(moment, home=home))
    return [(str(currency), str(day), str(rate)) for currency, day, rate in found]


def adjustments(reader: Reader, moment: str | None, start: str, end: str) -> list[tuple[Any, ...]]:
    """The judgements of a period's figures: owner, category, layer, amount, currency, raw, note, by whom, when."""
    sql = known(
        "adjustment",
        "owner_id, category, layer, amount, currency, raw, note, adjusted_by, created_at",
        "amount IS NOT NULL AND period_start = :start AND period_end = :end ORDER BY owner_id, category, layer",
        moment,
    )
    return list(reader.rows(sql, **_asked(moment, start=start, end=end)))
