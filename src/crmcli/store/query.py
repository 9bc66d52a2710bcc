"""From a noun's fields to a SELECT: which columns, in which order."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from crmcli.errors import InvalidValue, suggestion
from crmcli.fields import BY_ENTITY, NOUNS, FieldKind, FieldSpec
from crmcli.result import Column, Cut, Kind

SHOWN_AS: Final[dict[FieldKind, Kind]] = {
    "text": "text",
    "email": "text",
    "phone": "text",
    "url": "text",
    "select": "text",
    "number": "number",
    "percent": "percent",
    "money": "money",
    "date": "date",
    "instant": "instant",
    "boolean": "boolean",
    "link": "link",
    "relation": "link",
}
TEXTS: Final = frozenset({"text", "email", "phone", "url", "select"})

# What a list of the usual fields leaves out first where it does not fit, the highest number first.
MINOR: Final = {"owner": 3, "probability": 2, "rating": 2, "source": 1, "priority": 1}
SHORT: Final = {"Probability": "Prob."}
DEAREST: Final = frozenset({"stage", "status"})

HOME: Final = "(SELECT h.value FROM setting AS h WHERE h.name = 'currency')"

# --- fields and their SQL -------------------------------------------------------------------------------


def identifier(name: str) -> str:
    """A name that may stand in SQL; anything else is a mistake of the program's, not of the user's."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
        raise ValueError(f"{name!r} cannot be an identifier")
    return name


def table_of(entity: str) -> str:
    """The table of an entity, as SQL names it."""
    return f'"{identifier(entity)}"'


def value_sql(spec: FieldSpec, alias: str) -> str:
    """What a field holds, as SQL; of a link the id."""
    if not spec.custom:
        return f"{alias}.{identifier(spec.column)}"
    kept = f"({alias}.custom ->> '{identifier(spec.column)}')"
    if spec.kind in TEXTS:
        return kept
    kept = f"nullif(CAST({kept} AS TEXT), '')"
    if spec.kind == "boolean":  # JSON's true is 1 in SQLite and 'true' in PostgreSQL
        return f"CASE WHEN {kept} IN ('1', 'true') THEN 1 WHEN {kept} IN ('0', 'false') THEN 0 END"
    if spec.kind in ("number", "percent"):
        return f"CAST({kept} AS NUMERIC)"
    if spec.kind in ("money", "link"):
        return f"CAST({kept} AS BIGINT)"
    return kept


def _title_sql(entity: str, id_sql: str) -> str:
    """What another record is called."""
    title = identifier(BY_ENTITY[entity].title)
    live = "" if entity == "user" else " AND x.deleted_at IS NULL"  # who left still owns what they owned
    return f'(SELECT x.{title} FROM "{identifier(entity)}" AS x WHERE x.id = {id_sql}{live})'


def target_of(spec: FieldSpec) -> str:
    if spec.target is None:
        raise ValueError(f"the link {spec.name!r} points nowhere")
    return spec.target


def kind_sql(spec: FieldSpec, alias: str) -> str:
    """The entity that a relation points to."""
    return f"{alias}.{identifier(spec.name)}_entity"


def _link_sql(spec: FieldSpec) -> str:
    """The typed reference of the linked record: A4. A record that was deleted is not shown as a link."""
    id_sql = value_sql(spec, "t")
    if spec.kind == "link":
        return _reference_sql(target_of(spec), id_sql)
    known = " ".join(f"WHEN '{noun.entity}' THEN {_reference_sql(noun.entity, id_sql)}" for noun in NOUNS)
    return f"CASE {kind_sql(spec, 't')} {known} END"


def _reference_sql(entity: str, id_sql: str) -> str:
    """The typed reference of a live record."""
    letter = BY_ENTITY[entity].letter
    live = f'FROM "{identifier(entity)}" AS x WHERE x.id = {id_sql} AND x.deleted_at IS NULL'
    return f"(SELECT '{letter}' || x.id {live})"


def _link_name_sql(spec: FieldSpec) -> str:
    """What the linked record is called."""
    id_sql = value_sql(spec, "t")
    if spec.kind == "link":
        return _title_sql(target_of(spec), id_sql)
    titles = " ".join(f"WHEN '{noun.entity}' THEN {_title_sql(noun.entity, id_sql)}" for noun in NOUNS)
    return f"CASE {kind_sql(spec, 't')} {titles} END"


def _own(fields: Sequence[FieldSpec]) -> list[FieldSpec]:
    """What every record has and no one declares."""
    blank = replace(fields[0], help="", custom=False, choices=(), target=None, aliases=(), kind="text")
    return [
        replace(blank, name="id", column="id", label="ID", kind="number"),
        replace(blank, name="ref", column="id", label="Ref"),
        replace(blank, name="uid", column="uid", label="UID"),
    ]


def _alike(name: str) -> str:
    return "_".join(re.split(r"[\s_-]+", name.strip().casefold()))


def named_link(name: str, fields: Sequence[FieldSpec]) -> FieldSpec | None:
    """The link whose name column is asked for: `account_name`."""
    link, _, suffix = _alike(name).rpartition("_")
    found = (spec for spec in fields if spec.kind in ("link", "relation") and spec.name == link)
    return next(found, None) if suffix == "name" and all(spec.name != name for spec in fields) else None


def field_named(name: str, fields: Sequence[FieldSpec]) -> FieldSpec:
    """The field that is meant by its name, its label or an alias. Raises InvalidValue."""
    wanted = _alike(name)
    known = [*_own(fields), *fields]
    ways: tuple[Callable[[FieldSpec], Iterable[str]], ...] = (
        lambda spec: (spec.name,),
        lambda spec: (spec.label,),
        lambda spec: spec.aliases,
    )
    for called in ways:
        found = [spec for spec in known if any(_alike(word) == wanted for word in called(spec))]
        if len(found) == 1:
            return found[0]
        if found:
            raise InvalidValue(f"{name!r} could be {' or '.join(spec.name for spec in found)}.", field=name)
    names = [spec.name for spec in known]
    hint = " ".join(filter(None, [suggestion(name, names), f"Fields: {', '.join(names)}."]))
    raise InvalidValue(f"{BY_ENTITY[fields[0].entity].plural} have no field {name!r}.", hint=hint, field=name)


# --- columns --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Selected:
    """A column of the result and the SQL that fills it; the record is `t`."""

    column: Column
    sql: str


def columns_for(fields: Sequence[FieldSpec], names: Sequence[str] | None, everything: bool) -> list[Selected]:
    """The columns that were named; else every field, or those a list shows. Raises InvalidValue.

    The currency of an amount is always among them, for machines at least.
    """
    if names is not None:
        selected = _chosen(fields, names)
    else:
        own = _own(fields) if everything else _own(fields)[1:2]
        shown = [spec for spec in fields if everything or spec.listed]
        selected = [one for spec in (*own, *shown) for one in _columns_of(spec, fields)]
        selected = [_hidden(one) if one.column.name in ("id", "uid") else one for one in selected]
        selected = [_minor(one) for one in selected]
        if any(one.column.kind == "money" for one in selected):
            selected = [_hidden(one) if one.column.name == "currency" else one for one in selected]
    return _with_currency(selected, fields)


def _chosen(fields: Sequence[FieldSpec], names: Sequence[str]) -> list[Selected]:
    """The columns of the named fields; a name column that is named too stands where it is named."""
    wanted = [name.strip() for name in names if name.strip()]
    if not wanted:
        raise InvalidValue("No field is named.", field="fields")
    chosen: dict[str, Selected] = {}
    apart = {f"{link.name}_name" for name in wanted if (link := named_link(name, fields))}
    for name in wanted:
        link = named_link(name, fields)
        if link is not None:
            label = f"{link.label} name"
            made = [Selected(Column(f"{link.name}_name", label), _link_name_sql(link))]
        else:
            made = _columns_of(field_named(name, fields), fields)
            made = [one for one in made if not (one.column.folded and one.column.name in apart)]
        for one in made:
            chosen.setdefault(one.column.name, one)
    return list(chosen.values())


def _columns_of(spec: FieldSpec, fields: Sequence[FieldSpec]) -> list[Selected]:
    """A field as columns: two of a link, one of anything else."""
    cut: Cut = "last" if spec.name in DEAREST else "later" if spec.kind == "select" else "first"
    column = Column(spec.name, spec.label, SHOWN_AS[spec.kind], short=SHORT.get(spec.label, ""), cut=cut)
    if spec.name == "ref":
        letter = BY_ENTITY[spec.entity].letter
        return [Selected(replace(column, kind="link"), f"'{letter}' || t.id")]
    if spec.name == "currency" and not spec.custom:
        return [Selected(column, currency_sql(fields))]
    if spec.kind not in ("link", "relation"):
        return [Selected(column, value_sql(spec, "t"))]
    name = Selected(Column(f"{spec.name}_name", f"{spec.label} name", folded=True), _link_name_sql(spec))
    if spec.name == "owner":
        return [Selected(replace(column, kind="text"), name.sql)]
    return [Selected(column, _link_sql(spec)), name]


def _hidden(one: Selected) -> Selected:
    return replace(one, column=replace(one.column, hidden=True))


def _minor(one: Selected) -> Selected:
    return replace(one, column=replace(one.column, minor=MINOR.get(one.column.name, 0)))


def currency_sql(fields: Sequence[FieldSpec]) -> str:
    """The currency of a record's amounts: its own, or else the home currency."""
    own = currency_field(fields)
    if own is None:
        return HOME
    if own.required:
        return "t.currency"
    amounts = [value_sql(spec, "t") for spec in fields if spec.kind == "money"]
    if not amounts:
        return "t.currency"
    blank = " AND ".join(f"{amount} IS NULL" for amount in amounts)
    return f"CASE WHEN {blank} THEN t.currency ELSE coalesce(t.currency, {HOME}) END"


def currency_field(fields: Sequence[FieldSpec]) -> FieldSpec | None:
    return next((spec for spec in fields if spec.name == "currency" and not spec.custom), None)


def _with_currency(selected: list[Selected], fields: Sequence[FieldSpec]) -> list[Selected]:
    """The columns, with a hidden currency after the first amount where none was asked for."""
    at = next((index for index, one in enumerate(selected) if one.column.kind == "money"), None)
    if at is None or any(one.column.name == "currency" for one in selected):
        return selected
    own = currency_field(fields)
    column = Column("currency", own.label if own else "Currency", hidden=True)
    return [*selected[: at + 1], Selected(column, currency_sql(fields)), *selected[at + 1 :]]


# --- the SELECT -----------------------------------------------------------------------------------------


def select(
    entity: str, selected: Sequence[Selected], where: str = "", order: str = "", limit: int | None = None
) -> str:
    """The query for the live records of an entity; `where` and `order` come from the functions beside it."""
    columns = ", ".join(one.sql for one in selected)
    sql = f'SELECT {columns} FROM "{identifier(entity)}" AS t WHERE t.deleted_at IS NULL'
    if where:
        sql += f" AND ({where})"
    sql += f" ORDER BY {order or 't.id'}"
    return sql if limit is None else f"{sql} LIMIT {int(limit)}"


def parse_sort(text: str, fields: Sequence[FieldSpec]) -> str:
    """The ORDER BY of `close_date,-amount`: blanks come last, equals in the order of their ids."""
    order = []
    for part in text.split(","):
        name = part.strip().removeprefix("-")
        if not name:
            raise InvalidValue(f"{text!r} names no field to sort by.", hint="Write close_date,-amount")
        link = named_link(name, fields)
        spec = link or field_named(name, fields)
        way = "DESC" if part.strip().startswith("-") else "ASC"
        if spec.column == "id":
            order.append(f"t.id {way}")
            break
        order.append(f"{sort_sql(spec, fields)} {way} NULLS LAST")
    else:
        order.append("t.id")
    return ", ".join(order)


def sort_sql(spec: FieldSpec, fields: Sequence[FieldSpec]) -> str:
    """What records are sorted by, where that is a field."""
    if spec.kind in ("link", "relation"):
        return f"lower({_link_name_sql(spec)})"
    value = value_sql(spec, "t")
    if (spec.entity, spec.name) == ("opportunity", "stage"):
        return f'(SELECT min(s.position) FROM "stage" AS s WHERE s.name = {value})'
    if spec.kind == "money" and currency_field(fields):
        return by_places("coalesce(t.currency, '')", lambda places: f"{value} / {10**places}.0")
    return f"lower({value})" if spec.kind in TEXTS else value


def by_places(currency: str, made: Callable[[int], str]) -> str:
    """An expression that depends on how many decimals a currency has."""
    from crmcli.values.money import DECIMALS

    cases = []
    for places in sorted(set(DECIMALS.values())):
        codes = ", ".join(f"'{code}'" for code, its in DECIMALS.items() if its == places)
        cases.append(f"WHEN {currency} IN ({codes}) THEN {made(places)}")
    return f"CASE {' '.join(cases)} ELSE {made(2)} END"
