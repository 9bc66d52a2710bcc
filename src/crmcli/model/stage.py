"""Stage: a step of the sales process, with what it means for the forecast."""

from crmcli.model.entity import Entity, field
from crmcli.model.picklists import CATEGORIES


class Stage(Entity, table=True):
    """A step of the sales process. Changing its defaults later rewrites no deal."""

    name: str = field("Name of the stage", required=True, listed=True, aliases=("stage", "stage name"))
    position: int = field("Its place in the process", kind="number", required=True, listed=True, low=1)
    probability: int = field(
        "Chance of winning, in percent", kind="percent", required=True, listed=True, low=0, high=100
    )
    category: str = field(
        "Forecast category", required=True, listed=True, choices=CATEGORIES, aliases=("forecast category",)
    )
    is_closed: bool = field("Whether the deal is over", kind="boolean", default=False, listed=True)
    is_won: bool = field("Whether the deal was won", kind="boolean", default=False, listed=True)
    limit_days: int | None = field(
        "Days after which a deal in it is stalled", kind="number", listed=True, low=1, aliases=("rot days",)
    )
    active: bool = field("Whether deals may enter it", kind="boolean", default=True, listed=True)
    label: str | None = field("What it is called on screen, where that differs from its name")

    name_key: str | None = None
