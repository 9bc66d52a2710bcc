"""Profiles: what imports of one kind of file are told, kept under a name; some are built in."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final, Self

from crmcli.errors import InvalidValue, NotFound, Refused, suggestion
from crmcli.fields import BY_ENTITY, noun_named
from crmcli.transfer.mapping import fold

KEPT_AS: Final = "profile:"  # what the setting that keeps a profile begins with
LONGEST: Final = 40


@dataclass(frozen=True, slots=True)
class Told:
    """What an import was told, by the names of its options."""

    map: Mapping[str, str] = field(default_factory=dict)
    value: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    set: Mapping[str, str] = field(default_factory=dict)
    blank: tuple[str, ...] = ()
    match: str | None = None
    mode: str | None = None
    extra: str | None = None
    keep: str | None = None
    create_parents: bool = False
    blank_clears: bool = False
    date_order: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    headers: str | None = None
    skip_lines: int | None = None

    def over(self, profile: Self) -> Self:
        """What is told beside a profile: its pairs and texts are added to, all else it says goes first."""
        both = {each.name: (getattr(self, each.name), getattr(profile, each.name)) for each in fields(self)}
        return type(self)(**{name: merged(*pair) for name, pair in both.items()})

    def as_data(self) -> dict[str, Any]:
        """What was told, as JSON has it; options that were not given are left out."""
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in given.items() if value or (value == 0 and value is not False)}


@dataclass(frozen=True, slots=True)
class Profile:
    """What imports of a noun are told. One that is built in is for files of a program, in any of its versions."""

    name: str
    entities: tuple[str, ...]
    told: Told
    about: str = ""
    built_in: bool = False

    def for_entity(self, entity: str) -> Told:
        """What it tells imports of an entity. Raises Refused where it is for another."""
        if entity not in self.entities:
            plurals = " and ".join(BY_ENTITY[known].plural for known in self.entities)
            raise Refused(
                f"The profile {self.name} is for {plurals}, not for {BY_ENTITY[entity].plural}.",
                hint=f"crm {BY_ENTITY[self.entities[0]].word} import FILE --profile {self.name}",
            )
        return told_of(self, entity) if self.built_in else self.told


def merged(given: Any, known: Any) -> Any:
    """An option as it was given, over what a profile says."""
    if isinstance(known, Mapping):
        by_fold = {fold(name): name for name in known}
        result = dict(known)
        for name, value in given.items():
            before = result.pop(by_fold.get(fold(name), name), None)
            result[name] = {**before, **value} if isinstance(before, Mapping) else value
        return result
    if isinstance(known, tuple):
        return tuple(dict.fromkeys((*known, *given)))
    if isinstance(known, bool):
        return given or known
    return known if given is None else given


# --- those that users saved -------------------------------------------------------------------------------


def checked_name(text: str) -> str:
    """A name under which a profile may be saved. Raises InvalidValue."""
    name = text.strip().casefold()
    if not name.replace("-", "").replace("_", "").isalnum() or len(name) > LONGEST:
        raise InvalidValue(
            f"{text!r} is no name for a profile: letters, digits, - and _, at most {LONGEST} of them.",
            hint="--save-profile trade-fair",
            field="profile",
        )
    if name in BUILT_IN:
        raise InvalidValue(
            f"The profile {name} is built in.", hint="Save yours by another name.", field="profile"
        )
    return name


def saved(settings: Mapping[str, str]) -> dict[str, Profile]:
    """The profiles among the settings of a database, by name."""
    found = {}
    for key in sorted(settings):
        if key.startswith(KEPT_AS) and settings[key]:
            profile = read_profile(settings[key])
            found[profile.name] = profile
    return found


def profile_named(settings: Mapping[str, str], text: str) -> Profile:
    """The profile of a name, saved or built in. Raises NotFound with a suggestion."""
    known = {**saved(settings), **BUILT_IN}
    name = text.strip().casefold()
    if name not in known:
        raise NotFound(
            f"There is no profile {text!r}.",
            hint=suggestion(name, list(known)) or f"There are {', '.join(known)}.",
            field="profile",
        )
    return known[name]


def write_profile(profile: Profile) -> str:
    """A profile as JSON, as it is kept and exported."""
    noun = BY_ENTITY[profile.entities[0]].word
    document = {"profile": profile.name, "noun": noun, **profile.told.as_data()}
    return json.dumps(document, ensure_ascii=False, indent=2)


def read_profile(text: str) -> Profile:
    """A profile from the JSON of `write_profile`. Raises InvalidValue for anything else."""
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict) or not {"profile", "noun"} <= document.keys():
        raise InvalidValue("This is no profile: a JSON object with profile and noun.", field="file")
    for key, value in document.items():
        if key not in SHAPES:
            raise InvalidValue(f"A profile has no {key!r}.", hint=suggestion(key, list(SHAPES)), field="file")
        if not SHAPES[key](value):
            raise InvalidValue(f"{key} of the profile is not as it is exported.", field="file")
    name, noun = checked_name(document.pop("profile")), noun_named(document.pop("noun"))
    told = Told(**{**document, "blank": tuple(document.get("blank", ()))})
    return Profile(name, (noun.entity,), told)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_pairs(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


SHAPES: Final[dict[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("profile", "noun", *(each.name for each in fields(Told))), _is_text),
    **dict.fromkeys(("map", "set"), _is_pairs),
    "value": lambda value: isinstance(value, dict) and all(map(_is_pairs, value.values())),
    "blank": _is_texts,
    **dict.fromkeys(("create_parents", "blank_clears"), lambda value: isinstance(value, bool)),
    "skip_lines": lambda value: type(value) is int and value >= 0,
}


# --- those that are built in ------------------------------------------------------------------------------

# A field, and the headings that fill it: the first of them that a file has; the others, like whatever else it
# has, go to the description. What people work at is the account of a contact and the company of a lead.
ADDRESS_BOOKS: Final[dict[str, tuple[str, dict[str, tuple[str, ...]]]]] = {
    "google": (
        "Google Contacts: Google CSV, of today and of before 2024",
        {
            "name": ("Name",),
            "first_name": ("First Name", "Given Name"),
            "last_name": ("Last Name", "Family Name"),
            "account": ("Organization Name", "Organization 1 - Name"),
            "title": ("Organization Title", "Organization 1 - Title"),
            "department": ("Organization Department", "Organization 1 - Department"),
            "email": ("E-mail 1 - Value",),
            "phone": ("Phone 1 - Value",),
            "street": ("Address 1 - Street",),
            "city": ("Address 1 - City",),
            "state": ("Address 1 - Region",),
            "postal_code": ("Address 1 - Postal Code",),
            "country": ("Address 1 - Country",),
            "description": ("Notes",),
        },
    ),
    "outlook": (
        "Outlook: contacts as CSV",
        {
            "first_name": ("First Name",),
            "last_name": ("Last Name",),
            "account": ("Company",),
            "title": ("Job Title",),
            "department": ("Department",),
            "email": ("E-mail Address",),
            "phone": ("Business Phone", "Primary Phone", "Home Phone"),
            "mobile": ("Mobile Phone",),
            "street": ("Business Street",),
            "city": ("Business City",),
            "state": ("Business State",),
            "postal_code": ("Business Postal Code",),
            "country": ("Business Country/Region", "Business Country"),
            "description": ("Notes",),
        },
    ),
    "thunderbird": (
        "Thunderbird: an address book as CSV",
        {
            "name": ("Display Name",),
            "first_name": ("First Name",),
            "last_name": ("Last Name",),
            "account": ("Organization",),
            "title": ("Job Title",),
            "department": ("Department",),
            "email": ("Primary Email",),
            "phone": ("Work Phone", "Home Phone"),
            "mobile": ("Mobile Number",),
            "street": ("Work Address",),
            "city": ("Work City",),
            "state": ("Work State",),
            "postal_code": ("Work ZipCode",),
            "country": ("Work Country",),
            "description": ("Notes",),
        },
    ),
    "linkedin": (
        "LinkedIn: Connections.csv",
        {
            "first_name": ("First Name",),
            "last_name": ("Last Name",),
            "account": ("Company",),
            "title": ("Position",),
            "email": ("Email Address",),
        },
    ),
}
NOT_OF_LEADS: Final = frozenset({"department"})


def told_of(profile: Profile, entity: str) -> Told:
    """What a built-in profile tells imports of an entity."""
    map = {}
    for name, headings in ADDRESS_BOOKS[profile.name][1].items():
        if entity == "lead" and name in NOT_OF_LEADS:
            continue
        known = "company" if entity == "lead" and name == "account" else name
        map.update(dict.fromkeys(headings, known))
    return Told(map=map, extra="note", create_parents=entity == "contact")


BUILT_IN: Final = {
    name: Profile(name, ("contact", "lead"), Told(extra="note"), about, built_in=True)
    for name, (about, _) in ADDRESS_BOOKS.items()
}


def fitting(
    offered: Mapping[str, str], given: Mapping[str, str], headings: Sequence[str], name: str
) -> dict[str, str]:
    """What was given, and what a built-in profile maps of the headings that a file has, once for each field.

    Raises InvalidValue for a file that has none of them.
    """
    has = {fold(heading): heading for heading in headings if heading}
    filled, found = set(given.values()), dict(given)
    told = set(map(fold, given))
    known = [heading for heading in offered if fold(heading) in has]
    if not known:
        raise InvalidValue(
            f"The file has no heading that the profile {name} knows.",
            hint=f"It knows {', '.join(list(offered)[:6])} and others; see `crm profile show {name}`.",
            field="profile",
        )
    for heading in known:
        if offered[heading] not in filled and fold(heading) not in told:
            found[heading] = offered[heading]
            filled.add(offered[heading])
    return found
