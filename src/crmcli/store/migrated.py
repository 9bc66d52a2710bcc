"""What a migration knows besides records: what deals were when, who plays a part in them, what leads became.

Rows are put into temporary tables by the ids of the other system, joined with records by whole sets, and
worked through in pages.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import Any, Final, NamedTuple

from crmcli.store.deals import TRACKED
from crmcli.store.identity import uuid7
from crmcli.store.work import UnitOfWork
from crmcli.values.dates import iso_instant

SOURCE: Final = "migrate"  # the source of a migration's entry in the journal
CHUNK: Final = 5_000
PAGE: Final = 500  # deals whose history is folded at once

Values = dict[str, Any]


class Event(NamedTuple):
    """What is told of a deal at a moment: what it became, and what it had been, where that is told as well."""

    n: int
    line: int
    deal: str  # by its external id
    at: str
    rank: int  # of what happened at the same moment the lowest comes first
    new: Values
    old: Values


class Told(NamedTuple):
    """An event of one deal."""

    at: str
    rank: int
    new: Values
    old: Values


class Role(NamedTuple):
    """The part of a contact in a deal, by their external ids."""

    n: int
    line: int
    deal: str
    contact: str
    role: str | None
    is_primary: int


class Conversion(NamedTuple):
    """What a lead became, by external ids."""

    n: int
    line: int
    lead: str
    at: str
    account: str | None
    contact: str | None
    opportunity: str | None


class Counts(NamedTuple):
    """What came of rows."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0


class Migrated:
    """The temporary tables of a migration, and what is made of them."""

    def __init__(self, work: UnitOfWork) -> None:
        self.work = work
        self.now = iso_instant(work.now)

    # --- tables ----------------------------------------------------------------------------------

    def run(self, sql: str, **params: Any) -> int:
        from sqlalchemy import text

        return self.work.connection.execute(text(sql), params).rowcount

    def run_all(self, sql: str, rows: list[Values]) -> None:
        from sqlalchemy import text

        if rows:
            self.work.connection.execute(text(sql), rows)

    def _stage(self, name: str, definition: str, columns: Sequence[str], rows: Iterable[Any]) -> None:
        """Make a temporary table of rows."""
        sqlite = self.work.reader.is_sqlite
        own = definition if sqlite else definition.replace("TEXT", 'TEXT COLLATE "C"')
        self.run(f"DROP TABLE IF EXISTS {name}")
        self.run(f"CREATE TEMPORARY TABLE {name} ({own}){'' if sqlite else ' ON COMMIT DROP'}")
        marks = ", ".join(["?" if sqlite else "%s"] * len(columns))
        sql = f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks})"
        iterator = iter(rows)
        while chunk := list(islice(iterator, CHUNK)):
            self.work.connection.exec_driver_sql(sql, [tuple(row) for row in chunk])
        self.run(f"CREATE INDEX ix_{name} ON {name} ({columns[2]})")
        if not sqlite:
            self.run(f"ANALYZE {name}")

    def _pages(self, sql: str, most: int = CHUNK, **params: Any) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a query in pages; its first column is unique, and it says `> :after` and sorts by that."""
        after: Any = -1
        while page := list(self.work.reader.rows(f"{sql} LIMIT {most}", after=after, **params)):
            yield page
            after = page[-1][0]

    def _lost(self, table: str, links: dict[str, str]) -> Iterator[tuple[int, int, str, str]]:
        """The rows whose links lead nowhere: number, line, the link and its text."""
        for column, entity in links.items():
            sql = (
                f"SELECT e.n, e.line, e.{column} FROM {table} e WHERE e.n > :after AND e.{column} IS NOT NULL"
                f' AND NOT EXISTS (SELECT 1 FROM "{entity}" t WHERE t.external_id = e.{column}'
                " AND t.deleted_at IS NULL) ORDER BY e.n"
            )
            for page in self._pages(sql):
                yield from ((n, line, column, text) for n, line, text in page)

    def known(self, entity: str, ids: Sequence[str]) -> set[str]:
        """Which of these external ids live records of an entity have."""
        if not ids:
            return set()
        names = {f"id{n}": id for n, id in enumerate(ids)}
        sql = (
            f'SELECT external_id FROM "{entity}" WHERE deleted_at IS NULL'
            f" AND external_id IN ({', '.join(f':{name}' for name in names)})"
        )
        return {row[0] for row in self.work.reader.rows(sql, **names)}

    @staticmethod
    def _made(entity: str) -> str:
        """A condition: this act made the record."""
        return (
            f"EXISTS (SELECT 1 FROM change c WHERE c.entry_id = :entry AND c.entity = '{entity}'"
            f" AND c.op = 'add' AND \"{entity}\".id BETWEEN c.first_id AND c.last_id)"
        )

    def users(self) -> Iterator[tuple[int, str | None, str, str | None, str | None]]:
        """Every user: id, external id, name, e-mail address and name key."""
        yield from self.work.reader.rows(
            'SELECT id, external_id, name, email, name_key FROM "user" WHERE deleted_at IS NULL ORDER BY id'
        )

    # --- what deals were when --------------------------------------------------------------------

    def stage_events(self, events: Iterable[Event]) -> Iterator[tuple[int, int, str, str]]:
        """Keep what is told of deals; the rows whose deal is not here."""
        rows = (
            (*event[:5], json.dumps(event.new, ensure_ascii=False), json.dumps(event.old, ensure_ascii=False))
            for event in events
        )
        definition = "n BIGINT, line BIGINT, deal TEXT, at TEXT, rank BIGINT, new TEXT, old TEXT"
        self._stage("migrated_event", definition, Event._fields, rows)
        return self._lost("migrated_event", {"deal": "opportunity"})

    def rewrite(self) -> tuple[Counter[int], int]:
        """Record what deals were when, as their events tell; how many events, by rank, and how many deals are left.

        A deal that was changed here since keeps the history that it has here.
        """
        told: Counter[int] = Counter()
        alone = 0
        columns = ", ".join(f"o.{name}" for name in TRACKED)
        sql = (
            f"SELECT o.id, o.created_at, {columns} FROM opportunity o WHERE o.id > :after AND o.deleted_at IS NULL"
            " AND o.external_id IN (SELECT deal FROM migrated_event) ORDER BY o.id"
        )
        for page in self._pages(sql, PAGE):
            first, last = page[0][0], page[-1][0]
            events = self._events(first, last)
            recorded = self._recorded(first, last)
            ours = self._changed_here(first, last)
            made = self._made_now(first, last)
            rewritten: list[int] = []
            rows: list[Values] = []
            since: list[Values] = []
            for id, made_at, *tracked in page:
                current = dict(zip(TRACKED, tracked, strict=True))
                if id in ours:
                    alone += 1
                    continue
                life = folded(current, made_at, events[id], recorded.get(id, []), self.now)
                if life == recorded.get(id):
                    continue
                told.update(event.rank for event in events[id])
                rewritten.append(id)
                rows += [{"deal": id, **version} for version in life]
                if id in made:
                    since.append({"deal": id, "since": entered(life)})
            self._replace(rewritten, rows, [id for id in rewritten if id not in made])
            self.run_all("UPDATE opportunity SET stage_since = :since WHERE id = :deal", since)
        return told, alone

    def _events(self, first: int, last: int) -> dict[int, list[Told]]:
        rows = self.work.reader.rows(
            "SELECT o.id, e.at, e.rank, e.new, e.old FROM opportunity o JOIN migrated_event e ON e.deal = o.external_id"
            " WHERE o.id BETWEEN :first AND :last AND o.deleted_at IS NULL ORDER BY o.id, e.at, e.rank, e.n",
            first=first,
            last=last,
        )
        return {
            id: [Told(at, rank, json.loads(new), json.loads(old)) for _, at, rank, new, old in group]
            for id, group in groupby(rows, key=lambda row: int(row[0]))
        }

    def _recorded(self, first: int, last: int) -> dict[int, list[Values]]:
        """The versions of deals as they are known now."""
        rows = self.work.reader.rows(
            f"SELECT opportunity_id, valid_from, valid_to, {', '.join(TRACKED)} FROM opportunity_version"
            " WHERE recorded_to IS NULL AND opportunity_id BETWEEN :first AND :last"
            " ORDER BY opportunity_id, valid_from, id",
            first=first,
            last=last,
        )
        names = ("valid_from", "valid_to", *TRACKED)
        return {
            id: [dict(zip(names, row[1:], strict=True)) for row in group]
            for id, group in groupby(rows, key=lambda row: int(row[0]))
        }

    def _changed_here(self, first: int, last: int) -> set[int]:
        rows = self.work.reader.rows(
            "SELECT DISTINCT v.opportunity_id FROM opportunity_version v JOIN entry e ON e.id = v.entry_id"
            " WHERE v.opportunity_id BETWEEN :first AND :last AND e.source <> :source",
            first=first,
            last=last,
            source=SOURCE,
        )
        return {row[0] for row in rows}

    def _made_now(self, first: int, last: int) -> set[int]:
        rows = self.work.reader.rows(
            f"SELECT id FROM opportunity WHERE id BETWEEN :first AND :last AND {self._made('opportunity')}",
            entry=self.work.entry,
            first=first,
            last=last,
        )
        return {row[0] for row in rows}

    def _replace(self, deals: list[int], rows: list[Values], older: list[int]) -> None:
        """Close what is known of deals and record it anew; what this very act recorded was never known."""
        if not deals:
            return
        # + keeps SQLite from looking for them among all that this act has recorded.
        live = f"opportunity_id IN ({', '.join(map(str, deals))}) AND recorded_to IS NULL"
        act = {"entry": self.work.entry, "now": self.now}
        self.run(
            f"DELETE FROM opportunity_version WHERE {live} AND +entry_id = :entry", entry=self.work.entry
        )
        self.run(
            f"UPDATE opportunity_version SET recorded_to = :now, closed_entry_id = :entry WHERE {live}", **act
        )
        names = ("valid_from", "valid_to", *TRACKED)
        for row in rows:
            row |= act
        self.run_all(
            f"INSERT INTO opportunity_version (opportunity_id, {', '.join(names)}, recorded_at, entry_id)"
            f" VALUES (:deal, {', '.join(f':{name}' for name in names)}, :now, :entry)",
            rows,
        )
        self._journal_edits("opportunity", [(id, {}, {}) for id in older])

    # --- roles -----------------------------------------------------------------------------------

    def stage_roles(self, roles: Iterable[Role]) -> Iterator[tuple[int, int, str, str]]:
        """Keep the parts of contacts in deals; the rows whose deal or contact is not here."""
        definition = "n BIGINT, line BIGINT, deal TEXT, contact TEXT, role TEXT, is_primary BIGINT"
        self._stage("migrated_role", definition, Role._fields, roles)
        return self._lost("migrated_role", {"deal": "opportunity", "contact": "contact"})

    def assign_roles(self) -> Counts:
        """Give contacts their parts. A contact has one in a deal, the first that is told."""
        roles = (
            "SELECT r.n, o.id AS deal, c.id AS contact, r.role, r.is_primary,"
            " row_number() OVER (PARTITION BY o.id, c.id ORDER BY r.n) AS nth"
            " FROM migrated_role r JOIN opportunity o ON o.external_id = r.deal AND o.deleted_at IS NULL"
            " JOIN contact c ON c.external_id = r.contact AND c.deleted_at IS NULL"
        )
        sql = (
            "SELECT k.n, k.deal, k.contact, k.role, k.is_primary, k.nth, t.id, t.role,"
            " (SELECT count(*) FROM contact_role p WHERE p.opportunity_id = k.deal AND p.is_primary = 1"
            " AND p.deleted_at IS NULL)"
            f" FROM ({roles}) k LEFT JOIN contact_role t ON t.opportunity_id = k.deal AND t.contact_id = k.contact"
            " AND t.deleted_at IS NULL WHERE k.n > :after ORDER BY k.n"
        )
        created = unchanged = 0
        edits: list[tuple[int, Values, Values]] = []
        for page in self._pages(sql):
            new: list[Values] = []
            led: set[int] = set()
            for _, deal, contact, role, primary, nth, id, was, leaders in page:
                if id is None and nth == 1:
                    leads = bool(primary) and not leaders and deal not in led
                    led |= {deal} if leads else set()
                    new.append({"deal": deal, "contact": contact, "role": role, "is_primary": int(leads)})
                elif nth == 1 and role is not None and role != was:
                    edits.append((id, {"role": was}, {"role": role}))
                else:
                    unchanged += 1
            self._add_roles(new)
            created += len(new)
        self.run_all(
            "UPDATE contact_role SET role = :role, updated_at = :now WHERE id = :id",
            [{"id": id, "now": self.now, **after} for id, _, after in edits],
        )
        self._journal_edits("contact_role", edits)
        return Counts(created, len(edits), unchanged)

    def _add_roles(self, new: list[Values]) -> None:
        if not new:
            return
        first = self.work.ids.take("contact_role", len(new))
        cast = ":custom" if self.work.reader.is_sqlite else "CAST(:custom AS JSONB)"
        self.run_all(
            "INSERT INTO contact_role (id, uid, opportunity_id, contact_id, role, is_primary, created_at,"
            f" updated_at, custom) VALUES (:id, :uid, :deal, :contact, :role, :is_primary, :now, :now, {cast})",
            [
                {"id": id, "uid": uuid7(), "now": self.now, "custom": "{}", **values}
                for id, values in enumerate(new, first)
            ],
        )
        self.work.wrote = True
        self.run(
            "INSERT INTO change (entry_id, entity, first_id, last_id, op)"
            " VALUES (:entry, 'contact_role', :first, :last, 'add')",
            entry=self.work.entry,
            first=first,
            last=first + len(new) - 1,
        )

    # --- what leads became -----------------------------------------------------------------------

    def stage_conversions(self, conversions: Iterable[Conversion]) -> Iterator[tuple[int, int, str, str]]:
        """Keep what leads became; the rows whose lead is not here."""
        definition = "n BIGINT, line BIGINT, lead TEXT, at TEXT, account TEXT, contact TEXT, opportunity TEXT"
        self._stage("migrated_conversion", definition, Conversion._fields, conversions)
        return self._lost("migrated_conversion", {"lead": "lead"})

    def convert(self, status: str) -> Counts:
        """Mark leads as converted, with what they became as far as that is here."""
        became = {
            column: f"(SELECT t.id FROM {entity} t WHERE t.external_id = k.{entity} AND t.deleted_at IS NULL)"
            for column, entity in (
                ("converted_account_id", "account"),
                ("converted_contact_id", "contact"),
                ("converted_opp_id", "opportunity"),
            )
        }
        names = ("status", "converted_at", *became)
        sql = (
            f"SELECT lead.id, {', '.join(f'lead.{name}' for name in names)}, k.at, {', '.join(became.values())},"
            f" CASE WHEN {self._made('lead')} THEN 1 ELSE 0 END"
            " FROM lead JOIN migrated_conversion k ON k.lead = lead.external_id"
            " WHERE lead.id > :after AND lead.deleted_at IS NULL AND lead.converted_at IS NULL ORDER BY lead.id"
        )
        created, edits = 0, []
        for page in self._pages(sql, entry=self.work.entry):
            planned: list[Values] = []
            for id, *rest in page:
                before = dict(zip(names, rest[: len(names)], strict=True))
                after = dict(zip(names, (status, *rest[len(names) : -1]), strict=True))
                planned.append({"id": id, **after})
                if not rest[-1]:  # what was made in this act is taken back whole
                    edits.append((id, before, after))
            self.run_all(
                f"UPDATE lead SET {', '.join(f'{name} = :{name}' for name in names)} WHERE id = :id", planned
            )
            created += len(planned)
        self._journal_edits("lead", edits)
        return Counts(created=created)

    # --- the journal -----------------------------------------------------------------------------

    def _journal_edits(self, entity: str, edits: list[tuple[int, Values, Values]]) -> None:
        self.run_all(
            "INSERT INTO change (entry_id, entity, first_id, last_id, op, before, after)"
            " VALUES (:entry, :entity, :id, :id, 'edit', :before, :after)",
            [
                {
                    "entry": self.work.entry,
                    "entity": entity,
                    "id": id,
                    "before": json.dumps(before, ensure_ascii=False),
                    "after": json.dumps(after, ensure_ascii=False),
                }
                for id, before, after in edits
            ],
        )
        self.work.wrote = self.work.wrote or bool(edits)


def folded(
    current: Values, made_at: str, events: Sequence[Told], recorded: Sequence[Values], now: str
) -> list[Values]:
    """The life of a deal, version by version, from what is told of it and from what it is now.

    Between two events a field is what the earlier one made it; before the first one what that found, where
    it says so, or else what it made; where no event tells of a field it was always what it is now. Should
    the deal be otherwise now than its last event left it, it became so when that was recorded.
    """
    state = dict(current)
    begun: set[str] = set()
    for event in sorted(events, key=lambda event: (event.at, -event.rank)):
        for name in {**event.new, **event.old}:
            if name not in begun:
                begun.add(name)
                state[name] = event.old.get(name, event.new.get(name))
    life: list[Values] = []
    if any(event.old for event in events) and made_at < events[0].at:
        _go_on(life, made_at, state)
    for at, together in groupby(events, key=lambda event: event.at):
        for event in together:
            state |= event.new
        _go_on(life, at, state)
    if any(life[-1][name] != current[name] for name in TRACKED):
        known = recorded[-1]["valid_from"] if recorded and recorded[-1]["valid_to"] is None else now
        _go_on(life, known if known > life[-1]["valid_from"] else now, current)
    return life


def _go_on(life: list[Values], at: str, state: Values) -> None:
    """From a moment on a deal is otherwise."""
    values = {name: state[name] for name in TRACKED}
    if life and all(life[-1][name] == values[name] for name in TRACKED):
        return
    if life:
        life[-1]["valid_to"] = at
    life.append({"valid_from": at, "valid_to": None, **values})


def entered(life: Sequence[Values]) -> str:
    """When a deal entered the stage that it is in."""
    since: str = life[-1]["valid_from"]
    for version in reversed(life):
        if version["stage"] != life[-1]["stage"]:
            break
        since = version["valid_from"]
    return since
