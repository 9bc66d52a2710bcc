"""How a field is declared, and what every record has."""

from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import JSON, BigInteger, Integer, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

from crmcli.fields import FieldKind, FieldSpec
from crmcli.values.dates import from_iso_instant, iso_instant


class Instant(TypeDecorator[datetime]):
    """A moment, kept as ISO text in UTC, to the second, so that one SQL text means the same everywhere."""

    impl = String(20)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        return None if value is None else iso_instant(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_iso_instant(value)


class Day(TypeDecorator[date]):
    """A date, kept as ISO text."""

    impl = String(10)
    cache_ok = True

    def process_bind_param(self, value: date | None, dialect: Dialect) -> str | None:
        return None if value is None else value.isoformat()

    def process_result_value(self, value: str | None, dialect: Dialect) -> date | None:
        return None if value is None else date.fromisoformat(value)


class Flag(TypeDecorator[bool]):
    """Yes or no, kept as 1 or 0."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: bool | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> bool | None:
        return None if value is None else bool(value)


def text(length: int = 255) -> Any:
    """Text that compares byte by byte in every database."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


LENGTHS: Final[dict[FieldKind, int]] = {"email": 254, "phone": 64, "url": 2048, "select": 120}
PLAIN_JSON: Final = JSON().with_variant(JSONB(), "postgresql")


def field(
    help: str,
    *,
    kind: FieldKind = "text",
    label: str | None = None,
    default: Any = None,
    required: bool = False,
    listed: bool = False,
    owned: bool = False,
    choices: tuple[str, ...] = (),
    open: bool = False,
    link: str | None = None,
    aliases: tuple[str, ...] = (),
    length: int | None = None,
    low: int | None = None,
    high: int | None = None,
    index: bool = False,
) -> Any:
    """Declare a field: the column, its checks, its option, its help, its headings and its place in lists.

    `link` names the entity a foreign key points to; the attribute then ends in `_id` and the field's name
    does not. `owned` fields are set by rules and never typed. `low` and `high` bound numbers. A required
    field without a default must be given.
    """
    if link:
        kind = "link"
    elif choices and kind == "text":
        kind = "select"
    if kind in ("text", "email", "phone", "url", "select"):
        length = length or LENGTHS.get(kind, 255)
    traits = {
        "kind": kind,
        "label": label,
        "help": help,
        "required": required,
        "listed": listed,
        "owned": owned,
        "choices": choices,
        "open": open,
        "link": link,
        "aliases": aliases,
        "default": default,
        "length": length,
        "low": low,
        "high": high,
    }
    checks: dict[str, Any] = {}
    if length:
        checks["max_length"] = length
        if required:
            checks["min_length"] = 1
    if low is not None:
        checks["ge"] = low
    if high is not None:
        checks["le"] = high
    types: dict[str, Any] = {
        "number": Integer,
        "percent": Integer,
        "money": BigInteger,
        "date": Day,
        "instant": Instant,
        "boolean": Flag,
        "link": Integer,
        "relation": Integer,
    }
    return Field(
        default=... if required and default is None else default,
        sa_type=types[kind] if kind in types else text(length or 255),
        foreign_key=f"{link}.id" if link else None,
        nullable=not required,
        index=index,
        sa_column_kwargs={"info": {"traits": traits}, "comment": help},
        **checks,
    )


class Entity(SQLModel):
    """What every record has, beside its own fields."""

    id: int = Field(default=None, primary_key=True)
    uid: str = Field(sa_type=text(36), nullable=False)
    external_id: str | None = field(
        "Its id in the system it came from", label="External ID", aliases=("external id", "id in source")
    )
    owner_id: int | None = field(
        "Who is responsible for it",
        link="user",
        aliases=("owner name", "assigned to", "sales rep", "sales agent"),
    )
    description: str | None = field(
        "Anything worth knowing", aliases=("notes", "comments", "comment"), length=32000
    )
    created_at: datetime = field(
        "When it was made",
        kind="instant",
        required=True,
        owned=True,
        aliases=("created", "create date", "created date"),
    )
    updated_at: datetime = field("When it was last changed", kind="instant", required=True, owned=True)
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)
    custom: dict[str, Any] = Field(default_factory=dict, sa_type=PLAIN_JSON, nullable=False)


def declared_fields(model: type[Entity]) -> list[FieldSpec]:
    """The fields of a model as the database will describe them, in the order they are shown."""
    specs: list[FieldSpec] = []
    columns = {column.name: column for column in model.__table__.columns}  # type: ignore[attr-defined]
    last = [
        name
        for name in ("external_id", "owner_id", "description", "created_at", "updated_at")
        if name in columns
    ]
    own = [name for name in columns if name not in last]
    for name in own + last:
        traits = columns[name].info.get("traits")
        if traits is None:
            continue
        short = name.removesuffix("_id") if traits["kind"] in ("link", "relation") else name
        default = traits["default"]
        specs.append(
            FieldSpec(
                entity=model.__tablename__,  # type: ignore[arg-type]
                name=short,
                column=name,
                kind=traits["kind"],
                label=traits["label"] or short.replace("_", " ").capitalize(),
                help=traits["help"],
                position=len(specs) + 1,
                required=traits["required"] and default is None,
                listed=traits["listed"] or (name == "owner_id" and getattr(model, "lists_owner", False)),
                owned=traits["owned"],
                choices=tuple(traits["choices"]),
                open=traits["open"],
                target=traits["link"],
                aliases=tuple(traits["aliases"]),
                default=None if default is None else str(default),
                max_length=traits["length"],
                low=traits["low"],
                high=traits["high"],
            )
        )
    return specs
