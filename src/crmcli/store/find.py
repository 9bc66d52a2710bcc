"""From what a user types to the record that is meant: O45, 45, an e-mail, a domain, an external id, a name."""

from collections.abc import Callable
from typing import Final

from crmcli.errors import Conflict, InvalidValue, NotFound, suggestion
from crmcli.fields import BY_ENTITY, BY_LETTER, NOUNS, reference
from crmcli.store.reader import Reader
from crmcli.values.keys import domain_key, email_key, name_key
from crmcli.values.references import split_reference

# The columns by which a record of an entity is known, beside its id; the first that matches anything decides.
KEYS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "lead": (("external_id", "exact"), ("email_key", "email"), ("name_key", "name")),
    "account": (("external_id", "exact"), ("domain", "domain"), ("name_key", "name")),
    "contact": (("external_id", "exact"), ("email_key", "email"), ("name_key", "name")),
    "opportunity": (("external_id", "exact"), ("name_key", "name")),
    "stage": (("external_id", "exact"), ("name_key", "name")),
    "user": (("external_id", "exact"), ("email_key", "email"), ("name_key", "name")),
    "task": (("external_id", "exact"), ("subject", "fold")),
    "activity": (("external_id", "exact"), ("subject", "fold")),
    "campaign": (("external_id", "exact"), ("name_key", "name")),
}
DEEPEST: Final = 100  # levels of superiors that are followed
NORMAL: Final[dict[str, Callable[[str], str]]] = {
    "exact": str.strip,
    "email": lambda text: email_key(text) if "@" in text else "",
    "domain": lambda text: domain_key(text) if "." in text else "",
    "name": name_key,
    "fold": lambda text: text.strip().casefold(),
}


def find(reader: Reader, entity: str, text: str) -> int:
    """The id of the one live record that is meant.

    Raises InvalidValue for a reference to another kind of record, NotFound, or Conflict naming the candidates.
    """
    text = text.strip()
    typed = split_reference(text)
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
    if typed and typed[0] == BY_ENTITY[entity].letter:
        number = typed[1]
    if number is not None and number < 2**31:
        found = reader.row(f'SELECT deleted_at FROM "{entity}" WHERE id = :id', id=number)
        if found and found[0] is None:
            return number
        if typed:
            gone = "has been deleted" if found else "does not exist"
            hint = "`crm history` shows when; `crm undo` brings it back." if found else None
            raise NotFound(f"{reference(entity, number)} {gone}.", hint=hint)
    ids = candidates(reader, entity, text)
    if len(ids) == 1:
        return ids[0]
    if ids:
        raise Conflict(
            f"{text!r} could be {' or '.join(described(reader, entity, id) for id in ids[:5])}"
            + (f", or {len(ids) - 5} more" if len(ids) > 5 else "")
            + ".",
            hint="Name one by its reference.",
        )
    if typed and typed[0] in BY_LETTER and typed[0] != BY_ENTITY[entity].letter:
        other = BY_LETTER[typed[0]]
        raise InvalidValue(f"{text} is a reference to {a(other.entity)}, not to {a(entity)}.")
    raise NotFound(f"There is no {entity} {text!r}.", hint=near(reader, entity, text))


def candidates(reader: Reader, entity: str, text: str) -> list[int]:
    """The live records that a text names by the first of the entity's keys that matches anything."""
    for column, form in KEYS[entity]:
        key = NORMAL[form](text)
        if key:
            compared = reader.folded(column) if form == "fold" else column
            found = reader.rows(
                f'SELECT id FROM "{entity}" WHERE {compared} = :key AND deleted_at IS NULL ORDER BY id LIMIT 50',
                key=key,
            )
            ids = [row[0] for row in found]
            if ids:
                return ids
    return []


def find_any(reader: Reader, text: str) -> tuple[str, int]:
    """The record of any kind that a typed reference names, or that one name names. Raises as `find` does."""
    typed = split_reference(text)
    if typed and typed[0] in BY_LETTER:
        entity = BY_LETTER[typed[0]].entity
        return entity, find(reader, entity, text)
    found = [
        (noun.entity, id)
        for noun in NOUNS
        if noun.entity in ("account", "contact", "opportunity", "lead")
        for id in candidates(reader, noun.entity, text)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        shown = " or ".join(described(reader, entity, id) for entity, id in found[:5])
        raise Conflict(f"{text!r} could be {shown}.", hint="Name one by its reference.")
    raise NotFound(f"Nothing is called {text!r}.", hint="References look like A4, C9, L12 or O45.")


def acting(reader: Reader, name: str, *, named: bool) -> tuple[int | None, str]:
    """The user who acts, and how they are called; without an id where the login's name is no user yet.

    Raises NotFound where the user was `named` (--as) and is unknown, unless there are no users at all.
    """
    try:
        id = find(reader, "user", name)
    except NotFound:
        if named and reader.value('SELECT count(*) FROM "user" WHERE deleted_at IS NULL'):
            raise
        return None, name
    return id, title_of(reader, "user", id)


def upwards(reader: Reader, entity: str, column: str, id: int) -> list[int]:
    """A record and all that are above it by a link to records of its kind, the nearest first."""
    rows = reader.rows(
        f'WITH RECURSIVE up (id, deep) AS (SELECT t.id, 1 FROM "{entity}" t WHERE t.id = :id'
        f' UNION ALL SELECT t.{column}, up.deep + 1 FROM up JOIN "{entity}" t ON t.id = up.id'
        f" WHERE t.{column} IS NOT NULL AND up.deep < {DEEPEST}) SELECT id FROM up ORDER BY deep",
        id=id,
    )
    return [row[0] for row in rows]


def title_of(reader: Reader, entity: str, id: int) -> str:
    """What a record is called."""
    title = BY_ENTITY[entity].title
    return str(reader.value(f'SELECT {title} FROM "{entity}" WHERE id = :id', id=id) or "")


def described(reader: Reader, entity: str, id: int) -> str:
    """A record as messages name it: A4 Huaxin."""
    return f"{reference(entity, id)} {title_of(reader, entity, id)}".strip()


def belonging(reader: Reader, entity: str, id: int) -> str:
    """What live records belong to one, counted in words: 2 opportunities and 3 contacts; empty where none does."""
    counts = []
    for noun in NOUNS:
        columns = [spec for spec in reader.fields(noun.entity) if not spec.owned]
        links = [f"{spec.column} = :id" for spec in columns if spec.target == entity]
        if any(spec.kind == "relation" for spec in columns):
            links.append(f"related_to_entity = '{entity}' AND related_to_id = :id")
        if links:
            sql = f'SELECT count(*) FROM "{noun.entity}" WHERE deleted_at IS NULL AND ({" OR ".join(links)})'
            count = int(reader.value(sql, id=id))
            if count:
                counts.append(f"{count} {noun.plural if count > 1 else noun.entity}")
    return " and ".join([", ".join(counts[:-1]), counts[-1]] if len(counts) > 1 else counts)


def near(reader: Reader, entity: str, text: str) -> str | None:
    """A hint at the name that was probably meant."""
    title = BY_ENTITY[entity].title
    names = reader.rows(
        f'SELECT {title} FROM "{entity}" WHERE deleted_at IS NULL AND {reader.folded(title)} LIKE :begin LIMIT 500',
        begin=text[:1].casefold().replace("%", "").replace("_", "") + "%",
    )
    return suggestion(text, [row[0] for row in names])


def a(entity: str) -> str:
    """An entity with its article."""
    return f"{'an' if entity[0] in 'aeio' else 'a'} {entity}"
