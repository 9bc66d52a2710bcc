"""Stages in the lives of deals: the sales process in its order, and when each deal was in which stage."""

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

from crmcli.store.deals import Scope
from crmcli.store.groups import Key
from crmcli.store.reader import Reader

# Deals of the past may have been in a stage that is gone by now; its name may be another's again.
PLACES: Final = (
    "(SELECT name, coalesce(max(CASE WHEN deleted_at IS NULL THEN position END), max(position)) AS position"
    " FROM stage GROUP BY name)"
)


class OpenStage(NamedTuple):
    """A stage in which deals are open, with what it is today."""

    name: str
    position: int
    in_use: bool  # whether deals may enter it
    limit_days: int | None

    @property
    def key(self) -> Key:
        """What a row for it stands for."""
        return Key(self.name, None, (self.position, self.name))


class Life(NamedTuple):
    """From which moments on a deal was in which stage, oldest first; None stands for being closed."""

    deal: int
    owner: int | None
    won: bool
    path: list[tuple[str, str | None]]


def open_stages(reader: Reader) -> list[OpenStage]:
    """The stages of the process in which deals are open, also those that were, in their order."""
    rows = reader.rows(
        "SELECT name, position, CASE WHEN deleted_at IS NULL THEN active ELSE 0 END, limit_days FROM stage"
        " WHERE is_closed = 0 ORDER BY deleted_at IS NULL, id"
    )
    found = {name: OpenStage(name, place, bool(in_use), limit) for name, place, in_use, limit in rows}
    return sorted(found.values(), key=lambda stage: stage.key.place)


def versions_of(scope: Scope) -> str:
    """What joins the deals `d` of a scope to their versions `v` until its day, as far as we know now."""
    until = "" if scope.moment is None else " AND v.valid_from < :moment"
    return f"JOIN opportunity_version AS v ON v.opportunity_id = {scope.source.id} AND v.recorded_to IS NULL{until}"


def lives(reader: Reader, scope: Scope, condition: str = "1 = 1") -> Iterator[Life]:
    """The lives of the deals of a scope that meet a condition."""
    rows = reader.rows(
        f"SELECT {scope.source.id}, d.owner_id, d.is_won, v.valid_from, v.stage, v.is_closed"
        f" FROM {scope.source.table} {versions_of(scope)} WHERE {scope.holds} AND {condition}"
        " ORDER BY 1, v.valid_from, v.id",
        **scope.params,
    )
    for (deal, owner, won), versions in groupby(rows, key=itemgetter(0, 1, 2)):
        yield Life(
            deal, owner, bool(won), [(at, None if closed else stage) for *_, at, stage, closed in versions]
        )
