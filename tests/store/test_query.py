"""Queries made of fields and filter terms: the SQL, and a Python twin that has to agree with it."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.engine import Connection

from crmcli.errors import InvalidValue
from crmcli.fields import FieldSpec, reference
from crmcli.store import query, search
from crmcli.store.engine import engine_of, target_of
from crmcli.store.filter import where
from crmcli.store.filter_terms import Term, parse_filter
from crmcli.store.filter_values import Context
from crmcli.store.query import columns_for, parse_sort, select
from crmcli.store.reader import SqlReader
from crmcli.store.schema import bring_up_to_date
from crmcli.values.money import decimals

TODAY = date(2026, 11, 21)
STAMP = "2026-11-01T08:00:00Z"
Row = dict[str, Any]
REQUIRED: dict[str, Row] = {
    "opportunity": {
        "currency": "USD",
        "stage": "Prospecting",
        "probability": 10,
        "category": "Pipeline",
        "is_closed": 0,
        "is_won": 0,
        "stage_since": STAMP,
        "stage_probability": 10,
        "stage_category": "Pipeline",
    },
    "lead": {"status": "Open - Not Contacted"},
    "task": {"status": "Not Started", "priority": "Normal"},
    "activity": {"type": "Call", "happened_at": STAMP},
    "user": {"active": 1},
}


def custom_field(name: str, kind: Any) -> FieldSpec:
    return FieldSpec("opportunity", name, name, kind, name.title(), "", 90, custom=True)


CUSTOM = [
    custom_field("color", "text"),
    custom_field("score", "number"),
    custom_field("signed", "date"),
    custom_field("hot", "boolean"),
    custom_field("budget", "money"),
]


@dataclass
class World:
    """A database with the real schema, and the reader that asks it."""

    connection: Connection
    reader: SqlReader
    me: int | None = None
    zone: str = "UTC"
    currency: str = "USD"

    def fields(self, entity: str) -> list[FieldSpec]:
        return self.reader.fields(entity) + (CUSTOM if entity == "opportunity" else [])

    @property
    def context(self) -> Context:
        return Context(
            today=TODAY,
            zone=ZoneInfo(self.zone),
            currency=self.currency,
            me=self.me,
            is_sqlite=self.reader.is_sqlite,
        )

    def add(self, entity: str, id: int, **values: Any) -> None:
        row: Row = {"uid": f"u{id}", "created_at": STAMP, "updated_at": STAMP, "custom": "{}"}
        row |= REQUIRED.get(entity, {}) | {"id": id} | values
        if isinstance(row["custom"], dict):
            row["custom"] = json.dumps(row["custom"], ensure_ascii=False)
        marks = ", ".join(
            "CAST(:custom AS JSONB)" if name == "custom" and not self.reader.is_sqlite else f":{name}"
            for name in row
        )
        self.connection.execute(text(f'INSERT INTO "{entity}" ({", ".join(row)}) VALUES ({marks})'), row)

    def index(self) -> None:
        for entity in search.CODES:
            search.index(self.connection, entity, 1, 999)

    def matching(self, entity: str, terms: list[Term]) -> list[int]:
        condition, params = where(terms, entity, self.fields, self.context)
        ids = columns_for(self.fields(entity), ["id"], False)
        return [row[0] for row in self.reader.rows(select(entity, ids, condition), **params)]

    def found(self, filter: str, entity: str = "opportunity") -> list[int]:
        return self.matching(entity, parse_filter(filter))

    def listed(self, entity: str, names: list[str], **more: Any) -> list[tuple[Any, ...]]:
        return list(self.reader.rows(select(entity, columns_for(self.fields(entity), names, False), **more)))

    def sorted(self, sort: str, entity: str = "opportunity") -> list[int]:
        fields = self.fields(entity)
        sql = select(entity, columns_for(fields, ["id"], False), order=parse_sort(sort, fields))
        return [row[0] for row in self.reader.rows(sql)]


@pytest.fixture
def world(empty_db_url: str) -> Iterator[World]:
    engine = engine_of(target_of(empty_db_url))
    with engine.begin() as connection:
        bring_up_to_date(connection, datetime(2026, 3, 2, tzinfo=UTC))
    with engine.connect() as connection:
        yield World(connection, SqlReader(connection, "the test", own=False))
    engine.dispose()


@pytest.fixture
def office(world: World) -> World:
    """Two sellers, two customers, some deals, and what belongs to them."""
    world.me = 1
    add = world.add
    add("user", 1, name="Li Na", team="Central", email="li@us.com", email_key="li@us.com")
    add("user", 2, name="Zoë Größe", team="East", manager_id=1)
    add("account", 4, name="Acme Inc", industry="Retail", website="https://www.acme.com/x", domain="acme.com")
    add("account", 5, name="华信科技", phone="+86 21 5555 0101", phone_key="+862155550101", owner_id=2)
    add("contact", 7, name="Wang Wei", email="Wei@Huaxin.cn", email_key="wei@huaxin.cn", account_id=5)
    deal = partial(add, "opportunity")
    red: Row = {"color": "Red", "score": 9.5, "hot": True}
    deal(1, name="Acme renewal", account_id=4, owner_id=1, amount=5_000_000, stage="Closed Won", is_won=1,
         close_date="2026-12-01", is_closed=1, custom=red)  # fmt: skip
    deal(2, name="100% of it_all", account_id=5, owner_id=2, amount=1_000_000, stage="Proposal/Price Quote",
         currency="EUR", close_date="2026-11-30", custom={"score": 10, "signed": "2026-10-05"})  # fmt: skip
    deal(3, name="Übermorgen", amount=15_000, currency="JPY", created_at="2026-11-20T23:30:00Z",
         stage="Prospecting", custom={"color": "", "hot": False, "budget": 70_000})  # fmt: skip
    add("opportunity", 4, name="gone", deleted_at=STAMP)
    add("task", 1, subject="Call Wei", related_to_entity="opportunity", related_to_id=2)
    add("task", 2, subject="Write", related_to_entity="account", related_to_id=4)
    add("task", 3, subject="Rest")
    add("lead", 1, name="Ann Lee", annual_revenue=1_000, source="Web")
    add("lead", 2, name="Bo Ek", annual_revenue=1_000, currency="KWD")
    add("lead", 3, name="Cy Dee")
    world.index()
    return world


# --- what a filter finds


@pytest.mark.parametrize(
    ("filter", "ids"),
    [
        ("", [1, 2, 3]),
        ("name:ACME", [1]),
        ('name:"acme renewal"', [1]),
        ('name="acme RENEWAL"', [1]),
        ("name=acme", []),
        ("name!=acme", [1, 2, 3]),
        ("-name:acme", [2, 3]),
        ("--name:acme", [1]),
        ("name:%", [2]),
        ("name:_", [2]),
        ("name:!", []),
        ("name:ü", [3]),
        ("name=üBERMORGEN", [3]),
        ("stage:prop", [2]),
        ('stage="closed won",prospecting', [1, 3]),
        ("Deal-Stage:prop", [2]),
        ("stage!=Prospecting", [1, 2]),
        ("amount>10k", [1, 3]),
        ("amount>=10k", [1, 2, 3]),
        ("amount=50,000", [1]),
        ("amount>10,000", [1, 3]),
        ("amount:10k..20k", [2, 3]),
        ("amount=..10k", [2]),
        ("amount:15k..", [1, 3]),
        ("-amount:15k..", [2]),
        ("amount=1000,10000", [2]),
        ('amount>"EUR 5k"', [2]),
        ("amount>€5k", [2]),
        ("amount:€1..€10k", [2]),
        ("amount:1..€10k", [2]),
        ("amount<15000.50", [2, 3]),
        ("amount>=14999.99", [1, 3]),
        ("amount=15000.50", []),
        ("amount:", []),
        ("-amount:", [1, 2, 3]),
        ("probability:10", [1, 2, 3]),
        ("probability=10%", [1, 2, 3]),
        ("probability>10", []),
        ("close_date<2026-12", [2]),
        ("close_date<=2026-12", [1, 2]),
        ("close_date>2026-11", [1]),
        ("close_date>2026-12", []),
        ("close_date>=2026-11", [1, 2]),
        ("close_date:2026-Q4", [1, 2]),
        ("close_date=this-month", [2]),
        ("close_date:+9d", [2]),
        ("close_date:2026-11..2026-12", [1, 2]),
        ("close_date:2026-12..", [1]),
        ("close_date:..2026-11-30", [2]),
        ("close_date:", [3]),
        ("close_date=none", [3]),
        ("close_date!=", [1, 2]),
        ("close_date:2026-11,2026-12", [1, 2]),
        ("-close_date:2026-11", [1, 3]),
        ("created_at:2026-11-20", [3]),
        ("created_at>2026-11", []),
        ("created_at=2026-11-20T23:30:00Z", [3]),
        ("created_at>=2026-11-20T23:30:01Z", []),
        ('created_at>"2026-11-20 12:00"', [3]),
        ("is_won:yes", [1]),
        ("is_won=0", [2, 3]),
        ("is-won:TRUE,no", [1, 2, 3]),
        ("owner:me", [1]),
        ("owner=ME", [1]),
        ("-owner=me", [2, 3]),
        ("owner:zoë", [2]),
        ("owner:GRÖ", [2]),
        ("owner:U2", [2]),
        ("owner:", [3]),
        ("owner:,me", [1, 3]),
        ("owner_name:li", [1]),
        ("account:A4", [1]),
        ("account=a4,A5", [1, 2]),
        ("account:acme", [1]),
        ("account=acme", []),
        ("account=华信科技", [2]),
        ("account:信", [2]),
        ("account_name:acme", [1]),
        ("account!=A4", [2, 3]),
        ("account:O1", []),
        ("owner.team:Central", [1]),
        ("owner.team!=Central", [2, 3]),
        ("owner.team:", [3]),
        ("-owner.team:", [1, 2]),
        ("owner.manager:li", [2]),
        ("owner.manager.team:central", [2]),
        ("account.industry=Retail", [1]),
        ("account.owner.team:east", [2]),
        ("ref=O1,o2", [1, 2]),
        ("ref:3", [3]),
        ("-ref=O1", [2, 3]),
        ("id>1", [2, 3]),
        ("id:1..2", [1, 2]),
        ("uid=u3", [3]),
        ("ref=O999999999999999999", []),
        ("ref:", []),
        ("acme", [1]),
        ("-acme", [2, 3]),
        ('"renewal acme"', [1]),
        ("acme stage:won", [1]),
        ("***", []),
        ("color:red", [1]),
        ("color=RED", [1]),
        ("color:", [2, 3]),
        ("score>9.5", [2]),
        ("score:9.5..10", [1, 2]),
        ("score:9.5", [1]),
        ("score:", [3]),
        ("signed:2026-10", [2]),
        ("-signed:2026-10", [1, 3]),
        ("hot:yes", [1]),
        ("hot:no", [3]),
        ("hot:", [2]),
        ("budget>=70k", [3]),
        ("amount>5k -stage:won is_won:no", [2, 3]),
    ],
)
def test_a_filter_finds(office: World, filter: str, ids: list[int]) -> None:
    assert office.found(filter) == ids


@pytest.mark.parametrize(
    ("entity", "filter", "ids"),
    [
        ("contact", "email=WEI@huaxin.CN", [7]),
        ("contact", "email:huaxin", [7]),
        ("contact", "email=huaxin", []),
        ("contact", "account.phone:5555", [7]),
        ("account", "website=http://acme.com", [4]),
        ("account", "website:/x", [4]),
        ("account", 'phone="0086 (21) 5555-0101"', [5]),
        ("account", "phone:+862155", [5]),
        ("account", "phone:55550101", [5]),
        ("account", 'phone:"(21) 5555-0101"', [5]),
        ("account", "phone:+2155", []),
        ("account", "phone:0215555", [5]),
        ("account", "phone:0086215", [5]),
        ("account", "website:", [5]),
        ("contact", "account.website:", [7]),
        ("user", "manager:me", [2]),
        ("task", "related_to:O2", [1]),
        ("task", "related_to=A2", []),
        ("task", "related_to:acme", [2]),
        ("task", 'related_to="100% of it_all"', [1]),
        ("task", "related_to:", [3]),
        ("task", "-related_to:acme", [1, 3]),
        ("lead", "annual_revenue:10", [1]),
        ("lead", "annual_revenue=1", [2]),
        ("lead", "annual_revenue=KWD1", [2]),
        ("lead", "annual_revenue>0.9", [1, 2]),
        ("lead", "annual_revenue>1", [1]),
        ("lead", "-source=Web", [2, 3]),
    ],
)
def test_a_filter_finds_other_nouns(office: World, entity: str, filter: str, ids: list[int]) -> None:
    assert office.found(filter, entity) == ids


def test_days_are_the_users_own(office: World) -> None:
    office.zone = "Asia/Shanghai"
    assert office.found("created_at:2026-11-21") == [3]
    assert office.found("created_at<2026-11-21") == [1, 2]
    assert office.found('created_at:"2026-11-21 07:30"') == [3]


def test_the_ends_of_the_calendar_are_dates_too(office: World) -> None:
    office.zone = "Asia/Shanghai"
    assert office.found("close_date<=9999-12-31 created_at<9999 created_at>=0001-01-01") == [1, 2]
    office.zone = "America/New_York"
    assert office.found("created_at:0001..9999 close_date:0001..9999") == [1, 2]


def test_thousands_of_references_are_one_filter(office: World) -> None:
    many = ",".join(f"O{number}" for number in range(2, 5000))
    assert office.found(f"ref={many}") == [2, 3]
    assert office.found(" ".join(["-ref=O1"] * 2000)) == [2, 3]


def test_the_home_currency_decides_what_a_sign_means(office: World) -> None:
    office.currency = "JPY"
    assert office.found("amount:¥15000") == [3]
    assert office.found("amount:15000") == [3]


# --- what a filter refuses


@pytest.mark.parametrize(
    ("filter", "said", "hint"),
    [
        ("amout>5", "Filter term 'amout>5' (position 1): opportunities have no field 'amout'.", "'amount'"),
        ("name:x  foo:bar", "Filter term 'foo:bar' (position 9)", "Fields: id, ref, uid, name"),
        ("owner.tem:x", "users have no field 'tem'", "'team'"),
        ("stage.name:x", "leads to no one kind of record", ""),
        ("owner.manager.manager.manager.manager.name:x", "at most", ""),
        ("stage>prop", "stage is text, which has no order", ""),
        ("owner<me", "owner is a link", ""),
        ("is_won>0", "is yes or no", ""),
        ("amount>", "a value is missing", ""),
        ("amount>lots", "(position 1): 'lots' is not", ""),
        ("amount:..", "one end", ""),
        ("amount:20k..10k", "ends before it begins", ""),
        ("close_date:2026-12-02..2026-12-01", "ends before it begins", ""),
        ("amount:EUR1..USD5", "one currency", ""),
        ("amount>1..2", "a range goes with", ""),
        ("amount=100,200", "one number or several", "Write 100200"),
        ("probability:NaN", "is not a number", ""),
        ("probability:1e3", "is not a number", ""),
        ("probability>99999999999999999999", "too large", ""),
        ("close_date:soon", "is not a date", ""),
        ("close_date<none", "is no day", ""),
        ("close_date:none..2026", "is no day", ""),
        ("is_won:maybe", "neither yes nor no", ""),
        ("ref=A4", "no reference of opportunities", ""),
        ("stage==Won", "no operator '=='", ""),
        (":x", "a field is missing", ""),
        ("- x", "nothing to search for", ""),
        ('""', "nothing to search for", ""),
        ('name:"x', "The quote at position 6 is not closed", ""),
        ("name:" + "x" * 10_001, "10000 characters", ""),
        ("name:\0", "not text", ""),
        ("name:\udc80", "not text", ""),
    ],
)
def test_a_filter_refuses(office: World, filter: str, said: str, hint: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        office.found(filter)
    assert said in refused.value.message
    assert hint in (refused.value.hint or "")


def test_me_needs_a_user(office: World) -> None:
    office.me = None
    with pytest.raises(InvalidValue, match="who you are"):
        office.found("owner:me")


def test_an_alias_of_two_fields_is_refused(office: World) -> None:
    fields = office.fields("opportunity")
    fields[0:0] = [
        FieldSpec("opportunity", name, name, "text", name, "", 0, aliases=("both",)) for name in "ab"
    ]
    with pytest.raises(InvalidValue, match="'both' could be a or b"):
        query.field_named("both", fields)


# --- how a filter is read


def test_quotes_may_stand_anywhere() -> None:
    first, second, third = parse_filter('"Deal value">5  -name:a"b c",d "say ""hi"""')
    assert (first.field, first.operator, first.values) == ("Deal value", ">", ("5",))
    assert (second.negated, second.field, second.values) == (True, "name", ("ab c", "d"))
    assert (second.text, second.position) == ('-name:a"b c",d', 17)
    assert (third.field, third.values) == ("", ('say "hi"',))


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_in_words(typed: str) -> None:
    with suppress(InvalidValue):
        for term in parse_filter(typed):
            assert typed[term.position - 1 :].startswith(term.text)


# --- columns


def test_a_link_is_a_reference_and_a_name(office: World) -> None:
    assert office.listed("opportunity", ["ref", "account", "owner"], limit=2) == [
        ("O1", "A4", "Acme Inc", "Li Na"),
        ("O2", "A5", "华信科技", "Zoë Größe"),
    ]
    assert office.listed("task", ["related_to", "contact"]) == [
        ("O2", "100% of it_all", None, None),
        ("A4", "Acme Inc", None, None),
        (None, None, None, None),
    ]
    assert office.listed("opportunity", ["account_name", "account"], limit=1) == [("Acme Inc", "A4")]


def test_custom_fields_are_columns_by_their_kind(office: World) -> None:
    rows = office.listed("opportunity", ["color", "score", "signed", "hot", "budget", "currency"])
    assert [(*row[:1], row[1] and Decimal(str(row[1])), *row[2:]) for row in rows] == [
        ("Red", Decimal("9.5"), None, 1, None, "USD"),
        (None, Decimal(10), "2026-10-05", None, None, "EUR"),
        ("", None, None, 0, 70_000, "JPY"),
    ]


def shape(world: World, entity: str, names: list[str] | None = None, everything: bool = False) -> list[str]:
    """The columns in one word each: in brackets what machines alone see, after a + what is folded."""
    columns = [one.column for one in columns_for(world.fields(entity), names, everything)]
    return [f"({it.name})" if it.hidden else f"+{it.name}" if it.folded else it.name for it in columns]


def test_a_list_shows_what_is_listed(office: World) -> None:
    assert shape(office, "opportunity") == [
        "ref", "name", "account", "+account_name", "amount", "(currency)", "stage", "probability",
        "close_date", "owner",
    ]  # fmt: skip


def test_everything_is_every_field(office: World) -> None:
    named = [name.strip("+()") for name in shape(office, "opportunity", everything=True)]
    assert named[:7] == ["id", "ref", "uid", "name", "account", "account_name", "amount"]
    assert {spec.name for spec in office.fields("opportunity")} < set(named)
    assert len(named) == len(set(named))
    hidden = [name for name in shape(office, "opportunity", everything=True) if name[0] == "("]
    assert hidden == ["(id)", "(uid)", "(currency)"]


def test_named_columns_are_those_alone_and_amounts_keep_their_currency(office: World) -> None:
    assert shape(office, "opportunity", ["stage", "ref", "stage"]) == ["stage", "ref"]
    assert shape(office, "opportunity", ["amount", "name"]) == ["amount", "(currency)", "name"]
    assert shape(office, "opportunity", ["currency", "amount"]) == ["currency", "amount"]
    assert shape(office, "opportunity", ["Close-Date"]) == ["close_date"]


def test_the_home_currency_stands_in_where_a_record_has_none(office: World) -> None:
    assert office.listed("lead", ["annual_revenue"]) == [(1_000, "USD"), (1_000, "KWD"), (None, None)]
    office.add("account", 9, name="Plain")
    fee = FieldSpec("task", "fee", "fee", "money", "Fee", "", 1, custom=True)
    columns = columns_for([*office.fields("task"), fee], ["fee"], False)
    assert list(office.reader.rows(select("task", columns, limit=1))) == [(None, "USD")]


@pytest.mark.parametrize("entity", list(search.CODES))
def test_everything_of_every_noun_can_be_selected_and_sorted(office: World, entity: str) -> None:
    fields = office.fields(entity)
    columns = columns_for(fields, None, True)
    for spec in fields:
        order = parse_sort(f"-{spec.name}", fields)
        list(office.reader.rows(select(entity, columns, "1 = 1", order, 1)))


def test_an_unknown_column_is_refused_with_a_suggestion(office: World) -> None:
    with pytest.raises(InvalidValue, match="no field 'amuont'") as refused:
        columns_for(office.fields("opportunity"), ["amuont"], False)
    assert "Did you mean 'amount'? Fields: id, ref" in (refused.value.hint or "")
    with pytest.raises(InvalidValue, match="No field"):
        columns_for(office.fields("opportunity"), [""], False)


@pytest.mark.parametrize("name", ["x' OR 1=1 --", "X", "1x", "x y", ""])
def test_no_identifier_reaches_sql_unchecked(office: World, name: str) -> None:
    spec = custom_field(name, "text")
    with pytest.raises(ValueError, match="identifier"):
        columns_for([spec], None, True)


# --- sorting


@pytest.mark.parametrize(
    ("sort", "ids"),
    [
        ("name", [2, 1, 3]),
        ("-name", [3, 1, 2]),
        ("amount", [2, 3, 1]),
        ("-amount", [1, 3, 2]),
        ("close_date", [2, 1, 3]),
        ("-close_date", [1, 2, 3]),
        ("stage", [3, 2, 1]),
        ("account", [1, 2, 3]),
        ("-account", [2, 1, 3]),
        ("owner", [1, 2, 3]),
        ("account_name", [1, 2, 3]),
        ("score", [1, 2, 3]),
        ("-score", [2, 1, 3]),
        ("probability,-id", [3, 2, 1]),
        ("probability", [1, 2, 3]),
        ("-ref", [3, 2, 1]),
        ("category, -stage", [1, 2, 3]),
    ],
)
def test_a_list_is_sorted(office: World, sort: str, ids: list[int]) -> None:
    assert office.sorted(sort) == ids


def test_an_unknown_field_to_sort_by_is_refused(office: World) -> None:
    for sort in ("stge", "", "name,", "-"):
        with pytest.raises(InvalidValue):
            office.sorted(sort)


# --- indexes


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("entity", "filter", "index"),
    [
        ("opportunity", "owner:me", "ix_opportunity_owner_stage (owner_id=?)"),
        ("opportunity", "account=A4", "ix_opportunity_account (account_id=?)"),
        ("opportunity", "owner.team=Central", "ix_opportunity_owner_stage (owner_id=?)"),
        ("opportunity", "ref=O1,O2,O3", "INTEGER PRIMARY KEY (rowid=?)"),
        ("opportunity", "acme", "INTEGER PRIMARY KEY (rowid=?)"),
        ("contact", "email=a@b.cn", "ix_contact_email_key (email_key=?)"),
        ("account", "website=acme.com", "ix_account_domain (domain=?)"),
        ("task", "related_to:O2", "ix_task_related (related_to_entity=? AND related_to_id=?)"),
    ],
)
def test_a_filter_uses_its_index(office: World, entity: str, filter: str, index: str) -> None:
    condition, params = where(parse_filter(filter), entity, office.fields, office.context)
    sql = select(entity, columns_for(office.fields(entity), ["id"], False), condition)
    plan = " ".join(row[3] for row in office.reader.rows(f"EXPLAIN QUERY PLAN {sql}", **params))
    assert index in plan


# --- the twin: what a term means, in Python

LETTERS = "aAbBéÉüЖж华 .%_!\\'\",:;-=<>()*0"


def bare(word: str, row_text: str) -> tuple[str, str]:
    """Both texts without case: ASCII's alone where the word has no other."""
    if all(letter.isascii() or letter == letter.casefold() == letter.upper() for letter in word):
        return word.lower(), "".join(letter.lower() if letter.isascii() else letter for letter in row_text)
    return word.casefold(), row_text.casefold()


def holds(kind: str, operator: str, value: str, held: Any) -> bool:
    """Whether what a row holds meets one value of a term."""
    if value == "":
        return held is None or held == ""
    if held is None:
        return False
    if kind == "text":
        word, row_text = bare(value, held)
        return word in row_text if operator == ":" else word == row_text
    if kind == "boolean":
        return bool(held) == (value in ("yes", "true", "1"))
    begin: Any
    end: Any
    if kind == "date":
        begin, end = _month(value) if len(value) == 7 else (value, value)
    else:
        held, begin, end = Decimal(str(held)), Decimal(value), Decimal(value)
    compared: dict[str, bool] = {
        "<": held < begin,
        "<=": held <= end,
        ">": held > end,
        ">=": held >= begin,
    }
    return bool(compared.get(operator, begin <= held <= end))


def _month(month: str) -> tuple[str, str]:
    first = date.fromisoformat(f"{month}-01")
    return first.isoformat(), ((first + timedelta(days=31)).replace(day=1) - timedelta(days=1)).isoformat()


KINDS = {
    "name": "text",
    "next_step": "text",
    "color": "text",
    "probability": "number",
    "amount": "number",
    "score": "number",
    "close_date": "date",
    "signed": "date",
    "is_won": "boolean",
    "hot": "boolean",
    "owner.team": "text",
}


def meets(row: Row, term: Term) -> bool:
    kind, operator = KINDS[term.field], "=" if term.operator == "!=" else term.operator
    found = any(holds(kind, operator, value, row[term.field]) for value in term.values)
    return found != (term.negated != (term.operator == "!="))


TEXT = st.text(LETTERS, max_size=4)
DAYS = st.dates(date(2026, 10, 28), date(2026, 12, 3)).map(date.isoformat)
NUMBERS = st.integers(0, 12)
SCORES = st.one_of(NUMBERS, st.integers(0, 24).map(lambda half: half / 2))
VALUES: dict[str, st.SearchStrategy[str]] = {
    "text": st.one_of(TEXT, st.text("aéÉ%_", min_size=1, max_size=1)).map(str.strip),
    "number": SCORES.map(str),
    "date": st.one_of(DAYS, DAYS.map(lambda day: day[:7])),
    "boolean": st.sampled_from(["yes", "no", "true", "false", "1", "0"]),
}
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "name": TEXT,
            "next_step": st.none() | TEXT,
            "color": st.none() | TEXT,
            "probability": NUMBERS,
            "amount": st.none() | SCORES.map(lambda amount: Decimal(str(amount))),
            "currency": st.sampled_from(["USD", "JPY", "KWD", "CLF"]),
            "score": st.none() | SCORES,
            "close_date": st.none() | DAYS,
            "signed": st.none() | DAYS,
            "is_won": st.integers(0, 1),
            "hot": st.none() | st.booleans(),
            "owner.team": st.none() | TEXT,
        }
    ),
    max_size=5,
).map(lambda rows: [row | {"amount": _payable(row)} for row in rows])
BUILT_IN = ("name", "next_step", "probability", "currency", "close_date", "is_won")


def _payable(row: Row) -> Decimal | None:
    """The amount of a row, as far as its currency can pay it: there is no half yen."""
    amount: Decimal | None = row["amount"]
    return amount if amount is None or decimals(row["currency"]) else Decimal(int(amount))


@st.composite
def typed_terms(draw: st.DrawFn) -> str:
    """A term as somebody would type it."""
    field = draw(st.sampled_from(list(KINDS)))
    kind = KINDS[field]
    operators = [":", "=", "!="] + (["<", "<=", ">", ">="] if kind in ("number", "date") else [])
    operator = draw(st.sampled_from(operators))
    several = draw(st.lists(VALUES[kind], min_size=1, max_size=1 if operator[0] in "<>" else 3))
    if operator[0] not in "<>" and draw(st.integers(0, 5)) == 0:
        several = [""]
    quoted = ['"' + value.replace('"', '""') + '"' for value in several]
    return draw(st.sampled_from(["", "-"])) + field + operator + ",".join(quoted)


def fill(world: World, rows: list[Row]) -> None:
    for entity in ("opportunity", "user"):
        world.connection.execute(text(f'DELETE FROM "{entity}"'))
    for id, row in enumerate(rows, 1):
        kept = {name: row[name] for name in ("color", "score", "signed", "hot") if row[name] is not None}
        if row["owner.team"] is not None:
            world.add("user", id, name="x", name_key=str(id), team=row["owner.team"])
        world.add(
            "opportunity",
            id,
            **{name: row[name] for name in BUILT_IN},
            amount=None if row["amount"] is None else int(row["amount"] * 10 ** decimals(row["currency"])),
            owner_id=None if row["owner.team"] is None else id,
            custom=kept,
        )


one_world = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@one_world
@given(rows=ROWS, typed=st.lists(typed_terms(), max_size=3))
@example(rows=[], typed=[])
def test_the_sql_and_its_twin_agree(world: World, rows: list[Row], typed: list[str]) -> None:
    fill(world, rows)
    terms = parse_filter(" ".join(typed))
    expected = [id for id, row in enumerate(rows, 1) if all(meets(row, term) for term in terms)]
    assert world.matching("opportunity", terms) == expected


@one_world
@given(rows=ROWS, typed=typed_terms())
def test_a_term_and_its_negation_part_the_records(world: World, rows: list[Row], typed: str) -> None:
    fill(world, rows)
    bare_term = typed.removeprefix("-")
    yes, no = world.found(bare_term), world.found(f"-{bare_term}")
    assert sorted(yes + no) == list(range(1, len(rows) + 1))
    assert world.found(f"--{bare_term}") == yes


@one_world
@given(rows=ROWS, values=st.lists(VALUES["text"].filter(bool), min_size=2, max_size=4))
def test_neither_is_not_the_one_and_not_the_other(world: World, rows: list[Row], values: list[str]) -> None:
    fill(world, rows)
    quoted = ['"' + value.replace('"', '""') + '"' for value in values]
    neither = world.found(f"-name:{','.join(quoted)}")
    assert neither == world.found(" ".join(f"-name:{value}" for value in quoted))
    either = {id for value in quoted for id in world.found(f"name:{value}")}
    assert either == set(world.found(f"name:{','.join(quoted)}"))


# --- nothing typed becomes SQL

NASTY = [
    "'; DROP TABLE opportunity; --",
    '" OR 1=1 --',
    "') OR ('1'='1",
    ":f1",
    "%(f1)s",
    "\\'; DELETE FROM opportunity; --",
    "NULL",
    "/* */",
    "name' --",
    "O1); DROP TABLE account",
    "$$;x",
    "{0} ? @p :: !%_",
    'NEAR("a" "b") AND document:*',
]
FIELDS = ["", "name", "owner", "owner.team", "account", "amount", "close_date", "created_at", "is_won", "ref",
          "probability", "color", "score", "hot", "stage"]  # fmt: skip


def everything(world: World) -> list[tuple[Any, ...]]:
    if world.reader.is_sqlite:
        schema = list(world.reader.rows("SELECT type, name, sql FROM sqlite_schema ORDER BY name"))
    else:
        columns = "table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        schema = list(world.reader.rows(f"SELECT {columns} ORDER BY 1, 2"))
    return [*schema, *world.reader.rows("SELECT id, name, amount FROM opportunity ORDER BY id")]


@pytest.mark.parametrize("operator", [":", "=", "!=", "<", "<=", ">", ">="])
def test_what_is_typed_never_becomes_sql(office: World, operator: str) -> None:
    before = everything(office)
    for value in NASTY:
        quoted = '"' + value.replace('"', '""') + '"'
        for field in FIELDS:
            typed = f"{field}{operator}{quoted}" if field else quoted
            try:
                condition, params = where(parse_filter(typed), "opportunity", office.fields, office.context)
            except InvalidValue:
                continue
            assert value not in condition or value in ("NULL", ":f1")
            office.found(typed)
            assert params or (not field and "1 = 0" in condition)  # no word in it: nothing to look for
    for name in NASTY:
        with pytest.raises(InvalidValue):
            office.found(f'"{name.replace(chr(34), "")}"{operator}1')
        with pytest.raises(InvalidValue):
            office.sorted(name)
    assert everything(office) == before


@one_world
@given(
    field=st.sampled_from([*FIELDS, "related_to", "budget", "signed", "uid", "id"]),
    operator=st.sampled_from([":", "=", "!=", "<", "<=", ">", ">="]),
    value=st.text(max_size=12) | st.from_regex(r"[-+0-9.,:TQkKm%€ ]{1,14}", fullmatch=True),
)
def test_any_value_is_searched_for_or_refused_in_words(
    world: World, field: str, operator: str, value: str
) -> None:
    entity = "task" if field == "related_to" else "opportunity"
    with suppress(InvalidValue):
        assert world.found(f"{field}{operator}{value}" if field else value, entity) == []


def test_an_equal_filter_makes_equal_sql(office: World) -> None:
    made = [
        where(parse_filter(f"name:{word}"), "opportunity", office.fields, office.context) for word in "ab"
    ]
    assert made[0][0] == made[1][0]
    assert (made[0][1], made[1][1]) == ({"f1": "%a%"}, {"f1": "%b%"})
    assert reference("opportunity", 1) == "O1"
