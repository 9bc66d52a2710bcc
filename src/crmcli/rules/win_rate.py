"""Win rate: of the deals that were closed, how many were won."""

from crmcli.values.ratios import share


def win_rate(won: int, lost: int) -> float | None:
    """Won of won and lost, in percent to one decimal; None where nothing was closed.

    Of numbers of deals it is the win rate, of their amounts the win rate by value. Deals that are still open
    are in no denominator.
    """
    return share(won, won + lost)
