"""Fields on the command line: their options, and what was typed for them."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from crmcli.app import App
from crmcli.commands._facts import reading_of
from crmcli.commands._noun import At, complete_column, complete_references, complete_users
from crmcli.errors import InvalidValue, suggestion
from crmcli.fields import BY_ENTITY, FieldSpec
from crmcli.parse import parse_value
from crmcli.store.find import find, find_any
from crmcli.store.reader import Reader

if TYPE_CHECKING:
    pass


CLEARED_BY_BLANK = ("text", "email", "phone", "url")  # of which `none` may be the value


def typed_values(
    app: App,
    reader: Reader,
    given: Mapping[str, str],
    fields: Sequence[FieldSpec],
    currency: str | None = None,
) -> dict[str, Any]:
    """What was typed for fields, as the columns to be set: links looked up, money with its currency.

    `currency` is that of the record as it is; without one, money is in the home currency.
    """
    by_name = {spec.name: spec for spec in fields}
    values: dict[str, Any] = {}
    custom: dict[str, Any] = {}
    reading = reading_of(app)
    if currency:
        reading = reading._replace(currency=currency)
    if given.get("currency"):
        home = parse_value(by_name["currency"], given["currency"], reading)
        reading = reading._replace(currency=home)
    for name, text in given.items():
        spec = by_name[name]
        if not text.strip() and spec.kind not in CLEARED_BY_BLANK:
            raise InvalidValue(f"{name} is blank; `none` clears it.", field=name)
        if spec.kind in ("link", "relation"):
            values |= linked(app, reader, spec, text)
            continue
        value = parse_value(spec, text, reading)
        if spec.custom:
            custom[name] = value
        elif spec.kind == "money" and value is not None:
            values[spec.column], named = value
            if given.get("currency") and named != reading.currency:
                raise InvalidValue(
                    f"{name} is in {named}, but --currency says {reading.currency}.", field=name
                )
            if values.get("currency", named) != named and not given.get("currency"):
                raise InvalidValue(
                    f"{name} is in {named}, another amount in {values['currency']}.",
                    hint=f"--currency {values['currency']} says it of all.",
                    field=name,
                )
            values["currency"] = named
        else:
            values[spec.column] = value
    if custom:
        values["custom"] = custom
    return values


def linked(app: App, reader: Reader, spec: FieldSpec, text: str) -> dict[str, Any]:
    """The columns of a link that was typed. Raises InvalidValue, NotFound or Conflict."""
    if text.strip() == "" or text.strip().casefold() == "none":
        return {spec.column: None} | ({"related_to_entity": None} if spec.kind == "relation" else {})
    if spec.kind == "relation":
        entity, id = find_any(reader, text)
        return {"related_to_entity": entity, spec.column: id}
    assert spec.target
    if spec.target == "user" and text.strip().casefold() == "me":
        text = app.actor
    try:
        return {spec.column: find(reader, spec.target, text)}
    except InvalidValue as error:
        raise InvalidValue(error.message, hint=error.hint, field=spec.name) from error


def field_options(fields: Sequence[FieldSpec], *, editing: bool) -> list[inspect.Parameter]:
    """The options of add and edit: one for each field a user may set, except what add takes as its argument."""
    title = BY_ENTITY[fields[0].entity].title if fields else ""
    options = []
    for spec in fields:
        if spec.owned or (spec.name == title and not editing):
            continue
        help = spec.help + (
            f": {', '.join(spec.choices)}" if spec.choices and len(spec.choices) <= 10 else ""
        )
        options.append(
            inspect.Parameter(
                "field_" + spec.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[
                    str | None,
                    typer.Option(
                        *option_names(spec),
                        metavar=metavar(spec),
                        help=help,
                        autocompletion=completion_of(spec),
                    ),
                ],
            )
        )
    return options


SHORT_OPTIONS = {"related_to": "--for", "close_date": "--close", "next_step": "--next"}


def option_names(spec: FieldSpec) -> tuple[str, ...]:
    """The options of a field; some have a short one too."""
    short = None if spec.custom else SHORT_OPTIONS.get(spec.name)
    return (spec.option, short) if short else (spec.option,)


def metavar(spec: FieldSpec) -> str:
    words = {
        "date": "DATE",
        "instant": "DATE",
        "money": "MONEY",
        "number": "N",
        "percent": "PERCENT",
        "boolean": "YES|NO",
    }
    if spec.kind == "link":
        return (spec.target or "").upper()
    return words.get(spec.kind, "REF" if spec.kind == "relation" else "TEXT")


def completion_of(spec: FieldSpec) -> Callable[..., Any] | None:
    if spec.target == "user":
        return complete_users
    if spec.kind in ("link", "relation"):
        return complete_references(spec.target)
    if spec.entity == "opportunity" and spec.name == "stage":
        return complete_column(
            "SELECT name FROM stage WHERE deleted_at IS NULL AND active = 1 ORDER BY position"
        )
    if spec.choices:
        choices = list(spec.choices)
        return lambda incomplete: [
            choice for choice in choices if choice.lower().startswith(incomplete.lower())
        ]
    return None


def given_fields(
    options: Mapping[str, Any], sets: Sequence[str], fields: Sequence[FieldSpec]
) -> dict[str, str]:
    """What was given for fields, by option or by --set field=value. Raises InvalidValue."""
    given = {name.removeprefix("field_"): text for name, text in options.items() if text is not None}
    known = [spec.name for spec in fields if not spec.owned]
    for pair in sets:
        name, equals, text = pair.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            raise InvalidValue(f"--set takes field=value, not {pair!r}.", field="set")
        if name not in known:
            raise InvalidValue(f"There is no field {name!r}.", hint=suggestion(name, known), field=name)
        if name in given:
            raise InvalidValue(f"{name} is given twice.", field=name)
        given[name] = text
    return given


AT: Final = inspect.Parameter("at", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=At)
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Set any field; may be repeated.")
]
