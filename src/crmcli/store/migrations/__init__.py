"""The steps from one schema to the next: numbered, forward only, each a function of a connection.

What has the number N brings a database of schema N-1 to schema N, several steps in the order in which they
stand. A released step is never edited.
"""

from collections.abc import Callable
from typing import Final

from sqlalchemy.engine import Connection

from crmcli.store.migrations.analytics import add_analytics
from crmcli.store.migrations.campaigns import add_campaigns
from crmcli.store.migrations.figures import add_figures
from crmcli.store.migrations.lacking import add_lacking

Migration = Callable[[Connection], None]

MIGRATIONS: Final[tuple[tuple[int, Migration], ...]] = (
    (2, add_figures),
    (3, add_campaigns),
    (3, add_analytics),
    (4, add_lacking),
)
