"""The deals of a forecast as they are imagined: --what-if."""

from datetime import date
from typing import Any, Final

from crmcli.app import App
from crmcli.commands._facts import fields_of, reading_of, stages_of
from crmcli.commands._report import owner_of
from crmcli.errors import InvalidValue, NotFound
from crmcli.parse import parse_value
from crmcli.rules.stages import stage_named
from crmcli.rules.what_if import assignment, imagined
from crmcli.store.deals import Scope, Supposed
from crmcli.store.find import find

COLUMNS: Final = (
    "amount",
    "currency",
    "stage",
    "probability",
    "category",
    "close_date",
    "owner_id",
    "is_closed",
    "is_won",
)


def supposed(app: App, scope: Scope, texts: list[str]) -> tuple[Supposed, ...]:
    """The deals as they are imagined. Raises InvalidValue, NotFound, Conflict, Refused."""
    reader = app.read()
    given: dict[int, dict[str, Any]] = {}
    currencies: dict[int, str] = {}
    source = scope.source
    for text in texts:
        ref, field, value = assignment(text)
        id = find(reader, "opportunity", ref)
        values = given.setdefault(id, {})
        if field in values:
            raise InvalidValue(f"--what-if gives {ref}.{field} twice.", field="what-if")
        if id not in currencies:
            row = reader.row(
                f"SELECT d.currency FROM {source.table} WHERE {source.holds} AND {source.id} = :id",
                id=id,
                **scope.params,
            )
            if row is None:
                raise NotFound(f"O{id} was not there on {scope.as_of}.")
            currencies[id] = row[0]
        values |= value_of(app, field, value, currencies[id])
    own = "d.own_probability, d.own_category" if scope.moment is None else "NULL, NULL"
    names = ("id", "name", "stage", "probability", "category", "is_closed", "is_won")
    deals = []
    for id, values in given.items():
        columns = f"{source.id}, {source.name}, d.stage, d.probability, d.category, d.is_closed, d.is_won"
        row = reader.row(
            f"SELECT {columns}, {own} FROM {source.named} WHERE {source.holds} AND {source.id} = :id",
            id=id,
            **scope.params,
        )
        assert row is not None
        deal = dict(zip((*names, "own_probability", "own_category"), row, strict=True))
        deal |= {"stage_probability": deal["probability"], "stage_category": deal["category"]}
        changed = imagined(deal, values, stages_of(reader), app.now, date.fromisoformat(scope.as_of))
        deals.append(
            Supposed(
                id,
                {
                    name: int(value)
                    if isinstance(value, bool)
                    else str(value)
                    if isinstance(value, date)
                    else value
                    for name, value in changed.items()
                    if name in COLUMNS
                },
            )
        )
    return tuple(deals)


def value_of(app: App, field: str, text: str, currency: str) -> dict[str, Any]:
    """The columns that a value typed for a deal means. Raises InvalidValue, NotFound, Conflict."""
    if field == "stage":
        return {"stage": stage_named(text, stages_of(app.read())).name}
    if field == "owner":
        return {"owner_id": owner_of(app, text)[0]}
    spec = next(each for each in fields_of(app, "opportunity") if each.name == field)
    value = parse_value(spec, text, reading_of(app)._replace(currency=currency))
    if field == "amount":
        minor, of = value if value is not None else (None, currency)
        return {"amount": minor, "currency": of}
    if value is None and field != "close_date":
        raise InvalidValue(f"--what-if: {field} cannot be none.", field="what-if")
    return {field: value}
