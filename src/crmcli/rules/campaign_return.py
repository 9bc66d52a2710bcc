"""What a campaign brought for what it cost."""

from typing import Final, NamedTuple

from crmcli.values.ratios import mean_amount, share

ACTUAL: Final = "actual"
BUDGETED: Final = "budgeted"


class Cost(NamedTuple):
    """What a campaign cost, and whether it did or was to."""

    amount: int
    kind: str


def cost_of(actual: int | None, budgeted: int | None) -> Cost | None:
    """The actual cost; where there is none the budgeted one; None where neither is known."""
    if actual is not None:
        return Cost(actual, ACTUAL)
    return None if budgeted is None else Cost(budgeted, BUDGETED)


def campaign_return(won: int, cost: int | None) -> float | None:
    """(won amount - cost) / cost, in percent to one decimal; None where nothing was paid, or nobody knows."""
    if not cost:
        return None
    of_cost = share(won, cost)
    return None if of_cost is None else round(of_cost - 100, 1)


def cost_each(cost: int | None, count: int) -> int | None:
    """The cost per lead, or per won deal; None where nothing was paid, nobody knows, or there is none."""
    return mean_amount(cost, count) if cost else None
