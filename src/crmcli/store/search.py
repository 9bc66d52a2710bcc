"""Full text: what is written about every record, found by words; one body for each dialect.

A document is the record's searched fields run together. Chinese, Japanese and Korean characters are
indexed one by one, so that any part of a name is found.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from crmcli.values.keys import words

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

# What is indexed of each entity, in the order it is shown in a result.
SEARCHED: Final[dict[str, tuple[str, ...]]] = {
    "lead": ("name", "company", "title", "email", "phone", "mobile", "website", "city", "description"),
    "account": ("name", "industry", "website", "phone", "city", "country", "description"),
    "contact": ("name", "title", "email", "phone", "mobile", "city", "description"),
    "opportunity": ("name", "next_step", "description"),
    "task": ("subject", "description"),
    "activity": ("subject", "outcome", "description"),
    "stage": ("name",),
    "user": ("name", "email"),
    "campaign": ("name", "type", "description"),
}
CODES: Final = {
    entity: code for code, entity in enumerate(SEARCHED, 1)
}  # never renumber: it is in every index
CODE_SPACE: Final = 64
_MARKS: Final = range(0x0300, 0x0E50)  # of vowels and accents, which are part of their word
PUNCTUATION: Final = "[!-/:-@[-`{-~]"
CJK: Final = "[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]"


def create(connection: "Connection") -> None:
    """Make the index."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(
            "CREATE VIRTUAL TABLE search USING fts5(document, tokenize = 'unicode61 remove_diacritics 2')"
        )
    else:
        connection.exec_driver_sql("CREATE TABLE search (id bigint PRIMARY KEY, document tsvector NOT NULL)")
        connection.exec_driver_sql("CREATE INDEX ix_search_document ON search USING gin (document)")


def index(connection: "Connection", entity: str, first: int, last: int) -> None:
    """Index the live records of an entity from one id to another anew; deleted ones leave the index."""
    index_where(connection, entity, "id BETWEEN :first AND :last", first=first, last=last)


def index_new(connection: "Connection", entity: str, first: int, last: int) -> None:
    """Index the records of an entity from one id to another, none of which is in the index."""
    if entity in CODES:
        _add(connection, entity, "id BETWEEN :first AND :last", first=first, last=last)


def document_of(entity: str, values: Mapping[str, Any], custom: str | None) -> str:
    """What the index of SQLite holds of a record; the same words as `_add` makes of its row."""
    parts = [value for column in SEARCHED[entity] if (value := values.get(column))]
    if custom:
        parts.append(custom)
    return words(" ".join(parts))


def index_documents(connection: "Connection", entity: str, documents: str) -> None:
    """Index new records by their documents: a query that gives ids and what `document_of` made of them."""
    from sqlalchemy import text

    connection.execute(
        text(
            "INSERT INTO search (rowid, document)"
            f" SELECT {_number(entity)}, document FROM ({documents}) written"
        )
    )


def index_where(connection: "Connection", entity: str, condition: str, **params: Any) -> None:
    """Index the live records that a condition on `id` selects anew; deleted ones leave the index."""
    if entity in CODES:
        remove(connection, entity, condition, **params)
        _add(connection, entity, condition, **params)


def remove(connection: "Connection", entity: str, condition: str, **params: Any) -> None:
    """Take the records that a condition on `id` selects out of the index."""
    from sqlalchemy import text

    if entity not in CODES:
        return
    key = "rowid" if connection.dialect.name == "sqlite" else "id"
    old = f'SELECT {_number(entity)} FROM "{entity}" WHERE {condition}'
    connection.execute(text(f"DELETE FROM search WHERE {key} IN ({old})"), params)


def _number(entity: str) -> str:
    return f"id * {CODE_SPACE} + {CODES[entity]}"


def _add(connection: "Connection", entity: str, condition: str, **params: Any) -> None:
    from sqlalchemy import text

    document = " || ' ' || ".join(f"coalesce({column}, '')" for column in SEARCHED[entity])
    document += " || CASE WHEN CAST(custom AS TEXT) = '{}' THEN '' ELSE ' ' || CAST(custom AS TEXT) END"
    if connection.dialect.name == "sqlite":
        raw: Any = connection.connection.dbapi_connection
        raw.create_function("search_words", 1, words, deterministic=True)
        key, made = "rowid", "search_words(document)"
    else:
        # PostgreSQL would keep an e-mail address or a host as one word: SQLite does not, and people do not.
        plain = f"regexp_replace(lower(normalize(document, NFKC)), '{PUNCTUATION}', ' ', 'g')"
        split = f"regexp_replace({plain}, '({CJK})', ' \\1 ', 'g')"
        key, made = "id", f"to_tsvector('simple', {split})"
    connection.execute(
        text(
            f"INSERT INTO search ({key}, document) SELECT number, {made} FROM"
            f' (SELECT {_number(entity)} AS number, {document} AS document FROM "{entity}"'
            f" WHERE {condition} AND deleted_at IS NULL) written"
        ),
        params,
    )


def condition(is_sqlite: bool, query: str) -> tuple[str, dict[str, str]]:
    """A WHERE condition on the table `search`, and its parameters: every word must occur, or be begun.

    Whatever is typed is taken as words: no query syntax of a database's own can be reached.
    """
    terms = [term for term in map(_parts, query.split()) if term]
    if not terms:
        return "1 = 0", {}
    if is_sqlite:
        phrases = ['"' + " ".join(term) + '"*' for term in terms]
        return "search MATCH :words", {"words": " AND ".join(phrases)}
    lexemes = [" <-> ".join(f"'{part}':*" for part in term) for term in terms]
    return "document @@ to_tsquery('simple', :words)", {"words": " & ".join(lexemes)}


def best_first(is_sqlite: bool) -> str:
    """The ORDER BY that puts the best match first, for a query with the parameters of `condition`."""
    return "bm25(search)" if is_sqlite else "ts_rank(document, to_tsquery('simple', :words), 1) DESC"


def _parts(text: str) -> list[str]:
    """The words in what was typed, with nothing in them that a database could take for syntax."""
    kept = "".join(letter if letter.isalnum() or ord(letter) in _MARKS else " " for letter in words(text))
    return [part for part in kept.split() if any(letter.isalnum() for letter in part)]
