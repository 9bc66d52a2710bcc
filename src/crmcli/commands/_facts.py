"""What commands need to know: how the user is read, how the team sells, who acts and when."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from crmcli.app import App
from crmcli.changes import Changes
from crmcli.errors import InvalidValue
from crmcli.fields import FieldSpec
from crmcli.parse import Reading, moment_of
from crmcli.rules.closing import refuse_before_creation
from crmcli.rules.ownership import refuse_inactive_owner
from crmcli.rules.records import Facts
from crmcli.rules.stages import StageFacts
from crmcli.store.reader import Reader
from crmcli.values.dates import from_iso_instant

if TYPE_CHECKING:
    from crmcli.store.work import UnitOfWork


def reading_of(app: App) -> Reading:
    """How this user's values are read."""
    return Reading(app.today, app.zone, app.date_order, app.currency, app.fiscal_start, app.country)


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


def new_owner(work: "UnitOfWork", text: str) -> int:
    """The active user who is to own something; `me` is whoever acts. Raises NotFound, Conflict or Refused."""
    from crmcli.store.find import find

    id = owner_for(work) if text.strip().casefold() == "me" else find(work.reader, "user", text)
    row = work.reader.row('SELECT name, active FROM "user" WHERE id = :id', id=id)
    assert row is not None
    refuse_inactive_owner(row[0], bool(row[1]))
    return id
