"""What commands return: values that one renderer prints in any format."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal[
    "text",  # str
    "number",  # int or Decimal
    "percent",  # int or Decimal, 75 means 75 %
    "money",  # whole minor units (int); the currency is in another column of the row
    "date",  # ISO text, 2026-12-01
    "instant",  # ISO text in UTC, 2026-12-01T09:30:00Z
    "boolean",  # bool, or 0 and 1
    "link",  # a typed reference such as A4, with the other record's name in the next column
    "list",  # a list of texts
    "json",  # anything JSON can say
]
Cut = Literal["first", "later", "last", "never"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, or one line of a record.

    `name` is the key in JSON and the heading in CSV; it never changes. `label` is what people read.
    `currency` names the column that holds the currency of a money column. A `folded` column is its own
    column for machines; in tables for people its value stands in the cell of the column before it.

    The rest is about tables that are too wide for people's screens. Texts are shortened in the order of
    `cut`: free text first, names of choices later, commands to type never. Only what `wraps` goes on in
    the next line instead. `minor` columns are left out before any text is shorter than its `room`, the
    highest number first; the table then says so. Programs always get everything.
    """

    name: str
    label: str
    kind: Kind = "text"
    currency: str = "currency"
    folded: bool = False
    hidden: bool = False  # machine formats only
    short: str = ""  # the label where there is little room
    cut: Cut = "first"
    wraps: bool = False
    minor: int = 0  # 0 is never left out
    room: int = 0  # in cells; 0 is the usual
    absent: str = ""  # what people read where there is no value
    signed: bool = False  # people see whether it is more or less: +5
    ages: bool = False  # grows from day to day by itself, which is no change


Row = Sequence[Any]


@dataclass(slots=True)
class Table:
    """Rows of one shape; `rows` may be a stream and is read once.

    A list prints as a table on a terminal, as TSV in a pipe and as an array in JSON.
    """

    columns: Sequence[Column]
    rows: Iterable[Row]
    title: str = ""
    empty: str = "Nothing to show."
    refs: str | None = "ref"  # the column that `--format ids` prints


@dataclass(frozen=True, slots=True)
class Chart:
    """What of a report is drawn: the figures of one column, a bar for each row.

    `columns` are figures over time, whose rows are in its order. `steps` are the movements of a waterfall:
    the first row and the total are levels, the rows between them what leads from one to the other.
    """

    column: str
    kind: Literal["bars", "columns", "steps"] = "bars"


@dataclass(slots=True)
class Report(Table):
    """A table of figures: aligned text everywhere, and an object in JSON.

    In JSON: schema_version, the keys of `head`, `rows`, `total`, the keys of `tail`.
    `total` holds one value for each column, like a row. Under the table are printed the footer and `explain`,
    the origin of the figures. The footer are `notes`, what the figures leave out; what the report `stands_on`,
    the day, the stretch of time and whose; and `remarks`, at which rates, compared with what. Where `block`
    names a column (the currency), people see a table for each run of rows that share its value, with that
    value's own of `totals`.
    """

    head: dict[str, Any] = field(default_factory=dict)
    total: Row | None = None
    block: str = ""
    block_title: str = "{}"  # how people read the value of a block
    totals: dict[str, Row] = field(default_factory=dict)
    tail: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    stands_on: str = ""
    remarks: list[str] = field(default_factory=list)
    explain: list[str] = field(default_factory=list)
    chart: Chart | None = None  # for people only
    exit_code: int = 0

    @property
    def footer(self) -> list[str]:
        """The lines under the table."""
        return [*self.notes, *filter(None, [self.stands_on]), *self.remarks]


@dataclass(slots=True)
class Tile:
    """One figure that stands above the others of a page, and what it is of."""

    label: str
    value: Any
    kind: Kind = "number"  # money is in the currency of the page
    note: str = ""
    change: Any = None  # how much more or less it is than at another time


@dataclass(slots=True)
class Panel:
    """A report on a page: all of it for programs, and what people see of it there."""

    report: Report
    shown: Report


@dataclass(slots=True)
class Page:
    """Several reports that are read together, under their headline figures.

    In JSON: schema_version, the keys of `head`, and `panels`: each report by its name. In formats of rows:
    one row for each figure, with its panel. `notes` are what all panels stand on. With `file` it goes there as
    HTML, and is not printed.
    """

    title: str
    tiles: list[Tile] = field(default_factory=list)
    panels: dict[str, Panel] = field(default_factory=dict)
    head: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    file: str | None = None


@dataclass(slots=True)
class Record:
    """One record with all its fields, and the lists that belong to it."""

    columns: Sequence[Column]
    row: Row
    title: str = ""
    sections: dict[str, Table] = field(default_factory=dict)  # the key in JSON -> its list


@dataclass(slots=True)
class Outcome:
    """What a write did.

    `said` goes to stderr, in words; `refs` to stdout, a line each, unless stdout is a terminal;
    `record` (or `data`) is what `--json` prints. The rows of a `plan` go to stdout in any format; in JSON
    they stand in `data`.
    """

    said: list[str] = field(default_factory=list)
    refs: list[str] = field(default_factory=list)
    record: Record | None = None
    data: Any = None
    plan: Table | None = None
    exit_code: int = 0


@dataclass(slots=True)
class Text:
    """Prose for stdout, printed as it stands (help topics, completion scripts)."""

    text: str


Result = Table | Page | Record | Outcome | Text
