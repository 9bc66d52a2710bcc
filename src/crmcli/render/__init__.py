"""What people and programs see of a result: every output format, and nothing drawn before it is needed."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Final

from crmcli.errors import CrmError, InvalidValue, suggestion
from crmcli.render.clean import clean, clean_lines
from crmcli.render.look import COLORS, Look, look_of
from crmcli.result import Outcome, Page, Record, Report, Result, Table, Text

__all__ = ["COLORS", "FORMATS", "Look", "look_of", "render", "render_error", "render_file"]

_Writer = Callable[[Table | Record, Look], None]

# The format, the module of this package that writes it, and its function there.
_WRITERS: Final = {
    "table": ("table", "write"),
    "plain": ("plain", "write"),
    "json": ("json_", "write"),
    "jsonl": ("json_", "write_lines"),
    "csv": ("csv_", "write"),
    "tsv": ("csv_", "write_tabs"),
    "md": ("markdown", "write"),
    "html": ("html", "write"),
    "ids": ("ids", "write"),
}
# A page of several reports; every other format takes its figures as rows.
_PAGE_WRITERS: Final = {
    "table": ("page", "write"),
    "plain": ("page", "write_plain"),
    "json": ("json_", "write_page"),
    "md": ("page", "write_markdown"),
    "html": ("html", "write_page"),
}
FORMATS: Final = tuple(_WRITERS)
# Where a file is read by other programs: TSV with quotes, and what is no text.
_FILE_WRITERS: Final = {**_WRITERS, "tsv": ("csv_", "write_quoted_tabs"), "xlsx": ("xlsx", "write")}


def render(result: Result, format: str | None, look: Look, quiet: bool = False) -> None:
    """Print a result in the format asked for, else in the one that suits where it goes.

    `quiet` keeps back what a write says in words. A pipe that was closed is the caller's to meet.
    """
    if format is not None and format not in _WRITERS:
        hint = suggestion(format, FORMATS) or f"One of {', '.join(FORMATS)}."
        raise InvalidValue(f"{format!r} is not an output format.", hint=hint, field="format")
    if isinstance(result, Outcome):
        _outcome(result, format, look, quiet)
    elif isinstance(result, Text):
        _text(result, format, look)
    elif isinstance(result, Page):
        _page(result, format or ("table" if look.terminal else "plain"), look)
    else:
        _write(result, format or _usual(result, look), look)
    look.out.flush()


def render_file(table: Table, format: str, look: Look) -> None:
    """Write a table for a file: what is read back, by us or another program, is the same."""
    _write(table, format, look, _FILE_WRITERS)
    look.out.flush()


def render_error(error: CrmError, as_json: bool, look: Look) -> None:
    """An expected failure on stderr: a sentence and a hint, or one JSON object."""
    if as_json:
        from crmcli.render.json_ import error_text

        words = error_text(error.code, error.message, error.hint, error.field, error.details)
    else:
        words = f"Error: {clean_lines(error.message)}"
        if error.hint:
            words += f"\nHint: {clean_lines(error.hint)}"
    look.err.write(words + "\n")
    look.err.flush()


def _usual(result: Table | Record, look: Look) -> str:
    """A table on a terminal; in a pipe TSV for lists, aligned text for reports and records."""
    if look.terminal:
        return "table"
    return "plain" if isinstance(result, Report | Record) else "tsv"


def _page(page: Page, format: str, look: Look) -> None:
    if format in _PAGE_WRITERS:
        module, function = _PAGE_WRITERS[format]
        getattr(import_module(f"crmcli.render.{module}"), function)(page, look)
    else:
        from crmcli.render.page import as_table

        _write(as_table(page, look), format, look)


def _write(
    result: Table | Record, format: str, look: Look, writers: Mapping[str, tuple[str, str]] = _WRITERS
) -> None:
    module, function = writers[format]
    write: _Writer = getattr(import_module(f"crmcli.render.{module}"), function)
    write(result, look)


def _outcome(outcome: Outcome, format: str | None, look: Look, quiet: bool) -> None:
    """Words to stderr; to stdout the references in a pipe, or what the format asks for; a plan before all."""
    if outcome.plan is not None:
        _plan(outcome, outcome.plan, format, look)
    if outcome.said and not quiet:
        look.err.write("".join(f"{clean(line)}\n" for line in outcome.said))
        look.err.flush()
    if outcome.plan is not None:
        return
    if format is None:
        if not look.terminal:
            _refs(outcome, look)
    elif format == "ids":
        _refs(outcome, look)
    elif outcome.record is not None:
        _write(outcome.record, format, look)
    elif format in ("json", "jsonl"):
        from crmcli.render.json_ import write_data, write_data_line

        data = {"refs": outcome.refs} if outcome.data is None else outcome.data
        (write_data if format == "json" else write_data_line)(data, look)
    else:
        _refs(outcome, look)


def _plan(outcome: Outcome, plan: Table, format: str | None, look: Look) -> None:
    if format == "json":
        from crmcli.render.json_ import write_with_rows

        write_with_rows(outcome.data, "plan", plan, look)
    else:
        _write(plan, format or _usual(plan, look), look)
    look.out.flush()


def _refs(outcome: Outcome, look: Look) -> None:
    from crmcli.render.ids import write_refs

    write_refs(outcome.refs, look)


def _text(text: Text, format: str | None, look: Look) -> None:
    if format in ("json", "jsonl"):
        from crmcli.render.json_ import write_data_line

        write_data_line({"text": text.text}, look)
    elif text.text:
        look.out.write(text.text if text.text.endswith("\n") else text.text + "\n")
