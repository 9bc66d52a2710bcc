"""Every file that other programs wrote, as far as they are at hand: imported, or refused for a stated reason."""

import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Crm

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "data"
RUNS: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("shared_files.toml").read_text("utf-8"))[
    "run"
]
KINDS = (
    *("leads", "contacts", "vcards", "salesforce_dataloader", "fivetran_hubspot", "crm_synthetic"),
    *("maven_crm", "csv_torture", "text_robustness"),
)

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the folder of real files, ../shared/data, is not there"
)


def words(command: str, file: str, rejects: Path) -> list[str | Path]:
    """The words of a command, with the files it means."""
    named = {"FILE": FOLDER / file, "REJECTS": rejects}
    found = [named.get(word, word) for word in shlex.split(command)[1:]]
    return [FOLDER / word if isinstance(word, str) and (FOLDER / word).is_file() else word for word in found]


def assert_said(told: str, text: str) -> None:
    """Assert that the parts of a text between … stand in what was told, in this order."""
    at = 0
    for part in text.split("…"):
        found = told.find(part.strip(), at)
        assert found >= 0, f"{part.strip()!r} is not said in:\n{told}"
        at = found + len(part.strip())


@pytest.mark.parametrize("run", RUNS, ids=[f"{n}-{run['file']}" for n, run in enumerate(RUNS)])
def test_a_real_file_goes_in_or_is_refused_for_a_stated_reason(
    crm: Crm, tmp_path: Path, run: dict[str, Any]
) -> None:
    crm.today = "2026-03-02"
    if "before" in run:
        crm.ok(*words(run["before"], run["file"], tmp_path))
    command = words(run["command"], run["file"], tmp_path / "rejects.csv")
    if "refused" in run:
        assert_said(crm.fails(2, *command).err, run["refused"])
        return
    done = crm.fails(7 if "rejected" in run else 0, *command, "--json")
    counts = ("created", "updated", "unchanged", "rejected")
    assert [done.json[count] for count in counts] == [run.get(count, 0) for count in counts]
    assert_said(done.err, run.get("says", ""))


def test_no_file_is_left_out() -> None:
    there = {
        str(path.relative_to(FOLDER))
        for kind in KINDS
        for path in (FOLDER / kind).rglob("*")
        if path.is_file()
    }
    assert there == {run["file"] for run in RUNS}
