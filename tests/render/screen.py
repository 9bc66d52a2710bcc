"""A screen to print on, and a small list of deals to print."""

from collections.abc import Iterable
from io import StringIO
from typing import Any

from crmcli.render import Look, render
from crmcli.result import Column, Result, Row, Table

DEALS = [
    Column("ref", "Ref", "link"),
    Column("name", "Name"),
    Column("account", "Account", "link"),
    Column("account_name", "Account name", folded=True),
    Column("amount", "Amount", "money"),
    Column("currency", "Currency", hidden=True),
    Column("probability", "Prob.", "percent"),
    Column("close_date", "Close", "date"),
    Column("updated_at", "Updated", "instant"),
    Column("is_won", "Won", "boolean"),
]
ACME: Row = (
    "O45",
    "Acme renewal",
    "A4",
    "Huaxin",
    1250000,
    "USD",
    75,
    "2026-11-27",
    "2026-11-21T21:09:21Z",
    0,
)
HUAXIN: Row = ("O46", "[acme] 華信科技股份有限公司", "A12", "深圳华信", 500000, "JPY", 90, None, None, 1)


def deals(rows: Iterable[Row] = (ACME, HUAXIN), **more: Any) -> Table:
    """A list of deals, read once like a stream."""
    return Table(DEALS, iter(rows), **more)


def look_at(terminal: bool = False, width: int = 0, **more: Any) -> Look:
    """A look at two streams in memory."""
    return Look(StringIO(), StringIO(), terminal=terminal, width=width, **more)


def printed(result: Result, format: str | None = None, look: Look | None = None) -> str:
    """What a result prints to stdout."""
    look = look or look_at()
    render(result, format, look)
    assert isinstance(look.out, StringIO)
    return look.out.getvalue()
