"""Funnel: of the deals that entered a stage, how many came further."""

from typing import Any, Final

from crmcli.fields import reference
from crmcli.reports.standard import Asked
from crmcli.reports.standard._deals import (
    explained,
    footer,
    head,
    in_one_currency,
    left_out,
    local_day,
    sums,
    told,
    used,
)
from crmcli.result import Chart, Column, Report
from crmcli.rules.funnel import NOWHERE, WON, Passage, funnel
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


def passages_sql(asked: Asked) -> str:
    """The deals that came further in the period: how far they were before it, by its end, and in all.

    As rules.funnel.passage has it, whose words these are.
    """
    place = f"CASE WHEN v.is_closed = 0 THEN s.position WHEN v.is_won = 1 AND d.is_won = 1 THEN {WON} END"

    def furthest(condition: str) -> str:
        return f"coalesce(max(CASE WHEN {condition} THEN {place} END), {NOWHERE})"

    scope = asked.scope
    at_start, at_end = furthest("v.valid_from < :since"), furthest("v.valid_from < :until")
    return (
        f"SELECT {scope.source.id} AS deal, {at_start} AS at_start, {at_end} AS at_end,"
        f" {furthest('1 = 1')} AS highest FROM {scope.source.table} {versions_of(scope)}"
        f" LEFT JOIN {PLACES} AS s ON s.name = v.stage WHERE {scope.holds} GROUP BY 1"
        f" HAVING min(v.is_closed) = 0 AND {at_end} > {at_start}"
    )


def unknown_sql(asked: Asked) -> str:
    """The deals whose history begins with their end, in the period: no stage of theirs is known."""
    scope = asked.scope
    return (
        f"SELECT {scope.source.id} FROM {scope.source.table} {versions_of(scope)} WHERE {scope.holds}"
        " GROUP BY 1 HAVING min(v.is_closed) = 1 AND min(v.valid_from) >= :since"
        " AND min(v.valid_from) < :until ORDER BY 1"
    )


# --- the report ---------------------------------------------------------------------------------------


def report(reader: Reader, asked: Asked) -> Report:
    """What became of the deals that entered each stage, in the order of the sales process."""
    passages = passages_sql(asked)
    condition = f"{asked.scope.holds} AND {asked.scope.source.id} IN (SELECT p.deal FROM ({passages}) AS p)"
    asked = in_one_currency(reader, asked, condition)
    found = [
        (Passage(at_start, at_end, highest, bool(closed)), deals, amount)
        for _, (at_start, at_end, highest, closed), deals, _, amount in sums(
            reader,
            asked,
            asked.scope.holds,
            *("p.at_start", "p.at_end", "p.highest", "d.is_closed"),
            joined=f"JOIN ({passages}) AS p ON p.deal = {asked.scope.source.id}",
        )
    ]
    stages = shown(reader, asked, condition)
    figures = funnel([stage.position for stage in stages], found)
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
        [[stage.name, asked.currency, *row] for stage, row in zip(stages, figures, strict=True)]
        if found
        else [],
        title=f"Funnel {asked.period.label}, {asked.currency}",
        empty=f"No deals entered a stage in {asked.period.label}.",
        refs=None,
        head=head(asked, "funnel"),
        notes=[footer(asked, "stages entered")],
        chart=Chart("entered"),
    )
    unknown = [reference("opportunity", id) for (id,) in rows_of(reader, asked, unknown_sql(asked))]
    made.tail["without_stages"] = unknown
    if unknown:
        deals = f"{len(unknown)} deal{'s' if len(unknown) > 1 else ''}"
        made.notes.insert(0, f"In no stage, as their history begins with their end (imported): {deals}")
    left_out(reader, asked, made, condition)
    if asked.explain:
        explained(made, FORMULAS, deals_of(reader, asked, passages, stages))
    return made


def rows_of(reader: Reader, asked: Asked, sql: str) -> list[tuple[Any, ...]]:
    return list(reader.rows(sql, **used(asked, sql)))


def shown(reader: Reader, asked: Asked, condition: str) -> list[OpenStage]:
    """The stages of the process; those out of use only where one of the deals was in them."""
    stages = open_stages(reader)
    if all(stage.in_use for stage in stages):
        return stages
    sql = (
        f"SELECT DISTINCT v.stage FROM {asked.scope.source.table} {versions_of(asked.scope)}"
        f" WHERE {condition} AND v.is_closed = 0"
    )
    been = {name for (name,) in rows_of(reader, asked, sql)}
    return [stage for stage in stages if stage.in_use or stage.name in been]


def deals_of(
    reader: Reader, asked: Asked, passages: str, stages: list[OpenStage]
) -> dict[Key, list[dict[str, Any]]]:
    """The deals that entered each stage, the largest first, with what became of each."""
    source, day_of = asked.scope.source, local_day(asked.zone)
    found: dict[Key, list[dict[str, Any]]] = {}
    for id, name, amount, currency, created, close_date, is_won, is_closed, *places in rows_of(
        reader,
        asked,
        f"SELECT {source.id}, {source.name}, d.amount, d.currency, {source.created}, d.close_date, d.is_won,"
        f" d.is_closed, p.at_start, p.at_end, p.highest FROM {source.named} JOIN ({passages}) AS p"
        f" ON p.deal = {source.id} WHERE {asked.scope.holds} ORDER BY coalesce(d.amount, -1) DESC, 1",
    ):
        deal = told(id, name, amount, currency, day_of(created), close_date, is_won, is_closed)
        at_start, at_end, highest = places
        passed = Passage(at_start, at_end, highest, bool(is_closed))
        for stage in stages:
            if passed.entered(stage.position):
                became = {**deal, "became": passed.became(stage.position)}
                found.setdefault(stage.key, []).append(became)
    return found
