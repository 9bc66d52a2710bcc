"""Which deals a report looks at: those there are now, or those there were at a moment, in one shape."""

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from crmcli.store.reader import Reader
    from crmcli.values.periods import Period


class Source(NamedTuple):
    """A FROM whose deals are `d`, and the condition that leaves one row for each that counts."""

    table: str
    named: str  # the same, where the deal's name and creation are wanted too
    holds: str
    open: str  # the same, of the open ones alone
    id: str
    name: str
    created: str


def open_through(first: str, last: str) -> str:
    """The condition on versions by which a deal was open at a moment, at another, and all the time in between.

    Either half says all of it: so SQLite reads no more than what holds still, and what has ended since.
    """
    begun = f"d.is_closed = 0 AND d.recorded_to IS NULL AND d.valid_from < {first}"
    return f"(({begun} AND d.valid_to IS NULL) OR ({begun} AND d.valid_to >= {last}))"


NOW: Final = Source(
    "opportunity AS d",
    "opportunity AS d",
    "d.deleted_at IS NULL",
    "d.deleted_at IS NULL AND d.is_closed = 0",
    "d.id",
    "d.name",
    "d.created_at",
)
THEN: Final = Source(
    "opportunity_version AS d",
    "opportunity_version AS d JOIN opportunity AS o ON o.id = d.opportunity_id",
    "d.recorded_to IS NULL AND d.valid_from < :moment AND (d.valid_to IS NULL OR d.valid_to >= :moment)",
    open_through(":moment", ":moment"),
    "d.opportunity_id",
    "o.name",
    "o.created_at",
)
_KNOWN: Final = (
    "d.recorded_at < :known AND (d.recorded_to IS NULL OR d.recorded_to >= :known)"
    " AND d.valid_from < :moment AND (d.valid_to IS NULL OR d.valid_to >= :moment)"
)
KNOWN: Final = THEN._replace(holds=_KNOWN, open=f"{_KNOWN} AND d.is_closed = 0")

# What is kept of a deal for every day it was so.
TRACKED: Final = (
    "owner_id",
    "account_id",
    "amount",
    "currency",
    "stage",
    "probability",
    "category",
    "close_date",
    "source",
    "campaign_id",
    "is_closed",
    "is_won",
)

# What may be supposed of a deal, and what it is in SQL.
SUPPOSED: Final = {
    "owner_id": "INTEGER",
    "account_id": "INTEGER",
    "amount": "BIGINT",
    "currency": "TEXT",
    "stage": "TEXT",
    "probability": "INTEGER",
    "category": "TEXT",
    "close_date": "TEXT",
    "source": "TEXT",
    "is_closed": "INTEGER",
    "is_won": "INTEGER",
}


class Supposed(NamedTuple):
    """A deal as somebody imagines it: some of its columns with other values."""

    id: int
    values: dict[str, Any]


def supposing(source: Source, deals: "tuple[Supposed, ...]") -> Source:
    """The same deals, some of them as they are imagined; the values are parameters, `supposed` names them."""
    columns = []
    for column, kind in SUPPOSED.items():
        cases = " ".join(
            f"WHEN {deal.id} THEN CAST(:{supposed(deal, column)} AS {kind})"
            for deal in deals
            if column in deal.values
        )
        columns.append(
            f"CASE {source.id} {cases} ELSE d.{column} END AS {column}" if cases else f"d.{column}"
        )
    facts = f"{source.id} AS id, {source.name} AS name, {source.created} AS created_at"
    table = f"(SELECT {facts}, {', '.join(columns)} FROM {source.named} WHERE {source.holds}) AS d"
    return Source(table, table, "1 = 1", "d.is_closed = 0", "d.id", "d.name", "d.created_at")


def supposed(deal: Supposed, column: str) -> str:
    """The parameter of a value that is imagined."""
    return f"supposed_{deal.id}_{column}"


def weighted_sql(deal: str) -> str:
    """Amount × probability / 100, a half rounded up, deal by deal; so written it cannot overflow."""
    return f"({deal}.amount / 100) * {deal}.probability + (({deal}.amount % 100) * {deal}.probability + 50) / 100"


WEIGHTED: Final = weighted_sql("d")


class Scope(NamedTuple):
    """What a report was asked for: the day it stands on, a period, an owner.

    `moment` is the end of that day in UTC where the past is asked for, None where the present is.
    """

    as_of: str
    moment: str | None = None
    period: "Period | None" = None
    owner_id: int | None = None
    owner: str | None = None
    known: str | None = None  # the end of the day whose knowledge counts, where that is asked for
    supposed: tuple[Supposed, ...] = ()
    team: tuple[int, ...] = ()  # the owner and everybody below them, where all of theirs is asked for
    known_at: str | None = None  # the day that `known` is the end of

    @property
    def bounds(self) -> dict[str, str] | None:
        """The period, as the JSON of reports has it."""
        if self.period is None:
            return None
        start, end = self.period.start.isoformat(), self.period.end.isoformat()
        return {"start": start, "end": end, "label": self.period.label}

    @property
    def source(self) -> Source:
        found = NOW if self.moment is None else THEN if self.known is None else KNOWN
        return supposing(found, self.supposed) if self.supposed else found

    @property
    def holds(self) -> str:
        """The condition on the deals, without that of the period."""
        return self.source.holds + self._owned

    @property
    def open(self) -> str:
        """The condition on the open ones among them."""
        return self.source.open + self._owned

    @property
    def _owned(self) -> str:
        if self.team:
            return f" AND d.owner_id IN ({', '.join(map(str, self.team))})"
        return " AND d.owner_id = :owner" if self.owner_id is not None else ""

    def covers(self, owner: int | None) -> bool:
        """Whether what somebody owns is asked for."""
        return self.owner_id is None or owner == self.owner_id or owner in self.team

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of `holds`."""
        owner = None if self.team else self.owner_id
        given = {"moment": self.moment, "owner": owner, "known": self.known}
        imagined = {
            supposed(deal, column): value for deal in self.supposed for column, value in deal.values.items()
        }
        return {name: value for name, value in given.items() if value is not None} | imagined


def usual_currency(reader: "Reader", scope: Scope, home: str) -> str:
    """The only currency in use among all deals of the day, whoever's and whatever is asked for, else ours."""
    source = scope.source
    found = reader.rows(  # each half is answered from an index
        f"SELECT d.currency FROM {source.table} WHERE {source.open} AND d.amount IS NOT NULL UNION SELECT"
        f" d.currency FROM {source.table} WHERE {source.holds} AND d.is_closed = 1 AND d.amount IS NOT NULL",
        **scope.params,
    )
    currencies = [row[0] for row in found]
    return currencies[0] if len(currencies) == 1 else home
