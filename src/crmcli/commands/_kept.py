"""What profiles and own reports share: kept under a name, they go from database to database as JSON."""

from pathlib import Path
from typing import Final

from crmcli.app import App
from crmcli.errors import InvalidValue
from crmcli.result import Outcome, Result, Text

LARGEST: Final = 1 << 20  # bytes of a file to be read


def exported(what: str, text: str, file: str) -> Result:
    """The JSON of something that is kept, on standard output or in a file."""
    if file == "-":
        return Text(text)
    from crmcli.transfer.whole_file import whole_file

    with whole_file(Path(file)) as out:
        out.write(text)
    return Outcome([f"Wrote {what} to {file}."], data={"file": file})


def text_of(app: App, file: str) -> str:
    """The text of a small file. Raises InvalidValue."""
    try:
        if file == "-":
            content = app.stdin_bytes.read(LARGEST)
        else:
            with Path(file).open("rb") as opened:
                content = opened.read(LARGEST)
        return content.decode("utf-8-sig")
    except OSError as error:
        raise InvalidValue(f"Cannot read {file}: {error.strerror or error}.", field="file") from None
    except UnicodeDecodeError:
        raise InvalidValue(f"{file} is not text in UTF-8.", field="file") from None
