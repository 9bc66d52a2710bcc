"""The nouns of the product, and what a field is: the vocabulary that models, database and commands share."""

from dataclasses import dataclass
from typing import Final, Literal

from crmcli.errors import InvalidValue, suggestion

FieldKind = Literal[
    "text",
    "email",
    "phone",
    "url",
    "number",
    "percent",
    "money",
    "date",
    "instant",
    "boolean",
    "select",
    "link",
    "relation",  # a link to a record of any kind
]


@dataclass(frozen=True, slots=True)
class Noun:
    """A kind of record: its word on the command line, its table, and the letter of its references.

    The name of the table is what one record is called in a sentence.
    """

    word: str
    entity: str
    letter: str
    title: str  # the field that names a record
    plural: str
    aliases: tuple[str, ...] = ()


NOUNS: Final = (
    Noun("lead", "lead", "L", "name", "leads"),
    Noun("account", "account", "A", "name", "accounts", ("company",)),
    Noun("contact", "contact", "C", "name", "contacts", ("person",)),
    Noun("opp", "opportunity", "O", "name", "opportunities", ("opportunity", "deal")),
    Noun("task", "task", "T", "subject", "tasks", ("todo",)),
    Noun("log", "activity", "E", "subject", "activities", ("activity",)),
    Noun("campaign", "campaign", "M", "name", "campaigns"),
    Noun("stage", "stage", "S", "name", "stages"),
    Noun("user", "user", "U", "name", "users"),
)

BY_ENTITY: Final = {noun.entity: noun for noun in NOUNS}
BY_LETTER: Final = {noun.letter: noun for noun in NOUNS}


def noun_named(text: str) -> Noun:
    """A noun by its word or another of its names. Raises InvalidValue."""
    wanted = text.strip().casefold()
    for noun in NOUNS:
        if wanted in (noun.word, noun.entity, noun.plural, *noun.aliases):
            return noun
    words = [noun.word for noun in NOUNS]
    raise InvalidValue(
        f"There is no noun {text!r}. There are {', '.join(words)}.",
        hint=suggestion(wanted, words),
        field="noun",
    )


def reference(entity: str, id: int) -> str:
    """The typed reference of a record: O45."""
    noun = BY_ENTITY.get(entity)
    return f"{noun.letter}{id}" if noun else f"{entity.replace('_', ' ')} {id}"


def counted(count: int, entity: str) -> str:
    """So many records of an entity: 1 opportunity, 2,000 activities."""
    return f"{count:,} {entity if count == 1 else BY_ENTITY[entity].plural}"


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field as the database describes it to every command.

    `column` is where the value is kept (`account_id` for the field `account`); a custom field is kept
    under its name in the record's JSON column. `owned` fields are set by rules and never typed.
    `open` picklists suggest their choices and accept others.
    """

    entity: str
    name: str
    column: str
    kind: FieldKind
    label: str
    help: str
    position: int
    required: bool = False
    listed: bool = False
    owned: bool = False
    custom: bool = False
    choices: tuple[str, ...] = ()
    open: bool = False
    target: str | None = None
    aliases: tuple[str, ...] = ()
    default: str | None = None
    max_length: int | None = None
    low: int | None = None
    high: int | None = None

    @property
    def option(self) -> str:
        """The option of `add` and `edit`: --close-date."""
        return "--" + self.name.replace("_", "-")
