"""Files that other programs wrote, where they are at hand: read to the end, or refused in one sentence."""

import io
from pathlib import Path

import pytest

from crmcli.errors import InvalidValue
from crmcli.transfer.source import open_source

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "data"
FILES = sorted(path for kind in ("csv", "json", "txt") for path in FOLDER.rglob(f"*.{kind}"))


@pytest.mark.skipif(not FILES, reason="the folder of real files, ../shared/data, is not there")
def test_every_real_file_is_read_to_its_end_or_refused() -> None:
    read = refused = 0
    for path in FILES:
        try:
            with open_source(str(path), io.BytesIO(), encoding=None, delimiter=None) as source:
                for _ in source.rows():
                    pass
                assert source.position() == source.size
            read += 1
        except InvalidValue:
            refused += 1
    assert read > refused
