"""The help topics: every example in them is true."""

import re
from datetime import UTC, date

import pytest

from crmcli.commands.help import TOPICS, page
from crmcli.errors import InvalidValue
from crmcli.model import ENTITIES, declared_fields
from crmcli.render import FORMATS
from crmcli.store.filter import where
from crmcli.store.filter_terms import parse_filter
from crmcli.store.filter_values import Context
from crmcli.values.dates import parse_date
from crmcli.values.money import amount_words, parse_money
from crmcli.values.periods import parse_period
from tests.conftest import Crm

TODAY = date(2026, 3, 2)


def examples(topic: str) -> list[tuple[str, str]]:
    """The lines of a page with something typed on the left and what it means on the right."""
    found = re.findall(r"^    (\S+(?: \S+)*) {2,}(\S.*)$", page(topic), re.MULTILINE)
    return [(left, right) for left, right in found if not left.startswith("crm ")]


@pytest.mark.parametrize(("typed", "meant"), examples("dates"))
def test_a_date_is_read_as_the_page_says(typed: str, meant: str) -> None:
    if meant == "refused":
        with pytest.raises(InvalidValue):
            parse_date(typed, today=TODAY, period_end=True)
    else:
        assert parse_date(typed, today=TODAY, period_end=True) == date.fromisoformat(meant)


@pytest.mark.parametrize(("typed", "meant"), examples("money"))
def test_an_amount_is_read_as_the_page_says(typed: str, meant: str) -> None:
    if meant == "refused":
        with pytest.raises(InvalidValue):
            parse_money(typed, currency="USD")
    else:
        assert amount_words(*parse_money(typed, currency="USD")) == meant


@pytest.mark.parametrize(("typed", "meant"), examples("periods"))
def test_a_period_is_read_as_the_page_says(typed: str, meant: str) -> None:
    period = parse_period(typed, today=TODAY)
    assert f"{period.start} to {period.end}" == meant


@pytest.mark.parametrize(("typed", "meant"), examples("filters"))
def test_a_filter_of_the_page_is_a_filter(typed: str, meant: str) -> None:
    context = Context(today=TODAY, zone=UTC, currency="USD", me=1)
    assert where(
        parse_filter(typed), "opportunity", lambda entity: declared_fields(ENTITIES[entity]), context
    ), meant


def test_there_are_examples_to_check() -> None:
    assert min(len(examples(topic)) for topic in ("dates", "money", "filters", "periods")) >= 14


def test_the_page_on_formats_names_them_all() -> None:
    assert {name for name, _ in examples("formats")} == set(FORMATS)


def test_the_page_on_exit_codes_is_what_crm_schema_says(crm: Crm) -> None:
    assert [code for code, _ in examples("exit-codes")] == list(crm.ok("schema --json").json["exit_codes"])


def test_help_lists_its_topics_and_prints_each(crm: Crm) -> None:
    assert crm.ok("help --format ids").lines == list(TOPICS)
    for topic in TOPICS:
        shown = crm.ok("help", topic)
        assert shown.out == page(topic)
        assert max(map(len, shown.lines)) <= 120
    assert crm.ok("help exit_codes").out == page("exit-codes")


def test_help_shows_the_help_of_a_command(crm: Crm) -> None:
    assert crm.ok("help lead add").out.strip() == crm.ok("lead add --help").out.strip()
    assert "Commands" in crm.ok("help opp").out


@pytest.mark.parametrize("words", ["help dattes", "help leed add"])
def test_an_unknown_topic_is_a_usage_error(crm: Crm, words: str) -> None:
    error = crm.fails(2, f"{words} --json").error
    assert error["code"] == "invalid_value"
    assert crm.fails(2, words).out == ""
