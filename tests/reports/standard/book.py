"""What the tests of the standard reports share: acts on days, rows by name, and an empty book of deals."""

from typing import Any

from crmcli.store.engine import engine_of, target_of
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


def forget(crm: Crm) -> None:
    """Empty the database of deals, of quotas, and of all that is known of them."""
    from sqlalchemy import text

    engine = engine_of(target_of(crm.environ["CRMCLI_DB"]))
    with engine.begin() as connection:
        for table in ("opportunity_version", "opportunity", "quota", "change", "entry"):
            connection.execute(text(f"DELETE FROM {table}"))
        connection.execute(text("UPDATE sequence SET next_id = 1 WHERE entity IN ('opportunity', 'entry')"))
    engine.dispose()
