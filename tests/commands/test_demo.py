"""crm demo: the main job on a sample database, beside one's own."""

from pathlib import Path

import pytest

from tests.conftest import Crm

pytestmark = pytest.mark.sqlite  # the sample is a file wherever one's own database is


def test_the_demo_reads_like_a_transcript_and_leaves_ones_own_alone(
    crm: Crm, home: Path, tmp_path: Path
) -> None:
    crm.ok("lead add Mine")
    before = (tmp_path / "crm.db").read_bytes()
    run = crm.ok("demo")
    for typed in (
        "lead import",
        "lead convert L2",
        "opp win O3",
        "opp lose O5 --reason",
        "log call",
        "pipeline",
        "forecast",
    ):
        assert f"$ crm {typed}" in run.out
    assert "华信科技" in run.out
    assert (
        run.out.index("$ crm lead import") < run.out.index("8 created") < run.out.index("$ crm lead convert")
    )
    assert (tmp_path / "crm.db").read_bytes() == before
    sample = home / ".local" / "share" / "crmcli" / "demo.db"
    assert f"crm --db {sample}" in run.err
    assert len(crm.ok("--db", sample, "opp", "list", "--json").json) == 5
    assert crm.ok("--db", sample, "doctor").code == 0
    crm.ok("demo")  # and again
    assert len(crm.ok("--db", sample, "opp", "list", "--json").json) == 5


@pytest.mark.parametrize("today", ["2026-01-01", "2026-03-31", "2028-02-29", "2026-12-31"])
def test_the_demo_works_on_any_day(crm: Crm, tmp_path: Path, today: str) -> None:
    run = crm.ok("demo", "--keep", tmp_path / "sample.db", "--json", today=today)
    assert run.json == {"database": str(tmp_path / "sample.db")}


def test_the_demo_never_replaces_anything_else(crm: Crm, tmp_path: Path) -> None:
    crm.ok("lead add Mine")
    own = tmp_path / "crm.db"
    before = own.read_bytes()
    assert "not a sample database" in crm.fails(4, "demo", "--keep", own).err
    assert own.read_bytes() == before
    text = tmp_path / "notes.txt"
    text.write_text("Dear diary\n" * 100)
    crm.fails(4, "demo", "--keep", text)
    assert text.read_text().startswith("Dear diary")
