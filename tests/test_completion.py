"""Completion: what the shells are told, through the scripts they run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Crm

pytestmark = pytest.mark.sqlite  # the file is what matters here: the words do not depend on the database
UNWANTED = ("sqlalchemy", "sqlmodel", "pydantic", "rich", "questionary")


@pytest.fixture
def filled(crm: Crm) -> Crm:
    crm.ok("lead", "add", "Wang\tWei\nHuaxin", "--company", "華信")
    crm.ok("opp add 'Acme renewal'")
    crm.ok("user add 'Li Na'")
    return crm


def complete(crm: Crm, line: str, shell: str = "bash") -> list[str]:
    """What the shell gets for a line, in a process of its own, which has to import nothing heavy."""
    words = line.split(" ")
    environ = crm.environ | {
        "COMP_WORDS": "\n".join(words),
        "COMP_CWORD": str(len(words) - 1),
        "_CRM_COMPLETE": f"complete_{shell}",
    }
    program = (
        "import sys; from crmcli.__main__ import started; code = started(); sys.stdout.flush();"
        f" sys.stderr.write(' '.join(name for name in {UNWANTED!r} if name in sys.modules)); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("crm le", ["lead"]),
        ("crm lead sh", ["show"]),
        ("crm pipeline d", ["diff"]),
        ("crm pipeline --own", ["--owner"]),
        ("crm opp list --forma", ["--format"]),
        ("crm opp list --format js", ["json", "jsonl"]),
        ("crm opp edit O1 --stage Closed", ["Closed\\ Won", "Closed\\ Lost"]),
        ("crm opp edit O1 --stage 'Closed", ["Closed Won", "Closed Lost"]),
        ("crm opp edit O1 --owner Li", ["Li\\ Na"]),
        ("crm lead show L", ["L1"]),
        ("crm --no-input lead show L", ["L1"]),
        ("crm history O", ["O1"]),
        ("crm help cr", ["cron"]),
        ("crm completion f", ["fish"]),
        ("crm config get time", ["timezone"]),
        ("crm xyz", []),
        ("crm lead show X", []),
    ],
)
def test_bash_is_told_what_fits(filled: Crm, line: str, expected: list[str]) -> None:
    assert complete(filled, line) == expected


def test_help_of_a_completion_stays_on_its_line(filled: Crm) -> None:
    assert complete(filled, "crm lead show L", "zsh") == ["L1:Wang Wei Huaxin"]
    assert complete(filled, "crm lead show L", "fish") == ["L1\tWang Wei Huaxin"]


def test_words_between_spaces_do_as_well(filled: Crm) -> None:
    environ = filled.environ | {
        "COMP_WORDS": "crm lead sh",
        "COMP_CWORD": "2",
        "_CRM_COMPLETE": "complete_bash",
    }
    done = subprocess.run([sys.executable, "-m", "crmcli"], env=environ, capture_output=True, text=True)
    assert done.stdout == "show\n"


def test_a_value_behind_an_equals_sign_is_completed(filled: Crm) -> None:
    words = ["crm", "opp", "edit", "O1", "--stage", "=", "Closed"]
    environ = filled.environ | {
        "COMP_WORDS": "\n".join(words),
        "COMP_CWORD": "6",
        "_CRM_COMPLETE": "complete_bash",
    }
    done = subprocess.run([sys.executable, "-m", "crmcli"], env=environ, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["Closed\\ Won", "Closed\\ Lost"]


def test_without_a_database_or_with_a_broken_one_nothing_is_said_or_made(crm: Crm, tmp_path: Path) -> None:
    assert complete(crm, "crm lead show L") == []
    assert not (tmp_path / "crm.db").exists()
    (tmp_path / "crm.db").write_text("no database")
    assert complete(crm, "crm lead show L") == []


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
def test_the_script_works_in_bash(filled: Crm, tmp_path: Path) -> None:
    script = filled.ok("completion bash").out
    bin = tmp_path / "bin"
    bin.mkdir()
    (bin / "crm").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m crmcli "$@"\n')
    (bin / "crm").chmod(0o755)
    words = "COMP_WORDS=(crm opp edit O1 --stage Cl); COMP_CWORD=5; "
    ask = words + '_crm_complete crm; printf "%s\\n" "${COMPREPLY[@]}"'
    environ = filled.environ | {"PATH": f"{bin}{os.pathsep}{filled.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "--norc", "-c", f"{script}\n{ask}"], env=environ, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == ["Closed\\ Won", "Closed\\ Lost"], done.stderr
    assert (
        "_crm_complete crm"
        in subprocess.run(
            ["bash", "--norc", "-c", f"{script}\ncomplete -p crm"],
            env=environ,
            capture_output=True,
            text=True,
        ).stdout
    )


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_scripts_of_other_shells_can_be_read_by_them(crm: Crm, shell: str) -> None:
    script = crm.ok("completion", shell).out
    assert f"complete_{shell}" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_an_unknown_shell_gets_a_suggestion(crm: Crm) -> None:
    assert crm.fails(2, "completion zhs --json").error["hint"] == "Did you mean 'zsh'?"
