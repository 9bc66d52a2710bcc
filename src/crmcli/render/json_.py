"""JSON: one document in constant memory, or one object a line."""

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from crmcli.render.cells import home_currency, json_default, json_values
from crmcli.render.clean import clean_json
from crmcli.render.look import Look
from crmcli.render.stream import pour
from crmcli.result import Page, Record, Report, Table


def write(result: Table | Record, look: Look) -> None:
    """An array for a list, an object for a record or a report."""
    if isinstance(result, Record):
        write_data(record_object(result, look), look)
    elif isinstance(result, Report):
        _pour(_report(result, look), look)
    else:
        _pour(chain(_array(_objects(result, look), look), "\n"), look)


def write_page(page: Page, look: Look) -> None:
    """An object with the reports of a page, each by its name, as it is alone."""
    _pour(_page(page, look), look)


def write_lines(result: Table | Record, look: Look) -> None:
    """One object a line; of a report, its rows."""
    say = _encoder(look).encode
    objects = [record_object(result, look)] if isinstance(result, Record) else _objects(result, look)
    _pour((say(each) + "\n" for each in objects), look)


def write_data(data: Any, look: Look) -> None:
    """Any value as an indented document."""
    _pour([_encoder(look, indent=2).encode(data) + "\n"], look)


def write_data_line(data: Any, look: Look) -> None:
    """Any value on one line."""
    _pour([_encoder(look).encode(data) + "\n"], look)


def write_with_rows(data: dict[str, Any], key: str, table: Table, look: Look) -> None:
    """One document: some values, and the rows of a table under a key."""
    say = _encoder(look).encode
    head = ",\n ".join(f"{say(name)}: {say(value)}" for name, value in data.items())
    rows = _array(_objects(table, look), look, indent=" ")
    _pour(chain(["{" + head + f",\n {say(key)}: "], rows, "}\n"), look)


def record_object(record: Record, look: Look) -> dict[str, Any]:
    """The fields of a record, and its lists as arrays."""
    fields = next(_objects(Table(record.columns, [record.row]), look))
    return {**fields, **{key: list(_objects(table, look)) for key, table in record.sections.items()}}


def error_text(code: str, message: str, hint: str | None, field: str | None, details: object = None) -> str:
    """The one object that an expected failure is."""
    error: dict[str, object] = {"code": code, "message": message, "hint": hint, "field": field}
    if details is not None:
        error["details"] = details
    return clean_json(json.dumps({"error": error}, ensure_ascii=False))


def _objects(table: Table, look: Look) -> Iterator[dict[str, Any]]:
    values = json_values(table.columns, home_currency(table), look.zone)
    names = [column.name for column in table.columns]
    for row in table.rows:
        yield dict(zip(names, values(row), strict=True))


def _report(report: Report, look: Look) -> Iterator[str]:
    say = _encoder(look).encode
    before = "{"
    for key, value in {"schema_version": 1, **report.head}.items():
        yield f"{before}{say(key)}: {say(value)}"
        before = ",\n "
    yield f'{before}"rows": '
    yield from _array(_objects(report, look), look, indent=" ")
    sums = [row for row in (report.total, *report.totals.values()) if row is not None]
    said = list(_objects(Report(report.columns, sums, head=report.head), look))
    after: dict[str, Any] = {"total": said.pop(0) if report.total is not None else None}
    if report.totals:
        after["totals"] = dict(zip(report.totals, said, strict=True))
    for key, value in {**after, **report.tail}.items():
        yield f",\n {say(key)}: {say(value)}"
    yield "}\n"


def _page(page: Page, look: Look) -> Iterator[str]:
    say = _encoder(look).encode
    head = ",\n ".join(
        f"{say(key)}: {say(value)}" for key, value in {"schema_version": 1, **page.head}.items()
    )
    yield "{" + head + ',\n "panels": {'
    for number, (name, panel) in enumerate(page.panels.items()):
        yield f"{',' if number else ''}\n{say(name)}: "
        yield from _report(panel.report, look)
    yield "}}\n"


def _array(objects: Iterable[Any], look: Look, indent: str = "") -> Iterator[str]:
    """The elements, a line each: `[{…},` and under it ` {…}]`."""
    say = _encoder(look).encode
    before = "["
    for each in objects:
        yield before + say(each)
        before = f",\n{indent} "
    yield "]" if before != "[" else "[]"


def _pour(parts: Iterable[str], look: Look) -> None:
    pour(map(clean_json, parts) if look.terminal else parts, look.out)


def _encoder(look: Look, indent: int | None = None) -> json.JSONEncoder:
    return json.JSONEncoder(
        ensure_ascii=look.ascii, allow_nan=False, default=json_default, indent=indent, check_circular=False
    )
