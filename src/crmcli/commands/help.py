"""crm help: pages on what many commands share, and the help of any command."""

from importlib.resources import files
from typing import Annotated, Final

import typer

from crmcli.app import App
from crmcli.commands._noun import help_of, report
from crmcli.errors import InvalidValue, suggestion
from crmcli.result import Column, Result, Table, Text

# Each page of the folder `topics`, and what it is about.
TOPICS: Final = {
    "dates": "How days are typed: tomorrow, +3d, eoq, 1 Dec",
    "money": "How amounts are typed: 50k, 1.25m, €50.000,50",
    "filters": "How records are chosen: stage:prop amount>10k owner:me",
    "periods": "How stretches of time are typed: 2026-Q3, next-month, FY26-Q1",
    "formats": "Output for people and for programs: table, json, csv",
    "import": "Files of records: headings, matching, rejects",
    "migrate": "Moving in from Salesforce, HubSpot or Pipedrive",
    "duplicates": "What is probably one record, and merging it",
    "exit-codes": "What a script can rely on",
    "cron": "Reports and reminders that run by themselves",
}
COLUMNS: Final = (Column("topic", "Topic"), Column("about", "About"))


@report("crm help", "crm help dates", "crm help lead convert")
def command(
    app: App,
    topic: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TOPIC | COMMAND...]", help="A topic, or a command.", autocompletion=lambda: list(TOPICS)
        ),
    ] = None,
) -> Result:
    """Read about dates, money, filters, periods, formats, imports, exit codes, cron, or any command."""
    words = topic or []
    if not words:
        return Table(COLUMNS, list(TOPICS.items()), title="Topics", refs="topic")
    name = "-".join(words).casefold().replace("_", "-")
    if name in TOPICS:
        return Text(page(name))
    shown = help_of(words)
    if shown is None:
        raise InvalidValue(
            f"There is no topic or command {' '.join(words)!r}.",
            hint=suggestion(words[0], list(TOPICS))
            or "`crm help` lists the topics, `crm --help` the commands.",
            field="topic",
        )
    return Text(shown)


def page(topic: str) -> str:
    """The text of a topic."""
    return (files("crmcli.commands") / "topics" / f"{topic}.md").read_text("utf-8")
