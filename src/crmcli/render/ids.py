"""The references alone, one a line, for `xargs` and loops."""

from collections.abc import Iterable
from itertools import groupby

from crmcli.errors import InvalidValue
from crmcli.render.clean import clean
from crmcli.render.look import Look
from crmcli.render.stream import pour
from crmcli.result import Record, Table


def write(result: Table | Record, look: Look) -> None:
    """The references of a list, or of the one record; rows that follow one another about the same are one."""
    name = "ref" if isinstance(result, Record) else result.refs
    at = next((index for index, column in enumerate(result.columns) if column.name == name), None)
    if at is None:
        raise InvalidValue(
            "This has no references to print as ids.",
            hint="Use --format tsv or --format json.",
            field="format",
        )
    rows = [result.row] if isinstance(result, Record) else result.rows
    write_refs((ref for ref, _ in groupby(row[at] for row in rows) if ref is not None), look)


def write_refs(refs: Iterable[object], look: Look) -> None:
    """The given references."""
    pour((f"{clean(str(ref)) if look.terminal else ref}\n" for ref in refs), look.out)
