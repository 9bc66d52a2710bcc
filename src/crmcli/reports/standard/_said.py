"""What the standard reports say beside their figures: what they count, what is left out, and of what they are made."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from crmcli.reports.standard import Asked
from crmcli.result import Report
from crmcli.store.groups import Key

NAMED: Final = 10  # records that a footer names
EXPLAINED: Final = 20  # records of a row that --explain shows to people
ALL: Final = 2**31  # more records than there are


class Origin(NamedTuple):
    """What one row is made of: how many records, and those of them that are told of."""

    counted: int
    told: list[dict[str, Any]]


def most(asked: Asked, people: int) -> int:
    """Of how many records is told: of all to programs."""
    return ALL if asked.every else people


def head(asked: Asked, name: str) -> dict[str, Any]:
    """The keys that the JSON of every standard report begins with."""
    period = asked.period
    return {
        "report": name,
        "as_of": asked.scope.as_of,
        "period": {
            "start": period.start.isoformat(),
            "end": period.end.isoformat(),
            "label": period.label,
        },
        "currency": asked.currency,
        "by": asked.by or None,
        "owner": asked.scope.owner,
    }


def footer(asked: Asked, what: str) -> str:
    """The last line: the day the report stands on, what it counts, and whose."""
    period = f"{asked.period.start}..{asked.period.end}"
    whose = f"owner {asked.scope.owner}" if asked.scope.owner else "all owners"
    return f"As of {asked.scope.as_of} · {what} {period} · {whose}"


def named(why: str, refs: Sequence[str], what: str, noun: str = "deal", count: int | None = None) -> str:
    """A sentence on records that are left out: why, how many, out of what, and the first of them."""
    count = len(refs) if count is None else count
    more = [f"and {count - NAMED} more"] if count > NAMED else []
    some = f"{count} {noun}{'s' if count > 1 else ''}"
    return f"{why[0].upper()}{why[1:]}: {some}, {what}: {' '.join([*refs[:NAMED], *more])}"


def explained(
    report: Report,
    formulas: Mapping[str, str],
    found: Mapping[Key, Origin],
    words: Callable[[dict[str, Any]], str],
    noun: str = "records",
) -> None:
    """Say how the figures are made, and row by row from how many records, and from which."""
    report.tail["explain"] = {"formulas": dict(formulas), "rows": []}
    report.explain += [f"{name.replace('_', ' ')}: {formula}" for name, formula in formulas.items()]
    for key, origin in in_place(found.items()):
        row = {"key": key.name, "ref": key.ref, "counted": origin.counted, noun: origin.told}
        report.tail["explain"]["rows"].append(row)
        counted = "counted" if noun == "records" else f"{noun} counted"
        report.explain.append(f"{key.name or 'All'}: {counted}: {origin.counted}")
        report.explain += [f"  {each['ref']} {words(each)}" for each in origin.told[:EXPLAINED]]
        if origin.counted > EXPLAINED:
            report.explain.append(f"  and {origin.counted - EXPLAINED} more")


def in_place(rows: Iterable[tuple[Key, Any]]) -> list[tuple[Key, Any]]:
    """Rows in the order of their keys: names by the alphabet, months by the calendar, stages as they follow."""
    return sorted(rows, key=lambda row: row[0].place)
