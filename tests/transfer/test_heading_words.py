"""Headings in other languages: every word means one field."""

from collections import defaultdict

import pytest

from crmcli.fields import NOUNS
from crmcli.model import ENTITIES, declared_fields
from crmcli.transfer.heading_words import COMPANY, WORDS, words_of
from crmcli.transfer.mapping import fold, match_headings


def test_no_word_means_two_fields() -> None:
    meant = defaultdict(set)
    for fields in WORDS.values():
        for name, words in fields.items():
            for word in words.split(", "):
                assert word.strip() == word != "", word
                meant[fold(word)].add(name)
    assert {word: names for word, names in meant.items() if len(names) > 1} == {}


def test_every_field_with_words_is_there() -> None:
    names = {spec.name for model in ENTITIES.values() for spec in declared_fields(model)}
    assert {name for fields in WORDS.values() for name in fields} - {COMPANY} <= names


@pytest.mark.parametrize("entity", [noun.entity for noun in NOUNS])
def test_a_word_fills_its_field_unless_the_field_of_another_claims_it(entity: str) -> None:
    fields = declared_fields(ENTITIES[entity])
    own = {fold(word): spec for spec in fields for word in (spec.name, spec.label, *spec.aliases)}
    for spec in fields:
        for word in words_of(spec):
            plan = match_headings([word], fields, maps={}, sets={}, extra=None)
            assert [bound.field.name for bound in plan.columns] == [own.get(fold(word), spec).name], word


def test_only_what_is_mapped_is_matched_where_that_is_asked() -> None:
    fields = declared_fields(ENTITIES["contact"])
    headings = ["Name", "Title", "Manager", "account", "account_name"]
    plan = match_headings(
        headings, fields, maps={"Name": "name"}, sets={"title": "{Manager}"}, extra="note", only_maps=True
    )
    assert [bound.heading for bound in plan.columns] == ["Name"]
    assert [headings[index] for index in plan.notes] == ["Title", "account", "account_name"]
