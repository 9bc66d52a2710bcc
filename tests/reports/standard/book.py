"""What the tests of the standard reports share: acts on days, and rows by name."""

from typing import Any

from tests.conftest import Crm


def act(crm: Crm, acts: str) -> None:
    """Run commands, each on its day: 2026-02-01 opp add Alpha."""
    for line in acts.strip().splitlines():
        day, _, words = line.partition(" ")
        crm.ok(words, today=day)


def rows(crm: Crm, words: str) -> dict[Any, dict[str, Any]]:
    """The rows of a report by the value of its first column; the total is that of None."""
    found = crm.ok(f"report {words} --json").json
    first = next(iter(found["rows"][0])) if found["rows"] else ""
    return {each[first]: each for each in found["rows"]} | {None: found["total"]}
