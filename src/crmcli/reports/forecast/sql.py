"""The deals of a forecast in SQL: grouped, one by one, and those that are left out."""

from crmcli.reports.forecast.asked import Asked
from crmcli.rules.forecast import NO_AMOUNT, NO_CLOSE_DATE, SLIPPED
from crmcli.rules.rates import NO_RATE
from crmcli.store.deals import WEIGHTED
from crmcli.store.groups import BY


def counted_sql(asked: Asked) -> str:
    """The deals of the period that have an amount: the open ones from the as-of day on, and the won ones."""
    those = " AND d.currency = :into" if asked.into else ""
    # Grouped as the indexes are ordered: days, of which the fold makes months, and owners, of all that is open.
    key = "d.close_date" if asked.by in ("month", "quarter") else "1"
    parts = [in_period(asked, won) for won in (0, 1)]
    if asked.by in ("owner", "team", "manager"):
        parts[0] = f"{asked.scope.open} AND coalesce(d.close_date, '') BETWEEN :open_from AND :end"
    return " UNION ALL ".join(
        f"SELECT {BY[asked.by]} AS k, d.currency, d.category, {won} AS won, count(*) AS deals,"
        f" CAST(sum(d.amount) AS BIGINT), CAST(sum({WEIGHTED}) AS BIGINT)"
        f" FROM {asked.scope.source.table} WHERE {part} AND d.amount IS NOT NULL{those}"
        f" GROUP BY {key}, 2, 3"
        for won, part in enumerate(parts)
    )


def foreign_sql(asked: Asked) -> str:
    """The deals in other currencies than the one that all is converted to, each amount apart."""
    return " UNION ALL ".join(
        f"SELECT {BY[asked.by]} AS k, d.currency, d.category, {won} AS won, count(*) AS deals,"
        f" d.amount, d.probability, {'d.close_date' if won else ':as_of'} AS day"
        f" FROM {asked.scope.source.table} WHERE {in_period(asked, won)} AND d.amount IS NOT NULL"
        f" AND d.currency <> :into GROUP BY 1, 2, 3, 6, 7, 8"
        for won in (0, 1)
    )


def deals_sql(asked: Asked) -> str:
    """The same deals one by one, the largest first; of each row and currency at most :most."""
    source = asked.scope.source
    both = " UNION ALL ".join(
        f"SELECT {BY[asked.by]} AS k, d.currency, d.category, {won} AS won, {source.id} AS id,"
        f" {source.name} AS name, d.amount, d.probability, d.close_date"
        f" FROM {source.named} WHERE {in_period(asked, won)} AND d.amount IS NOT NULL"
        for won in (0, 1)
    )
    place = "row_number() OVER (PARTITION BY k, currency ORDER BY amount DESC, id) AS place"
    return f"SELECT * FROM (SELECT b.*, {place} FROM ({both}) AS b) AS p WHERE place <= :most ORDER BY place"


def in_period(asked: Asked, won: int) -> str:
    """The condition on the open deals of the period, or on the won ones."""
    if won:
        closed = f"{asked.scope.holds} AND d.is_closed = 1 AND d.is_won = 1"
        return f"{closed} AND d.close_date BETWEEN :start AND :end"
    return f"{asked.scope.open} AND d.close_date BETWEEN :open_from AND :end"


def left_out_sql(asked: Asked) -> str:
    """The deals that are left out, and why; no deal for two reasons."""
    source = asked.scope.source
    blank = "d.close_date BETWEEN :open_from AND :end AND d.amount IS NULL"
    why = f"CASE WHEN d.close_date IS NULL THEN '{NO_CLOSE_DATE}' WHEN d.close_date < :as_of THEN '{SLIPPED}'"
    open = (
        f"{asked.scope.open} AND (d.close_date IS NULL OR d.close_date < :as_of OR ({blank}))"
        " AND d.category <> 'Omitted'"
    )
    return (
        f"SELECT {why} ELSE '{NO_AMOUNT}' END AS reason, d.currency, d.amount, {source.id} AS id"
        f" FROM {source.table} WHERE {open}"
        f" UNION ALL SELECT '{NO_AMOUNT}', d.currency, d.amount, {source.id}"
        f" FROM {source.table} WHERE {in_period(asked, 1)} AND d.amount IS NULL AND d.category <> 'Omitted'"
    )


def unrated_sql(asked: Asked) -> str:
    """Those in a currency that had no rate on their day."""
    source = asked.scope.source
    days = ("CAST(:as_of AS TEXT)", "d.close_date")
    return " UNION ALL ".join(
        f"SELECT '{NO_RATE}' AS reason, d.currency, d.amount, {source.id} AS id FROM {source.table}"
        f" WHERE {in_period(asked, won)} AND d.amount IS NOT NULL AND d.currency = :unrated AND {day} < :rated_from"
        for won, day in enumerate(days)
    )


def out_of_figures_sql(asked: Asked) -> tuple[str, str]:
    """How many deals of the period are in no figure because they were lost, and because they are Omitted."""
    table = asked.scope.source.table
    lost = (
        f"{asked.scope.holds} AND d.is_closed = 1 AND d.is_won = 0 AND d.close_date BETWEEN :start AND :end"
    )
    omitted = " UNION ALL ".join(
        f"SELECT 1 FROM {table} WHERE {in_period(asked, won)} AND d.amount IS NOT NULL AND d.category = 'Omitted'"
        for won in (0, 1)
    )
    return f"SELECT count(*) FROM {table} WHERE {lost}", f"SELECT count(*) FROM ({omitted}) AS x"
