"""Headings to fields: what is matched, what is refused, and what is said about it."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.errors import InvalidValue
from crmcli.fields import FieldSpec
from crmcli.transfer.mapping import (
    HeadingPlan,
    fold,
    fold_value,
    match_headings,
    parse_pairs,
    parse_values,
)


def spec(name: str, label: str = "", **more: Any) -> FieldSpec:
    position = next(positions)
    label = label or name.replace("_", " ").capitalize()
    return FieldSpec("opportunity", name, name, more.pop("kind", "text"), label, "", position, **more)


positions = iter(range(1000))
FIELDS = [
    spec("name", aliases=("deal", "opportunity name")),
    spec("account", kind="link", target="account", aliases=("company",)),
    spec("amount", kind="money", aliases=("deal value", "value")),
    spec("close_date", kind="date", aliases=("closes",)),
    spec("email", "E-mail"),
    spec("description", aliases=("notes",)),
    spec("related_to", kind="relation"),
    spec("converted_account", kind="link", owned=True),
    spec("is_won", kind="boolean", owned=True),
    spec("updated_at", kind="instant", owned=True),
    spec("source"),
]


def match(
    *headings: str,
    maps: Mapping[str, str] | None = None,
    sets: Mapping[str, str] | None = None,
    extra: str | None = None,
    fields: Sequence[FieldSpec] = FIELDS,
) -> HeadingPlan:
    return match_headings(headings, fields, maps=maps or {}, sets=sets or {}, extra=extra)


def bound(plan: HeadingPlan) -> dict[str, str]:
    return {column.heading: column.field.name for column in plan.columns}


@pytest.mark.parametrize(
    "heading", ["close_date", "Close Date", "CLOSE-DATE", "CloseDate", " close.date: ", "closes"]
)
def test_a_heading_is_matched_without_case_spaces_and_punctuation(heading: str) -> None:
    assert bound(match(heading)) == {heading: "close_date"}


def test_headings_in_every_script_are_told_apart() -> None:
    fields = [spec("one", "公司"), spec("two", "कंपनी"), spec("three", "कपन"), spec("four", "#")]
    assert list(bound(match("公司", "कंपनी", "कपन", "#", fields=fields)).values()) == [
        "one",
        "two",
        "three",
        "four",
    ]


def test_names_beat_labels_and_labels_beat_aliases() -> None:
    fields = [spec("title", aliases=("name",)), spec("label_of", "Name"), spec("name", "Whatever")]
    assert bound(match("name", fields=fields)) == {"name": "name"}
    assert bound(match("name", fields=fields[:2])) == {"name": "label_of"}
    assert bound(match("name", fields=fields[:1])) == {"name": "title"}


def test_columns_keep_the_order_of_the_file() -> None:
    plan = match("Amount", "Name", "E-Mail")
    assert [(column.index, column.field.name) for column in plan.columns] == [
        (0, "amount"),
        (1, "name"),
        (2, "email"),
    ]
    assert plan.fields == ["amount", "name", "email"]


# ------------------------------------------------------------------------------------------ --map, --set


def test_a_heading_is_mapped_by_hand_without_case() -> None:
    assert bound(match("Preis (netto)", "Name", maps={"preis (NETTO)": "Close date"})) == {
        "Preis (netto)": "close_date",
        "Name": "name",
    }


@pytest.mark.parametrize("nothing", ["", "-"])
def test_a_heading_mapped_to_nothing_is_ignored(nothing: str) -> None:
    assert bound(match("Name", "Notes", maps={"Notes": nothing})) == {"Name": "name"}


def test_a_column_without_heading_is_mapped_by_its_number() -> None:
    plan = match("Name", "", maps={"column 2": "amount"})
    assert [(column.index, column.field.name) for column in plan.columns] == [(0, "name"), (1, "amount")]


def test_mapping_what_is_not_there_names_what_is() -> None:
    with pytest.raises(InvalidValue, match="the file has no heading 'Ammount'") as caught:
        match("Name", "Amount", maps={"Ammount": "amount"})
    assert caught.value.hint == "Did you mean 'Amount'? Its headings are: Name, Amount."
    with pytest.raises(InvalidValue, match="there is no field 'ammount'") as caught:
        match("Name", "X", maps={"X": "ammount"})
    assert (caught.value.hint or "").startswith("Did you mean 'amount'? The fields are: name, account,")
    assert "is_won" not in (caught.value.hint or "")
    with pytest.raises(InvalidValue, match="is_won is set by the program"):
        match("X", maps={"X": "is_won"})


def test_a_heading_that_may_be_two_is_written_exactly() -> None:
    with pytest.raises(InvalidValue, match="may be 'ID' and 'Id'"):
        match("ID", "Id", maps={"id": "name"})
    assert bound(match("ID", "Id", maps={"Id": "name"})) == {"Id": "name"}
    with pytest.raises(InvalidValue, match="--map is given twice for 'Name'"):
        match("Name", maps={"name": "name", "NAME": "amount"})


def test_two_headings_on_one_field_are_refused_with_both() -> None:
    with pytest.raises(InvalidValue, match="'Amount' and 'Deal value' both mean amount"):
        match("Amount", "Deal value")
    with pytest.raises(InvalidValue, match="'Amount' and 'Price' both mean amount"):
        match("Amount", "Price", maps={"Price": "amount"})
    assert bound(match("Amount", "Price", maps={"Price": "amount", "Amount": ""})) == {"Price": "amount"}


def test_a_constant_fills_a_field_of_every_row() -> None:
    plan = match("Name", sets={"source": "Web {{x}}"})
    assert [(field.name, text) for field, text in plan.constants] == [("source", "Web {x}")]
    with pytest.raises(InvalidValue, match="'Name' and --set name both fill name"):
        match("Name", sets={"name": "x"})
    with pytest.raises(InvalidValue, match="no field 'sauce'"):
        match("Name", sets={"sauce": "x"})
    with pytest.raises(InvalidValue, match="given twice for close_date"):
        match("Name", sets={"close_date": "x", "Close date": "y"})


def test_a_template_is_filled_from_the_cells_of_a_row() -> None:
    plan = match("Account", "Product", sets={"name": "{account}: {PRODUCT}!"})
    ((field, template),) = plan.templates
    assert field.name == "name"
    assert template.fill(["Acme ", "GTX"]) == "Acme: GTX!"
    assert template.fill(["", " "]) == ""
    assert bound(plan) == {"Account": "account"}
    assert plan.fields == ["account", "name"]


def test_a_template_is_text_and_never_code() -> None:
    plan = match("Product", sets={"name": "{product} {{0.__class__}}"})
    assert plan.templates[0][1].fill(["{product.__class__}"]) == "{product.__class__} {0.__class__}"


@pytest.mark.parametrize(
    ("text", "message"), [("{prodct}", "no heading 'prodct'"), ("{", "a single {"), ("x}", "a single }")]
)
def test_a_template_with_a_slip_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        match("Product", sets={"name": text})
    assert message in caught.value.message


# --------------------------------------------------------------------------- links, and what is only shown


def test_the_name_beside_a_link_goes_with_it_and_alone_it_is_the_link() -> None:
    plan = match("account", "account_name", "related_to", "related_to_name", "Account Website")
    assert bound(plan) == {"account": "account", "related_to": "related_to"}
    assert [(title.heading, title.field.name) for title in plan.titles] == [
        ("account_name", "account"),
        ("related_to_name", "related_to"),
    ]
    assert plan.remarks == ("'Account Website' is ignored: it goes with account.",)
    for heading in ("account_name", "Account Name", "Company Website", "account e-mail"):
        assert bound(match(heading)) == {heading: "account"}
    with pytest.raises(InvalidValue, match="'Account name' and 'Account domain' both mean account"):
        match("Account name", "Account domain")
    assert bound(match("Account name", sets={"account": "A4"})) == {}


def test_a_field_of_its_own_beats_the_companion_of_a_link() -> None:
    assert bound(match("account_name", fields=[*FIELDS, spec("account_name")])) == {
        "account_name": "account_name"
    }


def test_what_the_program_sets_itself_is_ignored_with_a_remark() -> None:
    plan = match("ref", "id", "uid", "name", "is_won", "updated_at", "converted_account_name")
    assert bound(plan) == {"name": "name"}
    assert plan.remarks == (
        "'ref', 'id', 'uid', 'is_won', 'updated_at' are ignored: they are set by the program.",
        "'converted_account_name' is ignored: it goes with converted_account.",
    )
    assert match("name", "uid").remarks == ("'uid' is ignored: it is set by the program.",)
    assert bound(match("Id", fields=[spec("external_id", aliases=("id",))])) == {"Id": "external_id"}


# ------------------------------------------------------------------------------------- unknown headings


def test_unknown_headings_are_refused_all_at_once_with_what_can_be_done() -> None:
    with pytest.raises(InvalidValue, match="These headings are no field: 'Sector', 'Ammount'") as caught:
        match("Name", "Sector", "Ammount")
    assert "--map 'Sector=field'" in (caught.value.hint or "")
    assert "--extra ignore|note|custom" in (caught.value.hint or "")
    with pytest.raises(InvalidValue, match="This heading is no field: 'Ammount'") as caught:
        match("Name", "Ammount")
    assert "'Ammount' stands in column 2 (Did you mean 'amount'?)" in (caught.value.hint or "")


def test_unknown_headings_can_be_ignored_noted_or_kept() -> None:
    headings = ("Name", "Sector", "", "Fax")
    plan = match(*headings, extra="ignore")
    assert (plan.unknown, plan.notes, plan.customs) == ((1, 2, 3), (), ())
    assert plan.remarks[0] == "'Sector' is ignored: it is no field."
    plan = match(*headings, extra="note")
    assert plan.notes == (1, 2, 3)
    assert plan.note(["Acme", "Retail ", "x", " "]) == "Sector: Retail\ncolumn 3: x"
    plan = match(*headings, extra="custom")
    assert plan.customs == (1, 2, 3)
    with pytest.raises(InvalidValue, match="no description to append to"):
        match("Sector", extra="note", fields=[spec("name")])
    with pytest.raises(InvalidValue, match="Unknown value 'drop' of --extra"):
        match("Sector", extra="drop")


def test_a_column_without_heading_may_hold_nothing() -> None:
    plan = match("Name", "", "")
    assert plan.unnamed == (1, 2)
    assert plan.stray(["Acme", "", " "]) is None
    assert plan.stray(["Acme", "", "x"]) == 2


def test_the_columns_of_a_rejects_file_are_ignored() -> None:
    plan = match("Name", "line", "code", "reason")
    assert bound(plan) == {"Name": "name"}
    assert plan.remarks == ("'line', 'code' and 'reason' are ignored: a rejects file has them.",)
    with pytest.raises(InvalidValue, match="These headings are no field: 'code', 'line', 'reason'"):
        match("Name", "code", "line", "reason")


# ------------------------------------------------------------------------------------ what options say


def test_pairs_are_split_where_the_option_means_it() -> None:
    assert parse_pairs(["A=B = amount ", "Notes="], option="--map") == {"A=B": "amount", "Notes": ""}
    assert parse_pairs(["name= a=b "], option="--set") == {"name": "a=b"}


@pytest.mark.parametrize("text", ["amount", "=amount", " = "])
def test_a_pair_that_is_none_is_shown_an_example(text: str) -> None:
    with pytest.raises(InvalidValue, match="--map 'Deal value=amount'"):
        parse_pairs([text], option="--map")


def test_a_pair_given_twice_is_refused() -> None:
    with pytest.raises(InvalidValue, match="--set is given twice for 'a'"):
        parse_pairs(["a=1", "a =2"], option="--set")


def test_values_are_kept_by_field_and_folded_value() -> None:
    texts = [
        "stage:Won=Closed Won",
        "stage: WON  deal =Closed Won",
        "type:a:b=c",
        "type:x>=5=large",
        "type:none=",
    ]
    assert parse_values(texts) == {
        "stage": {"won": "Closed Won", "won deal": "Closed Won"},
        "type": {"a:b": "c", "x>=5": "large", "none": ""},
    }
    for text in ("stage", "stage:Won", ":a=b", "stage:=b"):
        with pytest.raises(InvalidValue, match="stage:Won=Closed Won"):
            parse_values([text])
    with pytest.raises(InvalidValue, match="two values for 'WON'"):
        parse_values(["stage:won=a", "stage:WON=b"])


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold_value(fold_value(text)) == fold_value(text)
    assert fold(text.upper().lower()) is not None


@given(st.lists(st.text(max_size=12), max_size=6), st.sampled_from([None, "ignore", "note", "custom"]))
def test_every_column_is_in_one_place_or_the_file_is_refused(headings: list[str], extra: str | None) -> None:
    try:
        plan = match(*headings, extra=extra)
    except InvalidValue:
        return
    places = [column.index for column in plan.columns] + list(plan.unknown) + list(plan.unnamed)
    assert len(places) == len(set(places))
    assert len(headings) <= len(places) + len(plan.remarks)
