"""Funnel: of the deals that entered a stage, how many came further."""

from collections.abc import Iterator
from typing import Any, Final

from crmcli.fields import reference
from crmcli.reports.standard import Asked
from crmcli.reports.standard._deals import (
    explained,
    footer,
    head,
    local_day,
    named,
    not_summed,
    told,
    used,
)
from crmcli.result import Chart, Column, Report
from crmcli.rules.forecast import NO_AMOUNT
from crmcli.rules.funnel import NOWHERE, WON, Passage, funnel
from crmcli.rules.rates import NO_RATE
from crmcli.store.groups import Key
from crmcli.store.reader import Reader
from crmcli.store.stages import PLACES, OpenStage, open_stages, versions_of

FORMULAS: Final = {
    "entered": "deals that came into the stage, or past it, for the first time in the period",
    "advanced": "of these, the deals that came to a later stage or are won, by the as-of day",
    "lost": "of these, the deals that are lost and came to no later stage",
    "pending": "of these, the deals that are open and came to no later stage yet",
    "conversion": "advanced / (advanced + lost), in percent; pending deals are not in it",
    "of_first": "of the deals that entered the first stage in the period, the share that came to this one",
    "amount": "of the deals that entered",
}

# --- SQL ----------------------------------------------------------------------------------------------


def deals_sql(asked: Asked, *more: str) -> str:
    """The deals that came further in the period, or came closed in it; `more` are further columns of deals.

    How far they were before it, by its end, and in all is what rules.funnel.passage says, in its words.
    """
    place = f"CASE WHEN v.is_closed = 0 THEN s.position WHEN v.is_won = 1 AND d.is_won = 1 THEN {WON} END"

    def furthest(condition: str) -> str:
        return f"coalesce(max(CASE WHEN {condition} THEN {place} END), {NOWHERE})"

    scope = asked.scope
    at_start, at_end = furthest("v.valid_from < :since"), furthest("v.valid_from < :until")
    columns = ("d.amount", "d.currency", "d.close_date", "d.is_won", "d.is_closed", *more)
    return (
        f"SELECT {scope.source.id}, min(v.is_closed) AS came_closed, {at_start}, {at_end},"
        f" {furthest('1 = 1')}, {', '.join(f'max({column})' for column in columns)}"
        f" FROM {scope.source.named if more else scope.source.table} {versions_of(scope)}"
        f" LEFT JOIN {PLACES} AS s ON s.name = v.stage WHERE {scope.holds} GROUP BY 1"
        f" HAVING (min(v.is_closed) = 0 AND {at_end} > {at_start})"
        " OR (min(v.is_closed) = 1 AND min(v.valid_from) >= :since AND min(v.valid_from) < :until)"
    )


def rows_of(reader: Reader, asked: Asked, sql: str) -> Iterator[tuple[Any, ...]]:
    return reader.rows(sql, **used(asked, sql))


# --- the report ---------------------------------------------------------------------------------------


def report(reader: Reader, asked: Asked) -> Report:
    """What became of the deals that entered each stage, in the order of the sales process."""
    asked = asked._replace(currency=currency_of(reader, asked))
    came_closed: list[int] = []
    excluded: list[dict[str, str]] = []
    counts: dict[Passage, list[int]] = {}  # deals, amount
    for id, closed, at_start, at_end, highest, *deal in rows_of(reader, asked, deals_sql(asked)):
        amount, currency, close_date, _, is_closed = deal
        if closed:
            came_closed.append(id)
            continue
        worth, reason = worth_of(asked, amount, currency, close_date if is_closed else None)
        if reason:
            excluded.append({"ref": reference("opportunity", id), "reason": reason})
        count = counts.setdefault(Passage(at_start, at_end, highest, bool(is_closed)), [0, 0])
        count[0] += 1
        count[1] += worth
    stages = shown(reader, asked)
    figures = funnel(
        [stage.position for stage in stages],
        [(passage, deals, amount) for passage, (deals, amount) in counts.items()],
    )
    rows = zip(stages, figures, strict=True) if counts else ()
    made = Report(
        (
            Column("stage", "Stage", cut="last"),
            Column("currency", "Currency", hidden=True),
            Column("entered", "Entered", "number"),
            Column("advanced", "Advanced", "number"),
            Column("lost", "Lost", "number"),
            Column("pending", "Pending", "number"),
            Column("conversion", "Conversion", "percent", short="Conv."),
            Column("of_first", "Of first", "percent", minor=1),
            Column("amount", "Amount", "money", minor=2),
        ),
        [[stage.name, asked.currency, *row] for stage, row in rows],
        title=f"Funnel {asked.period.label}, {asked.currency}",
        empty=f"No deals entered a stage in {asked.period.label}.",
        refs=None,
        head=head(asked, "funnel"),
        notes=[footer(asked, "stages entered")],
        chart=Chart("entered"),
    )
    without = [reference("opportunity", id) for id in sorted(came_closed)]
    made.tail["without_stages"] = without
    if without:
        made.notes.insert(0, named("Came closed (imported)", without, "in no stage"))
    excluded.sort(key=lambda each: (each["reason"] != NO_AMOUNT, each["reason"], int(each["ref"][1:])))
    not_summed(made, excluded)
    if asked.explain:
        explained(made, FORMULAS, deals_of(reader, asked, stages))
    return made


def currency_of(reader: Reader, asked: Asked) -> str:
    """The currency of the figures: asked for, or the only one of the deals that are counted, or ours."""
    if asked.currency:
        return asked.currency
    all_deals = f"SELECT DISTINCT d.currency FROM {asked.scope.source.table} WHERE {asked.scope.holds}"
    found = {row[0] for row in rows_of(reader, asked, all_deals)}
    if len(found) > 1:
        counted = rows_of(reader, asked, deals_sql(asked))
        found = {row[6] for row in counted if not row[1] and row[5] is not None}
    return found.pop() if len(found) == 1 else asked.home


def worth_of(asked: Asked, amount: int | None, currency: str, closed: str | None) -> tuple[int, str | None]:
    """The amount of a deal in the currency of the figures, or why it has none there."""
    if amount is None:
        return 0, NO_AMOUNT
    converted = asked.rates.convert(
        amount, currency, asked.currency or asked.home, closed or asked.scope.as_of
    )
    return (0, f"{NO_RATE} for {currency}") if converted is None else (converted, None)


def shown(reader: Reader, asked: Asked) -> list[OpenStage]:
    """The stages of the process; those out of use only where deals were in them in the period."""
    stages = open_stages(reader)
    if all(stage.in_use for stage in stages):
        return stages
    been = {
        name
        for (name,) in rows_of(
            reader,
            asked,
            f"SELECT DISTINCT v.stage FROM {asked.scope.source.table} {versions_of(asked.scope)}"
            f" WHERE {asked.scope.holds} AND v.is_closed = 0 AND v.valid_from >= :since AND v.valid_from < :until",
        )
    }
    return [stage for stage in stages if stage.in_use or stage.name in been]


def deals_of(reader: Reader, asked: Asked, stages: list[OpenStage]) -> dict[Key, list[dict[str, Any]]]:
    """The deals that entered each stage, the largest first, with what became of each."""
    source, day_of = asked.scope.source, local_day(asked.zone)
    deals = list(rows_of(reader, asked, deals_sql(asked, source.name, source.created)))
    deals.sort(key=lambda deal: (-1 if deal[5] is None else deal[5], -deal[0]), reverse=True)
    found: dict[Key, list[dict[str, Any]]] = {}
    for id, came_closed, at_start, at_end, highest, *deal in deals:
        amount, currency, close_date, is_won, is_closed, name, created = deal
        said = told(id, name, amount, currency, day_of(created), close_date, is_won, is_closed)
        passed = Passage(at_start, at_end, highest, bool(is_closed))
        for stage in stages:
            if not came_closed and passed.entered(stage.position):
                became = {**said, "became": passed.became(stage.position)}
                found.setdefault(stage.key, []).append(became)
    return found
