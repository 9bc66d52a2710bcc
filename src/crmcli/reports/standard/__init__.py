"""The standard reports: one file each with the SELECT, the fold and the columns; all are asked for alike."""

from datetime import date, timedelta, tzinfo
from typing import Any, Final, NamedTuple

from crmcli.rules.rates import Rates
from crmcli.store.deals import Scope
from crmcli.values.dates import iso_instant, midnight
from crmcli.values.periods import Period

DAY: Final = timedelta(days=1)


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
        """The parameters of the scope, and of the period: its days, :start and :end, and its moments, from
        :since until before :until; and the day it is of, :as_of. A query may name any of them."""
        start, end = self.period.start.isoformat(), self.period.end.isoformat()
        first = max(self.period.start, date.min + DAY)  # a day is not over at the same moment everywhere
        last = min(self.period.end, date.max - 2 * DAY)
        since, until = midnight(first, self.zone), midnight(last + DAY, self.zone)
        moments = {"since": iso_instant(since), "until": iso_instant(until)}
        return {"start": start, "end": end, "as_of": self.scope.as_of, **moments, **self.scope.params}


class Standard(NamedTuple):
    """What the command line knows of a standard report; the module named like it has the function `report`."""

    word: str
    about: str  # its help; the first line is the summary
    by: tuple[str, ...]  # what its rows can be, the usual first; none where they are always the same
    period: str | None = "this-year"  # that it is for, if none is given; None where it is about a day
    examples: tuple[str, ...] = ()
    has_money: bool = True


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
    Standard(
        "cycle-time",
        "Cycle time: how many days won deals took.\n\n"
        "From the day a deal was made to the day it was won, on your calendar: the mean, the median, the"
        " shortest and the longest. Where a lead became the deal, also from the day the lead was made.",
        DEALS_BY,
        examples=("crm report cycle-time --by source", "crm report cycle-time --period last-year --explain"),
        has_money=False,
    ),
    Standard(
        "velocity",
        "Sales velocity: what the pipeline brings a day.\n\n"
        "Open deals × win rate × average won amount / days to close, each factor in a column. Win rate, average"
        " and days are those of the deals closed in the period; n/a where one of them is missing.",
        (*PEOPLE_BY, "source", "account"),
        examples=("crm report velocity", "crm report velocity --by team --period last-year"),
    ),
    Standard(
        "funnel",
        "Funnel: of the deals that entered a stage, how many came further.\n\n"
        "Counted are the deals that came into a stage for the first time in the period. A stage that is skipped"
        " is passed, one that is entered again was entered before, a won deal has passed them all; a lost one"
        " leaves at the last stage it came to. Conversion leaves out deals that are pending. With --as-of what"
        " became of them until that day; stages have the order they have today. The history of an imported deal"
        " begins with the stage it came in: it has passed those before. One that came won or lost is in no"
        " stage, and the report says how many those are.",
        (),
        examples=("crm report funnel --period last-quarter", "crm report funnel --owner me --explain"),
    ),
    Standard(
        "time-in-stage",
        "Time in stage: how long deals stay in each.\n\n"
        "Mean and median are of deals that left the stage in the period, several visits added up, in days of"
        " the calendar; deals that are still there stand beside. A stage's limit (crm stage edit NAME"
        " --limit-days 14) is after how many days there a deal is stalled (crm pipeline blockers); without one"
        " it is what was usual: 1.5 × the median days of won deals, at least 14, once 8 of them have been in"
        " it. With --as-of as it was that day, beside the limits of today.",
        (),
        examples=("crm report time-in-stage", "crm report time-in-stage --period last-quarter --explain"),
        has_money=False,
    ),
    Standard(
        "trend",
        "Sales trend: what was made, won and lost, month by month.\n\n"
        "Every month of the period is there, also one in which nothing happened. Deals count as made on the day of"
        " their creation, as won or lost on their close date.",
        ("month", "quarter"),
        examples=("crm report trend --period last-year", "crm report trend --by quarter --owner me"),
    ),
    Standard(
        "attainment",
        "Attainment: what was won of each quota.\n\n"
        "With the gap, the pace (100 % is on time) and what it comes to with the open deals in Commit. By manager:"
        " each with all below them. Only what was won on the days of a quota counts towards it. Without a quota the"
        " figures are n/a; what is won without one is part of teams and of the total, as in the forecast.",
        (*PEOPLE_BY, "month", "quarter"),
        "this-quarter",
        examples=(
            "crm report attainment --by manager",
            "crm report attainment --period this-year --by month",
        ),
    ),
    Standard(
        "leaderboard",
        "Leaderboard: who sells most, and who falls behind.\n\n"
        "Ranked by the amount won in the period. Who is behind: with a quota, whose pace is below 80 %; without"
        " one, who won less than half the median. At the top: the first quarter of the ranking. Who is active and"
        " owns deals is listed, also without having won any.",
        (),
        "this-quarter",
        examples=("crm report leaderboard", "crm report leaderboard --period last-quarter --json"),
    ),
    Standard(
        "win-loss",
        "Won and lost: why deals are lost, and where.\n\n"
        "The lost deals of the period by reason, by the last open stage before the loss, or by who had them;"
        " the won ones stand beside them in a row of their own.",
        ("reason", "stage", *DEALS_BY),
        examples=("crm report win-loss --period last-quarter", "crm report win-loss --by stage"),
    ),
    Standard(
        "source-return",
        "Sources: what the leads of each became, and brought.\n\n"
        "Leads made in the period, how many of them are converted; deals of the same source made in it, those"
        " won and lost in it (as crm report win-rate --by source has them), and what was won for each lead."
        " With --as-of as it was that day.",
        (),
        examples=("crm report source-return", "crm report source-return --period last-quarter --json"),
    ),
    Standard(
        "campaign-return",
        "Campaigns: what each cost, and brought.\n\n"
        "Those that ran in the period, each with all the leads and deals that came of it so far; (none) is what was"
        " made in the period without one. The cost is the actual one, or else the budgeted one. --owner is whose"
        " campaigns they are.",
        (),
        examples=("crm report campaign-return --period 2026", "crm report campaign-return --explain --json"),
    ),
    Standard(
        "activity",
        "Activities: how much was done.\n\n"
        "Calls, e-mails, meetings and notes by the day they happened, tasks by the day they were done. With"
        " --as-of what had happened until that day, and whose it was then.",
        (*PEOPLE_BY, "type", "week", "month"),
        "this-month",
        ("crm report activity", "crm report activity --by week --period this-quarter --owner me"),
        has_money=False,
    ),
    Standard(
        "stale",
        "Stale: leads and deals that nobody has touched, and what to type next.\n\n"
        "Those that are open, and where nothing has happened (no activity, no edit, no task done) for longer"
        " than the limit of the stage (crm stage edit NAME --limit-days 14), or 30 days; for leads 30 days. The"
        " longest untouched come first; snoozed deals are hidden till their day. With --as-of as"
        " it was that day, with the limits that stages have today.",
        (),
        None,
        ("crm report stale --owner me", "crm report stale --as-of -1mo --json"),
    ),
    Standard(
        "adoption",
        "Adoption: who works with it, and how complete the records are.\n\n"
        "From the journal (crm history): what each user made and changed in the period by hand, on how many"
        " days, when they were last seen; what they imported stands apart, what was undone does not count."
        " Beside it the share of their open tasks that is overdue, and of the listed fields of their records"
        " that is filled. With --as-of what was done by then, and the records as they were, of the users"
        " of today.",
        (),
        "this-month",
        ("crm report adoption", "crm report adoption --period last-quarter --json"),
        has_money=False,
    ),
)
