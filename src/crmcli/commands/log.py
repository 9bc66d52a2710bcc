"""crm log: what has happened: calls, e-mails, meetings and notes."""

import inspect
from collections.abc import Callable
from datetime import time
from typing import Annotated, Any

import typer

from crmcli.app import App
from crmcli.commands._entity import add_one, ask_for_missing, entity_verbs
from crmcli.commands._facts import fields_of, reading_of
from crmcli.commands._fields import Sets, field_options, given_fields
from crmcli.commands._noun import DryRun, Noun, Verb
from crmcli.errors import InvalidValue
from crmcli.fields import BY_LETTER
from crmcli.parse import parse_value
from crmcli.result import Outcome, Result
from crmcli.rules.activities import refuse_future
from crmcli.store.find import find_any
from crmcli.values.dates import from_iso_instant, iso_instant, long_date
from crmcli.values.references import split_reference

command = Noun("log", "Calls, e-mails, meetings and notes: what has happened, with whom, about what.")

EXAMPLES = {
    "Call": (
        "crm log call 'Talked about price' --for O7 --contact C3 --duration-minutes 12 --direction Outbound",
        "crm log call O7 'Talked about price' --outcome 'Will sign' --at '2026-11-02 14:30'",
    ),
    "Email": (
        "crm log email O7 'Sent the offer' --direction Outbound",
        "crm log email 'Asked for a demo' --contact C3",
    ),
    "Meeting": ("crm log meeting O7 'Demo at their office' --duration-minutes 90 --at yesterday",),
    "Note": ("crm log note O7 'They want it by March'", "crm log note A4 'New head of purchasing'"),
}
HELP = {"Call": "a call", "Email": "an e-mail", "Meeting": "a meeting", "Note": "a note"}

At = Annotated[
    str | None,
    typer.Option("--at", metavar="DATE", help="When it happened, if not now; the same as --happened-at."),
]
Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="[REF] SUBJECT", help="What it was about; the record it belongs to before it."),
]


def options_without_type(app: App | None) -> list[inspect.Parameter]:
    """The options of an activity whose type is the verb."""
    options = field_options(fields_of(app, "activity"), editing=False)
    return [option for option in options if option.name != "field_type"]


def logs(type: str | None) -> Callable[..., Result]:
    """The function of a verb: the type it logs, or None where that is an option."""

    def log(
        app: App,
        words: Words = None,
        set: Sets = None,
        at: At = None,
        dry_run: DryRun = False,
        **options: Any,
    ) -> Result:
        fields = fields_of(app, "activity")
        given = given_fields(options, set or [], fields)
        if type is not None:
            given["type"] = type
        take_words(given, words or [])
        take_moment(app, given, at)
        ask_for_missing(app, "activity", given, fields)
        with app.work(dry_run=dry_run, makes=True) as work:
            if given.get("related_to") and not given.get("contact"):
                entity, id = find_any(work.reader, given["related_to"])
                given |= {"contact": f"C{id}"} if entity == "contact" else {}
            outcome = add_one(app, work, "activity", given)
            outcome.said[0] += f" · {when(app, outcome)}"
            if dry_run:
                outcome.said[0] = f"Would be: {outcome.said[0]}"
        return outcome

    return log


def when(app: App, outcome: Outcome) -> str:
    """When an activity happened, as it was understood."""
    assert outcome.record is not None
    names = [column.name for column in outcome.record.columns]
    local = from_iso_instant(outcome.record.row[names.index("happened_at")]).astimezone(app.zone)
    return long_date(local.date()) + (f" {local:%H:%M}" if local.time() != time() else "")


def take_words(given: dict[str, str], words: list[str]) -> None:
    """The subject, and before it the record it is about; a reference alone is one. Raises InvalidValue."""
    if len(words) > 2:
        raise InvalidValue(
            f"There are {len(words)} arguments; at most a record and a subject can be given.",
            hint="Put the subject in quotes.",
            field="subject",
        )
    typed = split_reference(words[0]) if words else None
    if len(words) == 2 or (typed and typed[0] in BY_LETTER):
        if given.get("related_to"):
            raise InvalidValue(
                f"It is about {words[0]} and about {given['related_to']}; name one.", field="related_to"
            )
        given["related_to"] = words[0]
        words = words[1:]
    if words:
        if given.get("subject"):
            raise InvalidValue("subject is given twice.", field="subject")
        given["subject"] = words[0]


def take_moment(app: App, given: dict[str, str], at: str | None) -> None:
    """When it happened, by either option: not in the future, and a day without a time is now if it is today.

    Raises InvalidValue.
    """
    typed = given.pop("happened_at", None)
    if at is not None and typed is not None:
        raise InvalidValue("--at and --happened-at mean the same; give one.", field="at")
    text = at if typed is None else typed
    if not text:
        return
    spec = next(spec for spec in fields_of(app, "activity") if spec.name == "happened_at")
    moment = parse_value(spec, text, reading_of(app))
    if moment is None:
        return
    local = moment.astimezone(app.zone)
    if local.date() == app.today and local.time() == time():
        moment = app.now
    refuse_future(moment, app.now, app.zone)
    given["happened_at"] = iso_instant(moment)


for each, examples in EXAMPLES.items():
    command.verbs[each.lower()] = Verb(
        logs(each),
        f"Log {HELP[each]} that has happened.\n\nWhat it is about comes before the subject, or with --for.",
        examples,
        options_without_type,
    )

entity_verbs(
    command,
    "activity",
    {
        "add": "crm log add 'Talked about price' --type Call --for O7",
        "list": "crm log list type:call 'happened_at>=-7d' --sort -happened_at",
        "show": "crm log show E5",
        "edit": "crm log edit E5 --outcome 'Will sign in March'",
        "rm": "crm log rm E5",
        "import": "crm log import calls.csv --set type=Call --map 'Spoke on=happened_at'",
        "export": "crm log export activities.csv",
    },
)
command.verbs["add"] = Verb(
    logs(None),
    f"Log an activity that has happened, with its --type: {', '.join(EXAMPLES)}.",
    command.verbs["add"].examples,
    lambda app: field_options(fields_of(app, "activity"), editing=False),
)
