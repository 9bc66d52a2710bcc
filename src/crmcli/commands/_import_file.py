"""A file into a noun, and what came of it."""

import gc
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from crmcli.app import App
from crmcli.commands import _plan
from crmcli.commands._export_file import refuse_overwriting
from crmcli.commands._facts import facts_of, fields_of, owner_for, reading_of
from crmcli.commands._import_options import Asked, decimal_mark
from crmcli.commands._noun import show
from crmcli.errors import InvalidValue
from crmcli.importing.how import filling, find_date_order, importable
from crmcli.importing.run import Import, Imported, Rejected, bring_in
from crmcli.render.clean import clean
from crmcli.render.look import look_of
from crmcli.render.progress import progress
from crmcli.result import Outcome
from crmcli.transfer.rejects import RejectsFile, is_rejects_file
from crmcli.transfer.rows import BadRow

if TYPE_CHECKING:
    from crmcli.importing.plan_writer import Writer
    from crmcli.store.bulk.staging import Stage
    from crmcli.transfer.source import Source

FEW: Final = 20  # bad rows that need no summary


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
    how, decimal = asked.how(rejects), decimal_mark(asked.told.decimal)
    refuse_targets(app, file, rejects, plan_file)
    gc.enable()
    gc.freeze()  # what is loaded stays: no collection need look at it again
    look = look_of(app.stdout, app.stderr, app.environ, app.settings.color)
    only_planned = dry_run or plan_file is not None
    fields = importable(fields_of(app, entity), how.keep)
    with asked.source(app, file, [spec.name for spec in fields]) as source:
        plan = asked.plan(source, fields)
        source.texts = filling(plan)
        order = find_date_order(source, plan, asked.told.date_order or app.date_order)
        reading = reading_of(app)._replace(date_order=order, decimal=decimal, times=True)
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
                        reading=reading,
                        facts=replace(facts_of(app, work.reader), lenient=True),
                        actor=work.actor,
                        owner=lambda: owner_for(work),
                        advance=advance,
                        review=review,
                    )
                )
            refused = None
            if imported.rejected and not how.keep_going:
                refused = refusal(app, stage, imported.rejected, source)
                if review is None:
                    raise refused
            if rejects is not None and not only_planned:
                write_rejects(stage, source, rejects)
            asked.save_profile(work, entity)
            entry = work.entry if work.wrote and not only_planned else None
        told = summary(how_read(source), imported, entry, rejects, only_planned)
        said = [*source.announced, *plan.remarks, *told]
    if asked.save_as and not only_planned:
        said.append(f"What it was told is kept: --profile {asked.save_as}.")
    counts = {name: getattr(imported, name) for name in _plan.COUNTS}
    outcome = Outcome(said, [], data={**counts, "entry": entry}, exit_code=7 if imported.rejected else 0)
    if review is not None:
        show_plan(app, review, outcome, refused, plan_file, dry_run)
    return outcome


def refuse_targets(app: App, file: str, rejects: str | None, plan_file: str | None) -> None:
    """Refuse to write what is asked for in the place of anything else. Raises InvalidValue."""
    if rejects is not None:
        refuse_overwriting(app, rejects, "--rejects", file)
        refuse_replacing(rejects)
    if plan_file is not None:
        refuse_overwriting(app, plan_file, "--plan", file)
        _plan.refuse_replacing(plan_file)


def show_plan(
    app: App,
    review: "Writer",
    outcome: Outcome,
    refused: Rejected | None,
    plan_file: str | None,
    dry_run: bool,
) -> None:
    """Add the plan to what came of the file, and keep it where that was asked for. Raises what is refused."""
    if dry_run:
        outcome.plan = _plan.plan_table(app, review.plan())
    if refused is not None:
        if outcome.plan is not None and app.output.format != "json":  # an error is the one document there
            outcome.said = []
            show(app, outcome)
        raise refused
    if plan_file is not None:
        _plan.keep_plan(review.out, plan_file)
        outcome.said.append(f"The plan is in {plan_file}; `crm import apply {plan_file}` carries it out.")


def refuse_replacing(path: str) -> None:
    """Refuse rejects in the place of a file that holds anything else. Raises InvalidValue."""
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
    name: str, imported: Imported, entry: int | None, rejects: str | None, dry_run: bool
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
