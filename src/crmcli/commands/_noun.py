"""The shell around every command: nouns and their verbs, the options they share, output, completion."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, Final, NamedTuple, TextIO

import typer
from typer.main import get_command

from crmcli.app import App
from crmcli.commands import _watch
from crmcli.commands._group import ALONE, KEPT, Command, Entry, Group
from crmcli.errors import InvalidValue, suggestion
from crmcli.render import FORMATS, render
from crmcli.render.look import Look, look_of
from crmcli.result import Outcome, Page, Record, Result, Row, Table
from crmcli.result import Report as Figures
from crmcli.settings import settings_from


@dataclass(slots=True)
class Outside:
    """What the program was started with."""

    argv: list[str]
    environ: Mapping[str, str]
    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    app: App | None = None  # once the root options are read


class Undelivered(OSError):
    """The output cannot be written; what the command did is done."""


# --- options that many commands share -------------------------------------------------------------------

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would happen; write nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
At = Annotated[str | None, typer.Option("--at", metavar="DATE", help="The day it happened, if not today.")]
AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="DATE", help="As it was at the end of that day.")
]
Period = Annotated[
    str | None,
    typer.Option(
        "--period", metavar="PERIOD", help="2026, 2026-Q3, 2026-07, this-quarter; see crm help periods."
    ),
]
Owner = Annotated[
    str | None, typer.Option("--owner", metavar="USER", help="Only what this user owns; me is you.")
]
Into = Annotated[
    str | None, typer.Option("--currency", metavar="CODE", help="Convert everything at the dated rates.")
]
Explain = Annotated[bool, typer.Option("--explain", help="Show where every figure comes from.")]


# --- commands -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Verb:
    """A command of a noun before it is built."""

    function: Callable[..., Result]
    help: str
    examples: tuple[str, ...]
    options: Callable[[App | None], list[inspect.Parameter]] | None = None  # known only when it is built
    section: str = "Commands"  # of the help
    aliases: tuple[str, ...] = ()


@dataclass(slots=True)
class Noun:
    """The commands of one noun, by name; none is built before it is called.

    The `default` is run where the first word is none of them: its name is what help says of that word, DIR.
    The `silent` one may stand before a command of another section, and then says nothing: run win-rate.
    """

    word: str
    help: str
    default: str | None = None
    silent: str | None = None
    verbs: dict[str, Verb] = field(default_factory=dict)

    def verb(
        self,
        *examples: str,
        name: str | None = None,
        options: Callable[[App | None], list[inspect.Parameter]] | None = None,
        section: str = "Commands",
        aliases: tuple[str, ...] = (),
    ) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
        """Register a function as a command; its docstring is the help, its first line the summary."""

        def register(function: Callable[..., Result]) -> Callable[..., Result]:
            word = name or function.__name__.strip("_").replace("_", "-")
            about = inspect.getdoc(function) or ""
            self.verbs[word] = Verb(function, about, examples, options, section, aliases)
            return function

        return register

    def group(self, _ctx: Any) -> Group:
        return Group(
            name=self.word,
            help=self.help,
            entries=entries_of(self.verbs),
            default=self.default,
            silent=self.silent,
            no_args_is_help=True,
            rich_markup_mode=None,
        )


def entries_of(verbs: Mapping[str, Verb]) -> dict[str, Entry]:
    """The lines of a group, one for each of its commands."""
    return {
        name: Entry(
            verb.help.partition("\n")[0].rstrip("."), partial(build, name, verb), verb.section, verb.aliases
        )
        for name, verb in verbs.items()
    }


def report(*examples: str) -> Callable[[Callable[..., Result]], "Report"]:
    """Make a function a command of its own, such as `crm forecast`."""

    def register(function: Callable[..., Result]) -> Report:
        return Report(
            function.__module__.rpartition(".")[2], Verb(function, inspect.getdoc(function) or "", examples)
        )

    return register


@dataclass(frozen=True, slots=True)
class Report:
    """A command that is no verb of a noun; it may have commands under it, such as `crm pipeline diff`."""

    name: str
    alone: Verb
    verbs: dict[str, Verb] = field(default_factory=dict)

    def verb(self, *examples: str) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
        """Register a function as a command under this one."""

        def register(function: Callable[..., Result]) -> Callable[..., Result]:
            self.verbs[function.__name__] = Verb(function, inspect.getdoc(function) or "", examples)
            return function

        return register

    def group(self, ctx: Any) -> Any:
        if not self.verbs:
            return build(self.name, self.alone, ctx)
        return Group(
            name=self.name,
            help=self.alone.help,
            entries=entries_of(self.verbs),
            alone=Entry("", partial(build, ALONE, self.alone)),
            rich_markup_mode=None,
        )

    def __call__(self, app: App, **options: Any) -> Result:
        return self.alone.function(app, **options)


def build(name: str, verb: Verb, ctx: Any) -> Any:
    """The Typer command of a function: its parameters, then those of the output."""
    app = ctx.obj if isinstance(ctx.obj, App) else app_for(ctx) if verb.options else None
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    alone.command(name, cls=Command, help=verb.help, epilog="\n".join(verb.examples))(in_shell(verb, app))
    return get_command(alone)


def in_shell(verb: Verb, known: App | None) -> Callable[..., None]:
    """Wrap a function of an App into one of a Typer context, which renders what it returns."""
    signature = inspect.signature(verb.function)
    own = list(signature.parameters.values())[1:]
    extra = verb.options(known) if verb.options else []
    # What can be printed only where it changed.
    watching = signature.return_annotation in (Figures, Page, Table)
    if watching:
        extra = [*extra, *_watch.options({parameter.name: parameter for parameter in own})]
    takes = [parameter for parameter in own if parameter.kind is not inspect.Parameter.VAR_KEYWORD]
    parameters = [
        inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context),
        *(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in [*takes, *extra, *OUTPUT]),
    ]

    def run(ctx: typer.Context, **given: Any) -> None:
        app: App = ctx.obj
        as_json, named = given.pop("json"), given.pop("format")
        if named is not None and named not in FORMATS:
            raise InvalidValue(
                f"{named!r} is not a format. There are {', '.join(FORMATS)}.",
                hint=suggestion(named, FORMATS),
                field="format",
            )
        if as_json and named not in (None, "json"):
            raise InvalidValue(f"--json and --format {named} contradict each other.", field="format")
        for option, text in given.items():
            if text == "" and option != "set" and not option.startswith("field_"):
                raise InvalidValue(f"{option.replace('_', '-')} is blank.", field=option)
        app.output = Output("json" if as_json else named, split_names(given.pop("fields")))
        given = {option: as_typed(value) for option, value in given.items()}
        if watching:
            watched = _watch.watched(app, verb.function, given, _watch.taken(given))
            if watched.result is not None:
                show(app, watched.result)
                watched.remember()
            app.stderr.writelines(f"{sentence}\n" for sentence in watched.said)
            if watched.exit_code:
                raise typer.Exit(watched.exit_code)
            return
        result = verb.function(app, **given)
        show(app, result)
        if isinstance(result, Outcome | Figures) and result.exit_code:
            raise typer.Exit(result.exit_code)

    run.__name__ = verb.function.__name__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def as_typed(value: Any) -> Any:
    """The words of an argument without the mark of those that are no options."""
    if isinstance(value, list):
        return [as_typed(each) for each in value]
    return value.removeprefix(KEPT) if isinstance(value, str) else value


def command_tree() -> dict[str, list[str]]:
    """Every command of the program that runs, with its verbs where it has any."""
    from typer._click.globals import get_current_context

    ctx: Any = get_current_context().find_root()
    commands = {name: ctx.command.get_command(ctx, name) for name in ctx.command.list_commands(ctx)}
    return {
        name: command.list_commands(ctx) if isinstance(command, Group) else []
        for name, command in commands.items()
    }


def start(program: Any, argv: list[str], outside: Outside) -> None:
    """Run a command line; how it ends is raised. Typer's own `main` would swallow closed pipes and Ctrl-C."""
    with program.make_context("crm", list(argv), obj=outside) as ctx:
        program.invoke(ctx)


def run_beside(argv: list[str], environ: Mapping[str, str], stdin: TextIO, out: TextIO) -> None:
    """Run another command of the program that runs, all it says to one stream. Raises as it does."""
    from contextlib import redirect_stderr, redirect_stdout

    from typer._click.globals import get_current_context

    program = get_current_context().find_root().command
    with redirect_stdout(out), redirect_stderr(out):
        start(program, argv, Outside(argv, environ, stdin, out, out))


def help_of(words: list[str]) -> str | None:
    """The help of a command of the program that runs, by its words; None where there is no such command."""
    from typer._click.globals import get_current_context

    ctx: Any = get_current_context().find_root()
    for word in words:
        command = ctx.command.get_command(ctx, word) if isinstance(ctx.command, Group) else None
        if command is None:
            return None
        ctx = command.make_context(word, [], parent=ctx, obj=ctx.obj, resilient_parsing=True)
    return str(ctx.get_help())


class Output(NamedTuple):
    """How the result was asked for."""

    format: str | None = None
    fields: tuple[str, ...] | None = None

    @property
    def everything(self) -> bool:
        """Whether a program reads it, which gets every field."""
        return self.format in ("json", "jsonl")


OUTPUT: Final = (
    inspect.Parameter(
        "format",
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[
            str | None,
            typer.Option(
                "--format",
                "-f",
                metavar="FORMAT",
                help=" ".join(FORMATS),
                autocompletion=lambda: list(FORMATS),
            ),
        ],
    ),
    inspect.Parameter(
        "json",
        inspect.Parameter.KEYWORD_ONLY,
        default=False,
        annotation=Annotated[bool, typer.Option("--json", help="The same as --format json.")],
    ),
    inspect.Parameter(
        "fields",
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[
            str | None, typer.Option("--fields", metavar="A,B", help="Only these fields, in this order.")
        ],
    ),
)


def split_names(text: str | None) -> tuple[str, ...] | None:
    return tuple(name.strip() for name in text.split(",") if name.strip()) if text else None


def show(app: App, result: Result) -> None:
    """Print a result as it was asked for."""
    output: Output = app.output
    if isinstance(result, Page) and result.file:
        result = saved(app, result, result.file)
    if output.fields and isinstance(result, Table | Record) and not app.fields_applied:
        result = only(result, output.fields)
    if output.fields and isinstance(result, Outcome) and result.plan is not None:
        result.plan = only(result.plan, output.fields)  # type: ignore[assignment]  # it stays a table
    look = look_of(
        app.stdout, app.stderr, app.environ, app.settings.color, None if app.zone_is_utc else app.zone
    )
    with delivering():
        render(result, output.format, look, app.settings.quiet)


@contextmanager
def delivering() -> Iterator[None]:
    """Write to stdout: what fails there is neither a file's fault nor the database's."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Undelivered(error.errno, error.strerror or str(error)) from error


def saved(app: App, page: Page, file: str) -> Outcome:
    """Write a page as HTML, in a file that is there whole or not at all."""
    from pathlib import Path

    from crmcli.transfer.whole_file import whole_file

    with whole_file(Path(file)) as out:
        zone = None if app.zone_is_utc else app.zone
        render(page, "html", Look(out, app.stderr, zone=zone))
    return Outcome([f"Wrote {file}."], data={"file": file})


def only(result: Table | Record, names: tuple[str, ...]) -> Table | Record:
    """A result with the columns that were asked for. Raises InvalidValue for an unknown one."""
    from dataclasses import replace

    known = [column.name for column in result.columns]
    for name in names:
        if name not in known:
            raise InvalidValue(
                f"There is no field {name!r} here. There are {', '.join(known)}.",
                hint=suggestion(name, known),
                field="fields",
            )
    wanted = [known.index(name) for name in names]
    needed = wanted + [
        known.index(column.currency)
        for column in (result.columns[index] for index in wanted)
        if column.kind == "money" and column.currency in known and known.index(column.currency) not in wanted
    ]
    block = result.block if isinstance(result, Figures) else ""
    if block and known.index(block) not in needed:
        needed.append(known.index(block))
    columns = [
        replace(
            result.columns[index],
            hidden=index not in wanted or result.columns[index].name == block,
            folded=False,
            minor=0,
        )
        for index in needed
    ]

    def pick(row: Row) -> list[Any]:
        return [row[index] for index in needed]

    if isinstance(result, Record):
        return replace(result, columns=columns, row=pick(result.row), sections={})
    changes: dict[str, Any] = {"columns": columns, "rows": map(pick, result.rows)}
    if isinstance(result, Figures):
        changes["total"] = None if result.total is None else pick(result.total)
        changes["totals"] = {value: pick(row) for value, row in result.totals.items()}
    return replace(result, **changes)


def app_for(ctx: Any) -> App | None:
    """An App for completion, where no command has been run; None where there is no database."""
    import os
    import sys

    root = ctx.find_root()
    try:
        settings = settings_from(os.environ, database=root.params.get("db"))
        app = App(settings, environ=os.environ, stdin=sys.stdin, stdout=sys.stdout, stderr=sys.stderr)
        return app if app.target.exists() else None
    except Exception:  # noqa: BLE001 - completion must never print an error into the prompt
        return None


def complete_references(entity: str | None) -> Callable[[typer.Context, str], list[tuple[str, str]]]:
    """Completes references of an entity, or of any, with the name as help."""

    def complete(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
        from crmcli.fields import BY_ENTITY, NOUNS

        app = app_for(ctx)
        if app is None:
            return []
        found: list[tuple[str, str]] = []
        for noun in [BY_ENTITY[entity]] if entity else NOUNS[:6]:
            sql = (
                f"SELECT '{noun.letter}' || id, {noun.title} FROM \"{noun.entity}\" WHERE deleted_at IS NULL"
                f" AND '{noun.letter}' || id LIKE :begun ORDER BY id DESC LIMIT 50"
            )
            found += [(ref, name or "") for ref, name in app.read().rows(sql, begun=incomplete.upper() + "%")]
        app.close()
        return found

    return complete


def complete_column(sql: str) -> Callable[[typer.Context, str], list[str]]:
    """Completes with the first column of a query."""

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        app = app_for(ctx)
        if app is None:
            return []
        names = [row[0] for row in app.read().rows(sql) if str(row[0]).lower().startswith(incomplete.lower())]
        app.close()
        return names

    return complete


complete_stages = complete_column(
    "SELECT name FROM stage WHERE deleted_at IS NULL AND active = 1 ORDER BY position"
)
complete_users = complete_column(
    'SELECT name FROM "user" WHERE deleted_at IS NULL AND active = 1 ORDER BY name'
)
