"""The grammar of filters: from text such as `stage:won amount>10k -owner:me` to terms."""

import re
from dataclasses import dataclass
from typing import Final

from crmcli.errors import InvalidValue

_QUOTED: Final = r'"(?:[^"]|"")*"'
_OPERATOR: Final = r"!=|<=|>=|[:=<>]"


@dataclass(frozen=True, slots=True)
class Term:
    """One term as it was typed: `-source=Web,Phone`. Free words have no field and no operator."""

    text: str
    position: int  # of its first character in the filter, from 1
    negated: bool
    field: str
    operator: str
    values: tuple[str, ...]  # any of them; an empty one stands for blank

    @property
    def whole(self) -> str:
        """The value where a comma does not part it."""
        return ",".join(self.values)


def parse_filter(text: str) -> list[Term]:
    """The terms of a filter. Raises InvalidValue, which names the term and its position.

    Double quotes may stand anywhere; what they hold is taken as it is, and a quote in them is written twice.
    """
    if any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in text):
        raise InvalidValue("The filter has characters in it that are not text.", field="filter")
    terms = []
    for found in re.finditer(rf'(?:{_QUOTED}|[^\s"])+|"', text):
        if found[0] == '"':
            raise InvalidValue(f"The quote at position {found.start() + 1} is not closed.", field="filter")
        terms.append(_term(found[0], found.start() + 1))
    return terms


def _term(typed: str, position: int) -> Term:
    """One term; `mask` is its letters with NUL for those in quotes, which mean nothing but themselves."""
    letters = mask = ""
    for piece in re.finditer(rf'{_QUOTED}|[^"]+', typed):
        inner = piece[0]
        if inner[0] == '"':
            inner = inner[1:-1].replace('""', '"')
        letters += inner
        mask += "\0" * len(inner) if piece[0][0] == '"' else inner
    minus = len(mask) - len(mask.lstrip("-"))
    letters, mask, negated = letters[minus:], mask[minus:], minus % 2 == 1
    found = re.search(_OPERATOR, mask)
    if found is None:
        if not letters.strip():
            raise at_term(typed, position, InvalidValue("there is nothing to search for."))
        return Term(typed, position, negated, "", "", (letters,))
    if found.end() < len(mask) and mask[found.end()] in "=<>:":
        wrong = f"there is no operator {found[0] + mask[found.end()]!r}."
        raise at_term(typed, position, InvalidValue(wrong, hint="Operators: : = != < <= > >="))
    field = letters[: found.start()].strip()
    if not field:
        raise at_term(typed, position, InvalidValue("a field is missing before the operator."))
    return Term(typed, position, negated, field, found[0], _parted(letters, mask, found.end()))


def _parted(letters: str, mask: str, start: int) -> tuple[str, ...]:
    """The alternatives of a value: commas part them, except in quotes."""
    ends = [index for index in range(start, len(mask)) if mask[index] == ","]
    begins = [start, *(index + 1 for index in ends)]
    return tuple(letters[begin:end].strip() for begin, end in zip(begins, [*ends, None], strict=True))


def at_term(typed: str, position: int, error: InvalidValue) -> InvalidValue:
    """An error that names its term and where it stands."""
    shown = typed if len(typed) <= 60 else typed[:59] + "…"
    return InvalidValue(
        f"Filter term {shown!r} (position {position}): {error.message}",
        hint=error.hint,
        field=error.field or "filter",
    )


def is_one_number(term: Term) -> bool:
    """Whether the commas in a value group the digits of one number. Raises InvalidValue where they may not.

    `50,000` and `1.250,50` are one number, `10,20` and `1000,2000` are two, `100,200` may be either.
    """
    bare = re.sub(_QUOTED, '""', term.text)
    if len(term.values) < 2:
        return False
    if re.search(r"[0-9]\.[0-9]{3},[0-9]{1,2}(?![0-9,])", bare):
        return True
    if not re.search(r"(?<![0-9,])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])", bare):
        return False
    if re.search(r",0[0-9]{2}(?![0-9])", bare):
        return True
    one, several = "".join(term.values), ",".join(f'"{value}"' for value in term.values)
    raise InvalidValue(f"{term.whole} could be one number or several.", hint=f"Write {one}, or {several}.")
