"""crm import: a whole export brought back, or the plan of an import carried out."""

from functools import partial
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crmcli.app import App
from crmcli.commands._noun import DryRun, Noun
from crmcli.commands._plan import apply_plan
from crmcli.errors import InvalidValue
from crmcli.render.clean import clean
from crmcli.result import Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crmcli.store.whole import Manifest, Part
    from crmcli.store.whole_import import WholeImport
    from crmcli.store.work import UnitOfWork
    from crmcli.transfer.source import Source

    Line = tuple[int, list[str]]

command = Noun(
    "import",
    "Bring back a whole export, or carry out the plan of an import."
    " Files of records are imported by their noun: crm lead import FILE.",
    default="DIR",
)


@command.verb("crm import crm-backup/ --dry-run", "crm --db new.db import crm-backup/", name="DIR")
def whole(
    app: App,
    folder: Annotated[str, typer.Argument(metavar="DIR", help="The folder that `crm export DIR` wrote.")],
    dry_run: DryRun = False,
) -> Result:
    """Bring everything back that `crm export DIR` wrote, into an empty database.

    All or nothing: every record under its own id, with its links, the history of deals, custom fields and
    settings. Exported again, it is the same byte for byte. One `crm undo` takes it back.

    The files may have been edited; those that have are named. What cannot be read is refused, with the file
    and the line.
    """
    path = Path(folder)
    manifest = read_manifest(path)
    changed = changed_files(path, manifest)
    with app.work(source="import", dry_run=dry_run, makes=True) as work:
        counts = bring_back(app, work, path, manifest)
        entry = None if dry_run else work.entry
    said = [
        f"{name} is not as it was exported: {counts[name]:,} rows now, {manifest.files[name].records:,} then."
        if counts.get(name) != manifest.files[name].records
        else f"{name} is not as it was exported."
        for name in changed
    ]
    said.append(
        f"{'Would bring' if dry_run else 'Brought'} back {sum(counts.values()):,} rows of {len(counts)} files"
        + (f" (entry {entry})." if entry else ".")
    )
    if entry:
        said.append(f"`crm undo {entry}` takes it back.")
    return Outcome(said, data={"dir": folder, "files": counts, "changed": changed, "entry": entry})


@command.verb("crm import apply plan.jsonl", "crm import apply plan.jsonl --dry-run")
def apply(
    app: App,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A plan that --plan FILE of an import wrote.")],
    dry_run: DryRun = False,
) -> Result:
    """Carry out the plan of an import, as it was reviewed.

    All or nothing: where a record has changed since the plan was made, or one that it would make is there by
    now, nothing is written and they are named. A plan is carried out once. One `crm undo` takes it back.
    """
    return apply_plan(app, file, dry_run)


def read_manifest(path: Path) -> "Manifest":
    """What the folder says of itself. Raises InvalidValue."""
    from crmcli.store.whole import MANIFEST, manifest_of

    if path.is_file():
        raise InvalidValue(
            f"{path} is a file; crm import takes the folder of a whole export.",
            hint=f"A file is imported by its noun: crm lead import {path}",
            field="dir",
        )
    if not path.is_dir():
        raise InvalidValue(
            f"There is no folder {path}.",
            hint="`crm export DIR` makes one. A file is imported by its noun: crm lead import FILE",
            field="dir",
        )
    try:
        manifest = manifest_of((path / MANIFEST).read_text("utf-8"))
    except FileNotFoundError:
        raise InvalidValue(
            f"{path} is no whole export: it has no {MANIFEST}.",
            hint="Files of records are imported by their noun: crm lead import FILE",
            field="dir",
        ) from None
    except UnicodeDecodeError as error:
        raise InvalidValue(f"{MANIFEST} is no manifest of a whole export.", field="dir") from error
    for name in manifest.files:
        if Path(name).name != name or not (path / name).is_file():
            raise InvalidValue(f"The export is incomplete: {path / name} is not there.", field="dir")
    return manifest


def changed_files(path: Path, manifest: "Manifest") -> list[str]:
    """The files that are not what was written."""
    return [name for name, file in sorted(manifest.files.items()) if sum_of(path / name) != file.sha256]


def sum_of(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def bring_back(app: App, work: "UnitOfWork", path: Path, manifest: "Manifest") -> dict[str, int]:
    """Read every file, and write what they hold; how many rows each has. Raises InvalidValue, Conflict."""
    from crmcli.render.look import look_of
    from crmcli.render.progress import progress
    from crmcli.store.whole import (
        DELETED,
        DELETED_PARTS,
        FIELD_PARTS,
        FIELDS,
        SETTING_PARTS,
        SETTINGS,
        files_of,
    )
    from crmcli.store.whole_import import WholeImport
    from crmcli.transfer.rows import BadRow
    from crmcli.transfer.source import open_source

    coming = WholeImport(work)
    counts = dict.fromkeys(sorted(manifest.files), 0)

    def good(source: "Source", name: str) -> "Iterator[Line]":
        for row in source.rows():
            if isinstance(row, BadRow):
                coming.problem(name, row.line, row.reason)
            else:
                counts[name] += 1
                advance(1)
                yield row

    def read(name: str, load: "Callable[[list[str], Iterator[Line]], None]") -> None:
        with open_source(
            str(path / name), app.stdin_bytes, encoding=None, delimiter=",", skip_lines=0
        ) as source:
            load(source.headings, good(source, name))

    def whole_lines(name: str, parts: "tuple[Part, ...]", load: "Callable[[Iterator[Line]], None]") -> None:
        def checked(headings: list[str], rows: "Iterator[Line]") -> None:
            if headings != [part.heading for part in parts]:
                raise InvalidValue(f"{name} has not the headings that it was exported with.", field="dir")
            load(rows)

        if name in manifest.files:
            read(name, checked)

    look = look_of(app.stdout, app.stderr, app.environ, app.settings.color)
    rows = sum(file.records for file in manifest.files.values())
    with progress(rows, f"Reading {path}", look) as advance:
        whole_lines(FIELDS, FIELD_PARTS, coming.declare)
        whole_lines(SETTINGS, SETTING_PARTS, coming.configure)
        if coming.count:  # without its fields no record can be read
            refuse(app, coming, path)
        for file in files_of(work.reader):
            if file.name in manifest.files:
                read(file.name, partial(coming.load, file))
            else:
                coming.load_nothing(file)
        whole_lines(DELETED, DELETED_PARTS, coming.load_deleted)
    coming.check()
    if coming.count:
        refuse(app, coming, path)
    coming.write(manifest.next_ids)
    return counts


def refuse(app: App, coming: "WholeImport", path: Path) -> None:
    """Name what is wrong, and stop: nothing is written. Raises InvalidValue."""
    as_json = app.output.format in ("json", "jsonl")
    if not as_json:
        for name, line, reason in coming.problems:
            app.stderr.write(clean(f"{name} line {line}: {reason}") + "\n")
    rows = "1 row" if coming.count == 1 else f"{coming.count:,} rows"
    raise InvalidValue(
        f"{path}: {rows} cannot be brought back; nothing was written.",
        hint="Mend the files, or export anew.",
        field="dir",
        details=[problem._asdict() for problem in coming.problems] if as_json else None,
    )
