"""The health of a database: each check with what it found and what mends it."""

import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from crmcli.errors import CrmError, InvalidValue
from crmcli.fields import reference
from crmcli.store import search
from crmcli.store.engine import Target
from crmcli.store.reader import Reader

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

State = Literal["ok", "warn", "bad"]
KEEP_A_COPY: Final = "Keep a copy of the file, then bring back a backup from the folder `backups` beside it."


class Check(NamedTuple):
    """What one check found."""

    check: str
    state: State
    message: str
    hint: str | None = None


def checks(target: Target, reader: Reader, *, full: bool = False) -> Iterator[Check]:
    """Every check of a database, the file first."""
    if target.path is not None:
        yield permissions(target.path)
        yield library(sqlite3.sqlite_version_info)
    asked: list[tuple[str, Callable[[Reader], Check]]] = []
    if reader.is_sqlite:
        asked += [
            ("integrity", thorough_integrity if full else integrity),
            ("links", foreign_keys),
            ("journal_mode", journal_mode),
        ]
    asked += [
        ("search_index", search_index),
        ("versions", current_versions),
        ("numbers", sequences),
        ("fields", described_fields),
        ("settings", settings),
    ]
    for name, check in asked:
        try:
            yield check(reader)
        except (CrmError, sqlite3.Error) as error:
            yield Check(name, "bad", f"It cannot be checked: {error}", KEEP_A_COPY)


# --- the file -------------------------------------------------------------------------------------------


def permissions(path: Path) -> Check:
    """Only the owner may read the database, its journal and its backups."""
    backups = path.parent / "backups"
    files = [path, Path(f"{path}-wal"), Path(f"{path}-shm"), *backups.glob(f"{path.stem}-*")]
    wide = [file for file in files if file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077]
    folders = [folder for folder in (path.parent, backups) if folder.is_dir()]
    open_to = {path.parent: 0o077 if path.parent.name == "crmcli" else 0o022, backups: 0o077}
    loose = [
        folder
        for folder in folders
        if (mode := stat.S_IMODE(folder.stat().st_mode)) & open_to[folder] and not mode & stat.S_ISVTX
    ]
    if not wide and not loose:
        return Check("permissions", "ok", "Only you can read the database and its backups.")
    named = ", ".join(str(each) for each in (*wide, *loose)[:5])
    mend = [f"chmod 600 {' '.join(map(str, wide[:5]))}"] if wide else []
    mend += [f"chmod 700 {' '.join(map(str, loose))}"] if loose else []
    return Check("permissions", "warn", f"Others can get at {named}.", "; ".join(mend))


def library(version: tuple[int, ...]) -> Check:
    """The SQLite that Python brings may have a rare fault in write-ahead logging (mended in 3.51.3)."""
    name = ".".join(map(str, version[:3]))
    mended = version >= (3, 51, 3) or version < (3, 7, 0)
    mended |= (3, 44, 6) <= version < (3, 45) or (3, 50, 7) <= version < (3, 51)
    if mended:
        return Check("sqlite", "ok", f"SQLite {name}.")
    return Check(
        "sqlite",
        "warn",
        f"SQLite {name} has a rare fault: two programs that write at the same moment may lose a commit.",
        "Nothing urgent: a Python with SQLite 3.51.3 or newer has it mended. Keep backups.",
    )


# --- SQLite ---------------------------------------------------------------------------------------------


def integrity(reader: Reader, pragma: str = "quick_check") -> Check:
    """The pages and tables of the file are as SQLite wrote them."""
    found = [str(row[0]) for row in reader.rows(f"PRAGMA {pragma}(20)")]
    if found == ["ok"]:
        return Check("integrity", "ok", f"The file is sound ({pragma}).")
    return Check("integrity", "bad", f"The file is damaged: {'; '.join(found[:3])}.", KEEP_A_COPY)


def thorough_integrity(reader: Reader) -> Check:
    """The same, and every index agrees with its table."""
    return integrity(reader, "integrity_check")


def foreign_keys(reader: Reader) -> Check:
    """No record links to one that was never there."""
    found = [
        f"{reference(str(row[0]), int(row[1] or 0))} to {row[2]}"
        for row in reader.rows("PRAGMA foreign_key_check")
    ]
    if not found:
        return Check("links", "ok", "Every link leads to a record.")
    return Check(
        "links",
        "bad",
        f"{'1 link leads' if len(found) == 1 else f'{len(found)} links lead'} nowhere: {', '.join(found[:5])}.",
        "crm history shows who made them.",
    )


def journal_mode(reader: Reader) -> Check:
    """Readers and a writer do not wait for one another."""
    mode = reader.value("PRAGMA journal_mode")
    if mode == "wal":
        return Check("journal_mode", "ok", "Write-ahead logging is on: a reader is never kept waiting.")
    return Check(
        "journal_mode",
        "warn",
        f"The journal mode is {mode}, not wal: readers wait while somebody writes.",
        "sqlite3 DATABASE 'PRAGMA journal_mode=WAL', on a local disk",
    )


# --- any database ---------------------------------------------------------------------------------------


def search_index(reader: Reader) -> Check:
    """The full-text index holds every live record, and nothing else."""
    key = "rowid" if reader.is_sqlite else "id"
    missing = extra = 0
    for entity, code in search.CODES.items():
        indexed = f"SELECT {key} FROM search WHERE {key} % {search.CODE_SPACE} = {code}"
        live = f'SELECT id * {search.CODE_SPACE} + {code} FROM "{entity}" WHERE deleted_at IS NULL'
        missing += int(reader.value(f"SELECT count(*) FROM ({live} EXCEPT {indexed}) AS lost") or 0)
        extra += int(reader.value(f"SELECT count(*) FROM ({indexed} EXCEPT {live}) AS left_over") or 0)
    if not missing and not extra:
        return Check("search_index", "ok", "The search index holds every record.")
    wrong = (
        [f"{'1 record is' if missing == 1 else f'{missing} records are'} missing from it"] if missing else []
    )
    wrong += [f"{extra} that are gone are still in it"] if extra else []
    return Check(
        "search_index", "bad", f"The search index is out of step: {', '.join(wrong)}.", "crm doctor --fix"
    )


def current_versions(reader: Reader) -> Check:
    """What is known of every deal now is what its row says; of a deleted one nothing."""
    from crmcli.store.deals import TRACKED

    same = " AND ".join(f"(v.{name} = o.{name} OR v.{name} IS NULL AND o.{name} IS NULL)" for name in TRACKED)
    current = (
        "SELECT count(*) FROM opportunity_version v WHERE v.opportunity_id = o.id"
        " AND v.recorded_to IS NULL AND v.valid_to IS NULL"
    )
    rows = reader.rows(
        "SELECT o.id FROM opportunity o WHERE o.deleted_at IS NULL"
        f" AND (({current}) <> 1 OR ({current} AND {same}) <> 1)"
        f" UNION SELECT o.id FROM opportunity o WHERE o.deleted_at IS NOT NULL AND ({current}) > 0 ORDER BY 1"
    )
    wrong = [reference("opportunity", row[0]) for row in rows]
    if not wrong:
        return Check("versions", "ok", "Every deal agrees with its last recorded version.")
    shown = ", ".join(wrong[:5]) + ("" if len(wrong) <= 5 else f" and {len(wrong) - 5} more")
    return Check(
        "versions",
        "bad",
        f"Reports of the past may be wrong for {shown}: the deal and its last version differ.",
        f"crm history {wrong[0]} shows what was done; an edit of the deal records it anew.",
    )


def sequences(reader: Reader) -> Check:
    """The next number of every kind of record has never been used."""
    behind = []
    for entity, following in list(reader.rows("SELECT entity, next_id FROM sequence ORDER BY entity")):
        highest = reader.value(f'SELECT max(id) FROM "{entity}"')
        if highest is not None and highest >= following:
            behind.append(f"{entity} ({highest} is used, {following} would be next)")
    if not behind:
        return Check("numbers", "ok", "No number will be used twice.")
    return Check("numbers", "bad", f"Numbers would be used twice: {', '.join(behind)}.", "crm doctor --fix")


def described_fields(reader: Reader) -> Check:
    """The fields that the database describes are there, and those the program knows are described."""
    from crmcli.model import ENTITIES, declared_fields

    described = list(
        reader.rows("SELECT entity, name, column_name, custom FROM field ORDER BY entity, position")
    )
    columns = {entity: columns_of(reader, entity) for entity in {row[0] for row in described}}
    wrong = [
        f"{entity}.{name} has no column {column}"
        for entity, name, column, custom in described
        if not custom and column not in columns[entity]
    ]
    known = {(entity, name) for entity, name, _, _ in described}
    wrong += [
        f"{spec.entity}.{spec.name} is not described"
        for model in ENTITIES.values()
        for spec in declared_fields(model)
        if (spec.entity, spec.name) not in known
    ]
    if not wrong:
        return Check("fields", "ok", f"{len(described)} fields are described, and all are there.")
    return Check("fields", "bad", f"The description of fields is wrong: {'; '.join(wrong[:3])}.", "crm init")


def columns_of(reader: Reader, entity: str) -> set[str]:
    if reader.is_sqlite:
        return {
            str(row[0]) for row in reader.rows("SELECT name FROM pragma_table_info(:entity)", entity=entity)
        }
    sql = (
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_name = :entity AND table_schema = current_schema()"
    )
    return {str(row[0]) for row in reader.rows(sql, entity=entity)}


def settings(reader: Reader) -> Check:
    """What was configured can be used."""
    from zoneinfo import available_timezones

    from crmcli.values.dates import ORDERS
    from crmcli.values.keys import check_country
    from crmcli.values.money import CURRENCIES

    found = reader.settings()
    currency, zone = found.get("currency") or "USD", found.get("timezone") or "UTC"
    start, order = found.get("fiscal_year_start") or "1", found.get("date_order") or "ymd"
    wrong = []
    if currency not in CURRENCIES:
        wrong.append(("currency", currency))
    if not start.isdecimal() or not 1 <= int(start) <= 12:
        wrong.append(("fiscal_year_start", start))
    if order not in ORDERS:
        wrong.append(("date_order", order))
    if zone not in available_timezones():
        wrong.append(("timezone", zone))
    if country := found.get("country"):
        try:
            check_country(country)
        except InvalidValue:
            wrong.append(("country", country))
    if not wrong:
        return Check(
            "settings",
            "ok",
            f"Home currency {currency}, time zone {found.get('timezone') or 'of the machine'}.",
        )
    named = ", ".join(f"{name} {value!r}" for name, value in wrong)
    return Check("settings", "bad", f"Not usable: {named}.", f"crm config set {wrong[0][0]} VALUE")


# --- mending --------------------------------------------------------------------------------------------


def mend(connection: "Connection") -> None:
    """Make the search index anew from the records, and move the numbers past those in use."""
    from sqlalchemy import text

    connection.execute(text("DELETE FROM search"))
    for entity in search.CODES:
        search.index(connection, entity, 1, 2**31 - 1)
    for (entity,) in connection.execute(text("SELECT entity FROM sequence")).all():
        connection.execute(
            text(
                "UPDATE sequence SET next_id = m.next FROM"
                f' (SELECT coalesce(max(id), 0) + 1 AS next FROM "{entity}") AS m'
                " WHERE entity = :entity AND next_id < m.next"
            ),
            {"entity": entity},
        )
