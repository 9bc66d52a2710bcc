"""Time in stage: how long deals stay in each."""

from collections import Counter
from typing import Any, Final

from crmcli.fields import reference
from crmcli.reports.standard import Asked
from crmcli.reports.standard._deals import explain_those, local_day
from crmcli.reports.standard._said import footer, head
from crmcli.result import Chart, Column, Report
from crmcli.rules.blockers import Limit, limit_of, said_of_limits
from crmcli.rules.time_in_stage import Stay, stays
from crmcli.store.groups import Key
from crmcli.store.reader import Reader
from crmcli.store.stages import Life, OpenStage, lives, open_stages
from crmcli.values.ratios import mean, median

FORMULAS: Final = {
    "days": "of the calendar, from coming into the stage to leaving it; of several visits their sum",
    "completed": "deals that left the stage, for the last time so far, in the period",
    "mean_days, median_days": "of the completed; those still there are not in them",
    "won_mean_days, won_median_days": "of the completed whose deal is won",
    "still_there": "open deals in the stage on the as-of day, whenever they came; longest: the one of most days",
    "limit_days": "the stage's own limit, as it is today",
    "usual_limit_days": "where it has none: 1.5 × the median days of all won deals that were in it, at least"
    " 14, once these are 8 or more",
}


class Cell:
    """The deals that were in one stage."""

    def __init__(self) -> None:
        self.completed: Counter[int] = Counter()  # days -> deals
        self.won: Counter[int] = Counter()
        self.still: list[tuple[int, int]] = []  # days, deal

    def add(self, life: Life, stay: Stay) -> None:
        if stay.left is None:
            self.still.append((stay.days, life.deal))
        else:
            self.completed[stay.days] += 1
            self.won[stay.days] += life.won

    def figures(self, stage: OpenStage, usual: Limit) -> list[Any]:
        days, deal = max(self.still, key=lambda each: (each[0], -each[1]), default=(None, None))
        return [
            self.completed.total(),
            *middles(self.completed),
            self.won.total(),
            *middles(self.won),
            len(self.still),
            days,
            None if deal is None else reference("opportunity", deal),
            stage.limit_days,
            usual.days,
        ]


def middles(days: Counter[int]) -> tuple[float | None, float | None]:
    """The mean and the median."""
    return mean(sum(value * count for value, count in days.items()), days.total()), median(days)


def report(reader: Reader, asked: Asked) -> Report:
    """How long deals were in each stage, in the order of the sales process."""
    day_of = local_day(asked.zone)
    cells: dict[str, Cell] = {}
    won_days: dict[str, Counter[int]] = {}  # of everybody's deals, at all times
    counted: dict[str, dict[int, Stay]] = {}  # stage -> deal, for --explain
    owner = asked.scope.owner_id
    for life in lives(reader, asked.scope._replace(owner_id=None)):
        for stage, stay in stays(life.path, asked.as_of, day_of).items():
            if life.won and stay.left is not None:
                won_days.setdefault(stage, Counter())[stay.days] += 1
            if owner not in (None, life.owner):
                continue
            if stay.left is not None and not asked.period.start <= stay.left <= asked.period.end:
                continue
            if stage not in cells:
                cells[stage] = Cell()
            cells[stage].add(life, stay)
            if asked.explain:
                counted.setdefault(stage, {})[life.deal] = stay
    stages = [stage for stage in open_stages(reader) if stage.in_use or stage.name in cells]
    usual = {stage.name: limit_of(None, won_days.get(stage.name, {})) for stage in stages}
    learnt = {stage.name: usual[stage.name] for stage in stages if stage.limit_days is None}
    made = Report(
        (
            Column("stage", "Stage", cut="last"),
            Column("completed", "Completed", "number", short="Compl."),
            Column("mean_days", "Mean days", "number", short="Mean"),
            Column("median_days", "Median", "number"),
            Column("won_completed", "Won", "number", hidden=True),
            Column("won_mean_days", "Won, mean", "number", minor=4),
            Column("won_median_days", "Won, median", "number", minor=3),
            Column("still_there", "Still there", "number", short="Still"),
            Column("longest_days", "Longest", "number", ages=True),
            Column("longest", "Deal", "link", minor=1),
            Column("limit_days", "Limit", "number", minor=2),
            Column("usual_limit_days", "Usual limit", "number", hidden=True),
        ),
        [
            [stage.name, *cells.get(stage.name, Cell()).figures(stage, usual[stage.name])]
            for stage in stages
            if cells
        ],
        title=f"Time in stage {asked.period.label}, days",
        empty=f"No deals left a stage in {asked.period.label}, and none are in one.",
        refs="longest",
        head=head(asked, "time-in-stage"),
        notes=said_of_limits(learnt),
        stands_on=footer(asked, "stages left"),
        chart=Chart("median_days"),
    )
    if asked.explain:
        explain_those(reader, asked, made, FORMULAS, deals_of(stages, counted))
    return made


def deals_of(
    stages: list[OpenStage], counted: dict[str, dict[int, Stay]]
) -> dict[Key, list[tuple[int, dict[str, Any]]]]:
    """The deals of each stage, the longest first, with their days and the day they left."""

    def said(stay: Stay) -> dict[str, Any]:
        left = stay.left.isoformat() if stay.left else None
        words = f"left {left} after {days_text(stay.days)}" if left else f"there for {days_text(stay.days)}"
        return {"days": stay.days, "left": left, "became": words}

    return {
        stage.key: [
            (deal, said(stay))
            for deal, stay in sorted(counted[stage.name].items(), key=lambda each: (-each[1].days, each[0]))
        ]
        for stage in stages
        if stage.name in counted
    }


def days_text(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"
