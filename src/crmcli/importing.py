"""Import: from a file's rows to records, in one act that can be shown before and taken back after.

The file is read twice at most: once where the order of its dates has to be found out, once to stage its
rows. The staged rows are judged and merged by whole sets (store/bulk.py).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from crmcli.errors import CrmError, InvalidValue, suggestion
from crmcli.fields import BY_ENTITY, FieldSpec
from crmcli.parse import Reading, chosen, parse_value
from crmcli.rules.records import Facts, completed, revised
from crmcli.store.keys import KEY_COLUMNS
from crmcli.transfer.mapping import HeadingPlan, fold_value
from crmcli.transfer.rows import BadRow
from crmcli.transfer.source import Source
from crmcli.values.dates import ORDERS, date_orders, iso_instant

if TYPE_CHECKING:
    from crmcli.store.bulk import Stage
    from crmcli.store.work import UnitOfWork

# Columns that rules fill beside those of the file.
DERIVED: Final[dict[str, tuple[str, ...]]] = {
    "lead": ("name", "currency"),
    "account": ("currency",),
    "contact": ("name",),
    "user": ("name",),
    "task": ("status", "completed_at"),
    "activity": ("happened_at",),
    "stage": ("position", "probability", "category", "is_closed", "is_won"),
    "opportunity": (
        "currency",
        "stage",
        "stage_since",
        "stage_probability",
        "stage_category",
        "own_probability",
        "own_category",
        "probability",
        "category",
        "is_closed",
        "is_won",
        "closed_at",
        "close_date",
        "lost_reason",
        "valid_from",
    ),
}
# Columns of which rules may make something else than the file says; the stage keeps both.
JUDGED: Final = ("stage", "probability", "category", "close_date", "lost_reason", "status")
REQUIRED: Final = {
    "user": ("name",),
    "account": ("name",),
    "contact": ("name",),
    "lead": ("name",),
    "opportunity": ("name",),
    "task": ("subject",),
    "activity": ("type", "subject"),
    "stage": ("name", "probability"),
}
UNIQUE: Final = {"user": ("name_key", "external_id"), "stage": ("name_key",)}
MATCH_COLUMNS: Final = {
    "email": "email_key",
    "name": "name_key",
    "phone": "phone_key",
    "domain": "domain",
    "website": "domain",
}
OWNERLESS: Final = ("user", "stage")


@dataclass(frozen=True, slots=True)
class How:
    """How rows are to be read, matched and merged."""

    match: tuple[str, ...] = ()
    mode: str | None = None
    values: Mapping[str, Mapping[str, str]] | None = None
    create_parents: bool = False
    blank_clears: bool = False
    keep_going: bool = False  # write the good rows although there are bad ones


@dataclass(slots=True)
class Imported:
    """What came of a file, row by row counted."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    rejected: int = 0


def importable(fields: Sequence[FieldSpec]) -> list[FieldSpec]:
    """The fields a file may fill: what a user may set, and when the record was made."""
    return [replace(spec, owned=False) if spec.name == "created_at" else spec for spec in fields]


def find_date_order(source: Source, plan: HeadingPlan, given: str | None) -> str | None:
    """The one order in which all dates of the file can be read; None where none of them needs it.

    Raises InvalidValue where two orders would do, or none.
    """
    columns = [bound.index for bound in plan.columns if bound.field.kind in ("date", "instant")]
    if given or not columns:
        return given
    orders, example = frozenset(ORDERS), ""
    for row in source.rows():
        if isinstance(row, BadRow):
            continue
        for index in columns:
            cell = row[1][index]
            if cell[4:5] == "-" or not cell:
                continue
            found = date_orders(cell)
            if len(found) < len(ORDERS):
                orders, example = orders & found, cell
                if not orders:
                    raise InvalidValue(
                        f"The dates of {source.name} follow no one order (line {row[0]}: {cell!r}).",
                        hint="Mend them, or say --date-order dmy, mdy or ymd and have the others rejected.",
                        field="date_order",
                    )
    if not example:
        return None
    if len(orders) > 1:
        raise InvalidValue(
            f"The dates of {source.name} can be read in several orders ({example!r}: {' or '.join(sorted(orders))}).",
            hint="Say which: --date-order dmy, mdy or ymd.",
            field="date_order",
        )
    return next(iter(orders))


def match_columns(keys: Sequence[str], plan: HeadingPlan, fields: Sequence[FieldSpec]) -> list[str]:
    """The columns by which rows are matched with records. Raises InvalidValue for a field the file does not fill."""
    columns = []
    filled = {spec.name: spec for spec in fields if spec.name in plan.fields}
    for key in keys:
        name = "website" if key == "domain" else key
        if name not in filled:
            known = sorted(filled)
            raise InvalidValue(
                f"--match {key}: the file does not fill this field. It fills {', '.join(known)}.",
                hint=suggestion(key, known),
                field="match",
            )
        columns.append(MATCH_COLUMNS.get(key, filled[name].column))
    return columns


# --- one row --------------------------------------------------------------------------------------------


class Rows:
    """Turns the cells of a row into the values of the stage's columns."""

    def __init__(self, entity: str, plan: HeadingPlan, how: How, reading: Reading, facts: Facts) -> None:
        self.entity = entity
        self.plan = plan
        self.reading = reading
        self.facts = facts
        specs = {bound.field.name: bound.field for bound in plan.columns}
        specs |= {spec.name: spec for spec, _ in (*plan.constants, *plan.templates)}
        self.values = checked_values(how.values or {}, specs)
        self.links = [spec for spec in specs.values() if spec.kind in ("link", "relation")]
        # Currency first: money is read in it.
        order = sorted(specs.values(), key=lambda spec: spec.name != "currency")
        by_column = {bound.field.name: bound.index for bound in plan.columns}
        templates = {spec.name: template for spec, template in plan.templates}
        constants = {spec.name: text for spec, text in plan.constants}
        self.sources: list[tuple[FieldSpec, Callable[[Sequence[str]], str]]] = []
        for spec in order:
            if spec.name in by_column:
                self.sources.append((spec, _cell(by_column[spec.name])))
            elif spec.name in templates:
                self.sources.append((spec, templates[spec.name].fill))
            else:
                self.sources.append((spec, _constant(constants[spec.name])))
        self.cache: dict[tuple[str, str], Any] = {}
        columns = [spec.column for spec in order if not spec.custom]
        if any(spec.kind == "relation" for spec in self.links):
            columns.append("related_to_entity")
        self.given = [name for name in columns if name != "related_to_entity"] + (
            ["custom"] if plan.customs or any(spec.custom for spec in order) else []
        )
        if plan.notes and "description" not in columns:
            columns.append("description")
            self.given.append("description")
        if any(spec.kind == "money" for spec in order) and "currency" not in columns:
            columns.append("currency")
        derived = [name for name in DERIVED.get(entity, ()) if name not in columns]
        keys = [
            key
            for key, (base, _) in KEY_COLUMNS.items()
            if base in (*columns, *derived) and _has(entity, key)
        ]
        judged = [name for name in JUDGED if name in columns and name in DERIVED.get(entity, ())]
        custom = ["custom"] if "custom" in self.given else []
        self.plain = [*columns, *derived, *keys, *custom]
        self.judged = judged
        self.columns = [
            *self.plain,
            *(f"given_{name}" for name in judged),
            *(f"link_{spec.name}" for spec in self.links if spec.kind == "link"),
        ]
        if "owner_id" not in self.plain and entity not in OWNERLESS:
            self.columns.append("owner_id")

    def __call__(self, line: int, cells: Sequence[str], uid: str) -> tuple[Any, ...]:
        """The staged values of a row. Raises CrmError for what cannot be understood."""
        values, links, custom = self._typed(cells)
        if self.plan.notes and (note := self.plan.note(cells)):
            values["description"] = "\n".join(filter(None, (values.get("description"), note)))
        for index in self.plan.customs:
            if cells[index].strip():
                custom[field_name(self.plan.headings[index])] = cells[index].strip()
        full = completed(self.entity, dict(values), self.facts)
        if custom:
            full["custom"] = custom
        self._add_keys(full)
        if self.entity == "opportunity":
            full["valid_from"] = self._valid_from(full)
        raw = blake2b("\x1f".join(cells).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        return (
            line,
            uid,
            raw,
            *(stored(full.get(name)) for name in self.plain),
            *(stored(values.get(name)) for name in self.judged),
            *(links.get(spec.name) for spec in self.links if spec.kind == "link"),
            *([None] if self.columns[-1] == "owner_id" and "owner_id" not in self.plain else []),
        )

    def _typed(self, cells: Sequence[str]) -> tuple[dict[str, Any], dict[str, str], dict[str, Any]]:
        values: dict[str, Any] = {}
        links: dict[str, str] = {}
        custom: dict[str, Any] = {}
        reading = self.reading
        for spec, source in self.sources:
            text = source(cells).strip()
            if not text:
                continue
            if spec.name in self.values:
                text = self.values[spec.name].get(fold_value(text), text)
                if not text:
                    continue
            if spec.kind == "link":
                links[spec.name] = text
                continue
            value = self._value(spec, text, reading)
            if spec.kind == "relation":
                values["related_to_entity"], values[spec.column] = value
            elif value is None:
                continue
            elif spec.kind == "money":
                minor, currency = value
                if values.get("currency") not in (None, currency):
                    raise InvalidValue(
                        f"{spec.name} is in {currency}, the row's currency is {values['currency']}",
                        field=spec.name,
                    )
                values[spec.column], values["currency"] = minor, currency
            elif spec.custom:
                custom[spec.name] = value
            else:
                values[spec.column] = value
                if spec.name == "currency":
                    reading = reading._replace(currency=value)
        return values, links, custom

    def _value(self, spec: FieldSpec, text: str, reading: Reading) -> Any:
        if spec.kind == "relation":
            from crmcli.fields import BY_LETTER
            from crmcli.values.references import split_reference

            typed = split_reference(text)
            if typed is None or typed[0] not in BY_LETTER:
                raise InvalidValue(
                    f"{spec.name}: {text!r} is not a reference such as O7 or A4", field=spec.name
                )
            return BY_LETTER[typed[0]].entity, typed[1]
        if spec.kind in ("select", "boolean", "percent"):
            key = (spec.name, text)
            if key not in self.cache:
                if len(self.cache) > 10_000:
                    self.cache.clear()
                self.cache[key] = (
                    chosen(spec, text, begun=False)
                    if spec.kind == "select"
                    else parse_value(spec, text, reading)
                )
            return self.cache[key]
        return parse_value(spec, text, reading)

    def _add_keys(self, values: dict[str, Any]) -> None:
        for key, (base, normal) in KEY_COLUMNS.items():
            if values.get(base):
                values[key] = normal(values[base]) or None

    def _valid_from(self, deal: Mapping[str, Any]) -> str:
        """From when on we know what the deal is: its creation, or, where it came closed, its closing."""
        since: datetime = deal.get("created_at") or self.facts.at
        if deal["is_closed"] and deal["closed_at"]:
            since = max(since, datetime.combine(deal["closed_at"], time(), self.reading.zone).astimezone(UTC))
        return iso_instant(since)


def _cell(index: int) -> Callable[[Sequence[str]], str]:
    return lambda cells: cells[index]


def _constant(text: str) -> Callable[[Sequence[str]], str]:
    return lambda cells: text


def _has(entity: str, column: str) -> bool:
    from crmcli.model import ENTITIES

    return column in ENTITIES[entity].model_fields


def field_name(heading: str) -> str:
    """The name of the custom field that a heading becomes."""
    name = "".join(
        sign if sign.isalnum() and sign.isascii() else "_" for sign in heading.strip().lower()
    ).strip("_")
    return (name if name[:1].isalpha() else f"field_{name}")[:63]


def checked_values(
    values: Mapping[str, Mapping[str, str]], specs: Mapping[str, FieldSpec]
) -> dict[str, dict[str, str]]:
    """The --value translations by field name. Raises InvalidValue for a field the file does not fill."""
    checked = {}
    for name, pairs in values.items():
        plain = name.replace("-", "_").casefold()
        if plain not in specs:
            raise InvalidValue(
                f"--value {name}: the file does not fill this field.",
                hint=suggestion(plain, list(specs)),
                field="value",
            )
        checked[plain] = dict(pairs)
    return checked


def stored(value: Any) -> Any:
    """A value as the database keeps it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime):
        return iso_instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        import json

        return json.dumps(value, ensure_ascii=False)
    return value


# --- the whole file ---------------------------------------------------------------------------------------


def stage_file(
    work: "UnitOfWork",
    entity: str,
    source: Source,
    rows: Rows,
    advance: Callable[[int], None],
) -> "Stage":
    """Read the file into the stage; what cannot be understood is rejected with its line and reason."""
    from crmcli.store.bulk import Stage
    from crmcli.store.identity import uuid7

    stage = Stage(work, entity, rows.columns)
    rejected: list[tuple[int, str, str, str]] = []

    def staged() -> Iterator[tuple[Any, ...]]:
        before = 0
        for count, row in enumerate(source.rows()):
            if not count % 4096:
                position = source.position()
                advance(position - before)
                before = position
            if isinstance(row, BadRow):
                rejected.append((row.line, row.code, "", row.reason))
                continue
            line, cells = row
            try:
                stray = rows.plan.stray(cells) if rows.plan.unnamed else None
                if stray is not None:
                    raise InvalidValue(f"column {stray + 1} has no heading, but holds {cells[stray]!r}")
                yield rows(line, cells, uuid7())
            except CrmError as error:
                rejected.append((line, error.code, error.field or "", error.message.rstrip(".")))
                if len(rejected) >= 5_000:
                    stage.add_rejects(rejected)
                    rejected.clear()

    stage.fill(staged())
    stage.add_rejects(rejected)
    return stage


def bring_in(
    app: Any,
    work: "UnitOfWork",
    entity: str,
    source: Source,
    plan: HeadingPlan,
    how: How,
    reading: Reading,
    facts: Facts,
    owner: Callable[[], int],
    advance: Callable[[int], None],
) -> tuple[Imported, "Stage"]:
    """Carry out an import inside a unit of work; the caller commits it or not."""
    fields = importable(work.fields(entity))
    rows = Rows(entity, plan, how, reading, facts)
    keys = match_columns(how.match, plan, fields)
    stage = stage_file(work, entity, source, rows, advance)
    needs_owner = entity not in OWNERLESS and work.reader.value("SELECT count(*) FROM stage_rows") > 0
    creates_accounts = how.create_parents and any(spec.target == "account" for spec in rows.links)
    for spec in rows.links:
        if spec.kind == "link":
            default = owner() if creates_accounts and spec.target == "account" else None
            stage.resolve(spec, create=how.create_parents, me=app.actor, owner=default)
    title = BY_ENTITY[entity].title
    given = [name for name in rows.given if name != "custom"]
    defaults = defaults_of(entity, fields)
    stage.match(keys, given, "name_key" if "name_key" in rows.columns else title, defaults)
    stage.find_duplicates(keys)
    stage.judge(how.mode or ("upsert" if keys else "insert"), given, blank_clears=how.blank_clears)
    stage.require(REQUIRED[entity])
    for column in UNIQUE.get(entity, ("external_id",)):
        stage.unique(column)
    stage.plan_updates(
        given, lambda current, values: updates_of(entity, current, values, how, facts, fields, work)
    )
    in_file = [spec for spec in rows.links if spec.target == entity]
    for spec in in_file:
        stage.link_within_file(spec)
    counts = stage.counts()
    rejected = int(work.reader.value("SELECT count(*) FROM stage_rejects"))
    imported = Imported(
        counts.get("create", 0),
        counts.get("update", 0),
        counts.get("unchanged", 0) + counts.get("duplicate", 0),
        counts.get("duplicate", 0),
        rejected,
    )
    if rejected and not how.keep_going:
        return imported, stage
    first, count = stage.number()
    for spec in in_file:
        stage.link_within_file(spec)
    if needs_owner and count:
        defaults["owner_id"] = owner()
    if plan.customs:
        declare_customs(work, entity, plan)
    stage.insert(first, count, defaults)
    stage.update()
    return imported, stage


def defaults_of(entity: str, fields: Sequence[FieldSpec]) -> dict[str, Any]:
    """What a new record has where the file says nothing."""
    from crmcli.model import ENTITIES

    defaults: dict[str, Any] = {}
    for spec in fields:
        if spec.default is not None and not spec.custom:
            defaults[spec.column] = stored(ENTITIES[entity].model_fields[spec.column].default)
    return defaults


def updates_of(
    entity: str,
    current: dict[str, Any],
    values: dict[str, Any],
    how: How,
    facts: Facts,
    fields: Sequence[FieldSpec],
    work: "UnitOfWork",
) -> dict[str, Any]:
    """The columns that a row sets in a record, with what follows from them. Raises CrmError."""
    kinds = {spec.column: spec.kind for spec in fields}
    changed: dict[str, Any] = {}
    for name, value in values.items():
        if value is None and not how.blank_clears or value == current.get(name):
            continue
        changed[name] = date.fromisoformat(value) if value and kinds.get(name) == "date" else value
    after = {name: stored(value) for name, value in revised(entity, current, changed, facts).items()}
    after = {name: value for name, value in after.items() if value != current.get(name)}
    for key, (base, normal) in KEY_COLUMNS.items():
        if base in after and key in current:
            after[key] = (normal(after[base]) or None) if after[base] else None
    return {**after, "updated_at": iso_instant(work.now)}


def declare_customs(work: "UnitOfWork", entity: str, plan: HeadingPlan) -> None:
    """Describe the custom fields that headings become."""
    from sqlalchemy import insert

    from crmcli.store.schema import field_row
    from crmcli.store.tables import FIELD

    known = {spec.name for spec in work.fields(entity)}
    last = max((spec.position for spec in work.fields(entity)), default=0)
    for index in plan.customs:
        name = field_name(plan.headings[index])
        if name not in known:
            known.add(name)
            last += 1
            spec = FieldSpec(entity, name, name, "text", plan.headings[index].strip(), "", last, custom=True)
            work.connection.execute(insert(FIELD).values(**field_row(spec)))
