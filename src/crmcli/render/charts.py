"""What of a report is drawn, whatever it is drawn with: its figures, their shares, and few digits of them."""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any, Final, Literal, NamedTuple

from crmcli.result import Column, Report

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SCALES: Final = ((1, ""), (10**3, "thousand"), (10**6, "million"), (10**9, "billion"), (10**12, "trillion"))


class Step(NamedTuple):
    """One bar of a waterfall: a level that stays, or what comes or goes, from one share of the width to another."""

    way: Literal["stays", "comes", "goes"]
    start: float
    end: float


class Drawing(NamedTuple):
    """The figures of one column, a row each."""

    kind: str
    column: Column
    values: list[Any]
    total: Any
    whole: float | None  # what a full bar is, if not the largest of them
    names: list[str]
    currency: str

    @property
    def most(self) -> float:
        """What a full bar is."""
        return max([self.whole or 0.0, *(float(value) for value in self.values if value is not None)]) or 1.0

    @property
    def shares(self) -> list[float]:
        """How much of a full bar each figure is."""
        return [float(value or 0) / self.most for value in self.values]

    def steps(self) -> list[Step]:
        """Each movement, from where the level stood before it to where it stood after it, and the last level."""
        found, total = levels(self.values), float(self.total or 0)
        scale = max([0.0, *(end for _, end in found), total]) or 1.0
        moved = [
            Step("stays" if not at else "comes" if end > start else "goes", start / scale, end / scale)
            for at, (start, end) in enumerate(found)
        ]
        return [*moved, Step("stays", 0, total / scale)]

    def short_names(self) -> list[str]:
        """Months by their names, quarters by their numbers."""
        return [_short(name) for name in self.names]

    def digits(self) -> tuple[list[str], str]:
        """The figures in three digits or fewer, and the unit that they are in."""
        by = 1
        if self.currency:
            from crmcli.values.money import decimals

            by = 10 ** decimals(self.currency)
        known = [None if value is None else float(value) / by for value in self.values]
        most = max((abs(value) for value in known if value is not None), default=0.0)
        size, word = next((each for each in _SCALES if most / each[0] < 999.5), _SCALES[-1])
        whole = size == 1 and all(value is None or value == int(value) for value in known)
        places = 1 if most / size < 9.95 and not whole else 0
        texts = ["" if value is None else f"{value / size:.{places}f}" for value in known]
        return texts, " ".join(filter(None, (self.currency, word)))


def levels(values: Sequence[Any]) -> list[tuple[float, float]]:
    """Where each movement begins and ends, the first beginning at nothing."""
    return [*pairwise([0, *accumulate(values)])]


def drawing_of(report: Report) -> Drawing | None:
    """What of a report is drawn; nothing where that column is not shown."""
    chart = report.chart
    at = next((at for at, column in enumerate(report.columns) if chart and column.name == chart.column), None)
    if chart is None or at is None or report.columns[at].hidden:
        return None
    column, rows = report.columns[at], list(report.rows)
    key = next((at for at, other in enumerate(report.columns) if not other.hidden and other is not column), 0)
    return Drawing(
        chart.kind,
        column,
        [row[at] for row in rows],
        None if report.total is None else report.total[at],
        100.0 if column.kind == "percent" else None,
        [str(row[key]) for row in rows],
        str(report.head.get("currency") or "") if column.kind == "money" else "",
    )


def _short(name: str) -> str:
    year, _, rest = name.partition("-")
    if year.isdecimal() and rest.isdecimal() and 1 <= int(rest) <= len(_MONTHS):
        return _MONTHS[int(rest) - 1]
    return rest or year
