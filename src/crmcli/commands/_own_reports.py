"""The verbs of reports of one's own: new edit copy rm list show export import, and how one is run."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final

import typer

from crmcli.app import App
from crmcli.commands._kept import exported, kept_by, removed, text_of
from crmcli.commands._noun import DryRun, Noun, Yes, complete_column
from crmcli.commands._records import context_of
from crmcli.commands._report import as_json, into_of, scope_of
from crmcli.errors import Conflict, InvalidValue, Refused
from crmcli.fields import NOUNS, noun_named
from crmcli.reports.standard import STANDARD, Standard
from crmcli.result import Column, Outcome, Record, Report, Result, Table
from crmcli.rules.own_reports import (
    CHARTS,
    COUNT,
    KEPT_AS,
    WAYS,
    Definition,
    checked_name,
    folded_name,
    kept,
    read_definition,
    report_named,
    summary,
    write_definition,
)

WORDS: Final = {standard.word: standard for standard in STANDARD}
COLUMNS: Final = (
    Column("name", "Name", cut="never"),
    Column("section", "Section"),
    Column("noun", "Noun", hidden=True),
    Column("about", "About", wraps=True),
)
SHOWN: Final = (
    Column("report", "Name", cut="never"),
    Column("section", "Section"),
    Column("noun", "Noun"),
    Column("filter", "Filter"),
    Column("by", "By", "list"),
    Column("measures", "Measures", "list"),
    Column("fields", "Fields", "list"),
    Column("sort", "Sort"),
    Column("top", "Top", "number"),
    Column("chart", "Chart"),
    Column("title", "Title", wraps=True),
)
CLEARED: Final = "none"
UNREAD: Final = "cannot be read: `crm report rm` deletes it"

_complete_kept = complete_column(
    f"SELECT value FROM setting WHERE name LIKE '{KEPT_AS}%' AND value <> '' ORDER BY name"
)


def complete_own(ctx: typer.Context, incomplete: str) -> list[str]:
    """The reports of one's own."""
    known = kept({f"{KEPT_AS}{at}": text for at, text in enumerate(_complete_kept(ctx, ""))})
    names = [definition.name for definition in known.values() if definition]
    return [name for name in names if name.casefold().startswith(incomplete.casefold())]


def complete_reports(ctx: typer.Context, incomplete: str) -> list[str]:
    """The reports of one's own, and the standard ones."""
    return [*complete_own(ctx, incomplete), *(word for word in WORDS if word.startswith(incomplete))]


OwnName = Annotated[str, typer.Argument(metavar="NAME", help="Its name.", autocompletion=complete_own)]
NewName = Annotated[str, typer.Argument(metavar="NAME", help='How it is called: "Open by owner".')]
NounWord = Annotated[
    str,
    typer.Argument(
        metavar="NOUN",
        help=", ".join(noun.word for noun in NOUNS),
        autocompletion=lambda: [noun.word for noun in NOUNS],
    ),
]
Filter = Annotated[
    str | None, typer.Option("--filter", metavar="FILTER", help="Only the records that a list of it shows.")
]
By = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="F,G",
        help="One row for each value: owner, owner.team, close_date:month (day week quarter year).",
    ),
]
Sums = Annotated[list[str] | None, typer.Option("--sum", metavar="FIELD", help="The sum of a field.")]
Means = Annotated[list[str] | None, typer.Option("--avg", metavar="FIELD", help="Its average.")]
Lowest = Annotated[list[str] | None, typer.Option("--min", metavar="FIELD", help="Its lowest value.")]
Highest = Annotated[list[str] | None, typer.Option("--max", metavar="FIELD", help="Its highest value.")]
Count = Annotated[bool, typer.Option("--count", help="The number of records.")]
Sort = Annotated[
    str | None, typer.Option("--sort", metavar="F,-G", help="Sort by columns: -sum_amount is largest first.")
]
Top = Annotated[int | None, typer.Option("--top", metavar="N", help="Only the first N rows; 0 shows all.")]
ChartKind = Annotated[
    str | None,
    typer.Option(
        "--chart",
        metavar="KIND",
        help="bars, columns or none.",
        autocompletion=lambda: [*CHARTS, CLEARED],
    ),
]
Title = Annotated[str | None, typer.Option("--title", metavar="TEXT", help="What stands above it.")]
DEFINING: Final[tuple[tuple[str, Any, Any], ...]] = (
    ("filter", Filter, None),
    ("by", By, None),
    ("sum", Sums, None),
    ("avg", Means, None),
    ("min", Lowest, None),
    ("max", Highest, None),
    ("count", Count, False),
    ("sort", Sort, None),
    ("top", Top, None),
    ("chart", ChartKind, None),
    ("title", Title, None),
)


def defining(_app: App | None) -> list[inspect.Parameter]:
    """The options that say what a report is asked for."""
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, kind, default in DEFINING
    ]


def own_report_verbs(noun: Noun) -> None:
    """Give the noun `report` the verbs of reports of one's own."""

    def new_name(text: str) -> str:
        return checked_name(text, {word.casefold() for word in noun.verbs})

    @noun.verb("crm report list", "crm report list --json", name="list")
    def list_(app: App) -> Result:
        """List the reports: your own, then the standard ones."""
        own = [
            (name, "own", None, UNREAD) if each is None else (each.name, "own", each.noun, about_own(each))
            for name, each in kept(app.configured).items()
        ]
        standard = [(word, "standard", None, about(each)) for word, each in WORDS.items()]
        return Table(COLUMNS, [*own, *standard], title="Reports", refs="name")

    @noun.verb('crm report show "Open by owner"', "crm report show win-rate --json")
    def show(
        app: App,
        name: Annotated[
            str, typer.Argument(metavar="NAME", help="Its name.", autocompletion=complete_reports)
        ],
    ) -> Result:
        """Show what a report is asked for."""
        if standard := standard_named(app, name):
            data: dict[str, Any] = {
                "report": standard.word,
                "section": "standard",
                "by": list(standard.by) or None,
                "title": about(standard),
            }
        else:
            data = {"section": "own", **own_named(app, name).as_data()}
        row = [data.get(column.name) or None for column in SHOWN]
        return Record(SHOWN, row, title=f"Report {data['report']}")

    @noun.verb(
        "crm report new 'Open by owner' opp --filter 'stage:prop amount>10k' --by owner,close_date:month"
        " --sum amount --avg amount --count --sort -sum_amount --top 10 --chart bars",
        "crm report new 'Big deals' opp --filter amount>50k --fields name,account,amount --sort -amount",
        options=defining,
    )
    def new(app: App, name: NewName, noun: NounWord, dry_run: DryRun = False, **given: Any) -> Result:
        """Make a report of your own; run it by its name.

        With --by or a measure it groups and measures; else it lists records, with --fields those. It looks at
        all records of the noun, also at those that a plain list leaves out. Sums, averages, lowest and highest
        values are columns named like sum_amount; --sum and the others may be repeated. Of deals `weighted` (amount
        × probability) can be measured too, and of deals, leads and tasks `age_days`.
        """
        called = new_name(name)
        if folded_name(called) in kept(app.configured):
            raise Conflict(
                f"There is already a report {called!r}.", hint=f"crm report edit {called!r}", field="name"
            )
        definition = Definition(called, noun_named(noun).word, **defined(app, given))
        return keep(app, definition, dry_run=dry_run)

    @noun.verb(
        "crm report edit 'Open by owner' --by account --top 5",
        "crm report edit 'Big deals' --rename Large",
        options=defining,
    )
    def edit(
        app: App,
        name: OwnName,
        rename: Annotated[
            str | None, typer.Option("--rename", metavar="NAME", help="Call it otherwise.")
        ] = None,
        dry_run: DryRun = False,
        **given: Any,
    ) -> Result:
        """Change what a report of your own is asked for.

        What is given replaces what there was; `none` clears it. One measure replaces them all.
        """
        refuse_standard(app, name, "it cannot be changed", "`crm report new` makes your own.")
        old = own_named(app, name)
        changes = defined(app, given)
        if not changes and rename is None:
            raise InvalidValue(
                "Nothing to change was given.", hint="`crm report edit --help` lists what can be."
            )
        definition = replace(old, **changes)
        if rename is not None:
            definition = replace(definition, name=new_name(rename))
            if definition.key != old.key and folded_name(definition.name) in kept(app.configured):
                raise Conflict(f"There is already a report {definition.name!r}.", field="rename")
        return keep(app, definition, old, dry_run=dry_run)

    @noun.verb("crm report copy 'Open by owner' 'Open by team'")
    def copy(app: App, name: OwnName, new: NewName, dry_run: DryRun = False) -> Result:
        """Make another report like one of your own."""
        refuse_standard(app, name, "it is not made of options", "`crm report new` makes your own.")
        definition = replace(own_named(app, name), name=new_name(new))
        if folded_name(definition.name) in kept(app.configured):
            raise Conflict(f"There is already a report {definition.name!r}.", field="new")
        return keep(app, definition, dry_run=dry_run)

    @noun.verb("crm report rm 'Open by owner' --yes")
    def rm(app: App, name: OwnName, yes: Yes = False, dry_run: DryRun = False) -> Result:
        """Delete a report of your own. `crm undo` brings it back."""
        refuse_standard(app, name, "it cannot be deleted")
        key = folded_name(name)
        known = kept(app.configured)
        unread = key in known and known[key] is None
        called = key if unread else own_named(app, name).name
        return removed(app, f"the report {called}", called, KEPT_AS + key, yes=yes, dry_run=dry_run)

    @noun.verb("crm report export 'Open by owner'", "crm report export 'Open by owner' open.json")
    def export(
        app: App,
        name: OwnName,
        file: Annotated[str, typer.Argument(metavar="FILE|-", help="- is standard output.")] = "-",
    ) -> Result:
        """Write a report of your own as JSON, for `crm report import` on another database."""
        refuse_standard(app, name, "every database has it")
        definition = own_named(app, name)
        return exported(f"the report {definition.name}", write_definition(definition) + "\n", file)

    @noun.verb("crm report import open.json", name="import")
    def import_(
        app: App,
        file: Annotated[str, typer.Argument(metavar="FILE|-", help="What `crm report export` wrote.")],
        dry_run: DryRun = False,
    ) -> Result:
        """Keep a report from what `crm report export` wrote; one of the same name is replaced."""
        definition = read_definition(text_of(app, file))
        definition = replace(definition, name=new_name(definition.name))
        return keep(app, definition, dry_run=dry_run)


def about_own(definition: Definition) -> str:
    """What a report of one's own tells."""
    return definition.title or summary(definition)


def about(standard: Standard) -> str:
    """What a standard report tells."""
    return standard.about.partition("\n")[0].rstrip(".")


def standard_named(app: App, name: str) -> Standard | None:
    """The standard report that is meant; one of one's own that is older than it keeps the name."""
    word = folded_name(name)
    return None if word in kept(app.configured) else WORDS.get(word)


def refuse_standard(app: App, name: str, why: str, hint: str | None = None) -> None:
    """Raises Refused where a name is that of a standard report."""
    if standard := standard_named(app, name):
        raise Refused(f"{standard.word} is a standard report: {why}.", hint=hint)


def defined(app: App, given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given of a definition; `none` is blank."""
    found: dict[str, Any] = {
        name: "" if given[name].strip().casefold() == CLEARED else given[name].strip()
        for name in ("filter", "sort", "chart", "title")
        if given[name] is not None
    }
    fields = app.output.fields if app.output is not None else None
    app.fields_applied = True  # they are the report's, not those of what is printed here
    if given["by"] is not None:
        found["by"] = cleared(given["by"].split(","))
    if fields is not None:
        found["fields"] = cleared(fields)
    measures = [f"{way}:{name}" for way in WAYS for name in cleared(split(given[way]))]
    if given["count"] or any(given[way] for way in WAYS):
        found["measures"] = (*([COUNT] if given["count"] else []), *measures)
    if given["top"] is not None:
        found["top"] = given["top"]
    return found


def split(texts: list[str] | None) -> list[str]:
    """The names in an option that may be repeated, each of which may hold several."""
    return [name for text in texts or () for name in text.split(",")]


def cleared(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(text.strip() for text in texts if text.strip() and text.strip().casefold() != CLEARED)


def keep(app: App, definition: Definition, old: Definition | None = None, *, dry_run: bool) -> Outcome:
    """Keep a report under its name, in place of an old one. Raises InvalidValue where it cannot be run."""
    from crmcli.reports.own.meaning import checked

    entity = noun_named(definition.noun).entity
    with app.work(dry_run=dry_run, makes=True) as work:
        context = context_of(app, work.reader, app.today)
        definition = checked(definition, entity, context, work.fields)
        if old is not None and old.key != definition.key:
            work.set_setting(old.key, "")
        work.set_setting(definition.key, write_definition(definition))
    done, entry = kept_by(work, dry_run=dry_run)
    said = [f"{done} the report {definition.name}: {summary(definition)}."]
    if not dry_run:
        said.append(f"Run it: crm report {quoted(definition.name)}")
    return Outcome(said, [definition.name], data={**definition.as_data(), "entry": entry})


def quoted(name: str) -> str:
    """A name as one types it in a shell."""
    from shlex import quote

    return quote(name)


def own_named(app: App, name: str) -> Definition:
    """The report of one's own that is meant. Raises NotFound, with a suggestion that may be a standard one."""
    return report_named(app.configured, name, [*WORDS])


def run_own(
    app: App,
    definition: Definition,
    terms: Sequence[str],
    *,
    as_of: str | None,
    currency: str | None,
    explain: bool,
) -> Report:
    """A report of one's own, of those of its records that meet further terms. Raises CrmError."""
    from datetime import date

    from crmcli.reports.own import Asked, report
    from crmcli.rules.rates import Rates
    from crmcli.store.figures import rates

    scope = scope_of(app, as_of=as_of)
    reader = app.read()
    asked = Asked(
        scope.as_of,
        scope.moment,
        context_of(app, reader, date.fromisoformat(scope.as_of)),
        Rates(app.currency, rates(reader, scope.known, app.currency)),
        into_of(currency),
        explain,
        as_json(app),
    )
    return report(reader, definition, " ".join(terms), asked)
