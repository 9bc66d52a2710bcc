"""Funnel: of the deals that entered a stage, how many came further."""

from typing import Any, Final

from crmcli.fields import reference
from crmcli.reports.standard import Asked
from crmcli.reports.standard._deals import explain_those, in_one_currency, not_summed
from crmcli.reports.standard._said import footer, head, named
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


def deals_sql(asked: Asked) -> str:
    """The deals that came further in the period, or came closed in it.

    With how far they were before it, by its end, and in all: the highest place counts, so what was skipped
    was passed, and what is entered again was entered before. The stage in which a deal is lost is no place.
    """
    place = f"CASE WHEN v.is_closed = 0 THEN s.position WHEN v.is_won = 1 AND d.is_won = 1 THEN {WON} END"

    def furthest(condition: str) -> str:
        return f"coalesce(max(CASE WHEN {condition} THEN {place} END), {NOWHERE})"

    scope = asked.scope
    at_start, at_end = furthest("v.valid_from < :since"), furthest("v.valid_from < :until")
    columns = ("d.amount", "d.currency", "d.close_date", "d.is_closed")
    return (
        f"SELECT {scope.source.id}, min(v.is_closed) AS came_closed, {at_start}, {at_end},"
        f" {furthest('1 = 1')}, {', '.join(f'max({column})' for column in columns)}"
        f" FROM {scope.source.table} {versions_of(scope)}"
        f" LEFT JOIN {PLACES} AS s ON s.name = v.stage WHERE {scope.holds} GROUP BY 1"
        f" HAVING (min(v.is_closed) = 0 AND {at_end} > {at_start})"
        " OR (min(v.is_closed) = 1 AND min(v.valid_from) >= :since AND min(v.valid_from) < :until)"
    )


# --- the report ---------------------------------------------------------------------------------------


def report(reader: Reader, asked: Asked) -> Report:
    """What became of the deals that entered each stage, in the order of the sales process."""
    asked = in_one_currency(reader, asked)
    came_closed: list[int] = []
    excluded: dict[str, list[int]] = {}
    counts: dict[Passage, list[tuple[int, int]]] = {}  # amounts and deals
    for id, closed, at_start, at_end, highest, *deal in reader.rows(deals_sql(asked), **asked.bounds):
        amount, currency, close_date, is_closed = deal
        if closed:
            came_closed.append(id)
            continue
        worth, reason = worth_of(asked, amount, currency, close_date if is_closed else None)
        if reason:
            excluded.setdefault(reason, []).append(id)
        passage = Passage(at_start, at_end, highest, bool(is_closed))
        counts.setdefault(passage, []).append((worth, id))
    stages = shown(reader, asked)
    figures = funnel(
        [stage.position for stage in stages],
        [(way, len(deals), sum(worth for worth, _ in deals)) for way, deals in counts.items()],
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
        stands_on=footer(asked, "stages entered"),
        chart=Chart("entered"),
    )
    without = [reference("opportunity", id) for id in sorted(came_closed)]
    made.tail["without_stages"] = without
    if without:
        made.notes.insert(0, named("Came closed (imported)", without, "in no stage"))
    made.tail["excluded"] = []
    for reason in sorted(excluded, key=lambda each: (each != NO_AMOUNT, each)):
        not_summed(made, reason, sorted(excluded[reason]), len(excluded[reason]))
    if asked.explain:
        explain_those(reader, asked, made, FORMULAS, deals_of(stages, counts))
    return made


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
        for (name,) in reader.rows(
            f"SELECT DISTINCT v.stage FROM {asked.scope.source.table} {versions_of(asked.scope)}"
            f" WHERE {asked.scope.holds} AND v.is_closed = 0 AND v.valid_from >= :since AND v.valid_from < :until",
            **asked.bounds,
        )
    }
    return [stage for stage in stages if stage.in_use or stage.name in been]


def deals_of(
    stages: list[OpenStage], counts: dict[Passage, list[tuple[int, int]]]
) -> dict[Key, list[tuple[int, dict[str, Any]]]]:
    """The deals that entered each stage, the largest first, with what became of each."""
    found: dict[Key, list[tuple[int, dict[str, Any]]]] = {}
    for stage in stages:
        there = [
            (-worth, id, way.became(stage.position))
            for way, deals in counts.items()
            if way.entered(stage.position)
            for worth, id in deals
        ]
        if there:
            found[stage.key] = [(id, {"became": became}) for _, id, became in sorted(there)]
    return found
