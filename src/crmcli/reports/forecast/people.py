"""The people of a forecast: their names, their rows, and who is below whom."""

from collections.abc import Callable
from typing import Any

from crmcli.rules.quotas import Line
from crmcli.store.groups import NONE, Key, reporting_line
from crmcli.store.reader import Reader


class People:
    """All users, also those who are no more, as deals may be theirs."""

    def __init__(self, reader: Reader, key_of: Callable[[Any], Key], moment: str | None) -> None:
        """`key_of` makes the row of what SQL grouped by: of an owner, where rows are owners."""
        users = reporting_line(reader, moment)
        self.key_of = key_of
        self.names: dict[int, str] = {user.id: user.name for user in users}
        self.line = Line({user.id: user.manager for user in users})

    def name(self, id: int) -> str:
        return self.names.get(id, NONE)
