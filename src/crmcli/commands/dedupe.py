"""crm dedupe: records that are probably one."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final

import typer

from crmcli.app import App
from crmcli.commands._noun import report
from crmcli.errors import InvalidValue, suggestion
from crmcli.fields import BY_ENTITY, reference
from crmcli.render.clean import clean
from crmcli.reports.dedupe import KINDS, Duplicates, dedupe, duplicates
from crmcli.result import Table
from crmcli.rules.filling import listed

NOUNS: Final = tuple(BY_ENTITY[entity].plural for entity in KINDS)

Which = Annotated[
    str | None,
    typer.Argument(
        metavar="leads|contacts|accounts", help="Only these; else all.", autocompletion=lambda: list(NOUNS)
    ),
]
Limit = Annotated[
    int | None, typer.Option("--limit", "-n", metavar="N", help="At most so many pairs of each noun.")
]


@report("crm dedupe", "crm dedupe leads --limit 20", "crm dedupe accounts --json")
def command(app: App, noun: Which = None, limit: Limit = None) -> Table:
    """List pairs of records that are probably one, with a score and the reasons, the most probable first.

    A score is from 70 to 100. Nothing is changed: `crm lead merge`, and the same of accounts and contacts,
    makes one record of a pair. See crm help duplicates.
    """
    if limit == 0:
        raise InvalidValue("--limit is at least 1.", field="limit")
    reader = app.read()
    found = [duplicates(reader, entity) for entity in ([entity_of(noun)] if noun else KINDS)]
    if not app.settings.quiet:
        app.stderr.write("".join(f"{clean(line)}\n" for line in remarks(found)))
    return dedupe(reader, found, limit)


def entity_of(text: str) -> str:
    """The kind of records that is meant, by any of its names. Raises InvalidValue."""
    wanted = text.strip().casefold()
    for entity in KINDS:
        if wanted in (entity, BY_ENTITY[entity].plural, *BY_ENTITY[entity].aliases):
            return entity
    raise InvalidValue(
        f"Duplicates are looked for among {listed(NOUNS)}, not among {text!r}.",
        hint=suggestion(wanted, NOUNS),
        field="noun",
    )


def remarks(found: Sequence[Duplicates]) -> Iterator[str]:
    """What was not compared, and what makes one record of the first pair."""
    yield from (sentence for each in found if (sentence := each.sentence()))
    for each in found:
        if each.pairs:
            first, second = (reference(each.entity, id) for id in each.pairs[0])
            merge = f"`crm {each.entity} merge {first} {second}`"
            yield f"{merge} makes one of two: {first} stays, and takes what it lacks."
            return
