"""Definitions of reports of one's own: their names, and how they are kept and carried elsewhere."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.errors import InvalidValue, NotFound
from crmcli.fields import NOUNS
from crmcli.rules.own_reports import (
    LONGEST,
    Definition,
    checked_name,
    kept,
    read_definition,
    report_named,
    write_definition,
)

TEXTS = st.lists(st.text(max_size=20), max_size=3).map(tuple)


def is_name(text: str) -> bool:
    try:
        return checked_name(text, ()) == text
    except InvalidValue:
        return False


DEFINITIONS = st.builds(
    Definition,
    name=st.text(min_size=1, max_size=LONGEST).filter(is_name),
    noun=st.sampled_from([noun.word for noun in NOUNS]),
    filter=st.text(max_size=30),
    by=TEXTS,
    measures=TEXTS,
    fields=TEXTS,
    sort=st.text(max_size=20),
    top=st.integers(0, 10**6),
    chart=st.sampled_from(["", "bars", "columns"]),
    title=st.text(max_size=30),
)


@given(DEFINITIONS)
def test_what_is_written_is_read_again(definition: Definition) -> None:
    assert read_definition(write_definition(definition)) == definition


@pytest.mark.parametrize(
    ("text", "name"),
    [("Open by owner", "Open by owner"), ("  Open \t by  owner ", "Open by owner"), ("季度报表", "季度报表")],
)
def test_a_name_is_one_line_without_spaces_at_its_ends(text: str, name: str) -> None:
    assert checked_name(text, ()) == name


@pytest.mark.parametrize("text", ["", "  ", "-x", "a\x1b[31m", "x" * 41, "ß" * 21, "Run", "win-rate"])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(InvalidValue):
        checked_name(text, {"run", "win-rate"})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        "[" * 100_000,
        '{"report": "x"}',
        '{"report": "x", "noun": "nonsense"}',
        '{"report": "x", "noun": "opp", "by": "owner"}',
        '{"report": "x", "noun": "opp", "top": true}',
        '{"report": "x", "noun": "opp", "top": -1}',
        '{"report": "x", "noun": "opp", "sql": "DROP"}',
        '{"report": 1, "noun": "opp"}',
    ],
)
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        read_definition(text)


def test_a_report_is_found_whatever_its_case_and_one_that_is_not_is_guessed() -> None:
    definition = Definition("Öffen by Owner", "opp")
    settings: dict[str, Any] = {
        definition.key: write_definition(definition),
        "currency": "USD",
        "report:x": "",
    }
    assert kept(settings) == {"öffen by owner": definition}
    assert report_named(settings, "ÖFFEN  by owner") == definition
    settings["report:odd"] = "[]"
    assert kept(settings) == {"odd": None, "öffen by owner": definition}
    with pytest.raises(InvalidValue, match="cannot be read"):
        report_named(settings, "Odd")
    with pytest.raises(NotFound) as error:
        report_named(settings, "win-rat", ["win-rate"])
    assert error.value.hint == "Did you mean 'win-rate'?"
