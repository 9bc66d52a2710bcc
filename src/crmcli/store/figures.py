"""Quotas, exchange rates and adjustments, as they were at a moment; without one, as they are now.

Their tables only grow. What counts of the rows with the same key is the last that was made before the moment.
What was undone never was; only to what was known at a moment it belongs until its undo.
"""

from collections.abc import Iterator
from typing import Any, Final

from crmcli.store.reader import Reader

KEYS: Final = {
    "quota": "owner_id, period_start, period_end, coalesce(team, 0)",
    "rate": "currency, home, valid_from",
    "adjustment": "owner_id, period_start, period_end, category, layer",
}


# What was last done to a row by :known: only an undo removes one, and a redo brings it back.
LAST_DONE: Final = (
    "SELECT c.op FROM change AS c JOIN entry AS e ON e.id = c.entry_id WHERE c.entity = '{table}'"
    " AND t.id BETWEEN c.first_id AND c.last_id AND e.at < :known ORDER BY c.id DESC LIMIT 1"
)


def counting(
    reader: Reader,
    table: str,
    columns: str,
    condition: str,
    moment: str | None,
    known: str | None,
    **params: Any,
) -> Iterator[tuple[Any, ...]]:
    """The rows of a table that count at a moment, by what is known now or was known then; None is now."""
    there = "t.deleted_at IS NULL"
    if known is not None:
        there = f"t.created_at < :known AND coalesce(({LAST_DONE.format(table=table)}), 'add') <> 'remove'"
        params["known"] = known
    if moment is not None:
        there += " AND t.created_at < :moment"
        params["moment"] = moment
    newest = f"row_number() OVER (PARTITION BY {KEYS[table]} ORDER BY t.created_at DESC, t.id DESC) AS newest"
    rows = f"SELECT t.*, {newest} FROM {table} AS t WHERE {there}"
    return reader.rows(f"SELECT {columns} FROM ({rows}) AS k WHERE newest = 1 AND {condition}", **params)


def quotas(
    reader: Reader, start: str, end: str, moment: str | None = None, known: str | None = None
) -> list[tuple[Any, ...]]:
    """The targets for periods that lie within a stretch: owner, first and last day, team, amount, deals, currency."""
    found = counting(
        reader,
        "quota",
        "owner_id, period_start, period_end, coalesce(team, 0), amount, deals, currency",
        "(amount IS NOT NULL OR deals IS NOT NULL) AND period_start >= :start AND period_end <= :end"
        " ORDER BY period_start, period_end DESC, owner_id",
        moment,
        known,
        start=start,
        end=end,
    )
    return list(found)


def rates(reader: Reader, known: str | None, home: str) -> list[tuple[str, str, str]]:
    """What currencies are worth in the home currency: the currency, from which day, how much.

    A rate counts from its day, whenever it was recorded: the past is converted as it truly was. Only what was
    known at a moment goes by when it was recorded.
    """
    found = counting(
        reader,
        "rate",
        "currency, valid_from, rate",
        "rate IS NOT NULL AND home = :home ORDER BY currency, valid_from",
        None,
        known,
        home=home,
    )
    return [(str(currency), str(day), str(rate)) for currency, day, rate in found]


def adjustments(
    reader: Reader, start: str, end: str, moment: str | None = None, known: str | None = None
) -> list[tuple[Any, ...]]:
    """The judgements of figures of periods that lie within a stretch: first and last day, owner, category,
    layer, amount, currency, raw, note, by whom, when."""
    found = counting(
        reader,
        "adjustment",
        "period_start, period_end, owner_id, category, layer, amount, currency, raw, note, adjusted_by, created_at",
        "amount IS NOT NULL AND period_start >= :start AND period_end <= :end"
        " ORDER BY period_start, period_end DESC, owner_id, category, layer",
        moment,
        known,
        start=start,
        end=end,
    )
    return list(found)
