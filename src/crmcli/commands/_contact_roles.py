"""The contacts of a deal and the parts they play in it."""

from typing import Any

from crmcli.app import App
from crmcli.commands._entity import news
from crmcli.commands._facts import reading_of
from crmcli.fields import reference
from crmcli.parse import chosen, parse_value
from crmcli.result import Column, Outcome, Table
from crmcli.rules.contact_roles import Part, leave, play
from crmcli.store.find import described, find
from crmcli.store.reader import Reader


def contacts_of(reader: Reader, id: int) -> Table:
    """Who has a say in a deal, the first to talk to first."""
    rows = reader.rows(
        "SELECT 'C' || c.id, c.name, r.role, r.is_primary, c.title, c.email, c.phone FROM contact_role r"
        " JOIN contact c ON c.id = r.contact_id AND c.deleted_at IS NULL"
        " WHERE r.opportunity_id = :id AND r.deleted_at IS NULL ORDER BY r.is_primary DESC, r.id",
        id=id,
    )
    columns = [
        Column("ref", "Ref", "link"),
        Column("name", "Name"),
        Column("role", "Role"),
        Column("is_primary", "Primary", "boolean"),
        Column("title", "Title"),
        Column("email", "Email"),
        Column("phone", "Phone"),
    ]
    return Table(columns, list(rows), empty="None; `crm opp role` adds one.")


def give_role(
    app: App, ref: str, contact: str, role: str | None, *, primary: bool, rm: bool, dry_run: bool
) -> Outcome:
    """Give a contact a part in a deal, or take it out."""
    with app.work(dry_run=dry_run) as work:
        deal, person = find(work.reader, "opportunity", ref), find(work.reader, "contact", contact)
        who = described(work.reader, "contact", person)
        parts = parts_of(work.reader, deal)
        spec = next(spec for spec in work.fields("contact_role") if spec.name == "role")
        text = parse_value(spec, chosen(spec, role), reading_of(app)) if role else None
        changes = leave(parts, person, who) if rm else play(parts, deal, person, text, primary, work.ids)
        work.apply(changes)
        now = next((part for part in parts_of(work.reader, deal) if part.contact_id == person), None)
        line = f"{described(work.reader, 'opportunity', deal)} · {who} · {words_of(now)}"
        said = [
            f"Would be: {line}" if dry_run else line,
            *news([spec], {"role": text}),
            *([] if rm else elsewhere(work.reader, deal, person)),
        ]
        return Outcome(said, [reference("contact", person)], data=role_data(deal, person, now))


def parts_of(reader: Reader, id: int) -> list[Part]:
    """The contacts of a deal and their parts in it."""
    rows = reader.rows(
        "SELECT id, contact_id, role, is_primary FROM contact_role"
        " WHERE opportunity_id = :id AND deleted_at IS NULL ORDER BY id",
        id=id,
    )
    return [Part(part, contact, role, bool(primary)) for part, contact, role, primary in rows]


def words_of(part: Part | None) -> str:
    if part is None:
        return "no role any more"
    return (part.role or "no role given") + (" · primary" if part.is_primary else "")


def role_data(deal: int, contact: int, part: Part | None) -> dict[str, Any]:
    return {
        "opportunity": reference("opportunity", deal),
        "contact": reference("contact", contact),
        "role": part.role if part else None,
        "is_primary": part is not None and part.is_primary,
    }


def elsewhere(reader: Reader, deal: int, contact: int) -> list[str]:
    """A remark where a contact is not of the deal's account; that is allowed."""
    theirs = reader.value("SELECT account_id FROM contact WHERE id = :id", id=contact)
    its = reader.value("SELECT account_id FROM opportunity WHERE id = :id", id=deal)
    if theirs is None or its is None or theirs == its:
        return []
    return [
        f"{described(reader, 'contact', contact)} is of {described(reader, 'account', theirs)},"
        f" the deal of {described(reader, 'account', its)}."
    ]
