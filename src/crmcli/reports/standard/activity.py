"""Activities: how much was done."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final, NamedTuple

from crmcli.fields import reference
from crmcli.reports.standard import Asked
from crmcli.reports.standard._deals import local_day
from crmcli.reports.standard._records import origin, owned, tables, within, words
from crmcli.reports.standard._said import explained, footer, head, in_place
from crmcli.result import Chart, Column, Report
from crmcli.store.groups import Key, keys_of, named_key
from crmcli.store.reader import Reader
from crmcli.values.ratios import share

TASK: Final = "Task"
COLUMNS: Final = {
    "Call": Column("calls", "Calls", "number"),
    "Email": Column("emails", "E-mails", "number"),
    "Meeting": Column("meetings", "Meetings", "number"),
    "Note": Column("notes", "Notes", "number"),
    TASK: Column("tasks", "Tasks", "number"),
}
OVER_TIME: Final = ("week", "month")
FORMULAS: Final = {
    "calls, emails, meetings, notes": "activities by the day they happened, of who did them",
    "tasks": "tasks by the day they were done, of whose they were",
    "done": "all of these",
    "minutes": "the minutes of the activities that have any",
}


class Done(NamedTuple):
    """Activities of a kind, or tasks."""

    key: Any  # of the row
    type: str
    number: int
    minutes: int


class Cell:
    """What was done in one row."""

    def __init__(self) -> None:
        self.types: dict[str, int] = {}
        self.minutes = 0

    def add(self, done: Done) -> None:
        self.types[done.type] = self.types.get(done.type, 0) + done.number
        self.minutes += done.minutes

    @property
    def all(self) -> int:
        return sum(self.types.values())


def report(reader: Reader, asked: Asked) -> Report:
    """What was done, row by row: by who did it, by what it was, or by when."""
    key_of = keys(reader, asked)
    cells: dict[Key, Cell] = {}
    total = Cell()
    for done in counted(reader, asked):
        for cell in (cells.setdefault(key_of(done.key), Cell()), total):
            cell.add(done)
    by_type = asked.by == "type"  # then the types are rows, not columns
    types = [] if by_type else [*COLUMNS]

    def figures(cell: Cell) -> list[Any]:
        part = [share(cell.all, total.all)] if by_type else []
        return [*(cell.types.get(type, 0) for type in types), cell.all, cell.minutes, *part]

    made = Report(
        (
            Column(asked.by, asked.by.capitalize()),
            *(COLUMNS[type] for type in types),
            Column("done", "Done", "number"),
            Column("minutes", "Minutes", "number", short="Min.", minor=1),
            *([Column("share", "Share", "percent")] if by_type else []),
        ),
        [[key.name, *figures(cell)] for key, cell in in_place(in_full(asked, cells).items())],
        title=f"Activities {asked.period.label} by {asked.by}",
        empty=f"Nothing was done in {asked.period.label}.",
        refs=None,
        head=head(asked, "activity"),
        total=[None, *figures(total)],
        stands_on=footer(asked, "done"),
        chart=Chart("done", "columns" if asked.by in OVER_TIME else "bars"),
    )
    if asked.explain:
        records: dict[Key, list[dict[str, Any]]] = {}
        for value, record in told(reader, asked):
            records.setdefault(key_of(value), []).append(record)
        explained(made, FORMULAS, {key: origin(asked, each) for key, each in records.items()}, words)
    return made


# --- SQL ----------------------------------------------------------------------------------------------


def sources(reader: Reader, asked: Asked) -> Iterator[tuple[str, str, str, str]]:
    """Where what was done stands, as FROM and WHERE of `r`: the entity, these, the kind, the moment."""
    table = tables(reader, asked)
    activities, tasks = f"{table('activity')} AS r", f"{table('task')} AS r"
    done = "r.completed_at"
    if asked.scope.moment is not None:  # what is recorded later happened all the same
        tasks += " JOIN task AS n ON n.id = r.id"
        done = "CASE WHEN n.completed_at < :moment THEN n.completed_at ELSE r.completed_at END"
    for entity, found, kind, moment in (
        ("activity", activities, "r.type", "r.happened_at"),
        ("task", tasks, f"'{TASK}'", done),
    ):
        condition = f"r.deleted_at IS NULL{owned(asked, 'r')} AND {within(asked, moment)}"
        yield entity, f"FROM {found} WHERE {condition}", kind, moment


def grouped(asked: Asked, kind: str, moment: str) -> str:
    """What SQL groups by; of a moment the minute, as a day begins at another one in each zone."""
    if asked.by == "type":
        return kind
    return f"substr({moment}, 1, 16)" if asked.by in OVER_TIME else "r.owner_id"


def counted(reader: Reader, asked: Asked) -> Iterator[Done]:
    """What was done, by as many groups as there are."""
    for entity, found, kind, moment in sources(reader, asked):
        minutes = "coalesce(sum(r.duration_minutes), 0)" if entity == "activity" else "0"
        for row in reader.rows(
            f"SELECT {grouped(asked, kind, moment)}, {kind} AS type, count(*), CAST({minutes} AS BIGINT)"
            f" {found} GROUP BY 1, 2",
            **asked.bounds,
        ):
            yield Done(*row)


def told(reader: Reader, asked: Asked) -> Iterator[tuple[Any, dict[str, Any]]]:
    """What was done one by one, the first first."""
    day_of = local_day(asked.zone)
    for entity, found, kind, moment in sources(reader, asked):
        for key, id, subject, type, at in reader.rows(
            f"SELECT {grouped(asked, kind, moment)}, r.id, r.subject, {kind} AS type, {moment}"
            f" {found} ORDER BY 5, 2",
            **asked.bounds,
        ):
            yield (
                key,
                {
                    "ref": reference(entity, id),
                    "name": subject,
                    "type": type,
                    "day": day_of(at).isoformat(),
                },
            )


# --- rows ---------------------------------------------------------------------------------------------


def keys(reader: Reader, asked: Asked) -> Callable[[Any], Key]:
    """A function from what SQL grouped by to the row it belongs to."""
    if asked.by in OVER_TIME:
        day_of = local_day(asked.zone)
        return lambda minute: time_key(asked.by, day_of(f"{minute}:00Z"))
    if asked.by == "type":
        places = {type: place for place, type in enumerate(COLUMNS)}
        return lambda type: Key(type, None, (places.get(type, len(places)), type))
    return keys_of(reader, asked.by, asked.fiscal_start, "", {}, asked.scope.moment)


def time_key(by: str, day: Any) -> Key:
    """The week or the month of a day, by the name that --period reads."""
    year, week, _ = day.isocalendar()
    return named_key(f"{year:04}-W{week:02}" if by == "week" else day.isoformat()[:7])


def in_full(asked: Asked, cells: dict[Key, Cell]) -> dict[Key, Cell]:
    """The rows with those in which nothing was done, where they are weeks or months."""
    if asked.by not in OVER_TIME or not cells:
        return cells
    full: dict[Key, Cell] = {}
    day = asked.period.start
    first = min(cells, key=lambda key: key.place)
    while day <= min(asked.period.end, asked.as_of):
        key = time_key(asked.by, day)
        if key.place >= first.place:
            full[key] = Cell()
        day += timedelta(days=1)
    return full | cells
