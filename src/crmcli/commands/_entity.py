"""The verbs every noun has, made from what the database says of its fields: add list show edit rm import export."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from crmcli.app import App
from crmcli.changes import Changes
from crmcli.commands._facts import day_of, facts_of, facts_then, fields_of, owner_for, reading_of
from crmcli.commands._fields import AT, Sets, field_options, given_fields, typed_values
from crmcli.commands._noun import At, DryRun, Noun, Yes, complete_references
from crmcli.commands._records import Edited, differences, list_table, outcome_of, record_of
from crmcli.commands._transfer import export_verb, import_verb
from crmcli.errors import InvalidValue, suggestion
from crmcli.fields import BY_ENTITY, FieldSpec, reference
from crmcli.parse import moment_of
from crmcli.result import Outcome, Result
from crmcli.rules.closing import lacking, overdue
from crmcli.rules.records import completed, revised
from crmcli.store.find import belonging, described, find, upwards
from crmcli.store.reader import Reader

if TYPE_CHECKING:
    from crmcli.store.work import UnitOfWork

SEVERAL: Final = 3  # records that nobody changes at once by a slip of the keys; as Taskwarrior's rc.bulk


def entity_verbs(noun: Noun, entity: str, examples: Mapping[str, str], without: Sequence[str] = ()) -> None:
    """Give a noun the verbs that every noun has. `examples` holds one for each verb."""
    add_verb(noun, entity, examples["add"])
    list_verb(noun, entity, examples["list"])
    if "show" not in without:
        show_verb(noun, entity, examples["show"])
    edit_verb(noun, entity, examples["edit"])
    rm_verb(noun, entity, examples["rm"])
    import_verb(noun, entity, examples["import"])
    export_verb(noun, entity, examples["export"])


def add_verb(noun: Noun, entity: str, example: str) -> None:
    title = BY_ENTITY[entity].title

    def add(
        app: App,
        name: Annotated[str | None, typer.Argument(metavar=title.upper(), help=f"The {title}.")] = None,
        set: Sets = None,
        at: At = None,
        dry_run: DryRun = False,
        **options: Any,
    ) -> Result:
        fields = fields_of(app, entity)
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

    add.__doc__ = f"Add {a_word(entity)}.\n\nWhat is missing is asked for on a terminal, and named in a pipe."
    noun.verb(example, options=lambda app: options_of(app, entity, editing=False))(add)


def list_verb(noun: Noun, entity: str, example: str) -> None:
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

    list_.__doc__ = f"List {BY_ENTITY[entity].plural}, all or those that a filter leaves."
    noun.verb(example, name="list")(list_)


def show_verb(noun: Noun, entity: str, example: str) -> None:
    def show(app: App, ref: Annotated[str, reference_argument(entity)]) -> Result:
        reader = app.read()
        return record_of(reader, entity, find(reader, entity, ref))

    show.__doc__ = f"Show {a_word(entity)} with all its fields."
    noun.verb(example)(show)


def edit_verb(noun: Noun, entity: str, example: str) -> None:
    def edit(
        app: App,
        ref: Annotated[str, reference_argument(entity)],
        set: Sets = None,
        dry_run: DryRun = False,
        **options: Any,
    ) -> Result:
        at = options.pop("at", None)
        given = given_fields(options, set or [], fields_of(app, entity))
        if not given:
            raise InvalidValue(
                "Nothing to change was given.",
                hint=f"crm {BY_ENTITY[entity].word} edit {ref} --help lists the fields.",
            )
        day = day_of(app, at)
        with app.work(at=moment_of(day, app.now, app.zone) if day else None, dry_run=dry_run) as work:
            id = find(work.reader, entity, ref)
            changed, notes = edit_one(app, work, entity, id, given, day)
            return outcome_of(work, entity, id, changed=changed, said=notes, dry_run=dry_run)

    edit.__doc__ = f"Change fields of {a_word(entity)}. `none` clears one."
    dated = [AT] if entity == "opportunity" else []  # only of deals is it kept what they were when
    noun.verb(example, options=lambda app: [*dated, *options_of(app, entity, editing=True)])(edit)


def rm_verb(noun: Noun, entity: str, example: str) -> None:
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

    rm.__doc__ = (
        f"Delete {BY_ENTITY[entity].plural}. `crm undo` brings them back with all that belonged to them."
    )
    noun.verb(example)(rm)


def options_of(app: App | None, entity: str, *, editing: bool) -> list[inspect.Parameter]:
    """An option for each field that users may set."""
    return field_options(fields_of(app, entity), editing=editing)


def reference_argument(entity: str) -> Any:
    return typer.Argument(
        help="Its reference, name, e-mail or external ID.", autocompletion=complete_references(entity)
    )


def a_word(entity: str) -> str:
    """A noun with its article, as one speaks."""
    word = BY_ENTITY[entity].word
    spoken = {"opp": "opportunity", "log": "activity"}.get(word, word)
    return f"{'an' if spoken[0] in 'aeio' else 'a'} {spoken}"


def ask_for_missing(app: App, entity: str, given: dict[str, str], fields: Sequence[FieldSpec]) -> None:
    """Ask for the required fields that were not given; in a pipe, name them all at once. Raises InvalidValue."""
    missing = missing_fields(entity, given, fields)
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

    besides = (
        spec
        for spec in fields
        if spec.listed and not spec.owned and not spec.required and spec.kind != "boolean"
    )
    reading = reading_of(app)
    for spec in (*missing, *(spec for spec in besides if spec.name not in given)):
        answer = ask(spec, reading)
        if answer:
            given[spec.name] = answer


def missing_fields(entity: str, given: Mapping[str, str], fields: Sequence[FieldSpec]) -> list[FieldSpec]:
    """The required fields that were not given, but for those that follow from others."""
    if "name" not in given and (given.get("first_name") or given.get("last_name")):
        return []
    derived = {
        "opportunity": {"stage", "probability", "category", "currency", "is_closed", "is_won"},
        "stage": {"position", "category"},
        "activity": {"happened_at"},
    }.get(entity, set())
    if entity == "stage" and (given.get("is_closed") or given.get("is_won")):
        derived = {*derived, "probability"}
    return [
        spec
        for spec in fields
        if spec.required
        and not spec.owned
        and not (given.get(spec.name) or "").strip()
        and spec.name not in derived
    ]


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


def confirm_many(app: App, question: str, count: int, *, yes: bool) -> None:
    """Ask somebody who is there before several records are changed at once; scripts mean what they say."""
    if count >= SEVERAL and app.interactive:
        confirm(app, question, yes=yes)


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
