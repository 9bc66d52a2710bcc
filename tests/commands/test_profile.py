"""Profiles: what an import was told is kept with it, told again, carried elsewhere and taken back."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.importing.profiles import Profile, Told, fitting, merged, read_profile, told_of, write_profile
from crmcli.store.engine import target_of
from crmcli.store.reader import open_reader
from tests.conftest import Crm, Run

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "contacts"
FAIR = "Who,Mail,Deal value,Since\nAnn,a@b.example,1.200,03/04/2026\nBob,n/a,-,05/04/2026\n"
TOLD = (
    *("--map", "Who=name", "--map", "Mail=email", "--map", "Deal value=annual_revenue"),
    *("--map", "Since=created_at", "--set", "source=Trade Show", "--match", "name"),
    *("--blank", "N/A", "--blank", "-", "--decimal", "comma", "--date-order", "dmy"),
)


@pytest.fixture(autouse=True)
def in_may(crm: Crm) -> None:
    crm.today = "2026-05-04"
    crm.ok("init")


def file(tmp_path: Path, text: str, name: str = "fair.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def counts(run: Run) -> tuple[int, ...]:
    return tuple(run.json[name] for name in ("created", "updated", "unchanged", "rejected"))


def names(crm: Crm) -> list[str]:
    return [row["name"] for row in crm.ok("profile list --json").json if not row["built_in"]]


def listed(crm: Crm, noun: str, *fields: str) -> list[Any]:
    found = crm.ok(noun, "list", "--all", "--json", "--fields", ",".join(fields)).json
    return [tuple(row[name] for name in fields) for row in found]


def test_what_an_import_was_told_is_told_again_by_its_name(crm: Crm, tmp_path: Path) -> None:
    path = file(tmp_path, FAIR)
    run = crm.ok("lead", "import", path, *TOLD, "--save-profile", "Fair")
    assert "--profile fair" in run.err
    assert listed(crm, "lead", "name", "email", "annual_revenue", "source") == [
        ("Ann", "a@b.example", "1200.00", "Trade Show"),
        ("Bob", None, None, "Trade Show"),
    ]
    assert counts(crm.ok("lead", "import", path, "--profile", "FAIR", "--json")) == (0, 0, 2, 0)


def test_a_profile_is_part_of_the_act_that_saved_it(crm: Crm, tmp_path: Path) -> None:
    path = file(tmp_path, FAIR)
    crm.ok("lead", "import", path, *TOLD, "--save-profile", "fair")
    assert names(crm) == ["fair"]
    crm.ok("undo")
    assert (names(crm), listed(crm, "lead", "name")) == ([], [])
    crm.ok("redo")
    assert names(crm) == ["fair"]


def test_an_import_can_be_undone_though_another_saved_a_profile_since(crm: Crm, tmp_path: Path) -> None:
    crm.ok("lead", "import", file(tmp_path, "name\nAnn\n"), "--save-profile", "one")
    crm.ok("lead", "import", file(tmp_path, "name\nBob\n"), "--save-profile", "two")
    crm.ok("undo 1")
    assert names(crm) == ["two"]
    crm.ok("lead", "import", file(tmp_path, "name\nEve\n"), "--save-profile", "two", "--extra", "note")
    assert "a profile" in crm.fails(4, "undo 2").err


def test_nothing_is_saved_by_what_failed_or_was_only_tried(crm: Crm, tmp_path: Path) -> None:
    crm.ok("lead", "import", file(tmp_path, FAIR), *TOLD, "--save-profile", "fair", "--dry-run")
    crm.fails(2, "lead", "import", file(tmp_path, "name,email\nAnn,@\n"), "--save-profile", "fair")
    assert names(crm) == []


def test_what_is_typed_beside_a_profile_is_added_or_goes_first(crm: Crm, tmp_path: Path) -> None:
    crm.ok("lead", "import", file(tmp_path, FAIR), *TOLD, "--save-profile", "fair")
    other = file(tmp_path, "who,MAIL,Deal value,since,Firm\nEve,N/A,1.5,04/03/2026,?\n")
    crm.ok(
        *("lead", "import", other, "--profile", "fair", "--map", "since=", "--set", "source=Web"),
        *("--map", "Firm=company", "--blank", "?", "--decimal", "."),
    )
    found = listed(crm, "lead", "name", "company", "email", "annual_revenue", "source")
    assert found[-1] == ("Eve", None, None, "1.50", "Web")


def test_a_heading_of_a_saved_profile_that_the_file_lacks_is_named(crm: Crm, tmp_path: Path) -> None:
    crm.ok("lead", "import", file(tmp_path, FAIR), *TOLD, "--save-profile", "fair")
    run = crm.fails(2, "lead", "import", file(tmp_path, "Who,Mail,Since\nEve,,\n"), "--profile", "fair")
    assert "'Deal value'" in run.err


def test_a_profile_for_another_noun_and_one_that_is_not_there_are_refused(crm: Crm, tmp_path: Path) -> None:
    path = file(tmp_path, FAIR)
    crm.ok("lead", "import", path, *TOLD, "--save-profile", "fair")
    assert (
        "is for leads, not for contacts" in crm.fails(5, "contact", "import", path, "--profile", "fair").err
    )
    assert "Did you mean 'fair'?" in crm.fails(3, "lead", "import", path, "--profile", "fairr").err
    assert "Did you mean 'google'?" in crm.fails(3, "profile show goggle").err


@pytest.mark.parametrize("name", ["google", "a b", "../x", "-", "x" * 41])
def test_a_name_that_cannot_be_is_refused(crm: Crm, tmp_path: Path, name: str) -> None:
    crm.fails(2, "lead", "import", file(tmp_path, "name\nAnn\n"), f"--save-profile={name}")
    assert listed(crm, "lead", "name") == []


def test_a_profile_is_shown_deleted_and_brought_back(crm: Crm, tmp_path: Path, db_url: str) -> None:
    crm.ok("lead", "import", file(tmp_path, FAIR), *TOLD, "--save-profile", "fair")
    shown = crm.ok("profile show fair --json").json
    assert (shown["map"]["Who"], shown["blank"], shown["decimal"]) == ("name", ["N/A", "-"], "comma")
    assert (shown["encoding"], shown["create_parents"], shown["built_in"]) == (None, None, False)
    crm.fails(2, "profile rm fair")
    crm.ok("profile rm fair --yes --dry-run")
    assert names(crm) == ["fair"]
    crm.ok("profile rm fair --yes")
    with closing(open_reader(target_of(db_url))) as reader:
        assert "profile:fair" not in reader.settings()
    crm.fails(3, "profile rm fair --yes")
    crm.ok("undo")
    assert names(crm) == ["fair"]
    crm.fails(5, "profile rm google --yes")


def test_a_profile_is_carried_to_another_database(crm: Crm, tmp_path: Path) -> None:
    path, kept = file(tmp_path, FAIR), tmp_path / "fair.json"
    crm.ok("lead", "import", path, *TOLD, "--save-profile", "fair")
    crm.ok("profile", "export", "fair", kept)
    assert kept.read_text() == crm.ok("profile export fair").out
    crm.ok("profile rm fair --yes")
    crm.ok("profile", "import", kept)
    assert crm.ok("profile export fair").out == kept.read_text()
    assert crm.ok("profile", "import", kept, "--json").json["entry"] is None
    assert counts(crm.ok("lead", "import", path, "--profile", "fair", "--json")) == (0, 0, 2, 0)
    crm.fails(5, "profile export google")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"profile": "x"}',
        '{"profile": "x", "noun": "leed"}',
        '{"profile": "google", "noun": "lead"}',
        '{"profile": "x", "noun": "lead", "maps": {}}',
        '{"profile": "x", "noun": "lead", "map": {"a": 1}}',
        '{"profile": "x", "noun": "lead", "value": {"a": "b"}}',
        '{"profile": "x", "noun": "lead", "skip_lines": true}',
        '{"profile": "x", "noun": "lead", "blank": "null"}',
    ],
)
def test_what_is_no_profile_is_refused(crm: Crm, text: str) -> None:
    assert crm.fails(2, "profile import - --json", stdin=text).error["code"] == "invalid_value"
    crm.fails(2, "profile import -", stdin=b"\xff\xfe")


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
pairs = st.dictionaries(texts, texts, max_size=3)
tellings = st.builds(
    Told,
    map=pairs,
    set=pairs,
    value=st.dictionaries(texts, pairs.filter(bool), max_size=2),
    blank=st.lists(texts, unique=True, max_size=2).map(tuple),
    match=st.none() | texts,
    create_parents=st.booleans(),
    skip_lines=st.none() | st.integers(0, 99),
)


@given(tellings)
def test_a_profile_reads_back_as_it_was_written(told: Told) -> None:
    profile = Profile("fair", ("lead",), told)
    read = read_profile(write_profile(profile))
    assert read == Profile("fair", ("lead",), told)


@given(tellings)
def test_beside_a_profile_nothing_typed_changes_nothing(told: Told) -> None:
    assert Told().over(told) == told
    assert told.over(Told()) == told


def test_pairs_are_one_whatever_their_case() -> None:
    assert merged({"deal VALUE": "amount"}, {"Deal value": "name", "x": "y"}) == {
        "deal VALUE": "amount",
        "x": "y",
    }
    assert merged({"stage": {"won": "B"}}, {"stage": {"won": "A", "lost": "C"}}) == {
        "stage": {"won": "B", "lost": "C"}
    }
    assert merged(0, 3) == 0


# ---------------------------------------------------------------------------------------------- built in

GOOGLE_OLD = (
    "Name,Given Name,Family Name,Notes,E-mail 1 - Type,E-mail 1 - Value,E-mail 2 - Value,Phone 1 - Value,"
    "Organization 1 - Name,Organization 1 - Title,Address 1 - City\n"
    "Ann Lee,Ann,Lee,Met in Rome,Work,ann@acme.example,ann@home.example,555 0101 22,Acme,Head,Bonn\n"
)
GOOGLE_NEW = (
    "First Name,Middle Name,Last Name,Organization Name,Organization Title,Labels,E-mail 1 - Label,"
    "E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value\n"
    "Ann,B.,Lee,Acme,Head,* myContacts,Work,ann@acme.example,Mobile,555 0101 22\n"
)
OUTLOOK = (
    "Title,First Name,Last Name,Company,Department,Job Title,Business Street,Business City,"
    "Business Country/Region,Business Phone,Home Phone,Mobile Phone,E-mail Address,E-mail 2 Address,"
    "Manager's Name,Notes,Web Page\n"
    "Dr.,Ann,Lee,Acme,Sales,Head,Main St 1,Bonn,Germany,555 0101 22,555 0101 33,555 0101 44,"
    "ann@acme.example,ann@home.example,Bob Ray,,acme.example\n"
)
THUNDERBIRD = (
    "First Name,Last Name,Display Name,Primary Email,Secondary Email,Work Phone,Home Phone,Mobile Number,"
    "Work City,Job Title,Department,Organization,Custom 1\n"
    "Ann,Lee,Ann Lee,ann@acme.example,ann@home.example,555 0101 22,555 0101 33,,Bonn,Head,Sales,Acme,\n"
)
LINKEDIN = (
    'Notes:\n"When exporting your connection data, some addresses may be missing."\n\n'
    "First Name,Last Name,URL,Email Address,Company,Position,Connected On\n"
    "Ann,Lee,https://people.example/in/ann,ann@acme.example,Acme,Head,01 Jan 2024\n"
)
BOOKS = {
    "google": [GOOGLE_OLD, GOOGLE_NEW],
    "outlook": [OUTLOOK],
    "thunderbird": [THUNDERBIRD],
    "linkedin": [LINKEDIN],
}


@pytest.mark.parametrize(("name", "book"), [(name, book) for name, books in BOOKS.items() for book in books])
def test_an_address_book_goes_in_whole(crm: Crm, tmp_path: Path, name: str, book: str) -> None:
    path = file(tmp_path, book)
    crm.ok("contact", "import", path, "--profile", name)
    found = crm.ok("contact show C1 --json").json
    assert (found["name"].replace(" B.", ""), found["account_name"], found["title"]) == (
        "Ann Lee",
        "Acme",
        "Head",
    )
    assert found["email"] == "ann@acme.example"
    row = [cell for cell in book.splitlines()[-1].split(",") if cell]
    kept = " ".join(str(value) for value in found.values())
    assert [cell for cell in row if cell not in kept] == []
    assert counts(crm.ok("contact", "import", path, "--profile", name, "--json")) == (0, 0, 1, 0)
    crm.ok("lead", "import", path, "--profile", name)
    assert listed(crm, "lead", "name", "company") == [(found["name"], "Acme")]


def test_the_second_addresses_and_phones_stand_in_the_description(crm: Crm, tmp_path: Path) -> None:
    crm.ok("contact", "import", file(tmp_path, OUTLOOK), "--profile", "outlook")
    found = crm.ok("contact show C1 --json").json
    assert (found["phone"], found["mobile"], found["city"]) == ("555 0101 22", "555 0101 44", "Bonn")
    assert found["description"].splitlines() == [
        *("Title: Dr.", "Home Phone: 555 0101 33", "E-mail 2 Address: ann@home.example"),
        *("Manager's Name: Bob Ray", "Web Page: acme.example"),
    ]


def test_what_is_typed_goes_before_what_is_built_in(crm: Crm, tmp_path: Path) -> None:
    crm.ok("contact", "import", file(tmp_path, OUTLOOK), "--profile", "outlook", "--map", "Home Phone=phone")
    found = crm.ok("contact show C1 --json").json
    assert found["phone"] == "555 0101 33"
    assert "Business Phone: 555 0101 22" in found["description"]
    run = crm.fails(2, "lead", "import", file(tmp_path, FAIR), "--profile", "google")
    assert "no heading that the profile google knows" in run.err
    crm.fails(
        2, "contact", "import", file(tmp_path, OUTLOOK), "--profile", "outlook", "--save-profile", "mine"
    )


@pytest.mark.parametrize("name", BOOKS)
@given(data=st.data())
def test_no_field_is_filled_twice_whatever_a_file_has(name: str, data: st.DataObject) -> None:
    from crmcli.importing.profiles import BUILT_IN

    offered = told_of(BUILT_IN[name], "contact").map
    headings = data.draw(st.lists(st.sampled_from(list(offered)), min_size=1, unique=True))
    found = fitting(offered, {}, headings, name)
    assert sorted(found.values()) == sorted({offered[heading] for heading in headings})


def test_the_fields_of_built_in_profiles_are_there(crm: Crm) -> None:
    from crmcli.importing.profiles import BUILT_IN
    from crmcli.model import ENTITIES, declared_fields

    for profile in BUILT_IN.values():
        for entity in profile.entities:
            known = {spec.name for spec in declared_fields(ENTITIES[entity])}
            assert set(told_of(profile, entity).map.values()) <= known
    assert [row["name"] for row in crm.ok("profile list --json").json] == list(BUILT_IN)


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the address books in ../shared/data are not there")
def test_real_address_books_go_in(crm: Crm) -> None:
    made = 0
    for path in sorted(FOLDER.rglob("*.csv")):
        headers: tuple[str, ...] = ()
        if "no_header" in path.name:
            headers = ("--headers", "Display Name,First Name,Last Name,Primary Email")
        run = crm.ok("contact", "import", path, "--profile", path.parent.name, "--json", *headers)
        made += run.json["created"]
    assert made == 14
    assert json.loads(crm.ok("contact list --all --json").out)[0]["account_name"]
