"""Contact roles: who has a say in a deal, and at most one who is the first to talk to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from crmcli.changes import Changes
from crmcli.errors import NotFound


@dataclass(frozen=True, slots=True)
class Part:
    """The part a contact plays in a deal, as rules see it."""

    id: int
    contact_id: int
    role: str | None
    is_primary: bool


def play(
    parts: Sequence[Part],
    deal: int,
    contact: int,
    role: str | None,
    primary: bool,
    take: Callable[[str], int],
) -> Changes:
    """Give a contact a role in a deal, or another one; a new primary takes the place of the old."""
    changes = Changes()
    if primary:
        for part in parts:
            if part.is_primary and part.contact_id != contact:
                changes.edit("contact_role", part.id, is_primary=False)
    own = next((part for part in parts if part.contact_id == contact), None)
    given = ({"role": role} if role is not None else {}) | ({"is_primary": True} if primary else {})
    if own is None:
        values = {"opportunity_id": deal, "contact_id": contact, **given}
        changes.add("contact_role", take("contact_role"), **values)
    else:
        changes.edit("contact_role", own.id, **given)
    return changes


def leave(parts: Sequence[Part], contact: int, shown: str) -> Changes:
    """Take a contact's part in a deal away. Raises NotFound where there is none."""
    changes = Changes()
    for part in parts:
        if part.contact_id == contact:
            changes.remove("contact_role", part.id)
    if not changes:
        raise NotFound(f"{shown} has no role in the deal.")
    return changes
