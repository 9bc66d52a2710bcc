"""Ownership: who may be given records, and who may leave."""

from collections.abc import Mapping

from crmcli.errors import Refused
from crmcli.fields import BY_ENTITY


def refuse_inactive_owner(name: str, active: bool) -> None:
    """Who is not active gets no records. Raises Refused."""
    if not active:
        raise Refused(
            f"{name} is not active and gets no records.",
            hint=f"`crm user edit {name!r} --active yes` changes that.",
        )


def refuse_departure(name: str, owned: Mapping[str, int], first: str | None) -> None:
    """Who owns open records cannot be deleted; `owned` counts them by entity. Raises Refused."""
    counted = ", ".join(
        f"{count} open {entity if count == 1 else BY_ENTITY[entity].plural}"
        for entity, count in owned.items()
        if count
    )
    if counted:
        assign = f"`crm opp assign {first} --to USER` gives a deal to another; " if first else ""
        raise Refused(
            f"{name} owns {counted}.",
            hint=f"{assign}`crm user edit {name!r} --active no` keeps the user and what was theirs.",
        )
