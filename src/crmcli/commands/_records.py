"""Records as commands show them: one, a list, and the line that says what a write understood."""

from collections.abc import Mapping, Sequence
from datetime import date, tzinfo
from typing import TYPE_CHECKING, Any, NamedTuple

from crmcli.app import App
from crmcli.fields import BY_ENTITY, FieldSpec, reference
from crmcli.result import Outcome, Record, Table
from crmcli.rules.filling import shown
from crmcli.store.find import described
from crmcli.store.reader import Reader
from crmcli.values.dates import from_iso_instant

if TYPE_CHECKING:
    from crmcli.store.filter_values import Context
    from crmcli.store.work import UnitOfWork


LISTED_UNLESS_ASKED = {
    # What a plain list leaves out, and the fields whose mention in a filter (or --all) brings it back.
    "lead": (
        "t.converted_at IS NULL",
        {"status", "converted_at", "converted_account", "converted_contact", "converted_opp"},
    ),
    "task": ("t.completed_at IS NULL", {"status", "completed_at"}),
}

UNSORTED = {"stage": "t.position, t.id"}  # the order of a list that was not asked for one


def record_of(reader: Reader, entity: str, id: int) -> Record:
    """A record with all its fields."""
    from crmcli.store.query import columns_for, select

    selected = columns_for(reader.fields(entity), None, everything=True)
    row = reader.row(select(entity, selected, "t.id = :id", "", None), id=id)
    assert row is not None
    return Record([each.column for each in selected], row, title=described(reader, entity, id))


def understood(record: Record, names: Sequence[str]) -> str:
    """One line about a record, as it was understood: O46 Acme renewal · USD 12,500.00 · closes Fri 2026-11-27."""
    from crmcli.values.dates import long_date
    from crmcli.values.money import amount_words

    row = {column.name: value for column, value in zip(record.columns, record.row, strict=True)}
    parts = [record.title]
    for name in names:
        value = row.get(name)
        if value in (None, ""):
            continue
        kind = next(column.kind for column in record.columns if column.name == name)
        if kind == "money":
            kind_of_cost = f" {name.removesuffix('_cost')}" if name.endswith("_cost") else ""
            parts.append(amount_words(value, row["currency"]) + kind_of_cost)
        elif name == "probability":
            parts[-1] += f" {value} %"
        elif name == "close_date":
            parts.append(
                f"{'closed' if row['is_closed'] else 'closes'} {long_date(date.fromisoformat(value))}"
            )
        elif name == "due_date":
            parts.append(f"due {long_date(date.fromisoformat(value))}")
        elif name == "start_date":
            parts.append(f"from {long_date(date.fromisoformat(value))}")
        elif kind == "link":
            parts.append(f"{value} {row.get(name + '_name') or ''}".strip())
        elif kind != "boolean":
            parts.append(str(value))
    return " · ".join(parts)


SUMMARY: dict[str, tuple[str, ...]] = {
    "lead": ("company", "email", "phone", "source", "status", "owner"),
    "account": ("type", "industry", "city", "owner"),
    "contact": ("account", "title", "email", "phone"),
    "opportunity": ("account", "amount", "stage", "probability", "close_date", "owner"),
    "task": ("due_date", "priority", "related_to", "owner"),
    "activity": ("type", "related_to", "contact", "outcome"),
    "stage": ("category", "probability"),
    "user": ("role", "team", "email"),
    "campaign": ("type", "status", "start_date", "budgeted_cost", "actual_cost"),
}


class Edited(NamedTuple):
    """What an edit changed, field by field, and what the user should know besides."""

    changed: list[str]
    notes: list[str]


def differences(before: Record, after: Record, fields: Sequence[FieldSpec], zone: tzinfo) -> list[str]:
    """Each field that differs between two states of a record, with its old and its new value."""
    return differing(values_of(before), values_of(after), fields, zone)


def differing(
    old: Mapping[str, Any], new: Mapping[str, Any], fields: Sequence[FieldSpec], zone: tzinfo
) -> list[str]:
    """The same of two states by the names of their columns."""
    money = [spec.name for spec in fields if spec.kind == "money" and not spec.custom]
    said = []
    for spec in fields:
        if spec.owned or (spec.name == "currency" and any(new[name] is not None for name in money)):
            continue
        was, now = said_of(spec, old, zone), said_of(spec, new, zone)
        if (old[spec.name], was) != (new[spec.name], now):
            said.append(f"{spec.name.replace('_', ' ')} {shown(was)} → {shown(now)}")
    return said


def values_of(record: Record) -> dict[str, Any]:
    """The values of a record by the names of its columns."""
    return {column.name: value for column, value in zip(record.columns, record.row, strict=True)}


def said_of(spec: FieldSpec, row: Mapping[str, Any], zone: tzinfo) -> str:
    """A value of a record as a sentence says it."""
    from crmcli.values.dates import long_date
    from crmcli.values.money import amount_words

    value = row[spec.name]
    if value in (None, ""):
        return "none"
    match spec.kind:
        case "money":
            return amount_words(value, row["currency"])
        case "percent":
            return f"{value} %"
        case "date":
            return long_date(date.fromisoformat(value))
        case "instant":
            return f"{from_iso_instant(value).astimezone(zone):%Y-%m-%d %H:%M}"
        case "boolean":
            return "yes" if value else "no"
        case "link" | "relation":
            return f"{value} {row.get(spec.name + '_name') or ''}".strip()
        case _:
            return str(value)


def outcome_of(
    work: "UnitOfWork",
    entity: str,
    id: int,
    *,
    changed: Sequence[str] | None = None,
    said: Sequence[str] = (),
    dry_run: bool = False,
) -> Outcome:
    """What a write to one record did: the line that says it, its reference, the record.

    Of an edit the line says what it `changed`, of a new record what it holds.
    """
    work.session.flush()
    record = record_of(work.reader, entity, id)
    if changed is None:
        line = understood(record, SUMMARY[entity])
    else:
        line = " · ".join([record.title, *(changed or ["nothing was changed"])])
    return Outcome([f"Would be: {line}" if dry_run else line, *said], [reference(entity, id)], record)


def context_of(app: App, reader: Reader, today: date) -> "Context":
    """What the values of a filter depend on, on a day."""
    from crmcli.store.filter_values import Context

    return Context(
        today=today,
        zone=app.zone,
        currency=app.currency,
        fiscal_start=app.fiscal_start,
        date_order=app.date_order,
        country=app.country,
        me=app.me(reader),
        is_sqlite=reader.is_sqlite,
    )


def list_table(app: App, entity: str, text: str, sort: str | None, limit: int | None, every: bool) -> Table:
    """The records of a noun that a filter leaves, with the fields that were asked for."""
    from crmcli.store.filter import where
    from crmcli.store.filter_terms import parse_filter
    from crmcli.store.query import columns_for, field_named, parse_sort, select

    reader = app.read()
    fields = reader.fields(entity)
    app.fields_applied = True
    selected = columns_for(fields, app.output.fields, everything=app.output.everything)
    terms = parse_filter(text)
    condition, params = where(terms, entity, reader.fields, context_of(app, reader, app.today))
    hidden, shown_by = LISTED_UNLESS_ASKED.get(entity, ("", set()))
    asked = {
        field_named(term.field.partition(".")[0], fields).name for term in terms if hidden and term.field
    }
    if hidden and not every and not shown_by & asked:
        condition = f"({condition}) AND {hidden}" if condition else hidden
    order = parse_sort(sort, fields) if sort else UNSORTED.get(entity, "")
    rows = reader.rows(select(entity, selected, condition, order, limit), **params)
    noun = BY_ENTITY[entity]
    return Table(
        [each.column for each in selected],
        rows,
        title=noun.plural.capitalize(),
        empty=f"No {noun.plural}" + (" match." if text else f" yet. `crm {noun.word} add` makes one."),
    )
