"""Import and export of every noun."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from crmcli.app import App
from crmcli.commands._noun import DryRun, Noun
from crmcli.errors import InvalidValue, suggestion
from crmcli.fields import BY_ENTITY
from crmcli.result import Outcome, Result, Table

MODES = ("insert", "update", "upsert")


class Rejected(InvalidValue):
    """Rows of a file cannot be imported; nothing was written."""

    code = "rejected"


def transfer_verbs(noun: Noun, entity: str, examples: Mapping[str, str]) -> None:
    """Give a noun import and export."""
    plural = BY_ENTITY[entity].plural

    def import_(
        app: App,
        file: Annotated[str, typer.Argument(metavar="FILE|-", help="CSV, TSV or JSON; - is standard input.")],
        map: Annotated[
            list[str] | None,
            typer.Option(
                "--map", metavar="HEADING=FIELD", help="Which field a heading fills; may be repeated."
            ),
        ] = None,
        value: Annotated[
            list[str] | None,
            typer.Option("--value", metavar="FIELD:THEIRS=OURS", help="What a value of the file means."),
        ] = None,
        set: Annotated[
            list[str] | None,
            typer.Option(
                "--set", metavar="FIELD=TEXT", help="The same for all rows; {Heading} stands for a cell."
            ),
        ] = None,
        match: Annotated[
            str | None,
            typer.Option(
                "--match", metavar="FIELD[,FIELD]", help="How a row is known to be a record that is there."
            ),
        ] = None,
        mode: Annotated[
            str | None, typer.Option("--mode", metavar="MODE", help="insert, update or upsert.")
        ] = None,
        create_parents: Annotated[
            bool,
            typer.Option(
                "--create-parents", help="Make the accounts and users that rows name and that are missing."
            ),
        ] = False,
        extra: Annotated[
            str | None,
            typer.Option("--extra", metavar="WHAT", help="Unknown headings: custom, note or ignore."),
        ] = None,
        rejects: Annotated[
            str | None,
            typer.Option("--rejects", metavar="FILE", help="Write the good rows; put the bad ones here."),
        ] = None,
        blank_clears: Annotated[
            bool, typer.Option("--blank-clears", help="A blank cell clears the field.")
        ] = False,
        date_order: Annotated[
            str | None, typer.Option("--date-order", metavar="ORDER", help="dmy, mdy or ymd.")
        ] = None,
        encoding: Annotated[
            str | None, typer.Option("--encoding", metavar="NAME", help="If it is neither UTF-8 nor cp1252.")
        ] = None,
        delimiter: Annotated[
            str | None,
            typer.Option("--delimiter", metavar="SIGN", help="comma, semicolon, tab, pipe or a sign."),
        ] = None,
        headers: Annotated[
            str | None,
            typer.Option("--headers", metavar="A,B,C", help="The headings of a file that has none."),
        ] = None,
        skip_lines: Annotated[
            int | None, typer.Option("--skip-lines", metavar="N", help="Lines above the headings.")
        ] = None,
        dry_run: DryRun = False,
    ) -> Result:
        from crmcli.importing import How
        from crmcli.transfer.mapping import parse_values

        if mode is not None and mode not in MODES:
            raise InvalidValue(
                f"{mode!r} is not a mode; there are {', '.join(MODES)}.",
                hint=suggestion(mode, MODES),
                field="mode",
            )
        if date_order not in (None, "dmy", "mdy", "ymd"):
            raise InvalidValue(
                f"{date_order!r} is not an order of dates; there are dmy, mdy and ymd.", field="date_order"
            )
        keys = tuple(key.strip().replace("-", "_") for key in (match or "").split(",") if key.strip())
        if mode == "update" and not keys:
            raise InvalidValue(
                "--mode update needs --match: how is a row known to be a record?", field="match"
            )
        how = How(keys, mode, parse_values(value or []), create_parents, blank_clears, rejects is not None)
        return run_import(
            app,
            entity,
            file,
            how,
            map or [],
            set or [],
            extra,
            rejects,
            date_order,
            encoding,
            delimiter,
            headers,
            skip_lines,
            dry_run,
        )

    import_.__doc__ = (
        f"Import {plural} from a file: all or nothing, undone by one `crm undo`.\n\n"
        "The encoding and the delimiter are found; headings are matched by name, label and alias. "
        "The same file again changes nothing. See `crm help import`."
    )
    noun.verb(examples["import"], name="import")(import_)

    def export(
        app: App,
        file: Annotated[
            str, typer.Argument(metavar="FILE|-", help="Its ending tells the format; - is standard output.")
        ] = "-",
        terms: Annotated[
            list[str] | None, typer.Argument(metavar="[FILTER]...", help="Only those that a filter leaves.")
        ] = None,
        excel_safe: Annotated[
            bool,
            typer.Option(
                "--excel-safe", help="Guard cells that a spreadsheet would calculate; imports back the same."
            ),
        ] = False,
    ) -> Result:
        return run_export(app, entity, file, " ".join(terms or []), excel_safe)

    export.__doc__ = f"Export {plural} with all their fields, in a stable order."
    noun.verb(examples["export"])(export)


def run_import(
    app: App,
    entity: str,
    file: str,
    how: Any,
    maps: Sequence[str],
    sets: Sequence[str],
    extra: str | None,
    rejects: str | None,
    date_order: str | None,
    encoding: str | None,
    delimiter: str | None,
    headers: str | None,
    skip_lines: int | None,
    dry_run: bool,
) -> Outcome:
    """Read a file into a noun, and say what came of it."""
    import gc

    from crmcli.commands._entity import fields_of
    from crmcli.importing import bring_in, find_date_order, importable
    from crmcli.render.look import look_of
    from crmcli.render.progress import progress
    from crmcli.transfer.mapping import match_headings, parse_pairs
    from crmcli.transfer.source import open_source

    gc.enable()
    names = [name.strip() for name in headers.split(",")] if headers else None
    with ExitStack() as stack:
        source = stack.enter_context(
            open_source(
                file,
                app.stdin_bytes,
                encoding=encoding,
                delimiter=delimiter,
                headers=names,
                skip_lines=skip_lines,
            )
        )
        if (
            rejects is not None
            and rejects != "-"
            and Path(rejects).exists()
            and Path(file).exists()
            and Path(rejects).samefile(file)
        ):
            raise InvalidValue("--rejects names the file that is read.", field="rejects")
        fields = importable(fields_of(app, entity))
        plan = match_headings(
            source.headings,
            fields,
            maps=parse_pairs(maps, option="--map"),
            sets=parse_pairs(sets, option="--set"),
            extra=extra,
        )
        order = find_date_order(source, plan, date_order or app.date_order)
        look = look_of(app.stdout, app.stderr, app.environ, app.settings.color)
        work = stack.enter_context(app.work(source="import", dry_run=dry_run))
        advance = stack.enter_context(progress(source.size, f"Reading {source.name}", look))
        imported, stage = bring_in_here(app, work, entity, source, plan, how, order, advance, bring_in)
        said = [*source.announced, *plan.remarks]
        if imported.rejected and not how.keep_going:
            refuse(app, stage, imported, source.name)
        if rejects is not None:
            write_rejects(stage, source, rejects)
        wrote = work.wrote
        entry = work.entry if wrote and not dry_run else None
    said.append(summary(source.name, imported, entry, dry_run))
    if entry:
        said.append(f"`crm undo {entry}` takes it back.")
    data = {
        "created": imported.created,
        "updated": imported.updated,
        "unchanged": imported.unchanged,
        "rejected": imported.rejected,
        "duplicates": imported.duplicates,
        "entry": entry,
    }
    return Outcome(said, [], data=data, exit_code=7 if imported.rejected else 0)


def bring_in_here(
    app: App,
    work: Any,
    entity: str,
    source: Any,
    plan: Any,
    how: Any,
    order: str | None,
    advance: Any,
    bring_in: Any,
) -> Any:
    """Import with this user's way of reading, into this unit of work."""
    from crmcli.commands._entity import facts_of, owner_for, reading_of

    reading = reading_of(app)._replace(date_order=order)
    return bring_in(
        app,
        work,
        entity,
        source,
        plan,
        how,
        reading,
        facts_of(app, work.reader),
        lambda: owner_for(work, app.actor),
        advance,
    )


def refuse(app: App, stage: Any, imported: Any, name: str) -> None:
    """List every bad row and stop: nothing is written. Raises Rejected."""
    as_json = app.output.format in ("json", "jsonl")
    details = []
    for line, code, field, reason in stage.rejects():
        if as_json:
            details.append({"line": line, "code": code, "field": field or None, "reason": reason})
        else:
            from crmcli.render.clean import clean

            app.stderr.write(clean(f"line {line}: {reason} ({code})") + "\n")
    rows = "1 row" if imported.rejected == 1 else f"{imported.rejected:,} rows"
    raise Rejected(
        f"{name}: {rows} cannot be imported; nothing was written.",
        hint="Mend the file, or say --rejects FILE to import the good rows.",
        details=details if as_json else None,
    )


def write_rejects(stage: Any, source: Any, path: str) -> None:
    """Put the bad rows into a file as they stood, with line, code and reason behind."""
    from crmcli.transfer.rejects import RejectsFile
    from crmcli.transfer.rows import BadRow

    bad = stage.rejects()
    following = next(bad, None)
    with RejectsFile(path, source.headings, source.delimiter or ",") as file:
        for row in source.rows() if following else ():
            line, cells = (row.line, row.cells) if isinstance(row, BadRow) else row
            if following and line == following[0]:
                file.add(cells, *following[:2], following[3])
                following = next(bad, None)


def summary(name: str, imported: Any, entry: int | None, dry_run: bool) -> str:
    """One line: what came of the file."""
    counts = f"{imported.created:,} created, {imported.updated:,} updated, {imported.unchanged:,} unchanged"
    if imported.duplicates:
        counts += f" ({imported.duplicates:,} of them stand twice in the file)"
    counts += f", {imported.rejected:,} rejected"
    return (
        f"Would import {name}: {counts}."
        if dry_run
        else f"Imported {name}: {counts}" + (f" (entry {entry})." if entry else ".")
    )


def run_export(app: App, entity: str, file: str, text: str, excel_safe: bool) -> Result:
    """Write all records of a noun, or those that a filter leaves, with all their fields."""
    from dataclasses import replace
    from os import fsync

    from crmcli.commands._entity import list_table
    from crmcli.commands._noun import Output
    from crmcli.render import render
    from crmcli.render.look import look_of

    endings = {".csv": "csv", ".tsv": "tsv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl"}
    given = app.output.format
    format = given or ("csv" if file == "-" else endings.get(Path(file).suffix.lower()))
    if format is None:
        raise InvalidValue(
            f"What format is {file}? Its ending is none of {', '.join(endings)}.",
            hint="Say --format csv.",
            field="format",
        )
    app.output = Output("json", app.output.fields)
    table = list_table(app, entity, text, None, None, True)
    table.columns = [replace(column, hidden=False, folded=False) for column in table.columns]
    if excel_safe and format in ("csv", "tsv"):
        table = guarded(table)
    look = look_of(app.stdout, app.stderr, app.environ, "never", None if app.zone_is_utc else app.zone)
    if file == "-":
        render(table, format, look)
        app.output = Output(None, None)
        return Outcome()
    path = Path(file)
    partial = path.with_name(f".{path.name}.partial")
    count = 0

    def counted(rows: Any) -> Iterator[Any]:
        nonlocal count
        for row in rows:
            count += 1
            yield row

    table.rows = counted(table.rows)
    try:
        with partial.open("w", encoding="utf-8", newline="") as out:
            render(table, format, look._replace(out=out, terminal=False, width=0, color=False))
            out.flush()
            fsync(out.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    app.output = Output(given, None)
    return Outcome(
        [f"Wrote {count:,} {BY_ENTITY[entity].plural} to {file}."], data={"file": file, "records": count}
    )


def guarded(table: Table) -> Table:
    """A table whose texts no spreadsheet takes for formulas."""
    from dataclasses import replace

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
