"""What the options of an import mean: how rows are read, where cells go, what is kept as a profile."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from crmcli.app import App
from crmcli.errors import InvalidValue
from crmcli.fields import FieldSpec
from crmcli.importing.how import How, checked, known_order
from crmcli.importing.profiles import (
    KEPT_AS,
    Profile,
    Told,
    checked_name,
    fitting,
    profile_named,
    write_profile,
)
from crmcli.transfer.mapping import HeadingPlan, fold_value, match_headings
from crmcli.transfer.source import Source, open_source

if TYPE_CHECKING:
    from crmcli.store.work import UnitOfWork


class Asked(NamedTuple):
    """What is asked of an import: what it is told, with its profile, and the name to keep that under.

    Of a built-in profile the headings are `offered`: those that the file has are mapped, and no others.
    """

    told: Told
    built_in: str | None = None
    offered: Mapping[str, str] = MappingProxyType({})
    save_as: str | None = None

    @classmethod
    def of(cls, app: App, entity: str, told: Told, profile: str | None, save: str | None) -> "Asked":
        """What was told here, over what its profile says. Raises NotFound, Refused, InvalidValue."""
        name = checked_name(save) if save else None
        if profile is None:
            return cls(told, save_as=name)
        found = profile_named(app.configured, profile)
        known = found.for_entity(entity)
        if not found.built_in:
            return cls(told.over(known), save_as=name)
        if name:
            raise InvalidValue(
                f"--save-profile keeps what is told here; the profile {found.name} is kept already.",
                hint="Leave out one of the two.",
                field="save_profile",
            )
        return cls(told.over(replace(known, map={})), found.name, known.map)

    def how(self, rejects: str | None) -> How:
        """How rows are to be read. Raises InvalidValue."""
        told = self.told
        known_order(told.date_order)
        keys = (key.strip().replace("-", "_") for key in (told.match or "").split(","))
        return checked(
            How(
                match=tuple(filter(None, keys)),
                mode=told.mode,
                values=told.value,
                create_parents=told.create_parents,
                blank_clears=told.blank_clears,
                keep_going=rejects is not None,
                blanks=frozenset(map(fold_value, told.blank)),
                keep=kept(told.keep),
            )
        )

    def plan(self, source: Source, fields: Sequence[FieldSpec]) -> HeadingPlan:
        """Where the cells go. Raises InvalidValue."""
        if source.is_blank:
            raise InvalidValue(f"{source.name} is empty.")
        if source.is_empty:
            return HeadingPlan(())
        told, headings = self.told, source.headings
        maps = fitting(self.offered, told.map, headings, self.built_in) if self.built_in else told.map
        only_maps = self.built_in is not None
        return match_headings(
            headings, fields, maps=maps, sets=told.set, extra=told.extra, only_maps=only_maps
        )

    def source(self, app: App, file: str, fields: Sequence[str]) -> Source:
        """The file, opened, for a noun with these fields. Raises InvalidValue."""
        told = self.told
        return open_source(
            file,
            app.stdin_bytes,
            encoding=told.encoding,
            delimiter=told.delimiter,
            headers=[name.strip() for name in told.headers.split(",")] if told.headers else None,
            skip_lines=told.skip_lines,
            fields=fields,
        )

    def save_profile(self, work: "UnitOfWork", entity: str) -> None:
        """Keep what was told under its name, in the act of the import."""
        if self.save_as:
            profile = Profile(self.save_as, (entity,), self.told)
            work.set_setting(KEPT_AS + self.save_as, write_profile(profile))


def kept(text: str | None) -> frozenset[str]:
    """The fields that --keep names."""
    return frozenset(name.strip().replace("-", "_") for name in (text or "").split(",") if name.strip())


def decimal_mark(text: str | None) -> str | None:
    """The sign of a decimal mark, which may be given by its name. Raises InvalidValue."""
    if text is None:
        return None
    marks = {"comma": ",", "point": ".", ",": ",", ".": "."}
    if text.strip().casefold() not in marks:
        raise InvalidValue(f"{text!r} is not a decimal mark; there are comma and point.", field="decimal")
    return marks[text.strip().casefold()]
