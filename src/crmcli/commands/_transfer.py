"""The verbs of every noun for files: import and export."""

from typing import Annotated

import typer

from crmcli.app import App
from crmcli.commands._noun import DryRun, Noun
from crmcli.fields import BY_ENTITY
from crmcli.result import Result

ImportedFile = Annotated[
    str, typer.Argument(metavar="FILE|-", help="CSV, TSV, JSON, XLSX or vCard; - is standard input.")
]
Maps = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="HEADING=FIELD", help="Which field a heading fills; may be repeated."),
]
Values = Annotated[
    list[str] | None,
    typer.Option("--value", metavar="FIELD:THEIRS=OURS", help="What a value of the file means."),
]
Constants = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=TEXT", help="The same for all rows; {Heading} stands for a cell."),
]
Match = Annotated[
    str | None,
    typer.Option(
        "--match",
        metavar="FIELD[,FIELD]",
        help="A row is the record that is there when all of these are the same.",
    ),
]
Mode = Annotated[str | None, typer.Option("--mode", metavar="MODE", help="insert, update or upsert.")]
CreateParents = Annotated[
    bool,
    typer.Option(
        "--create-parents",
        help="Make the accounts, campaigns and users that rows name and that are missing.",
    ),
]
Extra = Annotated[
    str | None,
    typer.Option("--extra", metavar="WHAT", help="Unknown headings: custom, note or ignore."),
]
Blanks = Annotated[
    list[str] | None,
    typer.Option("--blank", metavar="TEXT", help="Cells of this text are blank: null, N/A, -."),
]
Keep = Annotated[
    str | None,
    typer.Option(
        "--keep",
        metavar="FIELD[,FIELD]",
        help="Take from the file what is set by the program: created_at, updated_at, owner, closed_at.",
    ),
]
RejectsFile = Annotated[
    str | None,
    typer.Option("--rejects", metavar="FILE", help="Write the good rows; put the bad ones here."),
]
BlankClears = Annotated[bool, typer.Option("--blank-clears", help="A blank cell clears the field.")]
DateOrder = Annotated[str | None, typer.Option("--date-order", metavar="ORDER", help="dmy, mdy or ymd.")]
Decimal = Annotated[
    str | None,
    typer.Option("--decimal", metavar="MARK", help="comma or point, where 1.234 may mean two amounts."),
]
Encoding = Annotated[
    str | None, typer.Option("--encoding", metavar="NAME", help="If it is neither UTF-8 nor cp1252.")
]
Delimiter = Annotated[
    str | None,
    typer.Option("--delimiter", metavar="SIGN", help="comma, semicolon, tab, pipe or a sign."),
]
Headings = Annotated[
    str | None,
    typer.Option("--headers", metavar="A,B,C", help="The headings of a file that has none."),
]
SkipLines = Annotated[int | None, typer.Option("--skip-lines", metavar="N", help="Lines above the headings.")]
UseProfile = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME", help="Tell it what a profile says: crm profile list."),
]
SaveProfile = Annotated[
    str | None,
    typer.Option("--save-profile", metavar="NAME", help="Keep what it is told as this profile."),
]
PlanFile = Annotated[
    str | None,
    typer.Option(
        "--plan",
        metavar="FILE",
        help="Write nothing but the plan: `crm import apply FILE` carries it out.",
    ),
]


def import_verb(noun: Noun, entity: str, example: str) -> None:
    """Give a noun the verb that reads a file."""
    plural = BY_ENTITY[entity].plural

    def import_(
        app: App,
        file: ImportedFile,
        map: Maps = None,
        value: Values = None,
        set: Constants = None,
        match: Match = None,
        mode: Mode = None,
        create_parents: CreateParents = False,
        extra: Extra = None,
        blank: Blanks = None,
        keep: Keep = None,
        rejects: RejectsFile = None,
        blank_clears: BlankClears = False,
        date_order: DateOrder = None,
        decimal: Decimal = None,
        encoding: Encoding = None,
        delimiter: Delimiter = None,
        headers: Headings = None,
        skip_lines: SkipLines = None,
        profile: UseProfile = None,
        save_profile: SaveProfile = None,
        plan: PlanFile = None,
        dry_run: DryRun = False,
    ) -> Result:
        from crmcli.commands._import_file import run_import
        from crmcli.commands._import_options import Asked
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
    noun.verb(example, name="import")(import_)


def export_verb(noun: Noun, entity: str, example: str) -> None:
    """Give a noun the verb that writes a file."""

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
        from crmcli.commands._export_file import run_export

        return run_export(app, entity, file, " ".join(terms or []), excel_safe)

    export.__doc__ = f"Export {BY_ENTITY[entity].plural} with all their fields, in a stable order."
    noun.verb(example)(export)
