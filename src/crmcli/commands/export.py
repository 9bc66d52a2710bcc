"""crm export: everything, as plain files in one folder."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO, cast

import typer

from crmcli.app import App
from crmcli.commands._noun import report
from crmcli.errors import Conflict, InvalidValue
from crmcli.result import Outcome, Result, Table

if TYPE_CHECKING:
    from crmcli.store.whole import Part, Written


@report("crm export crm-backup/", "crm export ~/crm-2026-03-02 --json")
def command(
    app: App,
    folder: Annotated[
        str,
        typer.Argument(metavar="DIR", help="A new folder, or that of an earlier export, which is replaced."),
    ],
) -> Result:
    """Write everything into a folder of CSV files, which `crm import DIR` brings back as it was.

    A file for each noun, in the order of ids, with all fields; and beside them contact roles, the history of
    deals, custom fields and settings. The same data makes the same bytes, in any database. Each file of a
    noun can also be imported by itself: crm lead import DIR/leads.csv.

    Deleted records are not exported, but for the names of those that others still mention; nor is the
    journal: what was done before can be undone only where it was done.
    """
    from crmcli.store.whole import (
        DELETED,
        DELETED_PARTS,
        FIELD_PARTS,
        FIELDS,
        MANIFEST,
        SETTING_PARTS,
        SETTINGS,
        Manifest,
        deleted_rows,
        field_rows,
        files_of,
        next_ids,
        setting_rows,
    )
    from crmcli.transfer.whole_file import whole_file

    path = Path(folder)
    reader = app.read()
    make_room(path)
    with ExitStack() as opened:  # every file takes its name when all are written, the manifest last
        manifest = opened.enter_context(whole_file(path / MANIFEST))

        def write(name: str, parts: Sequence["Part"], rows: Iterable[Sequence[Any]]) -> "Written":
            return write_rows(opened.enter_context(whole_file(path / name)), parts, rows)

        files = {file.name: write(file.name, file.parts, file.rows(reader)) for file in files_of(reader)}
        files[DELETED] = write(DELETED, DELETED_PARTS, deleted_rows(reader))
        files[FIELDS] = write(FIELDS, FIELD_PARTS, field_rows(reader))
        files[SETTINGS] = write(SETTINGS, SETTING_PARTS, setting_rows(reader))
        manifest.write(Manifest(files, next_ids(reader)).text())
    counts = {name: file.records for name, file in sorted(files.items())}
    total = sum(counts.values())
    said = f"Wrote {total:,} rows in {len(counts)} files to {folder}; `crm import {folder}` brings them back."
    return Outcome([said], data={"dir": folder, "files": counts})


def make_room(path: Path) -> None:
    """Make the folder, for its owner's eyes alone. Raises Conflict where it holds anything but an export."""
    from crmcli.store.whole import MANIFEST, manifest_of

    if path.exists() and not path.is_dir():
        raise InvalidValue(f"{path} is a file; a whole export is a folder.", field="dir")
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        manifest_of((path / MANIFEST).read_text("utf-8"))
    except FileNotFoundError:
        if any(path.iterdir()):
            raise Conflict(
                f"{path} holds other files, and no export of ours. Nothing was written.",
                hint="Name a new folder.",
            ) from None
    except (InvalidValue, UnicodeDecodeError) as error:
        raise Conflict(f"{path}/{MANIFEST} is not ours. Nothing was written.") from error


def write_rows(out: TextIO, parts: Sequence["Part"], rows: Iterable[Sequence[Any]]) -> "Written":
    """Write rows as CSV, instants in UTC; how many there were, and the sum of the bytes."""
    from crmcli.render import render
    from crmcli.render.look import Look
    from crmcli.store.whole import Written

    summed, count = Summed(out), 0

    def counted() -> Iterator[Sequence[Any]]:
        nonlocal count
        for count, row in enumerate(rows, 1):  # noqa: B007 - it is the number of rows
            yield row

    table = Table([part.column for part in parts], counted())
    render(table, "csv", Look(cast(TextIO, summed), out))
    return Written(count, summed.sum.hexdigest())


class Summed:
    """A text file that sums up what is written to it."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.sum = sha256()

    def write(self, text: str) -> None:
        self.sum.update(text.encode())
        self.out.write(text)

    def flush(self) -> None:
        self.out.flush()
