"""crm schema: the nouns, their fields and verbs, for programs, agents and people."""

from typing import Annotated, Any, Final

import typer

from crmcli.app import App
from crmcli.commands._facts import fields_of
from crmcli.commands._noun import command_tree, report
from crmcli.fields import BY_ENTITY, NOUNS, FieldSpec, Noun, noun_named
from crmcli.render import FORMATS
from crmcli.result import Column, Outcome, Result, Table

EXIT_CODES: Final = {
    0: "done, or nothing to show",
    1: "failure",
    2: "usage, or an invalid value",
    3: "not found",
    4: "conflict, or an ambiguous reference",
    5: "refused by a business rule",
    6: "database missing, foreign, newer, locked or corrupt",
    7: "finished, with rejects",
    8: "kept for reports that fail on a condition",
    130: "interrupted; nothing was written",
}
NOUN_COLUMNS: Final = (
    Column("noun", "Noun", cut="never"),
    Column("letter", "Reference", cut="never", short="Ref"),
    Column("fields", "Fields", "number"),
    Column("verbs", "Verbs", "list", wraps=True),
    Column("aliases", "Also", "list", cut="later"),
)
FIELD_COLUMNS: Final = (
    Column("name", "Field", cut="never"),
    Column("kind", "Kind", cut="never"),
    Column("required", "Required", "boolean", short="Req.", minor=1),
    Column("owned", "Set by rules", "boolean", short="Rules", minor=3),
    Column("target", "Links to", cut="later", minor=2),
    Column("help", "What it holds", wraps=True),
    Column("choices", "Choices", "list", wraps=True),
)


def complete_nouns() -> list[str]:
    return [noun.word for noun in NOUNS]


@report("crm schema", "crm schema opp", "crm schema --json")
def command(
    app: App,
    noun: Annotated[
        str | None,
        typer.Argument(metavar="[NOUN]", help="One noun and its fields.", autocompletion=complete_nouns),
    ] = None,
) -> Result:
    """The nouns with their fields and verbs, formats and exit codes.

    `--json` gives everything a program or an agent has to know to use the other commands.
    """
    nouns = [noun_named(noun)] if noun else list(NOUNS)
    fields = {each.entity: fields_of(app, each.entity) for each in nouns}
    tree = command_tree()
    verbs = {each.word: list(tree.get(each.word, ())) for each in nouns}
    if app.output is not None and app.output.everything:
        objects = [noun_object(each, fields[each.entity], verbs[each.word]) for each in nouns]
        return Outcome(data=objects[0] if noun else document(objects, tree))
    if noun:
        specs = fields[nouns[0].entity]
        rows: list[tuple[Any, ...]] = [
            (spec.name, spec.kind, spec.required, spec.owned, word_of(spec), spec.help, list(spec.choices))
            for spec in specs
        ]
        return Table(FIELD_COLUMNS, rows, title=f"Fields of {nouns[0].plural}", refs="name")
    rows = [
        (each.word, each.letter, len(fields[each.entity]), verbs[each.word], list(each.aliases))
        for each in nouns
    ]
    return Table(NOUN_COLUMNS, rows, title="Nouns", refs="noun")


def word_of(spec: FieldSpec) -> str | None:
    """The noun that a link leads to, as the command line calls it."""
    return BY_ENTITY[spec.target].word if spec.target in BY_ENTITY else spec.target


def noun_object(noun: Noun, fields: list[FieldSpec], verbs: list[str]) -> dict[str, Any]:
    return {
        "noun": noun.word,
        "entity": noun.entity,
        "letter": noun.letter,
        "title": noun.title,
        "plural": noun.plural,
        "aliases": list(noun.aliases),
        "verbs": verbs,
        "fields": [field_object(spec) for spec in fields],
    }


def field_object(spec: FieldSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "kind": spec.kind,
        "label": spec.label,
        "help": spec.help,
        "required": spec.required,
        "owned": spec.owned,
        "custom": spec.custom,
        "choices": list(spec.choices),
        "open": spec.open,
        "target": word_of(spec),
        "aliases": list(spec.aliases),
        "default": spec.default,
        "option": None if spec.owned else spec.option,
    }


def document(nouns: list[dict[str, Any]], tree: dict[str, list[str]]) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "nouns": nouns,
        "commands": [{"name": name, "verbs": verbs} for name, verbs in tree.items()],
        "formats": list(FORMATS),
        "exit_codes": {str(code): meaning for code, meaning in EXIT_CODES.items()},
    }
