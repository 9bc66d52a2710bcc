"""The verbs every noun has, made from what the database says of its fields: add list show edit rm import export."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta, tzinfo
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from crmcli.app import App
from crmcli.changes import Changes
from crmcli.commands._noun import At, DryRun, Noun, Yes, complete_column, complete_references, complete_users
from crmcli.errors import InvalidValue, suggestion
from crmcli.fields import BY_ENTITY, FieldSpec, reference
from crmcli.parse import Reading, moment_of, parse_value
from crmcli.result import Outcome, Record, Result, Table
from crmcli.rules.closing import lacking, overdue, refuse_before_creation
from crmcli.rules.filling import shown
from crmcli.rules.records import Facts, completed, revised
from crmcli.rules.stages import StageFacts
from crmcli.store.find import belonging, described, find, find_any, upwards
from crmcli.store.reader import Reader
from crmcli.values.dates import from_iso_instant

if TYPE_CHECKING:
    from crmcli.store.work import UnitOfWork

LISTED_UNLESS_ASKED = {
    # What a plain list leaves out, and the fields whose mention in a filter (or --all) brings it back.
    "lead": (
        "t.converted_at IS NULL",
        {"status", "converted_at", "converted_account", "converted_contact", "converted_opp"},
    ),
    "task": ("t.completed_at IS NULL", {"status", "completed_at"}),
}

UNSORTED = {"stage": "t.position, t.id"}  # the order of a list that was not asked for one


# --- what commands need to know ---------------------------------------------------------------------------


def reading_of(app: App) -> Reading:
    """How this user's values are read."""
    return Reading(app.today, app.zone, app.date_order, app.currency, app.fiscal_start)


def stages_of(reader: Reader) -> list[StageFacts]:
    """The stages of the sales process, in order."""
    rows = reader.rows(
        "SELECT name, position, probability, category, is_closed, is_won, active, label FROM stage"
        " WHERE deleted_at IS NULL ORDER BY position, id"
    )
    return [
        StageFacts(name, position, probability, category, bool(closed), bool(won), bool(active), label)
        for name, position, probability, category, closed, won, active, label in rows
    ]


def facts_of(app: App, reader: Reader, day: date | None = None) -> Facts:
    """What rules need to know, for an act of a day."""
    day = day or app.today
    moment = moment_of(day, app.now, app.zone)
    return Facts(moment, day, app.currency, stages_of(reader), app.zone, inactive_of(reader))


def inactive_of(reader: Reader) -> dict[int, str]:
    """The users who get no records any more, by their ids."""
    return dict(reader.rows('SELECT id, name FROM "user" WHERE active = 0 AND deleted_at IS NULL'))


def facts_then(app: App, work: "UnitOfWork", deal: Mapping[str, Any], day: date | None) -> Facts:
    """What rules need to know of an act on a deal; on the day of the last change it comes right after that.

    Raises Refused for a day before the deal was there.
    """
    facts = facts_of(app, work.reader, day)
    refuse_before_creation(deal, deal["created_at"].astimezone(app.zone).date(), facts.day)
    last = work.reader.value(
        "SELECT max(valid_from) FROM opportunity_version WHERE opportunity_id = :id AND recorded_to IS NULL",
        id=deal["id"],
    )
    if last is not None:
        after = from_iso_instant(last) + timedelta(seconds=1)
        if after.astimezone(app.zone).date() == facts.day:
            work.at = max(work.at, min(after, app.now))
    return replace(facts, at=work.at)


def day_of(app: App, at: str | None) -> date | None:
    """The day given with --at. Raises InvalidValue where it is in the future."""
    if at is None:
        return None
    from crmcli.values.dates import parse_date

    day = parse_date(at, today=app.today, order=app.date_order, fiscal_start=app.fiscal_start)
    if day is None:
        raise InvalidValue("--at none: an act has a day.", field="at")
    if day > app.today:
        raise InvalidValue(
            f"--at {at} is {day}, in the future; only what has happened has a day.", field="at"
        )
    return day


def fields_of(app: App | None, entity: str) -> list[FieldSpec]:
    """The fields of an entity: by the database, or by the declarations where there is none yet."""
    if app is not None and app.target.exists():
        from crmcli.store.engine import NotSetUp

        try:
            return app.read().fields(entity)
        except NotSetUp:
            pass
    from crmcli.model import ENTITIES, declared_fields

    return declared_fields(ENTITIES[entity])


def owner_for(work: "UnitOfWork") -> int:
    """The user who acts; made on the spot where nobody is called so yet (the first record needs an owner)."""
    if work.me is None:
        work.me = work.ids("user")
        changes = Changes()
        changes.add("user", work.me, name=work.actor)
        work.apply(changes)
    return work.me


# --- values -------------------------------------------------------------------------------------------


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


# --- records ------------------------------------------------------------------------------------------


def record_of(reader: Reader, entity: str, id: int) -> Record:
    """A record with all its fields."""
    from crmcli.store.query import columns_for, select

    selected = columns_for(reader.fields(entity), None, everything=True)
    row = reader.row(select(entity, selected, "t.id = :id", "", None), id=id)
    assert row is not None
    return Record([each.column for each in selected], row, title=described(reader, entity, id))


def understood(record: Record, names: Sequence[str]) -> str:
    """One line about a record, as it was understood: O46 Acme renewal · USD 12,500.00 · closes Fri 2026-11-27."""
    from crmcli.values.dates import long_date
    from crmcli.values.money import amount_words

    row = {column.name: value for column, value in zip(record.columns, record.row, strict=True)}
    parts = [record.title]
    for name in names:
        value = row.get(name)
        if value in (None, ""):
            continue
        kind = next(column.kind for column in record.columns if column.name == name)
        if kind == "money":
            parts.append(amount_words(value, row["currency"]))
        elif name == "probability":
            parts[-1] += f" {value} %"
        elif name == "close_date":
            parts.append(
                f"{'closed' if row['is_closed'] else 'closes'} {long_date(date.fromisoformat(value))}"
            )
        elif name == "due_date":
            parts.append(f"due {long_date(date.fromisoformat(value))}")
        elif kind == "link":
            parts.append(f"{value} {row.get(name + '_name') or ''}".strip())
        elif kind != "boolean":
            parts.append(str(value))
    return " · ".join(parts)


SUMMARY: dict[str, tuple[str, ...]] = {
    "lead": ("company", "email", "phone", "source", "status", "owner"),
    "account": ("type", "industry", "city", "owner"),
    "contact": ("account", "title", "email", "phone"),
    "opportunity": ("account", "amount", "stage", "probability", "close_date", "owner"),
    "task": ("due_date", "priority", "related_to", "owner"),
    "activity": ("type", "related_to", "contact", "outcome"),
    "stage": ("category", "probability"),
    "user": ("role", "team", "email"),
}


class Edited(NamedTuple):
    """What an edit changed, field by field, and what the user should know besides."""

    changed: list[str]
    notes: list[str]


def differences(before: Record, after: Record, fields: Sequence[FieldSpec], zone: tzinfo) -> list[str]:
    """Each field that differs between two states of a record, with its old and its new value."""
    old, new = values_of(before), values_of(after)
    money = [spec.name for spec in fields if spec.kind == "money" and not spec.custom]
    said = []
    for spec in fields:
        if spec.owned or (spec.name == "currency" and any(new[name] is not None for name in money)):
            continue
        was, now = said_of(spec, old, zone), said_of(spec, new, zone)
        if (old[spec.name], was) != (new[spec.name], now):
            said.append(f"{spec.name.replace('_', ' ')} {shown(was)} → {shown(now)}")
    return said


def values_of(record: Record) -> dict[str, Any]:
    """The values of a record by the names of its columns."""
    return {column.name: value for column, value in zip(record.columns, record.row, strict=True)}


def said_of(spec: FieldSpec, row: Mapping[str, Any], zone: tzinfo) -> str:
    """A value of a record as a sentence says it."""
    from crmcli.values.dates import long_date
    from crmcli.values.money import amount_words

    value = row[spec.name]
    if value in (None, ""):
        return "none"
    match spec.kind:
        case "money":
            return amount_words(value, row["currency"])
        case "percent":
            return f"{value} %"
        case "date":
            return long_date(date.fromisoformat(value))
        case "instant":
            return f"{from_iso_instant(value).astimezone(zone):%Y-%m-%d %H:%M}"
        case "boolean":
            return "yes" if value else "no"
        case "link" | "relation":
            return f"{value} {row.get(spec.name + '_name') or ''}".strip()
        case _:
            return str(value)


def outcome_of(
    work: "UnitOfWork",
    entity: str,
    id: int,
    *,
    changed: Sequence[str] | None = None,
    said: Sequence[str] = (),
    dry_run: bool = False,
) -> Outcome:
    """What a write to one record did: the line that says it, its reference, the record.

    Of an edit the line says what it `changed`, of a new record what it holds.
    """
    work.session.flush()
    record = record_of(work.reader, entity, id)
    if changed is None:
        line = understood(record, SUMMARY[entity])
    else:
        line = " · ".join([record.title, *(changed or ["nothing was changed"])])
    return Outcome([f"Would be: {line}" if dry_run else line, *said], [reference(entity, id)], record)


def list_table(app: App, entity: str, text: str, sort: str | None, limit: int | None, every: bool) -> Table:
    """The records of a noun that a filter leaves, with the fields that were asked for."""
    from crmcli.store.filter import Context, parse_filter, where
    from crmcli.store.query import columns_for, field_named, parse_sort, select

    reader = app.read()
    fields = reader.fields(entity)
    app.fields_applied = True
    selected = columns_for(fields, app.output.fields, everything=app.output.everything)
    terms = parse_filter(text)
    context = Context(
        today=app.today,
        zone=app.zone,
        currency=app.currency,
        fiscal_start=app.fiscal_start,
        date_order=app.date_order,
        me=app.me(reader),
        is_sqlite=reader.is_sqlite,
    )
    condition, params = where(terms, entity, reader.fields, context)
    hidden, shown_by = LISTED_UNLESS_ASKED.get(entity, ("", set()))
    asked = {
        field_named(term.field.partition(".")[0], fields).name for term in terms if hidden and term.field
    }
    if hidden and not every and not shown_by & asked:
        condition = f"({condition}) AND {hidden}" if condition else hidden
    order = parse_sort(sort, fields) if sort else UNSORTED.get(entity, "")
    rows = reader.rows(select(entity, selected, condition, order, limit), **params)
    noun = BY_ENTITY[entity]
    return Table(
        [each.column for each in selected],
        rows,
        title=noun.plural.capitalize(),
        empty=f"No {noun.plural}" + (" match." if text else f" yet. `crm {noun.word} add` makes one."),
    )


# --- the verbs ------------------------------------------------------------------------------------------


def entity_verbs(noun: Noun, entity: str, examples: Mapping[str, str], without: Sequence[str] = ()) -> None:
    """Give a noun the verbs that every noun has. `examples` holds one for each verb."""
    title = BY_ENTITY[entity].title
    plural = BY_ENTITY[entity].plural
    word = BY_ENTITY[entity].word
    Ref = Annotated[
        str,
        typer.Argument(
            help="Its reference, name, e-mail or external ID.", autocompletion=complete_references(entity)
        ),
    ]
    the_fields: dict[str, list[FieldSpec]] = {}

    def options(app: App | None, *, editing: bool) -> list[inspect.Parameter]:
        the_fields[entity] = fields_of(app, entity)
        return field_options(the_fields[entity], editing=editing)

    def add(
        app: App,
        name: Annotated[str | None, typer.Argument(metavar=title.upper(), help=f"The {title}.")] = None,
        set: Sets = None,
        at: At = None,
        dry_run: DryRun = False,
        **options: Any,
    ) -> Result:
        fields = the_fields[entity]
        given = given_fields(options, set or [], fields)
        if name is not None:
            given[title] = name
        ask_for_missing(app, entity, given, fields)
        day = day_of(app, at)
        at_moment = moment_of(day, app.now, app.zone) if day else None
        with app.work(at=at_moment, dry_run=dry_run, makes=True) as work:
            outcome = add_one(app, work, entity, given, day)
            if dry_run:
                outcome.said[0] = f"Would be: {outcome.said[0]}"
        return outcome

    add.__doc__ = f"Add {a_word(word)}.\n\nWhat is missing is asked for on a terminal, and named in a pipe."
    noun.verb(examples["add"], options=lambda app: options(app, editing=False))(add)

    def list_(
        app: App,
        terms: Annotated[
            list[str] | None,
            typer.Argument(
                metavar="[FILTER]...", help="stage:prop amount>10k owner:me; see crm help filters."
            ),
        ] = None,
        filter: Annotated[
            str | None, typer.Option("--filter", metavar="FILTER", help="The same, as an option.")
        ] = None,
        sort: Annotated[
            str | None, typer.Option("--sort", metavar="F,-G", help="Sort by fields; - turns one round.")
        ] = None,
        limit: Annotated[
            int | None, typer.Option("--limit", "-n", metavar="N", help="At most so many.")
        ] = None,
        every: Annotated[
            bool, typer.Option("--all", help="Also what a list leaves out: converted leads, completed tasks.")
        ] = False,
    ) -> Result:
        text = " ".join([*(terms or []), *([filter] if filter else [])])
        return list_table(app, entity, text, sort, limit, every)

    list_.__doc__ = f"List {plural}, all or those that a filter leaves."
    noun.verb(examples["list"], name="list")(list_)

    if "show" not in without:

        def show(app: App, ref: Ref) -> Result:
            reader = app.read()
            return record_of(reader, entity, find(reader, entity, ref))

        show.__doc__ = f"Show {a_word(word)} with all its fields."
        noun.verb(examples["show"])(show)

    def edit(app: App, ref: Ref, set: Sets = None, dry_run: DryRun = False, **options: Any) -> Result:
        at = options.pop("at", None)
        given = given_fields(options, set or [], the_fields[entity])
        if not given:
            raise InvalidValue(
                "Nothing to change was given.", hint=f"crm {word} edit {ref} --help lists the fields."
            )
        day = day_of(app, at)
        with app.work(at=moment_of(day, app.now, app.zone) if day else None, dry_run=dry_run) as work:
            id = find(work.reader, entity, ref)
            changed, notes = edit_one(app, work, entity, id, given, day)
            return outcome_of(work, entity, id, changed=changed, said=notes, dry_run=dry_run)

    edit.__doc__ = f"Change fields of {a_word(word)}. `none` clears one."
    dated = [AT] if entity == "opportunity" else []  # only of deals is it kept what they were when
    noun.verb(examples["edit"], options=lambda app: [*dated, *options(app, editing=True)])(edit)

    def rm(
        app: App,
        refs: Annotated[
            list[str],
            typer.Argument(
                metavar="REF...", help="What to delete.", autocompletion=complete_references(entity)
            ),
        ],
        yes: Yes = False,
        dry_run: DryRun = False,
    ) -> Result:
        return remove(app, entity, refs, yes=yes, dry_run=dry_run)

    rm.__doc__ = f"Delete {plural}. `crm undo` brings them back with all that belonged to them."
    noun.verb(examples["rm"])(rm)

    from crmcli.commands._transfer import transfer_verbs

    transfer_verbs(noun, entity, examples)


def a_word(word: str) -> str:
    """A noun of the command line with its article."""
    spoken = {"opp": "opportunity", "log": "activity"}.get(word, word)
    return f"{'an' if spoken[0] in 'aeio' else 'a'} {spoken}"


def ask_for_missing(app: App, entity: str, given: dict[str, str], fields: Sequence[FieldSpec]) -> None:
    """Ask for the required fields that were not given; in a pipe, name them all at once. Raises InvalidValue."""
    if "name" not in given and (given.get("first_name") or given.get("last_name")):
        return
    derived = {
        "opportunity": {"stage", "probability", "category", "currency", "is_closed", "is_won"},
        "stage": {"position", "category"},
        "activity": {"happened_at"},
    }
    missing = [
        spec
        for spec in fields
        if spec.required
        and not spec.owned
        and not (given.get(spec.name) or "").strip()
        and spec.name not in derived.get(entity, set())
    ]
    if entity == "stage" and (given.get("is_closed") or given.get("is_won")):
        missing = [spec for spec in missing if spec.name != "probability"]
    if not missing:
        return
    if not app.interactive:
        names = ", ".join(spec.name for spec in missing)
        raise InvalidValue(
            f"Missing: {names}.",
            hint=f"`crm {BY_ENTITY[entity].word} add --help` lists the fields.",
            field=missing[0].name,
        )
    from crmcli.ask import ask

    asked = [
        *missing,
        *(
            spec
            for spec in fields
            if spec.listed
            and not spec.owned
            and not spec.required
            and spec.name not in given
            and spec.kind != "boolean"
        ),
    ]
    reading = reading_of(app)
    for spec in asked:
        answer = ask(spec, reading)
        if answer:
            given[spec.name] = answer


def add_one(
    app: App, work: "UnitOfWork", entity: str, given: Mapping[str, str], day: date | None = None
) -> Outcome:
    """Add one record from what was typed, inside a unit of work."""
    fields = work.fields(entity)
    given = {name: text for name, text in given.items() if (name, text.casefold()) != ("owner", "me")}
    values = typed_values(app, work.reader, given, fields)
    values = completed(entity, values, facts_of(app, work.reader, day))
    if "owner_id" not in values and entity not in ("user", "stage"):
        values["owner_id"] = owner_for(work)
    if day is not None and "created_at" not in values:
        values["created_at"] = work.at
    id = work.ids(entity)
    changes = Changes()
    changes.add(entity, id, **values)
    work.apply(changes)
    said = [*news(fields, values), *advice(entity, values, app.today), *twins(work.reader, entity, id)]
    return outcome_of(work, entity, id, said=said)


def edit_one(
    app: App, work: "UnitOfWork", entity: str, id: int, given: Mapping[str, str], day: date | None = None
) -> Edited:
    """Edit one record by what was typed, inside a unit of work; what it changed."""
    from crmcli.model import ENTITIES

    fields = work.fields(entity)
    record = work.get(ENTITIES[entity], id)
    current = {name: getattr(record, name) for name in type(record).model_fields}
    values = typed_values(app, work.reader, given, fields, current.get("currency"))
    if "custom" in values:
        values["custom"] = {**current["custom"], **values["custom"]}
    deal = entity == "opportunity"
    facts = facts_then(app, work, current, day) if deal and day else facts_of(app, work.reader, day)
    before = record_of(work.reader, entity, id)
    changes = Changes()
    after = revised(entity, current, values, facts, above(work.reader, fields, values))
    changes.edit(entity, id, **after)
    work.apply(changes)
    notes = news(fields, values)
    if deal and {"amount", "close_date"} & after.keys():
        notes += advice(entity, {**current, **after}, app.today)
    return Edited(differences(before, record_of(work.reader, entity, id), fields, app.zone), notes)


def above(reader: Reader, fields: Sequence[FieldSpec], values: Mapping[str, Any]) -> dict[str, list[int]]:
    """For each link to a record of the same kind that is set: whom it names, and all above."""
    return {
        spec.column: upwards(reader, spec.entity, spec.column, values[spec.column])
        for spec in fields
        if spec.kind == "link" and spec.target == spec.entity and values.get(spec.column)
    }


def news(fields: Sequence[FieldSpec], values: Mapping[str, Any]) -> list[str]:
    """A sentence for each value that an open picklist did not know."""
    said = []
    for spec in fields:
        value = values.get(spec.column)
        if spec.open and value and value not in spec.choices:
            hint = suggestion(str(value), spec.choices)
            said.append(f"{value!r} is a new {spec.name.replace('_', ' ')}." + (f" {hint}" if hint else ""))
    return said


def advice(entity: str, values: Mapping[str, Any], today: date) -> list[str]:
    """What a good record would have besides."""
    if entity == "opportunity":
        return [*lacking(values), *overdue(values, today)]
    if entity == "lead" and not any(values.get(name) for name in ("email", "phone", "mobile", "website")):
        return ["No e-mail or phone: a lead should be one you can reach."]
    return []


def twins(reader: Reader, entity: str, id: int) -> list[str]:
    """A sentence for each other record that has the same e-mail or, being an account, the same name."""
    key = {"account": "name_key", "lead": "email_key", "contact": "email_key"}.get(entity)
    if key is None:
        return []
    same = "name" if key == "name_key" else "e-mail"
    return [
        f"{described(reader, other, twin)} has this {same} too."
        for other in (("account",) if key == "name_key" else ("lead", "contact"))
        for (twin,) in reader.rows(
            f'SELECT o.id FROM "{other}" o JOIN "{entity}" t ON t.id = :id AND o.{key} = t.{key}'
            f" WHERE o.deleted_at IS NULL AND NOT ({int(other == entity)} = 1 AND o.id = t.id) ORDER BY o.id LIMIT 3",
            id=id,
        )
    ]


def remove(
    app: App,
    entity: str,
    refs: Sequence[str],
    *,
    yes: bool,
    dry_run: bool,
    check: Callable[[Reader, Sequence[int]], None] | None = None,
) -> Outcome:
    """Delete records after asking; `check` may refuse. Raises InvalidValue where nobody can be asked."""
    if not refs:
        raise InvalidValue("Nothing to delete was named.")
    reader = app.read()
    ids = list(dict.fromkeys(find(reader, entity, ref) for ref in refs))
    names = [described(reader, entity, id) for id in ids]
    left = [
        f"{name}: {rest}"
        for name, id in zip(names, ids, strict=True)
        if (rest := belonging(reader, entity, id))
    ]
    warning = [f"Left without it: {'; '.join(left)}."] if left else []
    confirm(app, " ".join([f"Delete {', '.join(names)}?", *warning]), yes=yes or dry_run)
    with app.work(dry_run=dry_run) as work:
        if check:
            check(work.reader, ids)
        changes = Changes()
        for id in ids:
            changes.remove(entity, id)
        work.apply(changes)
        entry = work.entry
    done = "Would delete" if dry_run else "Deleted"
    hint = [] if dry_run else [f"`crm undo {entry}` brings {'it' if len(ids) == 1 else 'them'} back."]
    deleted = [reference(entity, id) for id in ids]
    return Outcome(
        [f"{done} {', '.join(names)}.", *warning, *hint],
        deleted,
        data={"deleted": deleted, "entry": None if dry_run else entry},
    )


def confirm(app: App, question: str, *, yes: bool) -> None:
    """Go on only with a yes. Raises InvalidValue where nobody can be asked, Declined on a no."""
    if yes:
        return
    if not app.interactive:
        raise InvalidValue(f"{question} Nobody is there to answer; say --yes.", field="yes")
    from crmcli.ask import confirmed
    from crmcli.errors import Declined

    app.release()
    if not confirmed(question):
        raise Declined("Nothing was done.")
