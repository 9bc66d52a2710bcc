"""What was asked of an import, checked against the file and the fields before a row is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from crmcli.errors import InvalidValue, suggestion
from crmcli.fields import BY_ENTITY, FieldSpec
from crmcli.store.bulk.verdicts import Key
from crmcli.transfer.mapping import HeadingPlan
from crmcli.transfer.rows import BadRow
from crmcli.transfer.source import Source
from crmcli.values.dates import ORDERS, date_orders

# When a record was made, or a task was done, is set by the program everywhere but here.
BY_FILES: Final = frozenset({("task", "completed_at")})
# What the program sets itself, unless a system's own history is to be kept.
KEEPABLE: Final = (
    *("owner", "created_at", "updated_at", "closed_at", "completed_at"),
    *("converted_at", "converted_account", "converted_contact", "converted_opp"),
)
REQUIRED: Final = {
    "user": ("name",),
    "account": ("name",),
    "contact": ("name",),
    "lead": ("name",),
    "opportunity": ("name",),
    "task": ("subject",),
    "activity": ("type", "subject"),
    "stage": ("name", "probability"),
    "campaign": ("name",),
}
# What may be there once among live records; of all of them the external id.
UNIQUE: Final = {"user": Key("name_key", "name"), "stage": Key("name_key", "name")}
MATCH_COLUMNS: Final = {
    "email": "email_key",
    "name": "name_key",
    "phone": "phone_key",
    "domain": "domain",
    "website": "domain",
}
MODES: Final = ("insert", "update", "upsert")


@dataclass(frozen=True, slots=True)
class How:
    """How rows are to be read, matched and merged."""

    match: tuple[str, ...] = ()
    mode: str | None = None
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    create_parents: bool = False
    blank_clears: bool = False
    keep_going: bool = False  # write the good rows although there are bad ones
    blanks: frozenset[str] = frozenset()  # folded texts of cells that say nothing: null, n/a
    keep: frozenset[str] = frozenset()  # of KEEPABLE

    @property
    def wanted(self) -> str:
        """What is to become of rows: upsert where there is a key, or else insert."""
        return self.mode or ("upsert" if self.match else "insert")


def checked(how: How) -> How:
    """What was asked for, if it can be done. Raises InvalidValue."""
    if how.mode is not None and how.mode not in MODES:
        raise InvalidValue(
            f"{how.mode!r} is not a mode; there are {', '.join(MODES)}.",
            hint=suggestion(how.mode, MODES),
            field="mode",
        )
    for name in sorted(how.keep - set(KEEPABLE)):
        raise InvalidValue(
            f"--keep {name}: what can be kept of another system's history is {', '.join(KEEPABLE)}.",
            hint=suggestion(name, KEEPABLE),
            field="keep",
        )
    if "" in how.blanks:
        raise InvalidValue("--blank is blank.", hint="An empty cell is blank anyway.", field="blank")
    for name, pairs in how.values.items():
        if both := how.blanks & pairs.keys():
            text = min(both)
            raise InvalidValue(
                f"--value {name}:{text} and --blank {text!r} say different things.", field="blank"
            )
    if how.mode in ("update", "upsert") and not how.match:
        raise InvalidValue(
            f"--mode {how.mode} needs --match: how is a row known to be a record?",
            hint="--match email, --match external_id, --match name",
            field="match",
        )
    return how


def known_order(order: str | None) -> str | None:
    """An order of dates. Raises InvalidValue."""
    if order is not None and order not in ORDERS:
        raise InvalidValue(
            f"{order!r} is not an order of dates; there are dmy, mdy and ymd.", field="date_order"
        )
    return order


def importable(fields: Sequence[FieldSpec], keep: frozenset[str] = frozenset()) -> list[FieldSpec]:
    """The fields a file may fill: what a user may set, when the record was made, or the task done, and what to keep."""
    return [
        replace(spec, owned=False)
        if spec.name == "created_at" or spec.name in keep or (spec.entity, spec.name) in BY_FILES
        else spec
        for spec in fields
    ]


def match_keys(keys: Sequence[str], plan: HeadingPlan, fields: Sequence[FieldSpec]) -> list[Key]:
    """The columns by which rows are matched with records. Raises InvalidValue for a field the file does not fill."""
    from crmcli.model import ENTITIES

    filled = {spec.name: spec for spec in fields if spec.name in plan.fields}
    found = []
    for key in keys:
        spec = filled.get("website" if key == "domain" else key)
        if spec is None or spec.custom or spec.kind == "relation":
            known = sorted(
                name for name, each in filled.items() if not each.custom and each.kind != "relation"
            )
            raise InvalidValue(
                f"--match {key}: the file does not fill such a field. It fills {', '.join(known)}.",
                hint=suggestion(key, known),
                field="match",
            )
        column = MATCH_COLUMNS.get(key, spec.column)
        known_columns = ENTITIES[spec.entity].model_fields
        found.append(Key(column if column in known_columns else spec.column, key))
    return found


def filling(plan: HeadingPlan) -> frozenset[int]:
    """The columns whose cells become values of fields, and not a line of a note or nothing."""
    indexes = [bound.index for bound in (*plan.columns, *plan.titles)]
    for _, template in plan.templates:
        indexes += [part for part in template.parts if isinstance(part, int)]
    return frozenset(indexes).union(plan.customs)


def check_required(entity: str, plan: HeadingPlan, how: How, name: str) -> None:
    """Refuse a file that could make no record at all. Raises InvalidValue."""
    if how.wanted != "insert":
        return
    filled = set(plan.fields)
    if filled & {"first_name", "last_name"}:
        filled.add("name")
    if entity == "stage" and filled & {"is_closed", "is_won"}:
        filled.add("probability")
    for required in REQUIRED[entity]:
        if required not in filled:
            raise InvalidValue(
                f"No heading of {name} is the {required}, without which there is no {BY_ENTITY[entity].entity}.",
                hint=f"Say which: --map 'HEADING={required}', or give all rows the same: --set {required}=…",
                field=required,
            )


def find_date_order(source: Source, plan: HeadingPlan, given: str | None) -> str | None:
    """The one order in which all dates of the file can be read; None where none of them needs it.

    Raises InvalidValue where two orders would do, or none.
    """
    columns = [bound.index for bound in plan.columns if bound.field.kind in ("date", "instant")]
    if given or not columns:
        return given
    orders, example, heading = frozenset(ORDERS), "", ""
    for row in source.rows():
        if isinstance(row, BadRow):
            continue
        for index in columns:
            cell = row[1][index]
            if not cell or cell[4:5] == "-":
                continue
            found = date_orders(cell)
            if len(found) == len(ORDERS):
                continue
            orders, example, heading = orders & found, cell, plan.label(index)
            if not orders:
                raise InvalidValue(
                    f"The dates of {source.name} follow no one order (line {row[0]}, {heading!r}: {cell!r}).",
                    hint="Mend them, or say --date-order dmy or mdy, and the others are rejected.",
                    field="date_order",
                )
    if not example:
        return None
    if len(orders) > 1:
        raise InvalidValue(
            f"The dates of {source.name} can be read in two orders"
            f" ({heading!r}: {example!r} is {' or '.join(sorted(orders))}).",
            hint="Say which: --date-order dmy or mdy.",
            field="date_order",
        )
    return next(iter(orders))
