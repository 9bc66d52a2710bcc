"""crm search: find anything by words."""

from typing import Annotated

import typer

from crmcli.app import App
from crmcli.commands._noun import report
from crmcli.errors import InvalidValue
from crmcli.fields import NOUNS, noun_named
from crmcli.reports.search import search
from crmcli.result import Result

Words = Annotated[
    list[str], typer.Argument(metavar="WORDS...", help="Every word must occur; a word may be its beginning.")
]
Limit = Annotated[int, typer.Option("--limit", "-n", metavar="N", help="At most so many.")]
Only = Annotated[
    str | None,
    typer.Option(
        "--noun",
        metavar="NOUN",
        help="Only records of this kind.",
        autocompletion=lambda: [noun.word for noun in NOUNS],
    ),
]


@report("crm search acme renewal", "crm search 华信 --noun account", "crm search wei@huaxin.cn --json")
def command(app: App, words: Words, limit: Limit = 20, noun: Only = None) -> Result:
    """Find leads, accounts, contacts, deals, tasks and activities by words, the best matches first.

    Every word must occur in the record. Parts of Chinese, Japanese and Korean names are found.
    """
    if limit < 1:
        raise InvalidValue("--limit is at least 1.", field="limit")
    return search(app.read(), " ".join(words), limit, noun_named(noun) if noun is not None else None)
