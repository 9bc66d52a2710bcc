"""What makes fields of cells, and a life of events."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.migrating.hubspot import share
from crmcli.migrating.pipedrive import SYSTEM as PIPEDRIVE
from crmcli.migrating.pipedrive import minutes
from crmcli.migrating.salesforce import SYSTEM, event_over, long_id
from crmcli.migrating.shapes import in_utc, label_of, plain_number
from crmcli.store.deals import TRACKED
from crmcli.store.migrated import Told, entered, folded


@pytest.mark.parametrize(
    ("file", "object"),
    [
        ("Account.csv", "Account"),
        ("ACCOUNT.CSV", "Account"),
        ("accountData.csv", "Account"),
        ("account_export_2026-01-31.csv.gz", "Account"),
        ("Accounts (2).csv", "Account"),
        ("Opportunity_History.csv", "OpportunityHistory"),
        ("opportunityhistory1.csv", "OpportunityHistory"),
        ("Pricebook2.csv", "Pricebook2"),
        ("Rocket__c.csv", "Rocket__c"),
        ("AccountFeed.csv", None),
        ("accountsForInsert.csv", None),
        ("success0413060133.csv", None),
    ],
)
def test_an_object_is_known_by_the_name_of_its_file(file: str, object: str | None) -> None:
    assert SYSTEM.object_of(file) == object


def test_the_lists_of_another_system_go_by_their_own_names() -> None:
    assert [PIPEDRIVE.object_of(name) for name in ("people-12-3.csv", "deals.xlsx")] == ["Person", "Deal"]


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("6.0E7", "60000000"),
        ("8.48E10", "84800000000"),
        ("500000.0", "500000"),
        ("12.50", "12.5"),
        ("0.0", "0"),
        ("7", "7"),
        ("1,234.50", "1,234.50"),
        ("1E999999999", "1E999999999"),
        ("NaN", "NaN"),
        ("none", "none"),
    ],
)
def test_numbers_are_written_out_and_never_rounded(cell: str, number: str) -> None:
    assert plain_number(cell) == number


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("2006-04-15T03:23:15.000Z", "2006-04-15T03:23:15Z"),
        ("2006-04-15 03:23:15", "2006-04-15T03:23:15Z"),
        ("2006-04-15T03:23:15.000+0200", "2006-04-15T01:23:15Z"),
        ("2006-13-15 03:23:15", "2006-13-15 03:23:15"),
        ("15/04/2006", "15/04/2006"),
    ],
)
def test_moments_without_a_zone_are_in_utc(cell: str, moment: str) -> None:
    assert in_utc(cell) == moment


def test_an_event_without_a_time_is_over_when_its_day_is() -> None:
    now, today = "2026-06-15T12:00:00Z", "2026-06-15"
    assert event_over("", "", "", "2026-06-14", now, today)
    assert not event_over("", "", "", "2026-06-15", now, today)
    assert not event_over("2026-06-15T12:30:00.000Z", "2026-06-15T11:30:00.000Z", "", "", now, today)


@pytest.mark.parametrize(
    ("cell", "percent"), [("0.4", "40"), ("1", "100"), ("0.335", "33.5"), ("40", "40"), ("x", "x")]
)
def test_a_share_is_a_percentage_and_never_rounded(cell: str, percent: str) -> None:
    assert share(cell) == percent


@pytest.mark.parametrize(
    ("cell", "length"), [("1:30", "90"), ("00:05", "5"), ("1:02:30", "62"), ("soon", "")]
)
def test_hours_and_minutes_are_minutes(cell: str, length: str) -> None:
    assert minutes(cell) == length


def test_labels_are_words() -> None:
    assert [label_of(name) for name in ("Customer_Priority", "SLAExpiry", "ORACLE_ID", "SLA")] == [
        "Customer Priority",
        "SLAExpiry",
        "Oracle id",
        "SLA",
    ]


@given(st.text("abcXYZ0129", min_size=15, max_size=15))
def test_the_long_form_of_an_id_is_its_own_long_form(short: str) -> None:
    long = long_id(short)
    assert (len(long), long[:15], long_id(long)) == (18, short, long)


def deal(**values: Any) -> dict[str, Any]:
    return {**dict.fromkeys(TRACKED), "stage": "A", "amount": 1, **values}


FIELDS = st.fixed_dictionaries(
    {}, optional={"stage": st.sampled_from("ABC"), "amount": st.integers(0, 3), "owner_id": st.integers(1, 2)}
)
MOMENTS = st.integers(1, 28).map(lambda day: f"2026-01-{day:02}T00:00:00Z")
EVENTS = st.lists(st.builds(Told, MOMENTS, st.integers(0, 2), FIELDS, FIELDS), min_size=1, max_size=8)


@given(FIELDS, EVENTS)
def test_a_life_has_no_gaps_and_ends_as_the_deal_is(now: dict[str, Any], events: list[Told]) -> None:
    current = deal(**now)
    events.sort(key=lambda event: (event.at, event.rank))
    life = folded(current, "2026-01-01T00:00:00Z", events, [], "2026-02-01T00:00:00Z")
    assert all(before["valid_to"] == after["valid_from"] for before, after in itertools.pairwise(life))
    assert all(before["valid_from"] < after["valid_from"] for before, after in itertools.pairwise(life))
    assert life[-1] == {"valid_from": life[-1]["valid_from"], "valid_to": None, **current}
    assert life == folded(current, "2026-01-01T00:00:00Z", events, life, "2026-03-01T00:00:00Z")
    assert entered(life) in {
        version["valid_from"] for version in life if version["stage"] == current["stage"]
    }


def test_what_a_field_was_before_its_first_change_is_what_that_found() -> None:
    events = [Told("2026-01-10T00:00:00Z", 0, {"stage": "B"}, {"stage": "A"})]
    life = folded(deal(stage="B"), "2026-01-01T00:00:00Z", events, [], "2026-02-01T00:00:00Z")
    assert [(version["valid_from"][:10], version["stage"]) for version in life] == [
        ("2026-01-01", "A"),
        ("2026-01-10", "B"),
    ]
