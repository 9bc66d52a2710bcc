"""Import and export of every noun."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from crmcli.app import App
from crmcli.commands._noun import DryRun, Noun
from crmcli.errors import InvalidValue
from crmcli.fields import BY_ENTITY, counted
from crmcli.render.clean import clean
from crmcli.result import Outcome, Result, Table

if TYPE_CHECKING:
    from crmcli.fields import FieldSpec
    from crmcli.importing.how import How
    from crmcli.importing.profiles import Told
    from crmcli.importing.run import Imported
    from crmcli.render.look import Look
    from crmcli.store.bulk import Stage
    from crmcli.store.work import UnitOfWork
    from crmcli.transfer.mapping import HeadingPlan
    from crmcli.transfer.source import Source

FEW: Final = 20  # bad rows that need no summary
ENDINGS: Final = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".xlsx": "xlsx",
}


class Rejected(InvalidValue):
    """Rows of a file cannot be imported; nothing was written."""

    code = "rejected"


def transfer_verbs(noun: Noun, entity: str, examples: Mapping[str, str]) -> None:
    """Give a noun import and export."""
    plural = BY_ENTITY[entity].plural

    def import_(
        app: App,
        file: Annotated[
            str, typer.Argument(metavar="FILE|-", help="CSV, TSV, JSON, XLSX or vCard; - is standard input.")
        ],
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
                "--match",
                metavar="FIELD[,FIELD]",
                help="A row is the record that is there when all of these are the same.",
            ),
        ] = None,
        mode: Annotated[
            str | None, typer.Option("--mode", metavar="MODE", help="insert, update or upsert.")
        ] = None,
        create_parents: Annotated[
            bool,
            typer.Option(
                "--create-parents",
                help="Make the accounts, campaigns and users that rows name and that are missing.",
            ),
        ] = False,
        extra: Annotated[
            str | None,
            typer.Option("--extra", metavar="WHAT", help="Unknown headings: custom, note or ignore."),
        ] = None,
        blank: Annotated[
            list[str] | None,
            typer.Option("--blank", metavar="TEXT", help="Cells of this text are blank: null, N/A, -."),
        ] = None,
        keep: Annotated[
            str | None,
            typer.Option(
                "--keep",
                metavar="FIELD[,FIELD]",
                help="Take from the file what is set by the program: created_at, updated_at, owner, closed_at.",
            ),
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
        decimal: Annotated[
            str | None,
            typer.Option(
                "--decimal", metavar="MARK", help="comma or point, where 1.234 may mean two amounts."
            ),
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
        profile: Annotated[
            str | None,
            typer.Option("--profile", metavar="NAME", help="Tell it what a profile says: crm profile list."),
        ] = None,
        save_profile: Annotated[
            str | None,
            typer.Option("--save-profile", metavar="NAME", help="Keep what it is told as this profile."),
        ] = None,
        plan: Annotated[
            str | None,
            typer.Option(
                "--plan",
                metavar="FILE",
                help="Write nothing but the plan: `crm import apply FILE` carries it out.",
            ),
        ] = None,
        dry_run: DryRun = False,
    ) -> Result:
        from crmcli.importing.profiles import Told
        from crmcli.transfer.mapping import parse_pairs, parse_values

        told = Told(
            map=parse_pairs(map or [], option="--map"),
            value=parse_values(value or []),
            set=parse_pairs(set or [], option="--set"),
            blank=tuple(blank or ()),
            match=match,
            mode=mode,
            extra=extra,
            keep=keep,
            create_parents=create_parents,
            blank_clears=blank_clears,
            date_order=date_order,
            decimal=decimal,
            encoding=encoding,
            delimiter=delimiter,
            headers=headers,
            skip_lines=skip_lines,
        )
        asked = Asked.of(app, entity, told, profile, save_profile)
        return run_import(app, entity, file, asked, rejects, dry_run, plan)

    import_.__doc__ = (
        f"Import {plural} from a file: all or nothing, undone by one `crm undo`.\n\n"
        "The encoding and the delimiter are found; headings are matched by name, label and alias. "
        "The same file again changes nothing. What is typed beside --profile is added to it or, where both "
        "speak of the same, goes first.\n\n"
        "--dry-run shows what would come of every row. --plan FILE writes that down, to be looked through and "
        "carried out later. See `crm help import`."
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


class Asked(NamedTuple):
    """What is asked of an import: what it is told, with its profile, and the name to keep that under.

    Of a built-in profile the headings are `offered`: those that the file has are mapped, and no others.
    """

    told: "Told"
    built_in: str | None = None
    offered: Mapping[str, str] = MappingProxyType({})
    save_as: str | None = None

    @classmethod
    def of(cls, app: App, entity: str, told: "Told", profile: str | None, save: str | None) -> "Asked":
        """What was told here, over what its profile says. Raises NotFound, Refused, InvalidValue."""
        from crmcli.importing.profiles import checked_name, profile_named

        name = checked_name(save) if save else None
        if profile is None:
            return cls(told, save_as=name)
        found = profile_named(app.configured, profile)
        known = found.for_entity(entity)
        if not found.built_in:
            return cls(told.over(known), save_as=name)
        if name:
            raise InvalidValue(
                f"--save-profile keeps what is told here; the profile {found.name} is kept already.",
                hint="Leave out one of the two.",
                field="save_profile",
            )
        return cls(told.over(replace(known, map={})), found.name, known.map)

    def how(self, rejects: str | None) -> "How":
        """How rows are to be read. Raises InvalidValue."""
        from crmcli.importing.how import How, checked
        from crmcli.transfer.mapping import fold_value

        told = self.told
        if told.date_order not in (None, "dmy", "mdy", "ymd"):
            raise InvalidValue(
                f"{told.date_order!r} is not an order of dates; there are dmy, mdy and ymd.",
                field="date_order",
            )
        keys = (key.strip().replace("-", "_") for key in (told.match or "").split(","))
        return checked(
            How(
                match=tuple(filter(None, keys)),
                mode=told.mode,
                values=told.value,
                create_parents=told.create_parents,
                blank_clears=told.blank_clears,
                keep_going=rejects is not None,
                blanks=frozenset(map(fold_value, told.blank)),
                keep=kept(told.keep),
            )
        )

    def plan(self, source: "Source", fields: Sequence["FieldSpec"]) -> "HeadingPlan":
        """Where the cells go. Raises InvalidValue."""
        from crmcli.importing.profiles import fitting
        from crmcli.transfer.mapping import HeadingPlan, match_headings

        if source.is_blank:
            raise InvalidValue(f"{source.name} is empty.")
        if source.is_empty:
            return HeadingPlan(())
        told, headings = self.told, source.headings
        maps = fitting(self.offered, told.map, headings, self.built_in) if self.built_in else told.map
        only_maps = self.built_in is not None
        return match_headings(
            headings, fields, maps=maps, sets=told.set, extra=told.extra, only_maps=only_maps
        )

    def source(self, app: App, file: str, fields: Sequence[str]) -> "Source":
        """The file, opened, for a noun with these fields. Raises InvalidValue."""
        from crmcli.transfer.source import open_source

        told = self.told
        return open_source(
            file,
            app.stdin_bytes,
            encoding=told.encoding,
            delimiter=told.delimiter,
            headers=[name.strip() for name in told.headers.split(",")] if told.headers else None,
            skip_lines=told.skip_lines,
            fields=fields,
        )

    def save_profile(self, work: "UnitOfWork", entity: str) -> None:
        """Keep what was told under its name, in the act of the import."""
        from crmcli.importing.profiles import KEPT_AS, Profile, write_profile

        if self.save_as:
            profile = Profile(self.save_as, (entity,), self.told)
            work.set_setting(KEPT_AS + self.save_as, write_profile(profile))


def kept(text: str | None) -> frozenset[str]:
    """The fields that --keep names."""
    return frozenset(name.strip().replace("-", "_") for name in (text or "").split(",") if name.strip())


def decimal_mark(text: str | None) -> str | None:
    """The sign of a decimal mark, which may be given by its name. Raises InvalidValue."""
    if text is None:
        return None
    marks = {"comma": ",", "point": ".", ",": ",", ".": "."}
    if text.strip().casefold() not in marks:
        raise InvalidValue(f"{text!r} is not a decimal mark; there are comma and point.", field="decimal")
    return marks[text.strip().casefold()]


def run_import(
    app: App,
    entity: str,
    file: str,
    asked: Asked,
    rejects: str | None,
    dry_run: bool,
    plan_file: str | None = None,
) -> Outcome:
    """Read a file into a noun, and say what came of it, or would."""
    import gc

    from crmcli.commands import _plan
    from crmcli.commands._facts import facts_of, fields_of, owner_for, reading_of
    from crmcli.commands._noun import show
    from crmcli.importing.how import filling, find_date_order, importable
    from crmcli.importing.run import Import, bring_in
    from crmcli.render.look import look_of
    from crmcli.render.progress import progress

    how, decimal = asked.how(rejects), decimal_mark(asked.told.decimal)
    gc.enable()
    gc.freeze()  # what is loaded stays: no collection need look at it again
    if rejects is not None:
        refuse_overwriting(app, rejects, "--rejects", file)
        refuse_replacing(rejects)
    if plan_file is not None:
        refuse_overwriting(app, plan_file, "--plan", file)
        _plan.refuse_replacing(plan_file)
    only_planned = dry_run or plan_file is not None
    fields = importable(fields_of(app, entity), kept(asked.told.keep))
    refused: Rejected | None = None
    with asked.source(app, file, [spec.name for spec in fields]) as source:
        plan = asked.plan(source, fields)
        source.texts = filling(plan)
        order = find_date_order(source, plan, asked.told.date_order or app.date_order)
        look = look_of(app.stdout, app.stderr, app.environ, app.settings.color)
        with app.work(source="import", dry_run=only_planned, makes=True) as work:
            review = _plan.writer_of(app, work, entity, fields, file) if only_planned else None
            with progress(source.size, f"Reading {source.name}", look) as advance:
                imported, stage = bring_in(
                    Import(
                        work=work,
                        entity=entity,
                        source=source,
                        plan=plan,
                        how=how,
                        reading=reading_of(app)._replace(date_order=order, decimal=decimal, times=True),
                        facts=replace(facts_of(app, work.reader), lenient=True),
                        actor=work.actor,
                        owner=lambda: owner_for(work),
                        advance=advance,
                        review=review,
                    )
                )
            if imported.rejected and not how.keep_going:
                refused = refusal(app, stage, imported.rejected, source)
                if review is None:
                    raise refused
            if rejects is not None and not only_planned:
                write_rejects(stage, source, rejects)
            asked.save_profile(work, entity)
            entry = work.entry if work.wrote and not only_planned else None
        said = [
            *source.announced,
            *plan.remarks,
            *summary(how_read(source), imported, entry, rejects, only_planned),
        ]
        if asked.save_as and not only_planned:
            said.append(f"What it was told is kept: --profile {asked.save_as}.")
    counts = {name: getattr(imported, name) for name in _plan.COUNTS}
    outcome = Outcome(said, [], data={**counts, "entry": entry}, exit_code=7 if imported.rejected else 0)
    if review is not None and dry_run:
        outcome.plan = _plan.plan_table(app, review.plan())
    if refused is not None:
        if outcome.plan is not None and app.output.format != "json":  # an error is the one document there
            outcome.said = []
            show(app, outcome)
        raise refused
    if review is not None and plan_file is not None:
        _plan.keep_plan(review.out, plan_file)
        outcome.said.append(f"The plan is in {plan_file}; `crm import apply {plan_file}` carries it out.")
    return outcome


def refuse_overwriting(app: App, path: str, what: str, source: str | None = None) -> None:
    """Refuse to write over the file that is read, or over the database. Raises InvalidValue."""
    if path == "-":
        raise InvalidValue(f"{what} needs the name of a file.", field=what.strip("-").lower())
    for other, called in ((source, "the file that is read"), (app.target.path, "the database")):
        if other in (None, "-") or not Path(path).exists() or not Path(str(other)).exists():
            continue
        if Path(path).samefile(str(other)):
            raise InvalidValue(f"{what} {path} is {called}.", field=what.strip("-").lower())


def refuse_replacing(path: str) -> None:
    """Refuse rejects in the place of a file that holds anything else. Raises InvalidValue."""
    from crmcli.transfer.rejects import is_rejects_file

    if Path(path).is_file() and not is_rejects_file(Path(path)):
        raise InvalidValue(
            f"--rejects {path} is there already and is no rejects file.",
            hint="Name another.",
            field="rejects",
        )


def refusal(app: App, stage: "Stage", count: int, source: "Source") -> Rejected:
    """List every bad row, and say that nothing is written."""
    as_json = app.output.format in ("json", "jsonl")
    details = []
    for n, line, code, field, reason in stage.rejects():
        reason = source.reason(n, reason)
        if as_json:
            details.append({"line": line, "code": code, "field": field or None, "reason": reason})
        else:
            app.stderr.write(clean(f"line {line}: {reason} ({code})") + "\n")
    if count > FEW and not as_json:
        most = ", ".join(
            f"{found:,} × {code}" + (f" of {field}" if field else "")
            for code, field, found in stage.reasons(5)
        )
        app.stderr.write(f"Most often: {most}.\n")
    rows = "1 row" if count == 1 else f"{count:,} rows"
    lacking = any(
        code == "not_found" and field in ("account", "parent", "campaign", "owner", "manager")
        for code, field, _ in stage.reasons(20)
    )
    makes = " --create-parents makes the accounts, campaigns and users that are missing." if lacking else ""
    return Rejected(
        f"{source.name}: {rows} cannot be imported; nothing was written.",
        hint=f"Mend the file, or say --rejects FILE to import the good rows.{makes}",
        details=details if as_json else None,
    )


def write_rejects(stage: "Stage", source: "Source", path: str) -> None:
    """Put the bad rows into a file as they stood, with line, code and reason behind."""
    from crmcli.transfer.rejects import RejectsFile
    from crmcli.transfer.rows import BadRow

    bad = stage.rejects()
    following = next(bad, None)
    with RejectsFile(path, source.headings, source.delimiter or ",") as file:
        for n, row in enumerate(source.rows() if following else ()):
            if following and n == following[0]:
                _, line, code, _, reason = following
                cells = row.cells if isinstance(row, BadRow) else row[1]
                file.add(cells, line, code, source.reason(n, reason))
                following = next(bad, None)


def how_read(source: "Source") -> str:
    """A file and how it was read: deals.csv (utf-8, comma)."""
    signs = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
    form = signs.get(source.delimiter or "", source.delimiter) or source.format
    return f"{source.name} ({source.encoding}, {form})" if source.encoding else f"{source.name} ({form})"


def summary(
    name: str, imported: "Imported", entry: int | None, rejects: str | None, dry_run: bool
) -> list[str]:
    """What came of the file, in words."""
    twice = f" ({imported.duplicates:,} of them stand twice in the file)" if imported.duplicates else ""
    counts = (
        f"{imported.created:,} created, {imported.updated:,} updated, {imported.unchanged:,} unchanged{twice},"
        f" {imported.rejected:,} rejected"
    )
    said = [
        f"{'Would import' if dry_run else 'Imported'} {name}: {counts}"
        + (f" (entry {entry})." if entry else ".")
    ]
    if imported.made:
        made = " and ".join(
            f"{count:,} {plural if count > 1 else plural[:-1]}" for plural, count in imported.made.items()
        )
        said.append(f"{'Would make' if dry_run else 'Made'} {made} that the rows name.")
    if imported.fields:
        named = ", ".join(imported.fields)
        said.append(f"{'Would add' if dry_run else 'Added'} to the fields, as custom ones: {named}.")
    if imported.rejected and rejects:
        said.append(f"The rejected rows {'would be' if dry_run else 'are'} in {rejects}.")
    if entry:
        said.append(f"`crm undo {entry}` takes it back.")
    return said


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

    def counted(rows: Iterable[Any]) -> Iterator[Any]:
        nonlocal count
        for count, row in enumerate(rows, 1):  # noqa: B007 - it is the number of rows
            yield row

    table.rows = counted(table.rows)
    with whole_file(path) as out:
        render_file(table, format, look._replace(out=out, terminal=False, width=0, color=False, ascii=False))
    return count


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
