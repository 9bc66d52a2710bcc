"""Search: records of every kind that hold the words, the best first."""

from collections.abc import Iterable
from typing import Any, Final

from crmcli.fields import BY_ENTITY, Noun, reference
from crmcli.result import Column, Table
from crmcli.store import search as index
from crmcli.store.reader import Reader
from crmcli.values.keys import words

AROUND: Final = 60  # characters of a snippet

COLUMNS: Final = (
    Column("ref", "Ref"),
    Column("noun", "Noun", cut="never", minor=2),
    Column("name", "Name"),
    Column("of", "Of"),
    Column("status", "Status", cut="last"),
    Column("where", "Where", room=20),
    Column("updated", "Updated", "instant", minor=1),
)
_ACCOUNT: Final = "(SELECT a.name FROM account AS a WHERE a.id = r.account_id)"
_ABOUT: Final = " ".join(
    f"WHEN '{noun.entity}' THEN (SELECT x.{noun.title} FROM \"{noun.entity}\" AS x WHERE x.id = r.related_to_id)"
    for noun in BY_ENTITY.values()
)
_RELATED: Final = f"CASE r.related_to_entity {_ABOUT} END"
# What tells records of one name apart: whose they are or what they are about, and how far they have come.
TOLD_APART: Final = {
    "lead": ("r.company", "CASE WHEN r.converted_at IS NULL THEN r.status ELSE 'Converted' END"),
    "account": ("(SELECT p.name FROM account AS p WHERE p.id = r.parent_id)", "r.type"),
    "contact": (_ACCOUNT, "r.title"),
    "opportunity": (_ACCOUNT, "r.stage"),
    "task": (_RELATED, "r.status"),
    "activity": (_RELATED, "r.type"),
    "stage": ("NULL", "r.category"),
    "user": ("r.team", "r.role"),
    "campaign": ("r.type", "r.status"),
}
ENTITIES: Final = {code: entity for entity, code in index.CODES.items()}


def search(reader: Reader, query: str, limit: int, noun: Noun | None) -> Table:
    """The records that hold every word of a query."""
    condition, params = index.condition(reader.is_sqlite, query)
    key = "rowid" if reader.is_sqlite else "id"
    if noun is not None:
        condition += f" AND {key} % {index.CODE_SPACE} = {index.CODES[noun.entity]}"
    order = f"{index.best_first(reader.is_sqlite)}, {key} DESC" if params else key
    found = [
        divmod(row[0], index.CODE_SPACE)
        for row in reader.rows(
            f"SELECT {key} FROM search WHERE {condition} ORDER BY {order} LIMIT {int(limit)}", **params
        )
    ]
    records = {
        entity: documents(reader, entity, [id for id, other in found if other == code])
        for code, entity in ENTITIES.items()
        if any(other == code for _, other in found)
    }
    terms = [term for part in query.split() if (term := words(part))]
    rows = []
    for id, code in found:
        entity = ENTITIES[code]
        if id in records[entity]:
            texts, updated, of, status = records[entity][id]
            title = BY_ENTITY[entity].title
            rows.append(
                [
                    reference(entity, id),
                    BY_ENTITY[entity].word,
                    texts[title],
                    of,
                    status,
                    where(texts, title, terms),
                    updated,
                ]
            )
    what = noun.plural if noun else "records"
    return Table(
        COLUMNS, rows, empty=f"No {what} hold {query!r}." if params else "There are no words to search for."
    )


Found = tuple[dict[str, str], str, str | None, str | None]


def documents(reader: Reader, entity: str, ids: Iterable[int]) -> dict[int, Found]:
    """The searched texts of records, when they were last changed, and what tells them apart."""
    names = list(dict.fromkeys((BY_ENTITY[entity].title, *index.SEARCHED[entity])))
    listed = ", ".join(map(str, ids))
    rows = reader.rows(
        f"SELECT r.id, r.updated_at, {', '.join(TOLD_APART[entity])},"
        f" {', '.join(f'r.{name}' for name in names)}, CAST(r.custom AS TEXT)"
        f' FROM "{entity}" AS r WHERE r.id IN ({listed}) AND r.deleted_at IS NULL'
    )
    return {row[0]: (_texts([*names, "custom"], row[4:]), row[1], row[2], row[3]) for row in rows}


def _texts(names: list[str], values: tuple[Any, ...]) -> dict[str, str]:
    texts = {name: value for name, value in zip(names, values, strict=True) if value and name != "custom"}
    texts.setdefault(names[0], "")
    if values[-1] not in (None, "", "{}"):
        import json

        texts |= {
            name: str(value) for name, value in json.loads(values[-1]).items() if value not in (None, "")
        }
    return texts


def where(texts: dict[str, str], title: str, terms: list[str]) -> str:
    """The field with most of the words, and what stands around the first; the title if none has as many."""
    best, most = title, 0
    for name, text in texts.items():
        folded = words(text)
        count = sum(term in folded for term in terms) * 2 - (name == title)
        if count > most:
            best, most = name, count
    label = best.replace("_", " ")
    return f"{label}: {around(texts[best], terms)}"


def around(text: str, terms: list[str]) -> str:
    """A text, or the part of a long one that begins a little before the first word that was found."""
    text = " ".join(text.split())
    if len(text) <= AROUND:
        return text
    folded = text.casefold()
    places = [folded.find(term.replace(" ", "")) for term in terms] + [folded.find(term) for term in terms]
    first = min((place for place in places if place >= 0), default=0)
    begin = max(0, min(first - AROUND // 4, len(text) - AROUND))
    if begin:
        begin = text.find(" ", begin, first) + 1 or begin
    piece = text[begin : begin + AROUND].strip()
    return ("…" if begin else "") + piece + ("…" if begin + AROUND < len(text) else "")
