"""crm migrate: move in from another system, with all that it exports, in one act."""

from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from crmcli.app import App
from crmcli.commands._noun import DryRun, Noun
from crmcli.errors import InvalidValue, suggestion
from crmcli.render.clean import clean
from crmcli.result import Column, Report, Result

if TYPE_CHECKING:
    from crmcli.importing.run import Rejected
    from crmcli.migrating.rejects import Rejects
    from crmcli.migrating.run import Asked, Migration
    from crmcli.migrating.shapes import System

command = Noun("migrate", "Move in from another system, with everything it exports, in one act.")

Paths = Annotated[
    list[str], typer.Argument(metavar="EXPORT...", help="Its folder, ZIP files or CSV files, in any order.")
]
Values = Annotated[
    list[str] | None,
    typer.Option(
        "--value", metavar="FIELD:THEIRS=OURS", help="What a stage, owner or other value of theirs is here."
    ),
]
CreateStages = Annotated[
    bool,
    typer.Option("--create-stages", help="Make the stages that are missing, as the export tells of them."),
]
CreateOwners = Annotated[
    bool, typer.Option("--create-owners", help="Make users of the owners that are missing.")
]
Extra = Annotated[
    str | None,
    typer.Option(
        "--extra", metavar="WHAT", help="Columns without a field here: custom keeps them, ignore does not."
    ),
]
RejectsFolder = Annotated[
    str | None,
    typer.Option("--rejects", metavar="DIR", help="Write the good rows; put the bad ones here, by object."),
]
DateOrder = Annotated[
    str | None,
    typer.Option("--date-order", metavar="ORDER", help="dmy, mdy or ymd, for dates of other forms."),
]
Encoding = Annotated[
    str | None, typer.Option("--encoding", metavar="NAME", help="If it is neither UTF-8 nor cp1252.")
]

COLUMNS: Final = (
    Column("object", "Object"),
    Column("becomes", "Becomes"),
    Column("read", "Read", "number"),
    Column("created", "Created", "number"),
    Column("updated", "Updated", "number"),
    Column("unchanged", "Unchanged", "number"),
    Column("rejected", "Rejected", "number"),
    Column("deleted", "Deleted there", "number", short="Deleted"),
    Column("note", "Note", wraps=True),
)
FEW: Final = 12  # values or headings that are named in words; programs get them all


def system_verb(word: str, does: str, *examples: str) -> None:
    """Give the command a system, described in the module of the same name."""

    def verb(
        app: App,
        export: Paths,
        value: Values = None,
        create_stages: CreateStages = False,
        create_owners: CreateOwners = False,
        extra: Extra = None,
        rejects: RejectsFolder = None,
        date_order: DateOrder = None,
        encoding: Encoding = None,
        dry_run: DryRun = False,
    ) -> Result:
        from crmcli.importing.how import known_order
        from crmcli.migrating.run import Asked

        system: System = import_module(f"crmcli.migrating.{word}").SYSTEM
        asked = Asked(
            meanings(system, value or []),
            create_stages,
            create_owners,
            keeps_columns(extra),
            known_order(date_order),
            encoding,
        )
        return migrate(app, system, export, asked, rejects, dry_run)

    verb.__doc__ = does
    command.verb(*examples, name=word)(verb)


system_verb(
    "salesforce",
    "Move in from Salesforce: its weekly export, or the CSV files of Data Loader.\n\n"
    "Users, accounts, contacts, leads and what they became, opportunities with their history and contact"
    " roles, tasks and events. Ids are kept, so that the same export again changes nothing."
    " See `crm help migrate`.",
    "crm migrate salesforce WE_00D1_1.ZIP WE_00D1_2.ZIP --dry-run",
    "crm migrate salesforce export/ --value 'stage:Signed=Closed Won' --create-stages",
    "crm migrate salesforce export/ --rejects bad/",
)
system_verb(
    "hubspot",
    "Move in from HubSpot: the CSV files that its objects are exported to.\n\n"
    "Companies, contacts, deals and their people, tasks, calls, meetings and notes. See `crm help migrate`.",
    "crm migrate hubspot export/ --dry-run",
    "crm migrate hubspot companies.csv contacts.csv deals.csv --create-stages --create-owners",
)
system_verb(
    "pipedrive",
    "Move in from Pipedrive: the CSV files that its lists are exported to.\n\n"
    "Organizations, people, deals and their people, leads and activities. See `crm help migrate`.",
    "crm migrate pipedrive export/ --dry-run",
    "crm migrate pipedrive organizations.csv people.csv deals.csv --create-stages --create-owners",
)


def migrate(
    app: App, system: "System", paths: list[str], asked: "Asked", rejects: str | None, dry_run: bool
) -> Report:
    """Bring an export in, all of it or nothing, and say what came of it."""
    import gc

    from crmcli.commands._facts import facts_of, owner_for, reading_of
    from crmcli.migrating.export import Export
    from crmcli.migrating.rejects import Rejects
    from crmcli.migrating.run import Migration
    from crmcli.render.look import look_of
    from crmcli.render.progress import progress
    from crmcli.store.migrated import SOURCE

    gc.enable()
    if rejects is not None:
        refuse_replacing(system, Path(rejects))
    look = look_of(app.stdout, app.stderr, app.environ, app.settings.color)
    with Export(paths, app.stdin_bytes) as export:
        with app.work(source=SOURCE, dry_run=dry_run, makes=True) as work:
            with (
                progress(export.size, f"Reading {system.name}", look) as advance,
                Rejects(export, None if dry_run else rejects) as bad,
            ):
                job = Migration(
                    work=work,
                    system=system,
                    export=export,
                    asked=asked,
                    reading=reading_of(app)._replace(
                        date_order=asked.date_order or app.date_order, times=True
                    ),
                    facts=lambda: facts_of(app, work.reader),
                    owner=lambda: owner_for(work),
                    advance=advance,
                    rejects=bad,
                )
                job.run()
                as_json = app.output.format in ("json", "jsonl")
                listed = list(bad.listed()) if as_json else []
                if bad.count and not as_json:
                    list_rejects(app, bad)
                if bad.count and rejects is None and not dry_run:
                    raise refusal(job, bad, listed if as_json else None)
            entry = work.entry if work.wrote and not dry_run else None
        return told(job, entry, rejects, dry_run, listed)


# --- what was asked ---------------------------------------------------------------------------------------


def meanings(system: "System", texts: list[str]) -> dict[str, dict[str, str]]:
    """What values of theirs mean, by field. Raises InvalidValue for a field that no object fills."""
    from crmcli.transfer.mapping import parse_values

    takes = {name for object in system.objects for shape in object.shapes for name in shape.takes}
    known = sorted(name for name in takes if not name.startswith(("_", "old_")))
    found = {}
    for name, pairs in parse_values(texts).items():
        plain = name.replace("-", "_").casefold()
        if plain not in known:
            raise InvalidValue(
                f"--value {name}: no object of {system.name} fills such a field.",
                hint=suggestion(plain, known) or "Most often it is stage, owner or status.",
                field="value",
            )
        found[plain] = pairs
    return found


def keeps_columns(extra: str | None) -> bool:
    """Whether columns without a field become custom fields. Raises InvalidValue."""
    if extra not in (None, "custom", "ignore"):
        raise InvalidValue(f"--extra is custom or ignore, not {extra!r}.", field="extra")
    return extra == "custom"


def refuse_replacing(system: "System", folder: Path) -> None:
    """Refuse rejects in the place of files that hold anything else. Raises InvalidValue."""
    from crmcli.transfer.rejects import is_rejects_file

    if folder.exists() and not folder.is_dir():
        raise InvalidValue(
            f"--rejects {folder} is a file; it takes a folder, in which each object has a file.",
            field="rejects",
        )
    for object in system.objects:
        path = folder / f"{object.name}.csv"
        if path.is_file() and not is_rejects_file(path):
            raise InvalidValue(
                f"{path} is there already and holds no rejects.",
                hint="Name another folder with --rejects.",
                field="rejects",
            )


# --- what came of it --------------------------------------------------------------------------------------


def list_rejects(app: App, bad: "Rejects") -> None:
    """Every row that cannot be brought in, on stderr."""
    for row in bad.listed():
        app.stderr.write(clean(f"{row['file']} line {row['line']}: {row['reason']} ({row['code']})") + "\n")
    if bad.count > FEW:
        most = ", ".join(
            f"{count:,} × {code}" + (f" of {field}" if field else "")
            for (code, field), count in bad.reasons.most_common(5)
        )
        app.stderr.write(f"Most often: {most}.\n")


def refusal(job: "Migration", bad: "Rejects", listed: list[dict[str, Any]] | None) -> "Rejected":
    """What is wrong with an export of which nothing was written; for programs with all that is `listed`."""
    from crmcli.importing.run import Rejected

    rows = "1 row" if bad.count == 1 else f"{bad.count:,} rows"
    hints = [
        *lacking_words(job),
        "--rejects DIR brings in the good rows; --dry-run shows what would come of it.",
    ]
    return Rejected(
        f"{rows} of {job.system.name} cannot be brought in; nothing was written.",
        hint="\n".join(hints),
        details=None if listed is None else {"rejects": listed, "no_counterpart": without_counterpart(job)},
    )


def without_counterpart(job: "Migration") -> list[dict[str, Any]]:
    """Every value that has no counterpart here, with the rows that have it."""
    return [
        {"field": field, "value": value, "records": count}
        for field, values in sorted(job.lacking.items())
        for value, count in sorted(values.items(), key=lambda item: (-item[1], item[0]))
    ]


def lacking_words(job: "Migration") -> Iterator[str]:
    """What has no counterpart here, in words, and what to do about it."""
    for field, values in sorted(job.lacking.items()):
        named = some(values)
        most = values.most_common(1)[0][0]
        say = f"--value '{field}:{most}=…' says what that is here"
        if field == "owner":
            what, ways = "Owners", f"Their records go to you; {say}, --create-owners makes users"
        elif field == "stage":
            makes = "--create-stages makes them as the export tells"
            if job.asked.create_stages:
                makes = f"the export does not tell what they mean: crm stage add {most!r} --probability 50"
            what, ways = "Stages", f"{say}, {makes}"
        else:
            what, ways = f"Values of {field}", say
        yield f"{what} without a counterpart: {named}. {ways}."


def some(values: Counter[str]) -> str:
    """Values with their counts, the most frequent first: Signed (12), Verbal (3)."""
    shown = [f"{value} ({count:,})" for value, count in values.most_common(FEW)]
    if len(values) > FEW:
        shown.append(f"and {len(values) - FEW:,} more")
    return ", ".join(shown)


def told(
    job: "Migration", entry: int | None, rejects: str | None, dry_run: bool, listed: list[dict[str, Any]]
) -> Report:
    """The table, an object a line, and what else there is to know."""
    names = [column.name for column in COLUMNS]
    rows = [[getattr(line, name) for name in names] for line in job.lines]
    counts = names[2:8]
    total = ["total", None, *(sum(getattr(line, name) or 0 for line in job.lines) for name in counts), None]
    bad = job.rejects.count
    return Report(
        COLUMNS,
        rows,
        title=f"{'Would migrate' if dry_run else 'Migrated'} from {job.system.name}",
        refs=None,
        head={"system": job.system.name.casefold(), "dry_run": dry_run, "entry": entry},
        total=total,
        tail={
            "no_counterpart": without_counterpart(job),
            "left_out": {object: headings for object, headings in job.left_out.items() if headings},
            "made": {"stages": job.counterparts.made_stages, "users": job.counterparts.made_owners},
            "other_files": job.export.others,
            "rejects": listed,
        },
        notes=list(notes(job, entry, rejects, dry_run)),
        exit_code=0 if not bad else 2 if rejects is None else 7,
    )


def notes(job: "Migration", entry: int | None, rejects: str | None, dry_run: bool) -> Iterator[str]:
    """What stands under the table."""
    yield from lacking_words(job)
    would = "Would make" if dry_run else "Made"
    ours = job.counterparts
    if ours.made_stages:
        yield f"{would} the stages {', '.join(ours.made_stages)}."
    if ours.made_owners:
        yield f"{would} the users {', '.join(ours.made_owners[:FEW])}" + (
            "." if len(ours.made_owners) <= FEW else f" and {len(ours.made_owners) - FEW:,} more."
        )
    for object, headings in job.left_out.items():
        if not headings:
            continue
        more = f" and {len(headings) - FEW} more" if len(headings) > FEW else ""
        yield f"{object}: no field here for {', '.join(headings[:FEW])}{more}; --extra custom keeps them."
    if job.histories_left:
        yield f"{job.histories_left:,} deals were changed here since; the history they have here stays."
    if job.export.others:
        yield f"{job.export.others:,} files are no tables and were not read."
    if job.rejects.count:
        where = f"in {rejects}" if rejects else "listed above; without --rejects nothing is written"
        yield f"The rejected rows {'would be' if dry_run and rejects else 'are'} {where}."
    if entry:
        yield f"Entry {entry}: `crm undo {entry}` takes it all back."
