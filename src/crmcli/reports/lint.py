"""Lint: records that lack something or contradict themselves, each with the command that mends it."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta, tzinfo
from typing import Any, Final, NamedTuple

from crmcli.errors import InvalidValue
from crmcli.fields import BY_ENTITY, reference
from crmcli.result import Column, Table
from crmcli.store.reader import Reader
from crmcli.values.dates import iso_instant, midnight
from crmcli.values.keys import check_email

UNTOUCHED: Final = 14  # days that a lead may wait
OVERDUE: Final = 30  # days after which nobody will do a task any more
FAR: Final = 50  # points that a probability may differ from its stage's

COLUMNS: Final = (
    Column("ref", "Ref"),
    Column("check", "Check", cut="never", minor=1),
    Column("message", "What is wrong", wraps=True),
    Column("command", "What mends it", cut="never"),
)


class Check(NamedTuple):
    """What may be wrong with a record `r`: a condition in SQL, a sentence, and a command.

    `shows` is the SQL of a value that the sentence names, as {}; `wrong` judges it where SQL cannot.
    """

    name: str
    entity: str
    holds: str
    message: str
    command: str
    shows: str = "NULL"
    wrong: Callable[[str], bool] | None = None

    @property
    def sql(self) -> str:
        title = BY_ENTITY[self.entity].title
        return (
            f'SELECT r.id, r.{title}, {self.shows} FROM "{self.entity}" AS r'
            f" WHERE r.deleted_at IS NULL AND {self.holds} ORDER BY r.id"
        )


def no_email(text: str) -> bool:
    """Whether a text could not be given as an e-mail address today."""
    try:
        check_email(text)
    except InvalidValue:
        return True
    return False


_WAITS: Final = "r.converted_at IS NULL AND r.status NOT LIKE 'Closed%'"  # a lead that may become something
_TO_DO: Final = "r.completed_at IS NULL"
_OPEN: Final = "r.is_closed = 0"
_INACTIVE: Final = (
    'EXISTS (SELECT 1 FROM "user" AS u WHERE u.id = r.owner_id'
    " AND (u.active = 0 OR u.deleted_at IS NOT NULL))"
)
_OWNER: Final = '(SELECT u.name FROM "user" AS u WHERE u.id = r.owner_id)'


def _first(entity: str, key: str, besides: str = "") -> str:
    """The first record with the key of another, in SQL; nothing for the first itself."""
    return (
        f"(SELECT min(x.id) FROM {entity} AS x WHERE x.{key} = r.{key} AND x.id < r.id"
        f" AND x.deleted_at IS NULL{besides})"
    )


_LEAD_TWIN: Final = _first("lead", "email_key", " AND x.converted_at IS NULL")
_CONTACT_TWIN: Final = _first("contact", "email_key")
_ACCOUNT_TWIN: Final = _first("account", "name_key")

CHECKS: Final = (
    # deals
    Check(
        "past close",
        "opportunity",
        f"{_OPEN} AND r.close_date < :today",
        "open, but should have closed {}",
        "crm opp edit {ref} --close-date +2w",
        "r.close_date",
    ),
    Check(
        "no amount",
        "opportunity",
        f"{_OPEN} AND r.amount IS NULL",
        "has no amount",
        "crm opp edit {ref} --amount MONEY",
    ),
    Check(
        "no close date",
        "opportunity",
        f"{_OPEN} AND r.close_date IS NULL",
        "has no close date",
        "crm opp edit {ref} --close-date DATE",
    ),
    Check(
        "no account",
        "opportunity",
        f"{_OPEN} AND r.account_id IS NULL",
        "has no account",
        "crm opp edit {ref} --account ACCOUNT",
    ),
    Check(
        "no lost reason",
        "opportunity",
        "r.is_closed = 1 AND r.is_won = 0 AND coalesce(r.lost_reason, '') = ''",
        "lost without a reason",
        "crm opp edit {ref} --lost-reason TEXT",
    ),
    Check(
        "probability",
        "opportunity",
        f"{_OPEN} AND r.probability <> r.stage_probability AND (r.probability IN (0, 100)"
        f" OR abs(r.probability - r.stage_probability) >= {FAR})",
        "a probability of {} does not go with an open deal in its stage",
        "crm opp edit {ref} --probability none",
        "r.probability || ' %'",
    ),
    Check(
        "inactive owner",
        "opportunity",
        f"{_OPEN} AND {_INACTIVE}",
        "its owner {} is not active",
        "crm opp assign {ref} --to USER",
        _OWNER,
    ),
    # leads
    Check(
        "untouched",
        "lead",
        f"{_WAITS} AND r.updated_at < :untouched AND NOT EXISTS (SELECT 1 FROM activity AS a"
        " WHERE a.related_to_entity = 'lead' AND a.related_to_id = r.id AND a.happened_at >= :untouched"
        " AND a.deleted_at IS NULL)",
        f"nothing has happened for {UNTOUCHED} days",
        "crm log call TEXT --for {ref}",
    ),
    Check(
        "unreachable",
        "lead",
        f"{_WAITS} AND coalesce(r.email, '') = '' AND coalesce(r.phone, '') = '' AND coalesce(r.mobile, '') = ''",
        "has neither e-mail nor phone",
        "crm lead edit {ref} --email EMAIL",
    ),
    Check(
        "e-mail",
        "lead",
        "r.converted_at IS NULL AND r.email IS NOT NULL",
        "{} is no e-mail address",
        "crm lead edit {ref} --email EMAIL",
        "r.email",
        no_email,
    ),
    Check(
        "duplicate",
        "lead",
        f"r.converted_at IS NULL AND {_LEAD_TWIN} IS NOT NULL",
        "has the e-mail address of {}",
        "crm dedupe leads",
        f"'L' || {_LEAD_TWIN}",
    ),
    Check(
        "inactive owner",
        "lead",
        f"{_WAITS} AND {_INACTIVE}",
        "its owner {} is not active",
        "crm lead assign {ref} --to USER",
        _OWNER,
    ),
    # accounts, contacts, users
    Check(
        "no contacts",
        "account",
        "NOT EXISTS (SELECT 1 FROM contact AS c WHERE c.account_id = r.id AND c.deleted_at IS NULL)",
        "has no contacts",
        "crm contact add NAME --account {ref}",
    ),
    Check(
        "duplicate",
        "account",
        f"{_ACCOUNT_TWIN} IS NOT NULL",
        "has the name of {}",
        "crm dedupe accounts",
        f"'A' || {_ACCOUNT_TWIN}",
    ),
    Check(
        "no account",
        "contact",
        "r.account_id IS NULL",
        "has no account",
        "crm contact edit {ref} --account ACCOUNT",
    ),
    Check(
        "e-mail",
        "contact",
        "r.email IS NOT NULL",
        "{} is no e-mail address",
        "crm contact edit {ref} --email EMAIL",
        "r.email",
        no_email,
    ),
    Check(
        "duplicate",
        "contact",
        f"{_CONTACT_TWIN} IS NOT NULL",
        "has the e-mail address of {}",
        "crm dedupe contacts",
        f"'C' || {_CONTACT_TWIN}",
    ),
    Check(
        "e-mail",
        "user",
        "r.email IS NOT NULL",
        "{} is no e-mail address",
        "crm user edit {ref} --email EMAIL",
        "r.email",
        no_email,
    ),
    # tasks
    Check(
        "overdue",
        "task",
        f"{_TO_DO} AND r.due_date < :overdue",
        "was due {}",
        "crm task done {ref}",
        "r.due_date",
    ),
    Check(
        "inactive owner",
        "task",
        f"{_TO_DO} AND {_INACTIVE}",
        "its owner {} is not active",
        "crm task edit {ref} --owner USER",
        _OWNER,
    ),
)


def lint(reader: Reader, checks: Sequence[Check], today: date, zone: tzinfo) -> Table:
    """What is wrong, check by check."""
    return Table(COLUMNS, rows(reader, checks, today, zone), empty="Nothing is wrong.")


def rows(reader: Reader, checks: Sequence[Check], today: date, zone: tzinfo) -> Iterator[list[Any]]:
    days = {
        "today": today.isoformat(),
        "overdue": (today - timedelta(days=OVERDUE)).isoformat(),
        "untouched": iso_instant(midnight(today - timedelta(days=UNTOUCHED), zone)),
    }
    for check in checks:
        asked = {name: value for name, value in days.items() if f":{name}" in check.sql}
        for id, title, shown in reader.rows(check.sql, **asked):
            if check.wrong is None or check.wrong(shown):
                ref = reference(check.entity, id)
                message = f"{title}: {check.message.format(shown)}"
                yield [ref, check.name, message, check.command.format(ref=ref)]
