"""Judging the figures of a forecast: crm forecast adjust."""

from datetime import date
from typing import Any, NamedTuple

from crmcli.app import App
from crmcli.changes import Changes
from crmcli.commands._facts import owner_for
from crmcli.commands._report import owner_of
from crmcli.errors import InvalidValue, NotFound, Refused
from crmcli.reports.forecast.asked import Asked
from crmcli.reports.forecast.judgements import raw_figure
from crmcli.result import Column, Outcome, Table
from crmcli.rules.adjustments import CATEGORIES, category_named, checked_note, layer_of
from crmcli.rules.quotas import Line
from crmcli.store.deals import Scope
from crmcli.store.figures import adjustments
from crmcli.store.find import find, title_of
from crmcli.store.groups import reporting_line
from crmcli.store.reader import Reader
from crmcli.values.money import amount_text, amount_words, parse_money
from crmcli.values.periods import period_of


class Wanted(NamedTuple):
    """An adjustment as it was typed."""

    owner: str | None
    category: str | None
    amount: str | None
    clear: bool
    note: str | None


def line_of(reader: Reader) -> Line:
    """Who reports to whom now."""
    return Line({user.id: user.manager for user in reporting_line(reader, None)})


def run_adjust(app: App, scope: Scope, wanted: Wanted, *, dry_run: bool) -> Outcome:
    """Keep what a figure will come to in somebody's judgement, or take that back."""
    assert scope.period is not None
    if wanted.category is None:
        raise InvalidValue(
            "--category is missing.", hint=f"One of {', '.join(CATEGORIES)}.", field="category"
        )
    figure = category_named(wanted.category)
    if wanted.clear == (wanted.amount is not None):
        raise InvalidValue("Give --amount, or --clear.", field="amount")
    why = checked_note(wanted.note or ("Cleared" if wanted.clear else None))
    minor, currency = money(wanted.amount, app.currency)
    asked = Asked(scope, scope.period, "owner", "cumulative", app.currency, app.fiscal_start)
    with app.work(dry_run=dry_run) as work:
        me = wanted.owner is None or wanted.owner.strip().casefold() == "me"
        user = owner_for(work) if me else find(work.reader, "user", wanted.owner or "")
        name = title_of(work.reader, "user", user)
        layer = layer_of(line_of(work.reader), work.me, user)
        if layer is None:
            raise Refused(
                f"The forecast of {name} is not yours to adjust: {name} does not report to you.",
                hint="Its owner does, and who they report to.",
            )
        if wanted.clear:
            last = currency_of_last(work.reader, user, scope, figure, layer)
            if last is None:
                raise NotFound(
                    f"There is no adjustment to clear: {name}, {scope.period.label},"
                    f" {figure.replace('_', ' ')} ({layer}).",
                    hint="`crm forecast adjust --list` shows them all.",
                )
            currency = last
        raw = raw_figure(work.reader, asked, user, figure, currency)
        changes = Changes()
        changes.add(
            "adjustment",
            work.ids("adjustment"),
            owner_id=user,
            period_start=scope.period.start,
            period_end=scope.period.end,
            category=figure,
            layer=layer,
            amount=minor,
            currency=currency,
            raw=raw,
            note=why,
            adjusted_by=work.actor,
        )
        work.apply(changes)
        entry = None if dry_run else work.entry
    words = (
        "cleared" if minor is None else f"raw {amount_words(raw, currency)} → {amount_words(minor, currency)}"
    )
    said = f"{name} · {scope.period.label} · {figure.replace('_', ' ')} · {words} ({layer}): {why}"
    return Outcome(
        [f"{'Would be: ' if dry_run else ''}{said}"],
        data={
            "owner": name,
            "period": scope.period.label,
            "category": figure,
            "layer": layer,
            "currency": currency,
            "raw": amount_text(raw, currency),
            "amount": None if minor is None else amount_text(minor, currency),
            "note": why,
            "entry": entry,
        },
    )


def money(text: str | None, currency: str) -> tuple[int | None, str]:
    """An amount, which is not negative, and its currency. Raises InvalidValue."""
    if text is None:
        return None, currency
    minor, of = parse_money(text, currency=currency)
    if minor < 0:
        raise InvalidValue(f"{text!r} is negative; a forecast is not.", field="amount")
    return minor, of


def currency_of_last(reader: Reader, owner: int, scope: Scope, category: str, layer: str) -> str | None:
    """The currency of what is to be cleared; None where nothing is."""
    assert scope.period is not None
    start, end = scope.period.start.isoformat(), scope.period.end.isoformat()
    wanted = (start, end, owner, category, layer)
    return next((row[6] for row in adjustments(reader, start, end) if row[:5] == wanted), None)


def adjusted_so_far(app: App, scope: Scope, owner: str | None, narrowed: bool) -> Table:
    """Every adjustment that was ever made, the newest last."""
    assert scope.period is not None
    conditions = ["a.deleted_at IS NULL"]
    params: dict[str, Any] = {}
    if narrowed:
        conditions.append("a.period_start = :start AND a.period_end = :end")
        params |= {"start": scope.period.start.isoformat(), "end": scope.period.end.isoformat()}
    if owner:
        conditions.append("a.owner_id = :owner")
        params["owner"] = owner_of(app, owner)[0]
    found = app.read().rows(
        "SELECT u.name, a.period_start, a.period_end, a.category, a.layer, a.currency, a.amount, a.raw, a.note,"
        ' a.adjusted_by, a.created_at FROM adjustment AS a LEFT JOIN "user" AS u ON u.id = a.owner_id'
        f" WHERE {' AND '.join(conditions)} ORDER BY a.created_at, a.id",
        **params,
    )
    rows = [
        (
            name,
            period_of(date.fromisoformat(start), date.fromisoformat(end), app.fiscal_start).label,
            *rest,
        )
        for name, start, end, *rest in found
    ]
    columns = (
        Column("owner", "Owner"),
        Column("period", "Period", cut="never"),
        Column("category", "Figure", cut="never"),
        Column("layer", "Layer", cut="never"),
        Column("currency", "Currency", hidden=True),
        Column("amount", "Adjusted to", "money", absent="cleared"),
        Column("raw", "Raw then", "money"),
        Column("note", "Why", wraps=True),
        Column("by", "By"),
        Column("at", "When", "instant"),
    )
    return Table(columns, rows, title="Adjustments", empty="Nothing was adjusted.", refs=None)
