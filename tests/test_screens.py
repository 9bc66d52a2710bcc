"""What people see on a terminal, and what programs get from a pipe, each from a process of its own."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
import wcwidth

from crmcli.ask import first_sentence
from tests.conftest import Crm

pytestmark = pytest.mark.sqlite


@pytest.fixture
def sales(crm: Crm) -> Crm:
    crm.today = "2026-05-11"
    for line in (
        "account add 华信科技股份有限公司 --type Prospect",
        "opp add '华信科技 - 年度续约合同' --account A1 --amount 'CNY 1,250,000' --close-date 2026-06-01",
        "opp add 'Acme renewal of everything' --amount 1.25m --stage 'Closed Won' --close-date 2026-05-01",
        "opp add 'Acme extension' --account A1 --amount 48k --close-date 2026-07-01 --stage Nego",
    ):
        crm.ok(line)
    return crm


def on_a_screen(crm: Crm, words: str, width: int, **env: str) -> str:
    """What a command draws on a terminal that is so wide."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    crm.env.update({"TERM": "xterm", "NO_COLOR": "1", **env})
    with crm.popen(words, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        drawn = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            drawn += part
        process.wait(60)
    os.close(ours)
    assert process.returncode == 0, drawn.decode()
    return drawn.decode().replace("\r\n", "\n")


def test_a_dumb_terminal_cuts_nothing_that_another_does_not(sales: Crm) -> None:
    text = on_a_screen(sales, "opp list", 130, TERM="dumb")
    assert text == on_a_screen(sales, "opp list", 130)
    for whole in (
        "O1",
        "A1 华信科技股份有限公司",
        "CNY 1,250,000.00",
        "2026-06-01",
        "Acme renewal of everything",
    ):
        assert whole in text


@pytest.mark.parametrize("width", [80, 100])
def test_lists_and_views_stay_tables_and_keep_stages_whole(sales: Crm, width: int) -> None:
    for words in ("opp list", "account show A1"):
        text = on_a_screen(sales, words, width)
        assert max(map(wcwidth.wcswidth, text.splitlines())) <= width
        assert "Negotiation/Review" in text
        assert text.count("2026-07-01") == 1
        assert "Close date:" not in text


@pytest.mark.parametrize("width", [60, 80, 100])
def test_sentences_are_wrapped_and_not_cut(sales: Crm, width: int) -> None:
    for words in ("doctor", "config list", "schema", "schema opp"):
        text = on_a_screen(sales, words, width)
        assert "…" not in text
        assert max(map(wcwidth.wcswidth, text.splitlines())) <= width


def test_a_narrow_history_gives_its_room_to_the_command(sales: Crm) -> None:
    text = on_a_screen(sales, "history --limit 1", 60)
    assert "opp add 'Acme extension'" in text


@pytest.mark.parametrize("format", ["tsv", "csv", "json"])
@pytest.mark.parametrize("locale", ["POSIX", "C"])
def test_pipes_get_utf_8_whatever_the_locale(sales: Crm, locale: str, format: str) -> None:
    environ = sales.environ | {"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-m", "crmcli", "account", "list", "--format", format]
    done = subprocess.run(command, env=environ, capture_output=True, timeout=60, check=True)
    assert "华信科技股份有限公司" in done.stdout.decode()


def test_one_is_said_in_the_singular(crm: Crm, tmp_path: Path) -> None:
    crm.ok("opp add One")
    crm.ok("log note One")
    assert "Wrote 1 opportunity to" in crm.ok("opp", "export", tmp_path / "o.csv").err
    assert "Wrote 1 activity to" in crm.ok("log", "export", tmp_path / "a.csv").err
    crm.ok("opp add Two")
    assert "Wrote 2 opportunities to" in crm.ok("opp", "export", tmp_path / "two.csv").err


def test_a_prompt_says_what_is_wrong_in_one_short_line() -> None:
    message = "amount: 'abc' is not an amount of money: it has no digits. Write 50k, 1.25m or €50.000,50."
    assert first_sentence(message) == "amount: 'abc' is not an amount of money: it has no digits."
    assert first_sentence("Name is needed.") == "Name is needed."
    assert first_sentence("'1.5.x' is no number") == "'1.5.x' is no number."
