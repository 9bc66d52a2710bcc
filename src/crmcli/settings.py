"""Where the database is and how the program was asked to behave; declared once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line and the environment say, before any database is opened.

    `database` is a path or a URL; `named` tells whether the user named it (a missing database that was
    named is an error; the per-user one is made by the first write). `actor_named` tells whether the actor
    was named by --as, which must be a user's name; the environment may name one who is yet to become a user.
    """

    database: str
    named: bool
    actor: str | None = None
    actor_named: bool = False
    prompts: bool = True
    color: str = "auto"
    quiet: bool = False


def per_user_database(environ: Mapping[str, str]) -> Path:
    """The database of this user: crm.db in the platform's user data directory."""
    data_home = environ.get("XDG_DATA_HOME")
    if os.name == "posix" and not data_home and os.uname().sysname != "Darwin":
        # The common case without the import: the XDG default.
        home = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - no environment in Path.home
        return Path(home) / ".local" / "share" / "crmcli" / "crm.db"
    from platformdirs import user_data_path

    return user_data_path("crmcli", appauthor=False) / "crm.db"


def settings_from(
    environ: Mapping[str, str],
    *,
    database: str | None = None,
    actor: str | None = None,
    prompts: bool = True,
    color: str = "auto",
    quiet: bool = False,
) -> Settings:
    """The settings of one run; options win over the environment, which wins over the defaults."""
    named = database or environ.get("CRMCLI_DB")
    return Settings(
        database=named or str(per_user_database(environ)),
        named=bool(named),
        actor=actor or environ.get("CRMCLI_USER") or None,
        actor_named=actor is not None,
        prompts=prompts,
        color=color,
        quiet=quiet,
    )
