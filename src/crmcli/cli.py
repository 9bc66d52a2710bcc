"""The command line: every noun by name, the root options, and the one place where errors end."""

import errno
import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout, suppress
from importlib import import_module
from itertools import pairwise
from keyword import iskeyword
from typing import Annotated, Any, Final, TextIO

import typer
from typer.main import get_command

from crmcli import __version__
from crmcli.app import App
from crmcli.commands._group import Entry, Group
from crmcli.commands._noun import Outside, Undelivered, start
from crmcli.errors import CrmError, Declined, Interrupted, InvalidValue
from crmcli.fields import NOUNS
from crmcli.render import render_error
from crmcli.render.look import look_of
from crmcli.settings import settings_from

# The word (and the module behind it, of which `command` is run), what the help says, and its section.
COMMANDS: Final = (
    ("lead", "People and companies that showed interest", "Records"),
    ("account", "Organisations: customers, prospects, suppliers, partners, competitors", "Records"),
    ("contact", "People at accounts", "Records"),
    ("opp", "Opportunities: deals and their stages", "Records"),
    ("task", "What is to do", "Records"),
    ("log", "Calls, e-mails, meetings and notes that have happened", "Records"),
    ("campaign", "Fairs, mailings, advertisements: what they cost and brought", "Records"),
    ("user", "The sales team", "Records"),
    ("stage", "The steps of the sales process", "Records"),
    ("today", "What to do now: tasks due, deals that wait", "Every day"),
    ("search", "Find anything by words", "Every day"),
    ("pipeline", "Open deals by stage", "Every day"),
    ("forecast", "What will be closed, by category", "Every day"),
    ("dashboard", "How sales stand, on one page", "Every day"),
    ("report", "Win rate, cycle time, funnel and more; reports of your own", "Every day"),
    ("lint", "Records that lack something, and what mends them", "Every day"),
    ("quota", "What everybody is to close, and how much of it is", "Plan"),
    ("rate", "What other currencies are worth", "Plan"),
    ("export", "Everything, as plain files in one folder", "Files"),
    ("import", "Bring back a whole export, or carry out the plan of an import", "Files"),
    ("migrate", "Move in from Salesforce, HubSpot or Pipedrive", "Files"),
    ("dedupe", "Records that are probably one", "Files"),
    ("profile", "What imports are told, kept under a name", "Files"),
    ("history", "What was done, by whom", "Safety"),
    ("undo", "Take back the last act, or any", "Safety"),
    ("redo", "Do again what was undone", "Safety"),
    ("doctor", "Check the database", "Safety"),
    ("init", "Make the database", "Set-up"),
    ("demo", "Try it all on a sample database", "Set-up"),
    ("config", "Currency, fiscal year, date order, time zone, country", "Set-up"),
    ("schema", "The nouns and fields, for programs", "Set-up"),
    ("completion", "Shell completion for bash, zsh and fish", "Set-up"),
    ("help", "Dates, money, filters, periods, formats, exit codes, cron", "Set-up"),
)
ALIASES: Final = {noun.word: noun.aliases for noun in NOUNS}


def load(word: str, ctx: Any) -> Any:
    """The command behind a word."""
    module = f"{word}_" if iskeyword(word) else word
    return import_module(f"crmcli.commands.{module}").command.group(ctx)


ENTRIES: Final = {
    word: Entry(help, lambda ctx, word=word: load(word, ctx), section, ALIASES.get(word, ()))  # type: ignore[misc]
    for word, help, section in COMMANDS
}


class Root(Group):
    """The program itself."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, entries=ENTRIES, **kwargs)


root = typer.Typer(
    context_settings={"help_option_names": ["--help", "-h"]},
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"crm {__version__}")
        raise typer.Exit


@root.callback(cls=Root, no_args_is_help=True)
def main(
    ctx: typer.Context,
    db: Annotated[
        str | None,
        typer.Option(
            "--db", metavar="PATH|URL", help="The database; else CRMCLI_DB, else the per-user file."
        ),
    ] = None,
    actor: Annotated[str | None, typer.Option("--as", metavar="USER", help="Act as this user.")] = None,
    no_input: Annotated[bool, typer.Option("--no-input", help="Never ask.")] = False,
    color: Annotated[str, typer.Option("--color", metavar="WHEN", help="auto, always or never.")] = "auto",
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Only data and errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=print_version, is_eager=True)
    ] = False,
) -> None:
    """The local-first CRM for the command line."""
    outside: Outside = ctx.obj
    for option, text in (("--db", db), ("--as", actor)):
        if text == "":
            raise InvalidValue(f"{option} is blank.", field=option.lstrip("-"))
    settings = settings_from(
        outside.environ, database=db, actor=actor, prompts=not no_input, color=color, quiet=quiet
    )
    look_of(outside.stdout, outside.stderr, outside.environ, color)
    outside.app = ctx.obj = App(
        settings,
        environ=outside.environ,
        stdin=outside.stdin,
        stdout=outside.stdout,
        stderr=outside.stderr,
        command=command_line(outside.argv),
    )
    ctx.call_on_close(ctx.obj.close)


def command_line(argv: list[str]) -> str:
    """The command as the journal keeps it: from the noun on, quoted where a shell would need it.

    The root options are left out: who acted is kept anyway, and a database's URL may hold a password.
    """
    from shlex import join

    words = list(argv)
    while words and words[0].startswith("-"):
        if words.pop(0) in ("--db", "--as", "--color") and words:
            words.pop(0)
    return join(words)


def run(argv: list[str], *, stdin: TextIO, stdout: TextIO, stderr: TextIO, environ: Mapping[str, str]) -> int:
    """Run one command; the exit code. Every expected failure ends here, in one sentence."""
    outside = Outside(argv, environ, stdin, stdout, stderr)
    try:
        code = answer(outside)
        stdout.flush()
    except OSError as error:
        code = undelivered(error, outside)
    try:
        stderr.flush()
    except OSError:  # nobody can be told; the code says it
        silence(stderr)
    return code


def answer(outside: Outside) -> int:
    """Run one command, or say why not; the exit code. Raises OSError where nobody can be told."""
    try:
        for word in outside.argv:
            if not word.isascii():
                check_text(word)
        with redirect_stdout(outside.stdout), redirect_stderr(outside.stderr):
            start(get_command(root), outside.argv, outside)
        return 0
    except typer.Exit as end:
        return end.exit_code
    except Declined as reply:
        outside.stderr.write(f"{reply.message}\n")
        return reply.exit_code
    except CrmError as error:
        return fail(error, outside)
    except (typer.Abort, KeyboardInterrupt):
        what = "it had been written already" if committed(outside) else "nothing was written"
        return fail(Interrupted(f"Interrupted; {what}."), outside)
    except (BrokenPipeError, Undelivered):
        raise
    except Exception as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # a group alone
            outside.stdout.write(error.format_message() + "\n")  # type: ignore[attr-defined]  # Typer keeps it to itself
            return 0
        usage = as_usage(error)
        if usage is None:
            raise
        return fail(usage, outside)


def committed(outside: Outside) -> bool:
    return outside.app is not None and outside.app.committed


def undelivered(error: OSError, outside: Outside) -> int:
    """The end of a command whose output, or words, could not be written; what it did to the database is done."""
    silence(outside.stdout)
    if isinstance(error, BrokenPipeError):  # whoever read has gone
        return 141
    what = "; what was asked for is done" if committed(outside) else ""
    return fail(CrmError(f"The output could not be written: {error.strerror}{what}."), outside)


def silence(stream: TextIO) -> None:
    """Keep the interpreter from writing to nobody once more."""
    if stream in (sys.stdout, sys.stderr):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def check_text(word: str) -> None:
    """Refuse an argument that is not text in the encoding of the terminal. Raises InvalidValue."""
    try:
        word.encode()
    except UnicodeEncodeError as error:
        shown = word.encode("utf-8", "backslashreplace").decode()
        raise InvalidValue(f"{shown!r} is not valid text (UTF-8).") from error


def as_usage(error: Exception) -> CrmError | None:
    """Typer's own complaints, and the operating system's, as ours; None for what nobody expected."""
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        hint = usage_hint(getattr(error, "ctx", None), getattr(error, "option_name", ""))
        return InvalidValue(error.format_message(), hint=hint)
    if isinstance(error, OSError):
        from crmcli.errors import DatabaseError

        where = f"{error.filename}: " if error.filename else ""
        return (
            DatabaseError(f"{where}{error.strerror or error}.")
            if error.errno == errno.ENOSPC
            else CrmError(f"{where}{error.strerror or error}.")
        )
    return None


def usage_hint(ctx: Any, option: str) -> str | None:
    """Where to look after a call that Typer did not understand."""
    if ctx is None:
        return None
    if option and ctx.parent is None:
        return f"The options of a command stand behind it: {ctx.command_path} COMMAND {option}"
    if option.startswith("--") and any(param.name == "terms" for param in ctx.command.params):
        return f"Lists are filtered by terms: {ctx.command_path} {option[2:].replace('-', '_')}:VALUE"
    return f"`{ctx.command_path} --help` shows how."


def fail(error: CrmError, outside: Outside) -> int:
    """Say what went wrong, in words or, where JSON was asked for, as one object."""
    argv = outside.argv
    as_json = any(
        word in ("--json", "--format=json", "--format=jsonl", "-fjson", "-fjsonl") for word in argv
    ) or any(first in ("--format", "-f") and second in ("json", "jsonl") for first, second in pairwise(argv))
    with suppress(OSError):
        render_error(error, as_json, look_of(outside.stdout, outside.stderr, outside.environ))
    return error.exit_code
