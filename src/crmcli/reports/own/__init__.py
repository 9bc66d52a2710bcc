"""Reports of one's own: the records of any noun listed, or grouped and measured, as they are or as they were."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from crmcli.errors import InvalidValue
from crmcli.fields import BY_ENTITY, noun_named
from crmcli.reports.own.beside import explain, say_beside
from crmcli.reports.own.grouped import Grouped, more
from crmcli.reports.own.meaning import Meaning, meaning_of
from crmcli.reports.own.query import Asked, Query
from crmcli.result import Report
from crmcli.rules.own_reports import Definition
from crmcli.store.query import columns_for
from crmcli.store.reader import Reader

__all__ = ["Asked", "report"]


def report(reader: Reader, definition: Definition, extra: str, asked: Asked) -> Report:
    """A report as it is defined, of those of its records that meet further terms. Raises InvalidValue."""
    entity = noun_named(definition.noun).entity
    text = " ".join(filter(None, [definition.filter, extra]))
    try:
        meaning = meaning_of(definition, entity, reader.fields)
        query = Query(reader, meaning.fields, definition.filter, asked)
    except InvalidValue as error:
        raise InvalidValue(
            f"The report {definition.name} cannot be run: {error.message}",
            hint=error.hint or f"crm report edit {definition.name!r}",
            field=error.field,
        ) from error
    if asked.currency and not any(each.spec and each.spec.kind == "money" for each in meaning.measures):
        raise InvalidValue(
            f"The report {definition.name} measures no amounts: there is nothing to convert.",
            field="currency",
        )
    if extra:
        query = Query(reader, meaning.fields, text, asked)
    made = (listed if meaning.lists else grouped)(query, definition, meaning, asked)
    made.title = f"{definition.title or definition.name}{made.title}"
    made.empty = (
        f"No {BY_ENTITY[entity].plural} match." if text else f"There are no {BY_ENTITY[entity].plural}."
    )
    made.head = {
        "report": definition.name,
        "as_of": asked.as_of,
        "noun": definition.noun,
        "filter": text or None,
        "by": [*definition.by] or None,
        **made.head,
    }
    about = [f"As of {asked.as_of}", BY_ENTITY[entity].plural, *([text] if text else [])]
    made.stands_on = " · ".join(about)
    return made


def grouped(query: Query, definition: Definition, meaning: Meaning, asked: Asked) -> Report:
    """The records in groups, measured."""
    rows = Grouped(query, meaning, asked)
    made = rows.report(definition)
    say_beside(rows, made)
    if asked.explain:
        explain(rows, made)
    return made


def listed(query: Query, definition: Definition, meaning: Meaning, asked: Asked) -> Report:
    """The records with the fields of the report, as they come; programs get their references in any case."""
    selected = columns_for(query.fields, definition.fields or None, everything=False)
    if all(one.column.name != "ref" for one in selected):
        (ref,) = columns_for(query.fields, ["ref"], everything=False)
        selected.insert(0, replace(ref, column=replace(ref.column, hidden=True)))
    columns = ", ".join(query.linked(one.column.name, one) for one in selected)
    order = query.order(definition.sort)
    limit = f" LIMIT {definition.top}" if definition.top else ""
    rows: Iterable[Any] = query.rows(columns, rest=f" ORDER BY {order}{limit}")
    made = Report([one.column for one in selected], rows, head={"currency": None})
    if asked.explain:
        made.tail["explain"] = {"formulas": {}, "rows": []}
        made.explain = ["Nothing is computed: each row is a record with its own values."]
    if definition.top:
        count = next(query.rows("count(*)"))[0]
        made.notes += more(definition.top, count)
    return made
