"""crm dedupe: the pairs that are probably one, from real databases."""

import csv
import random
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from crmcli.rules.duplicates import Likeness, Traits
from tests.conftest import Crm
from tests.test_promises import HEAVY

Row = dict[str, str]
Pair = tuple[str, str]

FAMILY = "Garcia Novak Fischer Rossi Larsen Okafor Tanaka Dubois Kowalski Haddad Moreau Petrov".split()
GIVEN = (
    "Anna Boris Clara David Elena Felix Greta Hugo Irene Jonas Karin Lukas Maria Nadia Oscar Paula".split()
)
SYLLABLES = "ka lor min tev rak sol dun bez fir gal hov jut wem pon qua".split()
INDUSTRIES = "Foods Logistics Systems Energy Textiles Robotics".split()
FAMILY_SIGNS, GIVEN_SIGNS = "王李张刘陈杨赵黄周吴", "伟芳娜敏静强磊军洋勇艳杰娟涛明超秀霞平刚"


def make_row(dice: random.Random, number: int) -> Row:
    """A lead that nobody else is."""
    company = "".join(dice.choice(SYLLABLES) for _ in range(3)).title() + " " + dice.choice(INDUSTRIES)
    if number % 5 == 0:
        name = dice.choice(FAMILY_SIGNS) + "".join(dice.choice(GIVEN_SIGNS) for _ in range(2))
        company = "".join(dice.choice(GIVEN_SIGNS) for _ in range(4)) + "有限公司"
        email = f"u{number}@firma{number}.cn"
    else:
        middle = "".join(dice.choice(SYLLABLES) for _ in range(2))
        name = f"{dice.choice(GIVEN)} {middle.title()} {dice.choice(FAMILY)}"
        email = name.lower().replace(" ", ".") + f"@{company.lower().replace(' ', '')}.com"
    phone = f"+49 {dice.randint(10**8, 10**9)}" if dice.random() < 0.7 else ""
    return {"name": name, "company": company, "email": email if dice.random() < 0.8 else "", "phone": phone}


def typo(dice: random.Random, name: str) -> str:
    """A name with two letters swapped, or one left out."""
    at = dice.randrange(1, len(name) - 2)
    return (
        name[:at] + name[at + 1] + name[at] + name[at + 2 :]
        if dice.random() < 0.5
        else name[:at] + name[at + 1 :]
    )


def again(dice: random.Random, row: Row) -> Row:
    """The same lead as somebody else would have typed it: another name, and two other fields changed or lost."""
    twin, latin = dict(row), row["name"].isascii()
    if dice.random() < 0.4:
        twin["name"] = typo(dice, row["name"]) if latin else row["name"][0] + " " + row["name"][1:]
    elif dice.random() < 0.4:
        twin["name"] = " ".join(reversed(row["name"].split())) if latin else row["name"][1:] + row["name"][0]
    changes = {
        "form": {"company": row["company"].upper() + (", Inc." if latin else "")},
        "wide": {"company": "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in row["company"])},
        "misspelt": {"company": typo(dice, row["company"]) if latin else row["company"]},
        "tag": {"email": row["email"].replace("@", "+fair@")},
        "other": {"email": row["email"] and f"{row['email'][0]}{dice.randint(1, 99)}@gmail.com"},
        "no mail": {"email": ""},
        "national": {"phone": row["phone"].replace("+49 ", "0")},
        "no phone": {"phone": ""},
    }
    for change in dice.sample(sorted(changes), 2):
        twin |= changes[change]
    return twin if twin != row else {**row, "name": row["name"] + " "}


def lookalikes(dice: random.Random, row: Row) -> Iterator[Row]:
    """A colleague, and a namesake elsewhere: not the same lead."""
    name = (
        f"{dice.choice(GIVEN)} {dice.choice(SYLLABLES).title()}{dice.choice(SYLLABLES)} {dice.choice(FAMILY)}"
    )
    yield {**row, "name": name, "email": "", "phone": row["phone"] and "+49 30 5550199"}
    yield {**make_row(dice, 1), "name": row["name"], "email": ""}


def write(path: Path, rows: list[Row]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def pairs(crm: Crm, words: str = "dedupe leads --json") -> list[Pair]:
    return [(row["first"], row["second"]) for row in crm.ok(words).json]


def test_of_known_duplicates_nearly_all_are_found_and_little_else(crm: Crm, tmp_path: Path) -> None:
    dice = random.Random(11)
    rows: list[Row] = []
    known: set[Pair] = set()
    for number in range(500):
        first = make_row(dice, number)
        rows.append(first)
        ref = f"L{len(rows)}"
        if number % 2 == 0:
            rows.append(again(dice, first))
            known.add((ref, f"L{len(rows)}"))
        elif number % 3 == 0:
            rows.extend(lookalikes(dice, first))
    crm.ok("lead", "import", write(tmp_path / "leads.csv", rows))
    found = set(pairs(crm))
    right = len(found & known)
    assert right / len(known) >= 0.97, f"recall: {sorted(known - found)}"
    assert right / len(found) >= 0.97, f"precision: {sorted(found - known)}"


def test_pairs_come_best_first_with_their_reasons(crm: Crm) -> None:
    crm.ok("lead add 'Jon Smith' --company Acme")
    crm.ok("lead add 'John Smith' --company 'ACME, Inc.'")
    crm.ok("lead add '王伟' --company '华信电子有限公司' --phone '+86 138 0013 8000'")
    crm.ok("lead add '王 伟' --company '华信电子' --mobile 138-0013-8000")
    run = crm.ok("dedupe leads --json")
    assert run.json == [
        {
            "noun": "lead",
            "score": 100,
            "first": "L3",
            "first_name": "王伟",
            "second": "L4",
            "second_name": "王 伟",
            "reasons": ["same phone", "same name", "same company"],
            "pair": "L3 L4",
        },
        {
            "noun": "lead",
            "score": 89,
            "first": "L1",
            "first_name": "Jon Smith",
            "second": "L2",
            "second_name": "John Smith",
            "reasons": ["same company", "name 94 % alike"],
            "pair": "L1 L2",
        },
    ]
    assert "`crm lead merge L3 L4`" in run.err
    assert crm.ok("-q dedupe leads").err == ""
    assert pairs(crm, "dedupe leads --limit 1 --json") == [("L3", "L4")]
    assert crm.ok("dedupe leads --format ids").lines == ["L3 L4", "L1 L2"]
    assert crm.ok("dedupe leads").lines[0].split("\t")[:3] == ["noun", "score", "first"]


def test_all_nouns_are_looked_through_unless_one_is_named(crm: Crm) -> None:
    crm.ok("lead add Wang --email w@huaxin.cn")
    crm.ok("lead add Wang --email W+2@huaxin.cn")
    crm.ok("account add Huaxin --website huaxin.cn")
    crm.ok("account add '华信' --website http://www.huaxin.cn/en")
    crm.ok("contact add Li --account A1 --email li@huaxin.cn")
    crm.ok("contact add Li --account A2 --email LI@huaxin.cn")
    assert [row["pair"] for row in crm.ok("dedupe --json").json] == ["L1 L2", "C1 C2", "A1 A2"]
    assert pairs(crm, "dedupe accounts --json") == pairs(crm, "dedupe account --json") == [("A1", "A2")]
    assert pairs(crm, "dedupe contacts --json") == [("C1", "C2")]
    assert "Noun" in crm.ok("dedupe --format table", env={"COLUMNS": "100"}).out
    assert "Noun" not in crm.ok("dedupe leads --format table", env={"COLUMNS": "100"}).out


@pytest.mark.parametrize("columns", [60, 100])
def test_no_reference_is_cut(crm: Crm, columns: int) -> None:
    for name in ("华信电子科技股份有限公司", "Huaxin Electronic Technology of Shanghai"):
        crm.ok("account", "add", name, "--website", "huaxin.cn")
    run = crm.ok("dedupe --format table", env={"COLUMNS": str(columns)})
    assert {"A1", "A2"} <= set(run.out.split())
    assert (
        max(sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in line) for line in run.lines) <= columns
    )


def test_what_is_gone_or_converted_is_no_duplicate(crm: Crm) -> None:
    for _ in range(3):
        crm.ok("lead add Wang --email w@huaxin.cn")
    crm.ok("lead convert L1 --no-opp")
    assert pairs(crm) == [("L2", "L3")]
    crm.ok("lead rm L3 --yes")
    assert pairs(crm) == []
    assert crm.ok("dedupe --json").json == []
    assert "look like one" in crm.ok("dedupe leads --format table").out


def test_an_account_is_no_duplicate_of_its_parent_or_its_sisters(crm: Crm) -> None:
    crm.ok("account add Acme --website acme.com")
    crm.ok("account add 'Acme Berlin' --website acme.com --parent A1")
    crm.ok("account add 'Acme Paris' --website acme.com --parent A1")
    assert pairs(crm, "dedupe accounts --json") == []


def test_what_too_many_share_is_told_apart_or_said(crm: Crm, tmp_path: Path) -> None:
    """A switchboard that sixty people share finds the one who stands twice; sixty of one name are left out."""
    dice = random.Random(3)
    names = {
        f"{dice.choice(GIVEN)} {a.title()}{b} {dice.choice(FAMILY)}" for a in SYLLABLES for b in SYLLABLES
    }
    people = [{"name": name, "company": "", "phone": "+49 30 5550000"} for name in sorted(names)[:60]]
    people.append({**people[7], "name": people[7]["name"].upper(), "phone": "0049 30 5550000"})
    crm.ok("lead", "import", write(tmp_path / "switchboard.csv", people))
    run = crm.ok("dedupe leads --json")
    assert [(row["first"], row["second"]) for row in run.json] == [("L8", "L61")]
    assert "Not compared" not in run.err

    same = [{"name": "Wang Wei", "company": "Huaxin", "phone": f"+86 10 {n:08}"} for n in range(60)]
    crm.ok("lead", "import", write(tmp_path / "namesakes.csv", same))
    run = crm.ok("dedupe leads")
    assert (
        "Not compared for what they share, being too many: 60 leads; 60 of them have the same name" in run.err
    )
    assert len(run.lines) == 2


def test_comparisons_grow_with_the_records_not_with_their_square(
    crm: Crm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crmcli.reports import dedupe

    dice, counted = random.Random(5), 0
    kind = dedupe.KINDS["lead"]

    def counting(one: Traits, other: Traits) -> Likeness | None:
        nonlocal counted
        counted += 1
        return kind.same(one, other)

    rows = [{**make_row(dice, number), "company": f"Acme {number % 10}"} for number in range(3000)]
    crm.ok("lead", "import", write(tmp_path / "leads.csv", rows))
    monkeypatch.setitem(dedupe.KINDS, "lead", kind._replace(same=counting))
    crm.ok("dedupe leads")
    assert 0 < counted < len(rows) * dedupe.MOST


@pytest.mark.parametrize("words", ["dedupe opps", "dedupe leeds", "dedupe leads --limit 0", "dedupe a b"])
def test_what_cannot_be_looked_for_is_a_usage_error(crm: Crm, words: str) -> None:
    crm.ok("init")
    assert crm.fails(2, f"{words} --json").error["message"]


@pytest.mark.sqlite
def test_it_is_a_read_and_imports_nothing_heavy(crm: Crm) -> None:
    crm.ok("lead add 'John Smith' --email w@acme.com --company Acme")
    crm.ok("lead add 'Jon Smith' --email w@acme.com --company Acme")
    program = (
        "import sys, crmcli.__main__ as program\n"
        "sys.argv = ['crm', 'dedupe', '--json']\n"
        "try: program.main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"print(*sorted(set(sys.modules) & set({HEAVY!r})))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=crm.environ, capture_output=True, text=True, check=True
    )
    document, heavy = done.stdout.splitlines()
    assert document.startswith("[{")
    assert heavy == ""
