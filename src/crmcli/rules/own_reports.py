"""Reports of one's own: what one is asked for, kept under a name, and as JSON to be carried elsewhere."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final
from unicodedata import normalize

from crmcli.errors import InvalidValue, NotFound, suggestion
from crmcli.fields import noun_named

KEPT_AS: Final = "report:"  # what the setting that keeps a report begins with
LONGEST: Final = 40
UNITS: Final = ("day", "week", "month", "quarter", "year")  # what days can be grouped by
WAYS: Final = ("sum", "avg", "min", "max")
COUNT: Final = "count"
CHARTS: Final = ("bars", "columns")


@dataclass(frozen=True, slots=True)
class Definition:
    """What a report is asked for: a list of `fields`, or `measures` of groups, one row for each.

    `by` holds fields, a date with its unit (close_date:month); `measures` are count and sum:amount; the others
    are as they are typed.
    """

    name: str
    noun: str
    filter: str = ""
    by: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    sort: str = ""
    top: int = 0  # 0 is all
    chart: str = ""
    title: str = ""

    @property
    def key(self) -> str:
        """The setting it is kept as."""
        return KEPT_AS + folded_name(self.name)

    def as_data(self) -> dict[str, Any]:
        """The definition as JSON has it."""
        given = {"report": self.name} | {each.name: getattr(self, each.name) for each in fields(self)[1:]}
        return {name: None if value in ("", 0) else value for name, value in given.items()}


def checked_name(text: str, taken: Collection[str]) -> str:
    """A name under which a report may be kept. Raises InvalidValue."""
    name = " ".join(normalize("NFC", text).split())
    if not name or name.startswith("-") or not name.isprintable():
        raise InvalidValue(f"{text!r} is no name for a report.", hint='"Open by owner"', field="name")
    if max(len(name), len(name.casefold())) > LONGEST:
        raise InvalidValue(f"The name of a report has {LONGEST} characters at most.", field="name")
    if name.casefold() in taken:
        raise InvalidValue(
            f"{name} is a command of `crm report` already.", hint="Take another name.", field="name"
        )
    return name


def folded_name(text: str) -> str:
    """A name as it is looked up, and kept: without case."""
    return " ".join(normalize("NFC", text).split()).casefold()


def kept(settings: Mapping[str, str]) -> dict[str, Definition | None]:
    """The reports among the settings of a database, by name without case; None is one that cannot be read.

    Another version of the program, or another hand, may have kept it: the others are well all the same.
    """
    found: dict[str, Definition | None] = {}
    for key in sorted(settings):
        if key.startswith(KEPT_AS) and settings[key]:
            try:
                found[key.removeprefix(KEPT_AS)] = read_definition(settings[key])
            except InvalidValue:
                found[key.removeprefix(KEPT_AS)] = None
    return found


def report_named(settings: Mapping[str, str], text: str, others: Collection[str] = ()) -> Definition:
    """The report of a name. Raises NotFound with a suggestion, which may be one of the `others`.

    Raises InvalidValue where it cannot be read.
    """
    known = kept(settings)
    name = folded_name(text)
    if name not in known:
        names = [*(definition.name if definition else each for each, definition in known.items()), *others]
        raise NotFound(
            f"There is no report {text!r}.",
            hint=suggestion(text, names) or "`crm report list` shows them.",
            field="name",
        )
    found = known[name]
    if found is None:
        raise InvalidValue(
            f"The report {name} cannot be read: it is not as this version keeps reports.",
            hint=f"`crm report rm {name!r}` deletes it.",
            field="name",
        )
    return found


def write_definition(definition: Definition) -> str:
    """A report as JSON, as it is kept and exported."""
    given = {name: value for name, value in definition.as_data().items() if value}
    return json.dumps(given, ensure_ascii=False, indent=2)


def read_definition(text: str) -> Definition:
    """A report from the JSON of `write_definition`. Raises InvalidValue for anything else."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not {"report", "noun"} <= document.keys():
        raise InvalidValue("This is no report: a JSON object with report and noun.", field="file")
    for key, value in document.items():
        if key not in SHAPES:
            raise InvalidValue(f"A report has no {key!r}.", hint=suggestion(key, list(SHAPES)), field="file")
        if not SHAPES[key](value):
            raise InvalidValue(f"{key} of the report is not as it is exported.", field="file")
    name, noun = checked_name(document.pop("report"), ()), noun_named(document.pop("noun"))
    given: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in document.items()
    }
    return Definition(name, noun.word, **given)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


SHAPES: Final[dict[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("report", "noun", "filter", "sort", "chart", "title"), _is_text),
    **dict.fromkeys(("by", "measures", "fields"), _is_texts),
    "top": lambda value: type(value) is int and value >= 0,
}


def summary(definition: Definition) -> str:
    """What a report is asked for, in short."""
    parts = [definition.noun]
    if definition.filter:
        parts.append(definition.filter)
    if definition.by:
        parts.append(f"by {', '.join(definition.by)}")
    parts.append(", ".join(definition.measures or definition.fields))
    if definition.sort:
        parts.append(f"sorted by {definition.sort}")
    if definition.top:
        parts.append(f"top {definition.top}")
    return " · ".join(filter(None, parts))
