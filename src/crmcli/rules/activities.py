"""Activities: what has happened, so never in the future."""

from datetime import datetime, tzinfo

from crmcli.errors import InvalidValue


def refuse_future(moment: datetime, now: datetime, zone: tzinfo) -> None:
    """What is logged has happened. Raises InvalidValue."""
    if moment > now:
        raise InvalidValue(
            f"{moment.astimezone(zone):%Y-%m-%d %H:%M} is in the future; what is logged has happened.",
            hint="What is still to come is a task: crm task add SUBJECT --due-date DATE",
            field="happened_at",
        )
