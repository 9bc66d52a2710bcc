"""How probable it is that two records are one: the scores, without a database."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.rules.duplicates import (
    LEAST,
    Likeness,
    Traits,
    company,
    mailbox,
    person,
    same_company,
    same_person,
)

Same = Callable[[Traits, Traits], Likeness | None]

NAMES = st.sampled_from(
    (
        "Wang Wei",
        "Wei Wang",
        "Wei Wnag",
        "John Smith",
        "J. Smith",
        "Jon Smith",
        "王伟",
        "伟王",
        "王小明",
        "王晓明",
    )
) | st.text(min_size=1, max_size=12)
COMPANIES = st.none() | st.sampled_from(
    ("Huaxin", "HUAXIN Co., Ltd.", "华信电子有限公司", "Huaxin Foods", "Acme")
)
EMAILS = st.none() | st.sampled_from(
    ("wei@huaxin.cn", "w.ei+crm@huaxin.cn", "wang@huaxin.cn", "info@huaxin.cn", "wei@gmail.com")
)
PHONES = st.lists(st.sampled_from((None, "+86 138 0013 8000", "13800138000", "030 1234567")), max_size=2)
PLACES = st.sampled_from(
    ((), ("Road 1", None, "Berlin"), ("Road 1", "10115", "Berlin"), ("Lane 2", "1", None))
)
COUNTRIES = st.none() | st.sampled_from(("Germany", "China"))
SITES = st.none() | st.sampled_from(
    ("huaxin.cn", "https://www.huaxin.cn/en", "acme.com", "facebook.com/acme")
)

PEOPLE = st.builds(person, NAMES, COMPANIES, EMAILS, PHONES, SITES, PLACES, COUNTRIES)
ACCOUNTS = st.builds(
    company, COMPANIES.filter(bool) | NAMES, SITES, PHONES, PLACES, COUNTRIES, st.sampled_from((None, 1, 2))
)
KINDS = ((PEOPLE, same_person), (ACCOUNTS, same_company))
BOTH = st.sampled_from(KINDS).flatmap(lambda kind: st.tuples(kind[0], kind[0], st.just(kind[1])))
FULL_WIDTH = {code: code + 0xFEE0 for code in range(ord("!"), ord("~") + 1)} | {ord(" "): 0x3000}


def score(likeness: Likeness | None) -> int:
    return 0 if likeness is None else likeness.score


@given(BOTH)
def test_the_order_of_two_records_does_not_matter(case: tuple[Traits, Traits, Same]) -> None:
    one, other, same = case
    assert same(one, other) == same(other, one)


@given(BOTH)
def test_a_score_is_from_0_to_100_and_has_its_reasons(case: tuple[Traits, Traits, Same]) -> None:
    likeness = case[2](case[0], case[1])
    if likeness is not None:
        assert 0 <= likeness.score <= 100
        assert likeness.reasons
        assert len(set(likeness.reasons)) == len(likeness.reasons)


@given(BOTH)
def test_only_what_is_the_same_throughout_scores_100(case: tuple[Traits, Traits, Same]) -> None:
    one, other, same = case
    assert (score(same(one, other)) == 100) <= (one == other)


@given(ACCOUNTS)
def test_an_account_is_the_same_as_itself_where_anything_is_known(one: Traits) -> None:
    shared = (one.domain or one.phones or one.street) and one.parent is None  # sisters share their parent's
    known = shared or any(map(str.isalnum, one.name))
    assert score(same_company(one, one)) == (100 if known else 0)


@given(PEOPLE)
def test_a_person_is_the_same_as_themselves_where_more_than_a_name_is_known(one: Traits) -> None:
    known = one.mailbox or one.phones or one.company or one.domain or one.street
    assert score(same_person(one, one)) == (100 if known else 0)


@given(st.sampled_from(("Inc.", "GmbH", "Co., Ltd.", "S.A.", "LLC")), st.booleans())
def test_legal_forms_and_wide_letters_are_no_difference(form: str, wide: bool) -> None:
    plain, formal = "Huaxin Foods", f"HUAXIN FOODS {form}"
    formal = formal.translate(FULL_WIDTH) if wide else formal
    assert company(plain) == company(formal)
    assert score(same_person(person("Wang Wei", plain), person("Wang Wei", formal))) == 100


@pytest.mark.parametrize(
    ("one", "other", "reasons"),
    [
        (
            person("Wang Wei", email="wei.wang@huaxin.cn"),
            person("Wei Wang", email="WeiWang+fair@huaxin.cn"),
            ("same e-mail", "same name in another order"),
        ),
        (person("John Smith", "Acme"), person("Jon Smith", "ACME Inc"), ("same company", "name 94 % alike")),
        (person("J. Smith", "Acme"), person("John Smith", "Acme"), ("same company", "name 90 % alike")),
        (
            person("王小明", phones=["+86 138 0013 8000"]),
            person("王晓明", phones=["138-0013-8000"]),
            ("same phone", "name 80 % alike"),
        ),
        (
            person("王伟", "华信电子有限公司"),
            person("伟王", "华信电子"),
            ("same company", "same name in another order"),
        ),
        (person("王伟", "华信"), person("王 伟", "华信电子"), ("company 85 % alike", "same name")),
        (
            person("王伟", email="wei@huaxin.cn"),
            person("Wang Wei", email="wei@huaxin.cn"),
            ("same e-mail", "but another name"),
        ),
        (
            person("Ana Ruiz", phones=["030 1234567"], address=("Road 1", "10115")),
            person("Ana Ruiz", phones=["+49 30 1234567"], address=("road 1", "10115")),
            ("same phone", "same name", "same address"),
        ),
    ],
)
def test_one_person_twice(one: Traits, other: Traits, reasons: tuple[str, ...]) -> None:
    likeness = same_person(one, other)
    assert likeness is not None
    assert likeness.score >= LEAST
    assert likeness.reasons == reasons


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (person("Wang Wei"), person("Wang Wei")),  # a namesake
        (person("Wang Wei", "Huaxin"), person("Wang Wei", "Acme")),
        (person("Wang Wei", "Huaxin"), person("Wang Fang", "Huaxin")),
        (person("王小明", "华信"), person("王小红", "华信")),
        (person("王伟", phones=["13800138000"]), person("王芳", phones=["13800138000"])),
        (person("Li Na", "Huaxin"), person("Li Nan", "Huaxin")),
        (person("Ann Lee", email="ann@gmail.com"), person("Ann Lee", email="lee@gmail.com")),
        (person("Ann Lee", email="info@acme.com"), person("Bo Chen", email="info@acme.com")),
        (person("Reception Desk 12", "Acme"), person("Reception Desk 13", "Acme")),
        (person("Ann Lee", "self-employed"), person("Ann Lee", "Self employed")),
        (
            person("Maria Garcia", "Acme", "maria.garcia@acme.com"),
            person("Mario Garcia", "Acme", "mario.garcia@acme.com"),
        ),
    ],
)
def test_two_people(one: Traits, other: Traits) -> None:
    assert score(same_person(one, other)) < LEAST


@pytest.mark.parametrize(
    ("one", "other", "reasons"),
    [
        (
            company("Huaxin", "huaxin.cn"),
            company("Huaxin Electronics", "http://www.huaxin.cn/en"),
            ("same website", "name 85 % alike"),
        ),
        (
            company("华信电子有限公司", "huaxin.cn"),
            company("Huaxin", "huaxin.cn"),
            ("same website", "but another name"),
        ),
        (company("Ｈｕａｘｉｎ　株式会社"), company("huaxin"), ("same name",)),
        (company("Huaxin Elektronics"), company("Huaxin Electronics"), ("name 94 % alike",)),
        (company("Foods Huaxin"), company("Huaxin Foods Ltd"), ("same name in another order",)),
        (company("Acme", "acme.com"), company("Acme", "acme.de"), ("same name", "but another website")),
    ],
)
def test_one_company_twice(one: Traits, other: Traits, reasons: tuple[str, ...]) -> None:
    likeness = same_company(one, other)
    assert likeness is not None
    assert likeness.score >= LEAST
    assert likeness.reasons == reasons


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (company("Huaxin Warehouse 12"), company("Huaxin Warehouse 13")),
        (company("Acme"), company("Acne")),
        (company("????????"), company("????????")),  # what is left of a name in the wrong encoding
        (company("华信电子"), company("华信电气")),
        (company("Acme", "acme.com", country="USA"), company("Acme", "acme.de", country="Germany")),
        (company("Acme Berlin", "acme.com", parent=1), company("Acme Paris", "acme.com", parent=1)),
        (company("Huaxin", "facebook.com/huaxin"), company("Acme", "facebook.com/acme")),
    ],
)
def test_two_companies(one: Traits, other: Traits) -> None:
    assert score(same_company(one, other)) < LEAST


def test_sisters_of_one_name_are_said_to_share_what_they_do() -> None:
    likeness = same_company(
        company("Acme", "acme.com", parent=1), company("ACME", "acme.com", ["1234567"], parent=1)
    )
    assert likeness == Likeness(88, ("same name",))


def test_a_mailbox_is_known_by_what_providers_look_at() -> None:
    assert mailbox("John_Doe+crm@IBM.com") == mailbox("johndoe@ibm.com") == "johndoe@ibm.com"
