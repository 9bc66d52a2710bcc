"""The standard reports: one file each with the SELECT, the fold and the columns; all are asked for alike."""

from datetime import date, tzinfo
from typing import Any, Final, NamedTuple

from crmcli.rules.rates import Rates
from crmcli.store.deals import Scope
from crmcli.values.periods import Period


class Asked(NamedTuple):
    """The options that every standard report has."""

    scope: Scope
    period: Period
    by: str  # what the rows are
    home: str  # the home currency
    rates: Rates
    zone: tzinfo
    fiscal_start: int
    currency: str | None = None  # of the figures: as asked for, and once a report has looked, as it is
    explain: bool = False
    every: bool = True  # name every record: for programs

    @property
    def as_of(self) -> date:
        return date.fromisoformat(self.scope.as_of)

    @property
    def bounds(self) -> dict[str, Any]:
        """The parameters of the scope, and :start and :end of the period."""
        start, end = self.period.start.isoformat(), self.period.end.isoformat()
        return {"start": start, "end": end, **self.scope.params}


class Standard(NamedTuple):
    """What the command line knows of a standard report; the module named like it has the function `report`."""

    word: str
    about: str  # its help; the first line is the summary
    by: tuple[str, ...]  # what its rows can be, the usual first; none where they are always the same
    period: str | None = "this-year"  # that it is for, if none is given; None where it is about a day
    examples: tuple[str, ...] = ()


DEALS_BY: Final = ("owner", "team", "manager", "source", "account", "month", "quarter")
PEOPLE_BY: Final = ("owner", "team", "manager")

STANDARD: Final = (
    Standard(
        "win-rate",
        "Win rate: of the deals that were closed, how many were won.\n\n"
        "By number, and by amount. The denominator is the deals closed in the period, won or lost, not all that"
        " were made.",
        DEALS_BY,
        examples=("crm report win-rate --period last-quarter", "crm report win-rate --by source --json"),
    ),
    Standard("cycle-time", "Cycle time: how many days won deals took.", DEALS_BY),
    Standard(
        "velocity", "Sales velocity: what the pipeline brings a day.", (*PEOPLE_BY, "source", "account")
    ),
    Standard("funnel", "Funnel: of the deals that entered a stage, how many came further.", ()),
    Standard("time-in-stage", "Time in stage: how long deals stay in each.", ()),
    Standard("trend", "Sales trend: what was made, won and lost, month by month.", ("month", "quarter")),
    Standard(
        "attainment",
        "Attainment: what was won of each quota.",
        (*PEOPLE_BY, "month", "quarter"),
        "this-quarter",
    ),
    Standard("leaderboard", "Leaderboard: who sells most, and who falls behind.", (), "this-quarter"),
    Standard("win-loss", "Won and lost: why deals are lost, and where.", ("reason", "stage", *DEALS_BY)),
    Standard("source-return", "Sources: what the leads of each became, and brought.", ()),
    Standard("campaign-return", "Campaigns: what each cost, and brought.", ()),
    Standard("activity", "Activities: how much was done.", ("owner", "type", "week", "month"), "this-month"),
    Standard("stale", "Stale: leads and deals that nobody has touched.", (), None),
    Standard("adoption", "Adoption: who works with it, and how complete the records are.", (), "this-month"),
)
