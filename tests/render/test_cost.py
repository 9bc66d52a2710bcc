"""What rendering may cost: memory for long lists, imports for short ones."""

import io
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator

import pytest

from crmcli.result import Row
from tests.render.screen import ACME, deals, look_at, printed


class Nowhere(io.StringIO):
    """A stream that forgets, and counts its writes."""

    writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        return len(text)


@pytest.mark.parametrize("format", ["jsonl", "json", "csv", "tsv", "ids"])
def test_a_long_list_is_written_in_constant_memory_and_few_writes(format: str) -> None:
    def rows() -> Iterator[Row]:
        for number in range(50_000):
            yield (f"O{number}", *ACME[1:])

    out = Nowhere()
    tracemalloc.start()
    try:
        printed(deals(rows()), format, look_at()._replace(out=out))
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()
    assert out.writes < 400


@pytest.mark.parametrize(
    ("format", "absent"),
    [
        ("tsv", "rich wcwidth json csv datetime decimal"),
        ("csv", "rich wcwidth json"),
        ("json", "rich wcwidth csv"),
        ("plain", "rich wcwidth json csv"),
    ],
)
def test_a_pipe_imports_nothing_to_draw_with(format: str, absent: str) -> None:
    program = f"""
import io, sys
before = set(sys.modules)
from crmcli.render import Look, render
from crmcli.result import Column, Table
columns = [Column("ref", "Ref", "link"), Column("name", "Name"), Column("at", "At", "instant")]
table = Table(columns, [("O1", "華信 Émilie", "2026-11-21T21:09:21Z")])
render(table, {format!r}, Look(io.StringIO(), io.StringIO()))
print(*(name for name in {absent.split()!r} if name in set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
