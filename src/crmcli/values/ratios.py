"""Quotients of whole numbers as reports show them: exact until the last digit, a half rounded up."""


def ratio(value: int, by: int, places: int) -> float:
    """A quotient to so many decimals; neither number is negative."""
    scale: int = 10**places
    return (2 * value * scale + by) // (2 * by) / scale


def share(part: int, whole: int) -> float | None:
    """A part of a whole in percent, to one decimal; None of nothing."""
    return ratio(part * 100, whole, 1) if whole else None


def mean(total: int, count: int, places: int = 1) -> float | None:
    """A mean; None of nothing."""
    return ratio(total, count, places) if count else None


def median(counted: dict[int, int]) -> float | None:
    """The median of whole numbers, each with how often it is there; None of nothing."""
    total = sum(counted.values())
    if not total:
        return None
    found: list[int] = []
    wanted = [(total + 1) // 2, total // 2 + 1]  # the two in the middle, which may be one
    seen = 0
    for value in sorted(counted):
        seen += counted[value]
        while len(found) < 2 and wanted[len(found)] <= seen:
            found.append(value)
    return sum(found) / 2


def mean_amount(total: int, count: int) -> int | None:
    """The mean of amounts, in whole minor units; None of nothing."""
    return (2 * total + count) // (2 * count) if count else None
