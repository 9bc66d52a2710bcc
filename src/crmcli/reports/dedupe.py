"""Dedupe: the pairs of live records that are probably one, the most probable first.

Comparing each record with every other takes n² comparisons. Instead, records that share a key (a mailbox,
a phone number, a company, how their name begins) make a *block*, and only within a block each is compared
with each. A block that is too large is split by finer keys; what is still too large then is left out, and
said to be.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, islice
from typing import Any, Final, NamedTuple

from crmcli.fields import BY_ENTITY, counted, reference
from crmcli.result import Column, Table
from crmcli.rules.duplicates import (
    LEAST,
    Likeness,
    Traits,
    company,
    is_east_asian,
    person,
    same_company,
    same_person,
)
from crmcli.store.reader import Reader

MOST: Final = 50  # records of a block that are compared each with each
BUSY: Final = 5  # records that have a phone number before it is a switchboard's
AT_ONCE: Final = 200  # pairs whose names are read at a time

COLUMNS: Final = (
    Column("noun", "Noun", hidden=True, cut="never", minor=1),
    Column("score", "Score", "number"),
    Column("first", "First", "link"),
    Column("first_name", "Name", room=10),
    Column("second", "Second", "link"),
    Column("second_name", "Name", room=10),
    Column("reasons", "Why", "list", room=26, wraps=True),
    Column("pair", "Pair", hidden=True),
)

Records = dict[int, Traits]  # by id
Keys = Callable[[Traits], Iterable[str]]


class Kind(NamedTuple):
    """How records of an entity are read, grouped and compared."""

    sql: str
    traits: Callable[[tuple[Any, ...]], Traits]
    same: Callable[[Traits, Traits], Likeness | None]
    blocks: Callable[[Records], dict[str, Keys]]  # what a block has in common, in words
    finer: Sequence[Callable[[Traits], str]]  # what splits one that is too large


@dataclass(slots=True)
class Duplicates:
    """What was found in the records of an entity, and what was not looked at."""

    entity: str
    records: Records
    same: Callable[[Traits, Traits], Likeness | None]
    pairs: list[tuple[int, int]] = field(default_factory=list)  # the most probable first
    left_out: list[tuple[list[int], str]] = field(default_factory=list)  # who share what, too many

    def sentence(self) -> str:
        """What was left out, in words; empty where nothing was."""
        if not self.left_out:
            return ""
        ids = {id for group, _ in self.left_out for id in group}
        most, why = max(self.left_out, key=lambda group: len(group[0]))
        return (
            f"Not compared for what they share, being too many: {counted(len(ids), self.entity)};"
            f" {len(most):,} of them have the same {why}."
        )


# --- what is compared ---------------------------------------------------------------------------------


def _person(row: tuple[Any, ...]) -> Traits:
    name, at, email, phone, mobile, website, street, postal_code, city, country = row
    return person(name, at, email, (phone, mobile), website, (street, postal_code, city), country)


def _company(row: tuple[Any, ...]) -> Traits:
    name, website, phone, street, postal_code, city, country, parent = row
    return company(name, website, (phone,), (street, postal_code, city), country, parent)


def initials(traits: Traits) -> str:
    """How the words of a name begin; of a name in characters the first of them."""
    if is_east_asian(traits.turned):
        return traits.turned[0]
    return "".join(word[0] for word in traits.turned.split())


def beginning(traits: Traits) -> str:
    return traits.turned[: 3 if is_east_asian(traits.turned) else 6]


def of_people(_: Records) -> dict[str, Keys]:
    """The keys that leads and contacts share with their duplicates."""
    return {
        "e-mail": lambda one: [one.mailbox],
        "phone": lambda one: one.phones | one.lines,
        "name": lambda one: [one.turned],
        "company": lambda one: [one.company],
        "domain": lambda one: [one.domain],
        "initials and beginning of the company's name": lambda one: (
            [f"{initials(one)} {one.company[:3]}"] if one.company else []
        ),
    }


def of_companies(records: Records) -> dict[str, Keys]:
    """The keys that accounts share with their duplicates. The rarest words of a name tell the most."""
    often = Counter(word for traits in records.values() for word in parts(traits))
    return {
        "website": lambda one: [one.domain],
        "phone": lambda one: one.phones | one.lines,
        "word in the name": lambda one: sorted(parts(one), key=lambda word: (often[word], word))[:2],
        "beginning of the name": lambda one: [one.turned[: 4 if is_east_asian(one.turned) else 5]],
        "end of the name": lambda one: [one.name[-5:]] if one.name.isascii() else [],
    }


def parts(traits: Traits) -> set[str]:
    """The words of a name; of a name in characters every two that follow each other."""
    if is_east_asian(traits.name):
        return {traits.name[at : at + 2] for at in range(max(1, len(traits.name) - 1))}
    return set(traits.name.split())


KINDS: Final = {
    "lead": Kind(
        "SELECT id, name, company, email, phone, mobile, website, street, postal_code, city, country"
        " FROM lead WHERE deleted_at IS NULL AND converted_at IS NULL ORDER BY id",
        _person,
        same_person,
        of_people,
        (initials, beginning, lambda one: one.company[:4]),
    ),
    "contact": Kind(
        "SELECT c.id, c.name, a.name, c.email, c.phone, c.mobile, a.website, c.street, c.postal_code, c.city,"
        " c.country FROM contact c LEFT JOIN account a ON a.id = c.account_id AND a.deleted_at IS NULL"
        " WHERE c.deleted_at IS NULL ORDER BY c.id",
        _person,
        same_person,
        of_people,
        (initials, beginning, lambda one: one.company[:4]),
    ),
    "account": Kind(
        "SELECT id, name, website, phone, street, postal_code, city, country, parent_id"
        " FROM account WHERE deleted_at IS NULL ORDER BY id",
        _company,
        same_company,
        of_companies,
        (initials, beginning, lambda one: one.turned[-6:]),
    ),
}


# --- the search ---------------------------------------------------------------------------------------


def duplicates(reader: Reader, entity: str) -> Duplicates:
    """Every pair of live records of an entity that is probably one, and what could not be compared."""
    kind = KINDS[entity]
    records = {row[0]: kind.traits(row[1:]) for row in reader.rows(kind.sql)}
    tell_switchboards(records)
    found = Duplicates(entity, records, kind.same)
    scores: dict[tuple[int, int], int] = {}
    for shared, keys in kind.blocks(records).items():
        for key, block in blocks_of(records, keys):
            for ids in split(block, records, kind.finer):
                if len(ids) > MOST:
                    found.left_out.append((ids, f"{shared} {key!r}"))
                else:
                    compare(ids, records, kind.same, scores)
    found.pairs = sorted(scores, key=lambda pair: (-scores[pair], pair))
    return found


def tell_switchboards(records: Records) -> None:
    """Keep apart the phone numbers that many records have: they say less."""
    often = Counter(number for traits in records.values() for number in traits.phones)
    busy = {number for number, count in often.items() if count > BUSY}
    for id, traits in records.items():
        if lines := traits.phones & busy:
            records[id] = traits._replace(phones=traits.phones - busy, lines=lines)


def blocks_of(records: Records, keys: Keys) -> Iterator[tuple[str, list[int]]]:
    """The records that share a key, where several do."""
    blocks: dict[str, list[int]] = defaultdict(list)
    for id, traits in records.items():
        for key in keys(traits):
            if key:
                blocks[key].append(id)
    return ((key, ids) for key, ids in blocks.items() if len(ids) > 1)


def split(
    block: list[int], records: Records, finer: Sequence[Callable[[Traits], str]]
) -> Iterator[list[int]]:
    """A block in parts that are small enough, or that no finer key takes apart."""
    if len(block) <= MOST or not finer:
        yield block
        return
    groups: dict[str, list[int]] = defaultdict(list)
    for id in block:
        groups[finer[0](records[id])].append(id)
    for group in groups.values():
        yield from split(group, records, finer[1:])


def compare(
    ids: list[int],
    records: Records,
    same: Callable[[Traits, Traits], Likeness | None],
    scores: dict[tuple[int, int], int],
) -> None:
    """Keep the pairs of a block that are probably one. Who belongs to another is known to be somebody else."""
    for pair in combinations(ids, 2):
        if pair in scores:
            continue
        one, other = records[pair[0]], records[pair[1]]
        likeness = same(one, other)
        if likeness is None or likeness.score < LEAST:
            continue
        if one.parent != pair[1] and other.parent != pair[0]:
            scores[pair] = likeness.score


# --- the table ----------------------------------------------------------------------------------------


def dedupe(reader: Reader, found: Sequence[Duplicates], limit: int | None) -> Table:
    """The pairs that were found, at most so many of each entity."""
    from dataclasses import replace

    several = len(found) > 1
    columns = [replace(each, hidden=not several) if each.name == "noun" else each for each in COLUMNS]
    what = "records" if several else BY_ENTITY[found[0].entity].plural
    return Table(
        columns,
        (row for each in found for row in rows(reader, each, limit)),
        title="Probable duplicates",
        empty=f"No two {what} look like one.",
        refs="pair",
    )


def rows(reader: Reader, found: Duplicates, limit: int | None) -> Iterator[list[Any]]:
    """A line for each pair, with what the records are called."""
    pairs = islice(found.pairs, limit)
    noun = BY_ENTITY[found.entity]
    while chunk := list(islice(pairs, AT_ONCE)):
        ids = ", ".join(str(id) for id in sorted({id for pair in chunk for id in pair}))
        names = dict(reader.rows(f"SELECT id, name FROM {found.entity} WHERE id IN ({ids})"))
        for one, other in chunk:
            likeness = found.same(found.records[one], found.records[other])
            assert likeness is not None
            first, second = reference(found.entity, one), reference(found.entity, other)
            yield [
                noun.word,
                likeness.score,
                first,
                names[one],
                second,
                names[other],
                list(likeness.reasons),
                f"{first} {second}",
            ]
