"""Adjustments of a forecast: two layers over a figure that stays what it is."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from crmcli.errors import InvalidValue, suggestion
from crmcli.rules.quotas import Line

CATEGORIES: Final = ("commit", "best_case", "open_pipeline")  # the figures of a cumulative roll-up
NOTE: Final = 255  # characters at most


class Layers(NamedTuple):
    """What the owner and who they report to think a figure comes to; None where they say nothing."""

    owner: int | None = None
    manager: int | None = None


class Judged(NamedTuple):
    """A figure with its layers: as it is, without either, and as it is shown."""

    raw: int
    layers: Layers = Layers()

    @property
    def without_manager(self) -> int:
        return self.raw if self.layers.owner is None else self.layers.owner

    @property
    def without_owner(self) -> int:
        return self.raw if self.layers.manager is None else self.layers.manager

    @property
    def shown(self) -> int:
        return self.without_manager if self.layers.manager is None else self.layers.manager


def judged(line: Line, own: Mapping[int, int], layers: Mapping[int, Layers]) -> dict[int, Judged]:
    """Everybody's figure with all below them: what is shown of those, and their own deals, then judged."""
    found: dict[int, Judged] = {}
    for person in reversed(line.walk()):
        raw = own.get(person, 0) + sum(found[report].shown for report in line.reports[person])
        found[person] = Judged(raw, layers.get(person, Layers()))
    return found


def layer_of(line: Line, actor: int | None, owner: int) -> str | None:
    """In which layer somebody judges a forecast: the owner's for one's own, the manager's for another's.

    None where it is not theirs to judge: of somebody who has a manager, only those above are. Whoever is no
    user stands in for the manager.
    """
    if actor == owner:
        return "owner"
    return "manager" if actor is None or owner in line.tops or owner in line.below(actor) else None


def category_named(text: str) -> str:
    """The figure that is meant: commit, best-case, Best Case. Raises InvalidValue."""
    wanted = "_".join(text.casefold().replace("-", " ").replace("_", " ").split())
    wanted = "open_pipeline" if wanted == "pipeline" else wanted
    if wanted not in CATEGORIES:
        raise InvalidValue(
            f"{text!r} cannot be adjusted; {', '.join(CATEGORIES)} can.",
            hint=suggestion(text, CATEGORIES),
            field="category",
        )
    return wanted


def checked_note(text: str | None) -> str:
    """Why a figure was adjusted, without which none is. Raises InvalidValue."""
    note = " ".join((text or "").split())
    if not note:
        raise InvalidValue("An adjustment has a note.", hint="--note 'PO arrives on Friday'", field="note")
    if len(note) > NOTE:
        raise InvalidValue(f"The note has {len(note)} characters; {NOTE} are kept.", field="note")
    return note
