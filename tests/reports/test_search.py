"""crm search: any words, any script, nothing that breaks."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmcli.reports.search import around, search, where
from crmcli.store.engine import target_of
from crmcli.store.reader import open_reader
from tests.conftest import Crm


@pytest.fixture
def world(crm: Crm) -> Crm:
    for line in (
        "account add 华信科技有限公司 --website huaxin.cn --industry Technology",
        "account add 'Acme, Inc.' --city Köln",
        "lead add 'Wang Wei' --company Huaxin --email wei@huaxin.cn",
        "contact add 王伟 --account A1 --title 总经理",
        "opp add 'Acme renewal' --account A2 --amount 50k --description 'They asked about acme acme pricing'",
        "opp add 'Something else' --next-step 'Ask Acme for the signed contract before the quarter ends'",
        "task add 'Call acme' --related-to O1",
    ):
        crm.ok(line)
    return crm


def refs(crm: Crm, *words: str) -> list[str]:
    return [each["ref"] for each in crm.ok("search", *words, "--json").json]


def test_all_nouns_are_searched_the_best_first(world: Crm) -> None:
    found = refs(world, "acme")
    assert set(found) == {"A2", "O1", "O2", "T1"}
    assert found[-1] == "O2"  # one word among many
    assert refs(world, "acme", "--noun", "opp") == ["O1", "O2"]
    assert refs(world, "acme", "--noun", "opportunities") == ["O1", "O2"]
    assert refs(world, "acme", "--limit", "1") == found[:1]


@pytest.mark.parametrize(
    ("words", "ref"),
    [
        ("华信", "A1"),
        ("科技", "A1"),
        ("王伟", "C1"),
        ("总经", "C1"),
        ("wei@huaxin.cn", "L1"),
        ("huaxin", "L1"),
    ],
)
def test_parts_of_names_and_addresses_are_found(world: Crm, words: str, ref: str) -> None:
    assert ref in refs(world, words)


def test_records_of_one_name_are_told_apart(world: Crm) -> None:
    world.ok("lead convert L1 --no-opp --account A1")
    world.ok("lead add 'Wang Wei' --company Elsewhere --email w@else.example")
    found = world.ok("search wang wei --json").json
    assert {(each["noun"], each["of"], each["status"]) for each in found} == {
        ("lead", "Huaxin", "Converted"),
        ("lead", "Elsewhere", "Open - Not Contacted"),
        ("contact", "华信科技有限公司", None),
    }
    (deal,) = world.ok("search acme renewal --noun opp --json").json
    assert (deal["of"], deal["status"]) == ("Acme, Inc.", "Prospecting")
    (task,) = world.ok("search call --noun task --json").json
    assert (task["of"], task["status"]) == ("Acme renewal", "Not Started")


def test_every_word_must_occur_or_be_begun(world: Crm) -> None:
    assert refs(world, "acme", "renew") == ["O1"]
    assert refs(world, "acme", "nonesuch") == []


def test_a_result_says_where_the_words_are(world: Crm) -> None:
    found = {each["ref"]: each for each in world.ok("search acme --json").json}
    assert found["O1"]["where"] == "name: Acme renewal" or "description" in found["O1"]["where"]
    assert found["O2"]["where"].startswith("next step: Ask Acme for the signed")
    assert found["O2"]["name"] == "Something else"
    assert list(found["O2"]) == ["ref", "noun", "name", "of", "status", "where", "updated"]


def test_what_was_deleted_is_not_found(world: Crm) -> None:
    world.ok("opp rm O1 --yes")
    assert "O1" not in refs(world, "renewal")


def test_nothing_found_is_a_sentence_and_not_an_error(world: Crm) -> None:
    assert "No records hold 'nonesuch'." in world.ok("search nonesuch --format plain").out
    assert world.ok("search nonesuch --json").json == []
    assert "no words" in world.ok("search --format plain -- ***").out
    assert "Did you mean 'lead'?" in world.fails(2, "search x --noun laed").err
    world.fails(2, "search")
    world.fails(2, "search x --limit 0")


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.text(max_size=30),
        st.lists(
            st.sampled_from(
                [*"\"'*^:()-+&|!<>~\\%_,;.{}[]\0", "acme", "AND", "OR", "NOT", "NEAR(a b)", "华", "é", "'':*"]
            ),
            max_size=6,
        ).map(" ".join),
    )
)
def test_any_text_is_safe_to_search_for(crm: Crm, query: str) -> None:
    if "READY" not in crm.environ:
        crm.ok("opp add 'Acme AND not' --description '华信 é'")
        crm.environ["READY"] = "yes"
    reader = open_reader(target_of(crm.environ["CRMCLI_DB"]))
    list(search(reader, query, 5, None).rows)
    reader.close()


@given(st.text(max_size=200), st.lists(st.text(min_size=1, max_size=5), max_size=3))
def test_a_snippet_of_any_text_is_short(text: str, terms: list[str]) -> None:
    assert len(around(text, terms)) <= 62
    assert where({"name": text}, "name", terms).startswith("name: ")


def test_a_snippet_begins_at_a_word_before_the_first_hit() -> None:
    text = "word " * 30 + "needle in the hay " + "word " * 30
    assert "needle" in around(text, ["needle"])
    assert around(text, ["needle"]).startswith("…word")
