"""A whole export: its files, what stands in their columns, and its manifest.

A file for each noun, as `crm NOUN export` writes it, but with a reference in every link, even where the other
record was deleted; and beside them what is no noun. Of deleted records only those are named (in deleted.csv)
that a live record or the history of a deal still mentions. The journal is not part of it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from crmcli.errors import InvalidValue
from crmcli.fields import BY_ENTITY, NOUNS, FieldKind, FieldSpec
from crmcli.result import Column
from crmcli.store.query import SHOWN_AS, columns_for, kind_sql, target_of, value_sql
from crmcli.store.reader import Reader

MANIFEST: Final = "crmcli-export.json"
FORMAT: Final = 1  # raised when an older program would misunderstand what is written
PAGE: Final = 1_000

RECORDS: Final = {
    "user": "users.csv",
    "stage": "stages.csv",
    "account": "accounts.csv",
    "contact": "contacts.csv",
    "campaign": "campaigns.csv",
    "lead": "leads.csv",
    "opportunity": "opps.csv",
    "contact_role": "contact_roles.csv",
    "task": "tasks.csv",
    "activity": "activities.csv",
    "quota": "quotas.csv",
    "rate": "rates.csv",
    "adjustment": "adjustments.csv",
}
# What was set, and when it was taken back: a forecast as of a past day needs both.
FIGURES: Final = ("quota", "rate", "adjustment")
DETAILS: Final = "opp_details.csv"
VERSIONS: Final = "opp_versions.csv"
DELETED: Final = "deleted.csv"
FIELDS: Final = "fields.csv"
SETTINGS: Final = "settings.csv"
BESIDE: Final = (DETAILS, VERSIONS, DELETED, FIELDS, SETTINGS)
OF_ONE_DATABASE: Final = (
    "schema_version",
    "demo",
)  # settings that say what a database is, not how it is used


@dataclass(frozen=True, slots=True)
class Part:
    """A column of a file, and the column of the table that it fills when it comes back (none: it is for people)."""

    heading: str
    kind: FieldKind
    sql: str
    fills: str = ""
    target: str | None = None
    spec: FieldSpec | None = None

    @property
    def column(self) -> Column:
        return Column(self.heading, self.heading, SHOWN_AS[self.kind])


@dataclass(frozen=True, slots=True)
class File:
    """A file of an export: rows of one table `t`, in the order of their ids."""

    name: str
    table: str
    parts: tuple[Part, ...]
    condition: str = "1 = 1"

    def rows(self, reader: Reader) -> Iterator[Sequence[Any]]:
        """What stands in the file; read in pages, so that no driver holds it all."""
        columns = ", ".join(part.sql for part in self.parts)
        sql = (
            f'SELECT t.id, {columns} FROM "{self.table}" AS t WHERE {self.condition} AND t.id > :after'
            f" ORDER BY t.id LIMIT {PAGE}"
        )
        after = 0
        while page := list(reader.rows(sql, after=after)):
            for row in page:
                yield row[1:]
            after = page[-1][0]


def files_of(reader: Reader) -> list[File]:
    """The files that hold records, and what belongs to them."""
    files = [
        File(name, entity, tuple(record_parts(entity, reader.fields(entity))), exported(entity))
        for entity, name in RECORDS.items()
    ]
    return [*files, File(DETAILS, "opportunity", DETAIL_PARTS, "t.deleted_at IS NULL"), VERSION_FILE]


def exported(entity: str) -> str:
    """The condition of the rows `t` that are exported."""
    return "1 = 1" if entity in FIGURES else "t.deleted_at IS NULL"


# --- columns ------------------------------------------------------------------------------------------------


def record_parts(entity: str, fields: Sequence[FieldSpec]) -> Iterator[Part]:
    """The columns of a noun's file: those of its own export, and the reference of the owner."""
    if entity in BY_ENTITY:
        selected = columns_for(fields, None, everything=True)
    else:  # a contact role has no letter, and so no reference; nor have figures
        yield from plain_parts(id="number", uid="text")
        if entity in FIGURES:
            yield from plain_parts(deleted_at="instant")
        selected = columns_for(fields, [spec.name for spec in fields], everything=True)
    by_name = {spec.name: spec for spec in fields}
    links = {spec.name: spec for spec in fields if spec.kind in ("link", "relation")}
    for name, sql in ((one.column.name, one.sql) for one in selected):
        spec, beside = by_name.get(name), links.get(name.removesuffix("_name"))
        if name == "owner" and spec is not None:
            yield Part("owner", "text", title_sql(spec))
            yield Part("owner_ref", "link", reference_sql(spec), spec.column, spec.target)
        elif spec is not None and name in links:
            yield Part(name, spec.kind, reference_sql(spec), spec.column, spec.target, spec)
        elif spec is not None:
            yield Part(name, spec.kind, sql, spec.column, None, spec)
        elif beside is not None:
            yield Part(name, "text", title_sql(beside))
        elif name in ("id", "uid"):
            yield Part(name, "number" if name == "id" else "text", sql, name)
        else:  # the reference, and the currency of amounts of your own
            yield Part(name, "text", sql)


def reference_sql(spec: FieldSpec) -> str:
    """The reference of a linked record, deleted or not."""
    id_sql = value_sql(spec, "t")
    if spec.kind == "link":
        return f"'{BY_ENTITY[target_of(spec)].letter}' || {id_sql}"
    known = " ".join(f"WHEN '{noun.entity}' THEN '{noun.letter}' || {id_sql}" for noun in NOUNS)
    return f"CASE {kind_sql(spec, 't')} {known} END"


def title_sql(spec: FieldSpec) -> str:
    """What a linked record is called, deleted or not."""
    id_sql = value_sql(spec, "t")

    def title(entity: str) -> str:
        return f'(SELECT x.{BY_ENTITY[entity].title} FROM "{entity}" AS x WHERE x.id = {id_sql})'

    if spec.kind == "link":
        return title(target_of(spec))
    known = " ".join(f"WHEN '{noun.entity}' THEN {title(noun.entity)}" for noun in NOUNS)
    return f"CASE {kind_sql(spec, 't')} {known} END"


def plain_parts(**kinds: FieldKind) -> tuple[Part, ...]:
    return tuple(Part(name, kind, f"t.{name}", name) for name, kind in kinds.items())


# What the stage of a deal gave it when it was entered: no fields, but needed when the deal moves on.
DETAIL_PARTS: Final = (
    Part("opp", "link", "'O' || t.id", "id", "opportunity"),
    *plain_parts(
        stage_since="instant",
        stage_probability="number",
        stage_category="text",
        own_probability="number",
        own_category="text",
    ),
)
VERSION_FILE: Final = File(
    VERSIONS,
    "opportunity_version",
    (
        Part("opp", "link", "'O' || t.opportunity_id", "opportunity_id", "opportunity"),
        *plain_parts(valid_from="instant", valid_to="instant", recorded_at="instant", recorded_to="instant"),
        Part("owner", "link", "'U' || t.owner_id", "owner_id", "user"),
        Part("account", "link", "'A' || t.account_id", "account_id", "account"),
        *plain_parts(
            amount="money",
            currency="text",
            stage="text",
            probability="number",
            category="text",
            close_date="date",
            source="text",
        ),
        Part("campaign", "link", "'M' || t.campaign_id", "campaign_id", "campaign"),
        *plain_parts(is_closed="boolean", is_won="boolean"),
    ),
)
DELETED_PARTS: Final = (
    Part("ref", "text", ""),
    Part("uid", "text", "", "uid"),
    Part("name", "text", ""),
    Part("created_at", "instant", "", "created_at"),
    Part("deleted_at", "instant", "", "deleted_at"),
)
FIELD_PARTS: Final = plain_parts(
    entity="text",
    name="text",
    column_name="text",
    kind="text",
    label="text",
    help="text",
    position="number",
    required="boolean",
    listed="boolean",
    owned="boolean",
    choices="text",
    open="boolean",
    target="text",
    aliases="text",
    default_value="text",
    max_length="number",
    low="number",
    high="number",
)
SETTING_PARTS: Final = plain_parts(name="text", value="text")


# --- what is no record --------------------------------------------------------------------------------------


def field_rows(reader: Reader) -> Iterator[Sequence[Any]]:
    """The custom fields; the others are the program's."""
    columns = ", ".join(part.sql for part in FIELD_PARTS)
    return reader.rows(f"SELECT {columns} FROM field AS t WHERE t.custom = 1 ORDER BY entity, position, name")


def setting_rows(reader: Reader) -> Iterator[Sequence[Any]]:
    """What was configured."""
    found = reader.rows("SELECT name, value FROM setting ORDER BY name")
    return (row for row in found if row[0] not in OF_ONE_DATABASE)


def deleted_rows(reader: Reader) -> Iterator[Sequence[Any]]:
    """The deleted records that something still mentions: what they were called, and when they were."""
    mentions: dict[str, list[str]] = {noun.entity: [] for noun in NOUNS}
    for entity in RECORDS:
        live = f'FROM "{entity}" AS t WHERE {exported(entity)}'
        for spec in reader.fields(entity):
            if spec.kind == "link":
                mentions[target_of(spec)].append(f"SELECT {value_sql(spec, 't')} {live}")
            elif spec.kind == "relation":
                for target, queries in mentions.items():
                    queries.append(
                        f"SELECT {value_sql(spec, 't')} {live} AND {kind_sql(spec, 't')} = '{target}'"
                    )
    for target, column in (
        ("opportunity", "opportunity_id"),
        ("user", "owner_id"),
        ("account", "account_id"),
        ("campaign", "campaign_id"),
    ):
        mentions[target].append(f"SELECT {column} FROM opportunity_version")
    for entity in RECORDS:
        if mentions.get(entity):
            noun = BY_ENTITY[entity]
            yield from reader.rows(
                f"SELECT '{noun.letter}' || x.id, x.uid, x.{noun.title}, x.created_at, x.deleted_at"
                f' FROM "{entity}" AS x WHERE x.deleted_at IS NOT NULL'
                f" AND x.id IN ({' UNION '.join(mentions[entity])}) ORDER BY x.id"
            )


def next_ids(reader: Reader) -> dict[str, int]:
    """The next id of each kind of record, so that those of deleted ones are not used again."""
    found = reader.rows("SELECT entity, next_id FROM sequence WHERE entity <> 'entry' ORDER BY entity")
    return {entity: following for entity, following in found}  # noqa: C416 - it says which is which


# --- the manifest -------------------------------------------------------------------------------------------


class Written(NamedTuple):
    """A file as it was written."""

    records: int
    sha256: str


class Manifest(NamedTuple):
    """What an export says of itself."""

    files: Mapping[str, Written]
    next_ids: Mapping[str, int]

    def text(self) -> str:
        """As JSON; the same for the same data."""
        made = {
            "format": FORMAT,
            "files": {name: self.files[name]._asdict() for name in sorted(self.files)},
            "next_ids": self.next_ids,
        }
        return json.dumps(made, indent=2) + "\n"


def manifest_of(text: str) -> Manifest:
    """The manifest that a text is. Raises InvalidValue."""
    try:
        read = json.loads(text)
        version = int(read["format"])
        if version <= FORMAT:
            files = {
                str(name): Written(int(file["records"]), str(file["sha256"]))
                for name, file in read["files"].items()
            }
            if unknown := sorted(files.keys() - {*RECORDS.values(), *BESIDE}):
                raise InvalidValue(
                    f"The export holds {unknown[0]}, which this program does not know.",
                    hint="Upgrade: pip install --upgrade crmcli",
                    field="dir",
                )
            return Manifest(files, {str(name): int(number) for name, number in read["next_ids"].items()})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidValue(f"{MANIFEST} is no manifest of a whole export.", field="dir") from error
    raise InvalidValue(
        f"The export is of format {version}; this program knows {FORMAT}.",
        hint="Upgrade: pip install --upgrade crmcli",
        field="dir",
    )
