"""A noun's records into a file."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from crmcli.app import App
from crmcli.commands._noun import delivering
from crmcli.errors import InvalidValue
from crmcli.fields import counted
from crmcli.result import Outcome, Result, Table

if TYPE_CHECKING:
    from crmcli.render.look import Look

ENDINGS: Final = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".xlsx": "xlsx",
}


def run_export(app: App, entity: str, file: str, text: str, excel_safe: bool) -> Result:
    """Write all records of a noun, or those that a filter leaves, with all their fields."""
    from crmcli.commands._noun import Output
    from crmcli.commands._records import list_table
    from crmcli.render import render_file
    from crmcli.render.look import look_of

    given = app.output.format
    format = given or ("csv" if file == "-" else ENDINGS.get(Path(file).suffix.lower()))
    if format is None:
        raise InvalidValue(
            f"What format is {file}? Its ending is none of {', '.join(ENDINGS)}.",
            hint="Say --format csv; a filter stands behind the file: export - stage:won",
            field="format",
        )
    if file != "-":
        refuse_overwriting(app, file, "FILE")
    app.output = Output("json", app.output.fields)  # every field, whatever the format
    table = list_table(app, entity, text, None, None, True)
    table.columns = [replace(column, hidden=False, folded=False) for column in table.columns]
    if excel_safe and format in ("csv", "tsv"):
        table = guarded(table)
    look = look_of(app.stdout, app.stderr, app.environ, "never", None if app.zone_is_utc else app.zone)
    if file == "-":
        with delivering():
            render_file(table, format, look)
        app.output = Output()
        return Outcome()
    count = write_file(Path(file), table, format, look)
    app.output = Output(given)
    return Outcome([f"Wrote {counted(count, entity)} to {file}."], data={"file": file, "records": count})


def write_file(path: Path, table: Table, format: str, look: "Look") -> int:
    """Write a table to a file, which is there whole or not at all; how many rows there were."""
    from crmcli.render import render_file
    from crmcli.transfer.whole_file import whole_file

    count = 0

    def numbered(rows: Iterable[Any]) -> Iterator[Any]:
        nonlocal count
        for count, row in enumerate(rows, 1):  # noqa: B007 - it is the number of rows
            yield row

    table.rows = numbered(table.rows)
    with whole_file(path) as out:
        render_file(table, format, look._replace(out=out, terminal=False, width=0, color=False, ascii=False))
    return count


def refuse_overwriting(app: App, path: str, what: str, source: str | None = None) -> None:
    """Refuse to write over the file that is read, or over the database. Raises InvalidValue."""
    if path == "-":
        raise InvalidValue(f"{what} needs the name of a file.", field=what.strip("-").lower())
    for other, called in ((source, "the file that is read"), (app.target.path, "the database")):
        if other in (None, "-") or not Path(path).exists() or not Path(str(other)).exists():
            continue
        if Path(path).samefile(str(other)):
            raise InvalidValue(f"{what} {path} is {called}.", field=what.strip("-").lower())


def guarded(table: Table) -> Table:
    """A table whose texts no spreadsheet takes for formulas."""
    from crmcli.transfer.writer import guard, mark

    headings = mark([column.name for column in table.columns])
    columns = [replace(column, name=name) for column, name in zip(table.columns, headings, strict=True)]
    texts = [column.kind == "text" for column in columns]
    return replace(
        table,
        columns=columns,
        rows=(
            [
                guard(value) if text and isinstance(value, str) else value
                for value, text in zip(row, texts, strict=True)
            ]
            for row in table.rows
        ),
    )
