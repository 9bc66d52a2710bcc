"""What a forecast is asked for."""

from typing import Any, NamedTuple

from crmcli.store.deals import Scope
from crmcli.values.periods import Period


class Asked(NamedTuple):
    """The options of the report."""

    scope: Scope
    period: Period
    by: str
    rollup: str
    currency: str  # the home currency: of rates, and of a forecast in which there is nothing
    fiscal_start: int
    explain: bool = False
    every: bool = True  # name every deal that was left out or is explained: for programs
    into: str | None = None  # the currency that all is converted to
    team: bool = False  # each person with everybody below them
    what_if: tuple[str, ...] = ()  # as it was typed; the scope holds what it means

    @property
    def bounds(self) -> dict[str, Any]:
        start, end = self.period.start.isoformat(), self.period.end.isoformat()
        into = {"into": self.into} if self.into else {}
        return {
            "start": start,
            "end": end,
            "open_from": max(start, self.scope.as_of),
            **into,
            **self.scope.params,
        }

    @property
    def adjustable(self) -> bool:
        """Whether rows are figures that somebody may have adjusted."""
        return self.by == "owner" and self.rollup == "cumulative"
