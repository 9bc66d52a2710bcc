"""Which deals a report looks at: those there are now, or those there were at a moment, in one shape."""

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from crmcli.values.periods import Period


class Source(NamedTuple):
    """A FROM whose deals are `d`, and the condition that leaves one row for each that counts."""

    table: str
    named: str  # the same, where the deal's name and creation are wanted too
    holds: str
    id: str
    name: str
    created: str


NOW: Final = Source(
    "opportunity AS d", "opportunity AS d", "d.deleted_at IS NULL", "d.id", "d.name", "d.created_at"
)
THEN: Final = Source(
    "opportunity_version AS d",
    "opportunity_version AS d JOIN opportunity AS o ON o.id = d.opportunity_id",
    "d.recorded_to IS NULL AND d.valid_from < :moment AND (d.valid_to IS NULL OR d.valid_to >= :moment)",
    "d.opportunity_id",
    "o.name",
    "o.created_at",
)

# amount × probability / 100, a half rounded up, deal by deal; so written it cannot overflow.
WEIGHTED: Final = "(d.amount / 100) * d.probability + ((d.amount % 100) * d.probability + 50) / 100"


class Scope(NamedTuple):
    """What a report was asked for: the day it stands on, a period, an owner.

    `moment` is the end of that day in UTC where the past is asked for, None where the present is.
    """

    as_of: str
    moment: str | None = None
    period: "Period | None" = None
    owner_id: int | None = None
    owner: str | None = None

    @property
    def source(self) -> Source:
        return NOW if self.moment is None else THEN

    @property
    def holds(self) -> str:
        """The condition on the deals, without that of the period."""
        return self.source.holds + (" AND d.owner_id = :owner" if self.owner_id is not None else "")

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of `holds`."""
        given = {"moment": self.moment, "owner": self.owner_id}
        return {name: value for name, value in given.items() if value is not None}
