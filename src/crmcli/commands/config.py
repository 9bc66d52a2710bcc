"""crm config: what is configured in the database."""

from typing import Annotated, Final

import typer

from crmcli.app import App, zone_named
from crmcli.commands._noun import DryRun, Noun
from crmcli.errors import InvalidValue, suggestion
from crmcli.result import Column, Outcome, Record, Result, Table, Text

# Each setting, what it is for, and what it takes.
SETTINGS: Final = {
    "currency": ("The home currency: of amounts without one, and of totals", "USD, EUR, CNY"),
    "fiscal_year_start": ("The month the fiscal year starts in", "1 to 12, or its name"),
    "date_order": ("How 3/4/2026 is read", "dmy, mdy, ymd, or none to refuse it"),
    "timezone": ("Where days begin and end", "Europe/Berlin, Asia/Shanghai, or none for the machine's"),
    "country": ("Whose phone numbers lack a +: 030 1234 is +49 30 1234 in DE", "DE, US, CN, or none"),
}
COLUMNS: Final = (
    Column("name", "Name", cut="never"),
    Column("value", "Value", cut="later"),
    Column("help", "What for", wraps=True),
)
MONTHS: Final = "jan feb mar apr may jun jul aug sep oct nov dec".split()

command = Noun(
    "config",
    "Currency, fiscal year, date order, time zone and country of phone numbers, as this database keeps them.",
)

Name = Annotated[str, typer.Argument(help=", ".join(SETTINGS), autocompletion=lambda: list(SETTINGS))]


@command.verb("crm config list", name="list")
def list_(app: App) -> Result:
    """List what is configured."""
    found = app.read().settings()
    rows = [(name, found.get(name) or None, what) for name, (what, _) in SETTINGS.items()]
    return Table(COLUMNS, rows, title="Configuration", refs="name")


@command.verb("crm config get currency")
def get(app: App, name: Name) -> Result:
    """Print one setting."""
    known = setting_named(name)
    value = app.read().settings().get(known) or None
    if app.output is not None and app.output.format is not None:
        return Record(COLUMNS, (known, value, SETTINGS[known][0]))
    return Text(value or "")


@command.verb("crm config set currency EUR", "crm config set fiscal_year_start april", name="set")
def set_(
    app: App,
    name: Name,
    value: Annotated[str, typer.Argument(help="Its new value; none clears it.")],
    dry_run: DryRun = False,
) -> Result:
    """Change one setting. `crm undo` takes it back.

    With a country, phone numbers are matched in their international form: all that are there, by reading them
    anew, and those to come. They are kept and shown as they were typed. It needs the extra `phones`.
    """
    known = setting_named(name)
    wanted = checked(known, value)
    with app.work(dry_run=dry_run, makes=True) as work:
        old = work.reader.settings().get(known, "")
        work.set_setting(known, wanted)
        entry = work.entry if work.wrote and not dry_run else None
    change = f"{known} is {wanted or 'none'}" + (f", was {old or 'none'}." if old != wanted else " already.")
    said = [f"Would be: {change}" if dry_run else change]
    return Outcome(said, data={"name": known, "value": wanted or None, "old": old or None, "entry": entry})


def setting_named(name: str) -> str:
    """The setting that is meant. Raises InvalidValue with a suggestion."""
    wanted = name.strip().casefold().replace("-", "_")
    if wanted not in SETTINGS:
        raise InvalidValue(
            f"There is no setting {name!r}. There are {', '.join(SETTINGS)}.",
            hint=suggestion(wanted, list(SETTINGS)),
            field="name",
        )
    return wanted


def checked(name: str, value: str) -> str:
    """A value as it is kept; blank for none. Raises InvalidValue."""
    text = value.strip()
    blank = text.casefold() in ("", "none")
    try:
        match name:
            case "currency":
                from crmcli.values.money import check_currency

                return check_currency(text)
            case "fiscal_year_start":
                return str(month_of(text))
            case "date_order":
                return "" if blank else order_of(text)
            case "country":
                from crmcli.values.keys import check_country

                return "" if blank else check_country(text)
            case _:
                if not blank:
                    zone_named(text)
                return "" if blank else text
    except InvalidValue as error:
        raise InvalidValue(
            f"{name}: {error.message}", hint=error.hint or f"It takes {SETTINGS[name][1]}.", field=name
        ) from error


def month_of(text: str) -> int:
    """The number of a month: 4, Apr and april are 4."""
    if text.isdecimal() and 1 <= int(text) <= 12:
        return int(text)
    folded = text.casefold()
    full = "january february march april may june july august september october november december".split()
    for number, (short, long) in enumerate(zip(MONTHS, full, strict=True), 1):
        if folded.startswith(short) and long.startswith(folded):
            return number
    raise InvalidValue(f"{text!r} is not a month.")


def order_of(text: str) -> str:
    from crmcli.values.dates import ORDERS

    if text.casefold() in ORDERS:
        return text.casefold()
    raise InvalidValue(f"{text!r} is not an order of day, month and year.")
