"""The plan of an import on its way to the screen, into a file, and into the database."""

import shutil
from collections.abc import Sequence
from functools import partial
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any, Final

from crmcli.app import App
from crmcli.commands._records import differing
from crmcli.errors import InvalidValue
from crmcli.result import Column, Outcome, Table

if TYPE_CHECKING:
    from crmcli.fields import FieldSpec
    from crmcli.importing.plan import Plan
    from crmcli.importing.plan_writer import Writer
    from crmcli.store.work import UnitOfWork

COLUMNS: Final = (
    Column("line", "Line", "number"),
    Column("action", "What", cut="never"),
    Column("ref", "Ref", cut="never"),
    Column("name", "Name"),
    Column("changes", "Changes", "list", wraps=True),
    Column("reason", "Reason", folded=True, wraps=True),
    Column("code", "Code", folded=True),
    Column("field", "Field", hidden=True),
)
COUNTS: Final = ("created", "updated", "unchanged", "rejected")


def writer_of(
    app: App, work: "UnitOfWork", entity: str, fields: "Sequence[FieldSpec]", file: str
) -> "Writer":
    """What writes the plan of an import into a file that is gone when the command ends."""
    from crmcli.importing.plan_writer import Writer

    out = app.keep_open(TemporaryFile())  # noqa: SIM115 - it is read when the rows have left the stage
    return Writer(out, work, entity, fields, source_of(file), partial(changes, app))


def source_of(file: str) -> dict[str, str | None]:
    """What a plan says of the file that it was made from."""
    path = Path(file)
    if not path.is_file():
        return {"file": file, "file_sha256": None}
    with path.open("rb") as content:
        return {"file": path.name, "file_sha256": file_digest(content, "sha256").hexdigest()}


def changes(app: App, fields: "Sequence[FieldSpec]", old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What differs between two states of a record, as screens say it."""
    for row in (old, new):
        row["currency"] = row["currency"] or app.currency  # in which custom amounts are
    return differing(old, new, fields, app.zone)


def plan_table(app: App, plan: "Plan") -> Table:
    """The rows of a plan; people are spared those that change nothing, which are counted below."""
    people = app.output.format in ("table", "plain") or (app.output.format is None and app.stdout.isatty())
    rows = (row for row in plan.shown() if not people or row.action != "unchanged")
    return Table(COLUMNS, rows, title="Plan", empty="Nothing would change.")


def keep_plan(plan: IO[bytes], path: str) -> None:
    """Put a plan where it is wanted, whole or not at all. Raises InvalidValue."""
    from crmcli.transfer.whole_file import whole_file

    plan.seek(0)
    try:
        with whole_file(Path(path)) as out:
            shutil.copyfileobj(plan, out.buffer)
    except OSError as error:
        raise InvalidValue(f"Cannot write {path}: {error.strerror}.", field="plan") from None


def refuse_replacing(path: str) -> None:
    """Refuse a plan in the place of a file that holds anything else. Raises InvalidValue."""
    from crmcli.importing.plan import head_of

    if not Path(path).is_file() or not Path(path).stat().st_size:
        return
    with Path(path).open("rb") as file:
        if head_of(file) is None:
            raise InvalidValue(
                f"--plan {path} is there already and is no plan.", hint="Name another.", field="plan"
            )


def opened(app: App, path: str) -> IO[bytes]:
    """A file, to be read as bytes. Raises InvalidValue."""
    try:
        return app.keep_open(Path(path).open("rb"))
    except FileNotFoundError:
        raise InvalidValue(
            f"There is no file {path}.", hint="`crm lead import FILE --plan PLAN` makes a plan.", field="file"
        ) from None
    except OSError as error:
        raise InvalidValue(f"Cannot read {path}: {error.strerror}.", field="file") from None


def apply_plan(app: App, file: str, dry_run: bool) -> Outcome:
    """Carry out a plan, as one act."""
    from crmcli.commands._import_file import summary
    from crmcli.importing.plan import read_plan
    from crmcli.importing.plan_apply import carry_out

    plan = read_plan(opened(app, file), Path(file).name)
    with app.work(source="import", dry_run=dry_run, makes=True) as work:
        counts = carry_out(work, plan)
        entry = work.entry if work.wrote and not dry_run else None
    said = summary(f"{plan.head['file']} as planned", counts, entry, None, dry_run)
    data = {**{name: getattr(counts, name) for name in COUNTS}, "entry": entry}
    return Outcome(said, [], data=data, plan=plan_table(app, plan) if dry_run else None)
