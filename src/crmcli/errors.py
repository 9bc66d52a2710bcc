"""The ways a command can fail, each with the exit code a script can rely on."""

from collections.abc import Sequence


class CrmError(Exception):
    """A failure that was expected: one sentence for the user, and an exit code."""

    exit_code = 1
    code = "failure"

    def __init__(
        self, message: str, *, hint: str | None = None, field: str | None = None, details: object = None
    ) -> None:
        super().__init__(message)
        self.details = details  # further facts, for programs
        self.message = message
        self.hint = hint
        self.field = field


class InvalidValue(CrmError):
    """What was typed cannot be understood, or is not allowed."""

    exit_code = 2
    code = "invalid_value"


class NotFound(CrmError):
    """A reference names nothing."""

    exit_code = 3
    code = "not_found"


class Conflict(CrmError):
    """The act clashes with what is there, or a reference names several records."""

    exit_code = 4
    code = "conflict"


class Refused(CrmError):
    """A rule of the business forbids it."""

    exit_code = 5
    code = "refused"


class DatabaseError(CrmError):
    """The database is missing, foreign, newer, locked, read-only, full or damaged."""

    exit_code = 6
    code = "database"


class Declined(CrmError):
    """The user was asked and said no; nothing was done, and that is no failure."""

    exit_code = 0
    code = "declined"


class Interrupted(CrmError):
    """The user broke off; nothing was written."""

    exit_code = 130
    code = "interrupted"


def suggestion(word: str, known: Sequence[str]) -> str | None:
    """The known name that was probably meant, whole or by one of its words; None where nothing is close."""
    from difflib import get_close_matches

    whole = {name.casefold(): name for name in reversed(known)}
    words = {part: name for fold, name in whole.items() for part in fold.replace("/", " ").split()}
    for by_fold, cutoff in ((whole, 0.6), (words, 0.75)):
        close = get_close_matches(word.casefold(), by_fold, n=1, cutoff=cutoff)
        if close:
            return f"Did you mean {by_fold[close[0]]!r}?"
    return None
