"""The timeline of a deal: its stages and how long it was in each, what else changed, and what was done."""

from collections.abc import Iterator
from datetime import date, tzinfo
from itertools import pairwise
from typing import Any, Final, NamedTuple

from crmcli.fields import reference
from crmcli.result import Column, Table
from crmcli.store.reader import Reader
from crmcli.values.dates import from_iso_instant
from crmcli.values.money import amount_words

COLUMNS: Final = (
    Column("date", "Date", "date"),
    Column("to", "To", "date", hidden=True),
    Column("kind", "Kind"),
    Column("what", "What"),
    Column("was", "Was", hidden=True),
    Column("by", "By"),
    Column("days", "Days", "number"),
    Column("entry", "Entry", "number"),
    Column("ref", "Ref", "link", hidden=True),
)

# What we know now is what no later entry closed. The rest tells who first said so: recording that a stage
# ended writes its version anew, under the entry that ended it.
VERSIONS: Final = """
    SELECT v.valid_from, v.recorded_to, v.stage, v.is_closed, v.amount, v.currency, v.close_date,
           v.probability, v.category, u.name, a.name, v.entry_id, e.actor, e.undone_by
    FROM opportunity_version v
    JOIN entry e ON e.id = v.entry_id
    LEFT JOIN "user" u ON u.id = v.owner_id
    LEFT JOIN account a ON a.id = v.account_id
    WHERE v.opportunity_id = :id
    ORDER BY v.valid_from, v.id
"""
ACTIVITIES: Final = """
    SELECT a.happened_at, a.type, a.subject, u.name, a.id
    FROM activity a LEFT JOIN "user" u ON u.id = a.owner_id
    WHERE a.related_to_entity = 'opportunity' AND a.related_to_id = :id AND a.deleted_at IS NULL
"""
TASKS: Final = """
    SELECT coalesce(t.completed_at, t.due_date, t.created_at), t.completed_at IS NOT NULL, t.subject,
           u.name, t.id
    FROM task t LEFT JOIN "user" u ON u.id = t.owner_id
    WHERE t.related_to_entity = 'opportunity' AND t.related_to_id = :id AND t.deleted_at IS NULL
"""
KINDS: Final = {"money": "amount", "chance": "probability"}


class Version(NamedTuple):
    """What the deal was from a moment on."""

    since: str
    recorded_to: str | None
    stage: str
    is_closed: int
    amount: int | None
    currency: str
    close_date: str | None
    probability: int
    category: str
    owner: str | None
    account: str | None
    entry: int
    actor: str
    undone_by: int | None

    @property
    def money(self) -> str | None:
        return None if self.amount is None else amount_words(self.amount, self.currency)

    @property
    def chance(self) -> str:
        return f"{self.probability} %"

    @property
    def facts(self) -> tuple[Any, ...]:
        """The moment, and all that is said of the deal from it on."""
        return self.since, *self[2:11]


class Event(NamedTuple):
    """One line of the timeline; `moment` orders it."""

    moment: str
    day: date
    kind: str
    what: str
    by: str | None
    was: str | None = None
    entry: int | None = None
    until: date | None = None
    days: int | None = None
    ref: str | None = None

    @property
    def row(self) -> tuple[Any, ...]:
        until = self.until.isoformat() if self.until else None
        day = self.day.isoformat()
        return day, until, self.kind, self.what, self.was, self.by, self.days, self.entry, self.ref


def timeline(reader: Reader, id: int, *, title: str, today: date, zone: tzinfo) -> Table:
    """Everything that is known to have happened to a deal, oldest first."""
    known = [Version(*row) for row in reader.rows(VERSIONS, id=id)]
    events = [*stages(known, today, zone), *other_changes(known, zone), *done(reader, id, zone)]
    events.sort(key=lambda event: event.moment)
    return Table(COLUMNS, [event.row for event in events], title=title, refs=None)


def stages(known: list[Version], today: date, zone: tzinfo) -> Iterator[Event]:
    """The stages the deal was in, each with its days: of the calendar, and for an open deal up to today."""
    entered: list[Version] = []
    for version in current(known):
        if not entered or entered[-1].stage != version.stage:
            entered.append(version)
    first_said = origins(known)
    for version, following in zip(entered, [*entered[1:], None], strict=True):
        day = day_of(version.since, zone)
        until = day_of(following.since, zone) if following else None
        days = None if version.is_closed and until is None else ((until or today) - day).days
        said = first_said.get(version.facts, version)
        yield Event(
            version.since, day, "stage", version.stage, said.actor, entry=said.entry, until=until, days=days
        )


def other_changes(known: list[Version], zone: tzinfo) -> Iterator[Event]:
    """What the deal began with, and what else changed from one version to the next."""
    versions, first_said = current(known), origins(known)
    for before, after in pairwise([None, *versions]):
        assert after is not None
        said, day = first_said.get(after.facts, after), day_of(after.since, zone)
        for kind, what, was in differences(before, after):
            yield Event(after.since, day, kind, what or "none", said.actor, was, said.entry)


def differences(before: Version | None, after: Version) -> Iterator[tuple[str, str | None, str | None]]:
    """The fields that differ, what they are and what they were; of a new deal those that have a value.

    Probability and category count only where the stage did not set them.
    """
    names = ["money", "close_date", "owner", "account"]
    if before is not None and before.stage == after.stage:
        names += ["chance", "category"]
    for name in names:
        old, new = getattr(before, name, None), getattr(after, name)
        if old != new:
            yield KINDS.get(name, name), new, old


def done(reader: Reader, id: int, zone: tzinfo) -> Iterator[Event]:
    """The activities, the tasks that were done, and those that are still to do, by the day they are due."""
    for at, type, subject, by, activity in reader.rows(ACTIVITIES, id=id):
        yield Event(at, day_of(at, zone), type.lower(), subject, by, ref=reference("activity", activity))
    for at, is_done, subject, by, task in reader.rows(TASKS, id=id):
        day = date.fromisoformat(at) if len(at) == 10 else day_of(at, zone)
        what = f"{subject} ({'done' if is_done else 'to do'})"
        yield Event(at, day, "task", what, by, ref=reference("task", task))


def current(known: list[Version]) -> list[Version]:
    """The versions that hold by what we know now, in order."""
    return [version for version in known if version.recorded_to is None]


def origins(known: list[Version]) -> dict[tuple[Any, ...], Version]:
    """For all that was ever known, the version that said so first and was not taken back."""
    first: dict[tuple[Any, ...], Version] = {}
    for version in known:
        if version.undone_by is None:
            first.setdefault(version.facts, version)
    return first


def day_of(instant: str, zone: tzinfo) -> date:
    return from_iso_instant(instant).astimezone(zone).date()
