"""crm profile: what imports are told, kept under a name."""

from dataclasses import fields
from typing import Annotated, Any, Final

import typer

from crmcli.app import App
from crmcli.commands._kept import exported, kept_by, removed, text_of
from crmcli.commands._noun import DryRun, Noun, Yes, complete_column
from crmcli.errors import Refused
from crmcli.fields import BY_ENTITY
from crmcli.importing.profiles import (
    BUILT_IN,
    KEPT_AS,
    Profile,
    Told,
    profile_named,
    read_profile,
    saved,
    told_of,
    write_profile,
)
from crmcli.result import Column, Outcome, Record, Result, Table

COLUMNS: Final = (
    Column("name", "Name", cut="never"),
    Column("nouns", "For", "list"),
    Column("built_in", "Built in", "boolean"),
    Column("about", "About", wraps=True),
)
PAIRS: Final = ("map", "value", "set")

command = Noun(
    "profile",
    "Profiles: what imports of one kind of file are told, kept by `crm lead import FILE --save-profile NAME`.",
)


complete_saved = complete_column(
    f"SELECT substr(name, {len(KEPT_AS) + 1}) FROM setting"
    f" WHERE name LIKE '{KEPT_AS}%' AND value <> '' ORDER BY name"
)


def complete_profiles(ctx: typer.Context, incomplete: str) -> list[str]:
    """The profiles that are saved and those that are built in."""
    return [*complete_saved(ctx, incomplete), *(name for name in BUILT_IN if name.startswith(incomplete))]


Name = Annotated[str, typer.Argument(help="Its name.", autocompletion=complete_profiles)]


@command.verb("crm profile list", name="list")
def list_(app: App) -> Result:
    """List the profiles: those that were saved, then those that are built in."""
    known = [*saved(app.configured).values(), *BUILT_IN.values()]
    rows = [row(profile) for profile in known]
    return Table(COLUMNS, rows, title="Profiles", refs="name")


@command.verb("crm profile show google", "crm profile show google --json")
def show(app: App, name: Name) -> Result:
    """Show what a profile tells an import; one that is built in maps the headings that a file has."""
    profile = profile_named(app.configured, name)
    told = told_of(profile, profile.entities[0]) if profile.built_in else profile.told
    given = told.as_data()
    options = [each.name for each in fields(Told)]
    columns = [Column(name, name.replace("_", " ").capitalize(), kind_of(name)) for name in options]
    return Record(
        [*COLUMNS, *columns],
        [*row(profile), *(given.get(name) for name in options)],
        title=f"Profile {profile.name}",
    )


@command.verb("crm profile rm trade-fair --yes")
def rm(app: App, name: Name, yes: Yes = False, dry_run: DryRun = False) -> Result:
    """Delete a profile that was saved. `crm undo` brings it back."""
    profile = profile_named(app.configured, name)
    if profile.built_in:
        raise Refused(f"The profile {profile.name} is built in; it cannot be deleted.")
    what = f"the profile {profile.name}"
    return removed(app, what, profile.name, KEPT_AS + profile.name, yes=yes, dry_run=dry_run)


@command.verb("crm profile export trade-fair", "crm profile export trade-fair trade-fair.json")
def export(
    app: App,
    name: Name,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="- is standard output.")] = "-",
) -> Result:
    """Write a profile that was saved as JSON, for `crm profile import` on another database."""
    profile = profile_named(app.configured, name)
    if profile.built_in:
        raise Refused(f"The profile {profile.name} is built in: every database has it.")
    return exported(f"the profile {profile.name}", write_profile(profile) + "\n", file)


@command.verb("crm profile import trade-fair.json", name="import")
def import_(
    app: App,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="What `crm profile export` wrote.")],
    dry_run: DryRun = False,
) -> Result:
    """Save a profile from what `crm profile export` wrote; one of the same name is replaced."""
    profile = read_profile(text_of(app, file))
    with app.work(dry_run=dry_run, makes=True) as work:
        work.set_setting(KEPT_AS + profile.name, write_profile(profile))
    done, entry = kept_by(work, dry_run=dry_run)
    noun = BY_ENTITY[profile.entities[0]]
    said = f"{done} the profile {profile.name}: crm {noun.word} import FILE --profile {profile.name}"
    return Outcome([said], [profile.name], data={"name": profile.name, "entry": entry})


def row(profile: Profile) -> tuple[Any, ...]:
    """A profile as lists show it."""
    nouns = [BY_ENTITY[entity].word for entity in profile.entities]
    return profile.name, nouns, profile.built_in, profile.about or summary(profile.told)


def summary(told: Told) -> str:
    """What is told, in short: the fields that are mapped, and the other options."""
    given = told.as_data()
    mapped = [f"{heading} → {name}" for heading, name in given.pop("map", {}).items()]
    others = [f"--{name.replace('_', '-')}" for name in given]
    return ", ".join([*mapped, *others])


def kind_of(name: str) -> Any:
    """How the value of an option is shown."""
    if name in PAIRS:
        return "json"
    kinds = {"blank": "list", "create_parents": "boolean", "blank_clears": "boolean", "skip_lines": "number"}
    return kinds.get(name, "text")
