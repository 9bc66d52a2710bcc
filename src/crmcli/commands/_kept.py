"""What profiles and own reports share: kept under a name, deleted, and taken from database to database as JSON."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from crmcli.app import App
from crmcli.commands._entity import confirm
from crmcli.errors import InvalidValue
from crmcli.result import Outcome, Result, Text

if TYPE_CHECKING:
    from crmcli.store.work import UnitOfWork

LARGEST: Final = 1 << 20  # bytes of a file to be read


def kept_by(work: "UnitOfWork", *, dry_run: bool) -> tuple[str, int | None]:
    """How to say what a unit of work did that kept something, and its entry if it did anything."""
    entry = work.entry if work.wrote and not dry_run else None
    return "Would keep" if dry_run else "Kept" if entry else "There is already", entry


def removed(app: App, what: str, name: str, setting: str, *, yes: bool, dry_run: bool) -> Outcome:
    """Delete something that is kept as a setting, once that is confirmed."""
    confirm(app, f"Delete {what}?", yes=yes or dry_run)
    with app.work(dry_run=dry_run) as work:
        work.set_setting(setting, "")
        entry = None if dry_run else work.entry
    said = [f"{'Would delete' if dry_run else 'Deleted'} {what}."]
    if entry:
        said.append(f"`crm undo {entry}` brings it back.")
    return Outcome(said, [name], data={"deleted": [name], "entry": entry})


def exported(what: str, text: str, file: str) -> Result:
    """The JSON of something that is kept, on standard output or in a file."""
    if file == "-":
        return Text(text)
    from crmcli.transfer.whole_file import whole_file

    with whole_file(Path(file)) as out:
        out.write(text)
    return Outcome([f"Wrote {what} to {file}."], data={"file": file})


def text_of(app: App, file: str) -> str:
    """The text of a small file. Raises InvalidValue."""
    try:
        if file == "-":
            content = app.stdin_bytes.read(LARGEST)
        else:
            with Path(file).open("rb") as opened:
                content = opened.read(LARGEST)
        return content.decode("utf-8-sig")
    except OSError as error:
        raise InvalidValue(f"Cannot read {file}: {error.strerror or error}.", field="file") from None
    except UnicodeDecodeError:
        raise InvalidValue(f"{file} is not text in UTF-8.", field="file") from None
