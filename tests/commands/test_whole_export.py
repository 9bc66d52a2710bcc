"""Everything out, everything back: `crm export DIR` and `crm import DIR`, byte for byte."""

import json
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from crmcli.model import ENTITIES
from crmcli.store.engine import target_of
from crmcli.store.keys import KEY_COLUMNS
from crmcli.store.reader import open_reader
from crmcli.store.tables import METADATA
from crmcli.store.whole import files_of
from tests.conftest import Crm, _database, in_this_process

NOUN_FILES = {
    "user": "users",
    "stage": "stages",
    "account": "accounts",
    "contact": "contacts",
    "campaign": "campaigns",
    "lead": "leads",
    "opp": "opps",
    "task": "tasks",
    "log": "activities",
}
REPORTS = (
    "forecast",
    "forecast --period this-year --by owner",
    "forecast --period this-year --by account",
    "forecast --as-of 2026-02-10 --period this-year",
    "quota show --period 2026",
    "rate list",
    "forecast adjust --list",
    "pipeline",
    "pipeline --as-of 2026-02-10",
    "today",
    "report campaign-return --period 2026",
    "campaign list",
    "account show A2",
    "opp show O2 --json",
    "opp list",
    "lead list --all",
    "task list --all",
    "log list",
    "stage list",
    "user list",
    "search training",
    "config list",
)

New = Callable[[], Crm]


@pytest.fixture(autouse=True)
def in_march(crm: Crm) -> None:
    crm.today = "2026-03-02"


@pytest.fixture
def new(crm: Crm, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[New]:
    """Makes the program anew, on an empty database of the kind that the run is for."""
    numbers = count(1)
    with ExitStack() as databases:

        def make() -> Crm:
            folder = tmp_path / f"database-{next(numbers)}"
            folder.mkdir()
            url = databases.enter_context(contextmanager(_database)(request.config, folder, None))
            return on(crm, url)

        yield make


def on(crm: Crm, database: str | Path) -> Crm:
    return Crm(crm.start, {**crm.environ, "CRMCLI_DB": str(database)}, crm.today)


def work_for_a_while(crm: Crm) -> None:
    """What a small team does."""
    crm.ok("user add 'Li Wei' --email li@x.example --team East")
    crm.ok("user add Zoë --manager 'Li Wei'")
    crm.ok("user add Gone")
    crm.ok("rate set EUR 1.08 --from 2026-01-01")
    crm.ok("quota set --owner 'Li Wei' --period 2026 --amount 900k", today="2026-01-05")
    crm.ok("quota set --owner 'Li Wei' --period 2026 --amount 1m", today="2026-02-05")
    crm.ok("undo")  # the forecast of February still knows it
    crm.ok("quota set --owner Zoë --period 2026 --amount 500k --count 4")
    crm.ok(
        "--as 'Li Wei' forecast adjust --owner Zoë --period 2026 --category commit --amount 70k --note Sure"
    )
    crm.ok("account add Gone --at 2026-01-01")
    crm.ok("account", "add", 'Kid, "Inc"', "--description", "two\r\nlines\rand 'quotes'", "--owner", "Zoë")
    crm.ok("account edit A1 --parent A2")
    crm.ok("account add 'Grand 華' --annual-revenue 'JPY 1250000' --external-id X-1")
    crm.ok("account edit A2 --parent A3")
    crm.ok("contact add 'Ann Lee' --account A1 --email ann@x.example")
    crm.ok("contact add Boss --account A2")
    crm.ok("contact edit C1 --reports-to C2")
    crm.ok("lead add 'Secret Person' --email secret@x.example")
    crm.ok("lead add '=SUM(A1)' --company Training --rating Hot --employees 12 --at 2026-01-02")
    crm.ok("lead convert L2 --amount 900 --at 2026-01-20 --role 'Decision Maker' --task 'Call back:+3d'")
    crm.ok("opp add 'Big deal' --account A2 --amount 50k --close-date 2026-05-01 --at 2026-01-10 --owner Zoë")
    crm.ok("opp add 'Of old' --account A1 --amount 8k --close-date 2026-01-30 --at 2026-01-05 --owner Gone")
    crm.ok("opp add Doomed --account A3 --amount 'KWD 7.125' --close-date 2026-06-01 --at 2026-01-15")
    crm.ok("opp stage O2 Proposal --at 2026-02-01")
    crm.ok("opp stage O2 Negotiation --at 2026-02-20 --probability 35")
    crm.ok("opp win O3 --at 2026-01-30")
    crm.ok("log call O2 'About training' --at 2026-02-21")
    crm.ok("task add Done --status Completed --related-to A1")
    crm.ok("campaign add Fair --start-date 2026-01-05 --actual-cost 'EUR 1000.50' --budgeted-cost 'EUR 900'")
    crm.ok("campaign add Cancelled --status Aborted")
    crm.ok("opp edit O2 --campaign Fair")
    crm.ok("opp edit O3 --campaign Cancelled")
    crm.ok("stage edit Qualification --limit-days 9")
    crm.ok("stage rm 'Value Proposition' --yes")
    crm.ok("config set currency EUR")
    crm.ok("config set fiscal_year_start april")
    crm.ok("config set country DE")
    crm.ok("lead", "import", "-", "--extra", "custom", stdin="name,Shoe size\nAda,=38\nBob,\n")
    crm.ok("lead edit Ada --campaign Fair")


def clear_up(crm: Crm) -> None:
    """What it deletes, although other records still mention it."""
    crm.ok("opp rm O4 --yes")  # it was in the forecast of February
    crm.ok("account rm A1 --yes")  # its contact and its deal stay
    crm.ok("user rm Gone --yes")  # whose deal is won
    crm.ok("campaign rm Cancelled --yes")  # whose deal stays
    crm.ok("lead rm L1 L4 --yes")


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two whole exports: of a team that has worked for a while, and after it has cleared up."""
    folder = tmp_path_factory.mktemp("team")
    environ = {"CRMCLI_DB": str(folder / "crm.db"), "HOME": str(folder), "TZ": "UTC", "LOGNAME": "root"}
    crm = Crm(in_this_process, environ, "2026-03-02")
    work_for_a_while(crm)
    crm.ok("export", folder / "before")
    clear_up(crm)
    crm.ok("export", folder / "after")
    return folder


@pytest.fixture
def out(team: Path, tmp_path: Path) -> Path:
    """A whole export that a test may spoil."""
    return Path(shutil.copytree(team / "after", tmp_path / "out"))


@pytest.fixture
def filled(crm: Crm, team: Path) -> Crm:
    """The database of that team."""
    crm.ok("import", team / "after")
    return crm


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def exported(crm: Crm, folder: Path) -> dict[str, bytes]:
    crm.ok("export", folder)
    return bytes_of(folder)


def healthy(crm: Crm) -> None:
    assert [check for check in crm.ok("doctor --json").json["checks"] if check["state"] == "bad"] == []


# --- there and back -------------------------------------------------------------------------------------------


def test_an_export_brought_back_exports_the_same_bytes_and_reports_the_same(
    crm: Crm, new: New, tmp_path: Path
) -> None:
    work_for_a_while(crm)
    clear_up(crm)
    files = exported(crm, tmp_path / "out")
    other = new()
    said = other.ok("import", tmp_path / "out").err
    assert "Brought back" in said
    assert exported(other, tmp_path / "again") == files
    healthy(other)
    for report in REPORTS:
        assert other.ok(report).out == crm.ok(report).out, report
    assert "Doomed" not in other.ok("opp list").out


def test_the_sample_database_comes_back(crm: Crm, tmp_path: Path) -> None:
    demo = on(crm, tmp_path / "demo.db")
    demo.ok("demo", "--keep", tmp_path / "demo.db")
    files = exported(demo, tmp_path / "out")
    crm.ok("import", tmp_path / "out")
    assert exported(crm, tmp_path / "again") == files
    healthy(crm)
    for report in REPORTS:
        assert crm.ok(report).out == demo.ok(report).out, report


@pytest.mark.postgresql
def test_one_kind_of_database_exports_what_the_other_does(filled: Crm, team: Path, tmp_path: Path) -> None:
    """What SQLite exported, PostgreSQL does, and SQLite again."""
    assert exported(filled, tmp_path / "out") == bytes_of(team / "after")
    lite = on(filled, tmp_path / "lite.db")
    lite.ok("import", tmp_path / "out")
    assert exported(lite, tmp_path / "lite") == bytes_of(team / "after")


words = st.text(
    st.one_of(st.sampled_from("=+-@\t'\"\n\r ,;0aB"), st.characters(codec="utf-8", exclude_characters="\0")),
    min_size=1,
    max_size=12,
)
money = st.fixed_dictionaries(
    {"currency": st.sampled_from(("USD", "JPY", "KWD")), "amount": st.integers(0, 10**9).map(str)}
)
people = st.lists(
    st.fixed_dictionaries({"name": words, "description": words, "Über, x": words, "external_id": words}),
    max_size=4,
)
deals = st.lists(
    st.builds(lambda known, more: known | more, st.fixed_dictionaries({"name": words}), money), max_size=3
)
acts = st.lists(
    st.sampled_from(
        (
            "undo",
            "redo",
            "opp win O1",
            "opp stage O2 Qualification",
            "opp lose O1 --reason Pricing",
            "opp edit O1 --probability 7",
            "opp rm O2 --yes",
            "account rm A1 --yes",
            "lead convert L1 --new-account 'Made of it'",
            "lead rm L2 --yes",
            "opp edit O1 --account A1",
            "task add 'Call them' --related-to O1",
            "stage edit Prospecting --probability 11",
        )
    ),
    max_size=6,
)


@given(leads=people, accounts=people, opps=deals, users=st.lists(words, max_size=2, unique=True), acts=acts)
@settings(
    max_examples=12,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink twenty commands takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_is_written_comes_back(
    new: New, tmp_path: Path, leads: Any, accounts: Any, opps: Any, users: list[str], acts: list[str]
) -> None:
    """The commands may refuse what they are told; what they have written has to come back."""
    crm = new()
    crm.ok("init")
    for noun, rows in (
        ("user", [{"name": name} for name in users]),
        ("account", accounts),
        ("lead", leads),
        ("opp", opps),
    ):
        for row in rows:  # one by one, for those that are refused
            crm(noun, "import", "-", "--extra", "custom", stdin=json.dumps([row]))
    for act in acts:
        crm(act)
    folder, again = tmp_path / "out", tmp_path / "again"
    files = exported(crm, folder)
    other = new()
    other.ok("import", folder)
    assert exported(other, again) == files
    healthy(other)
    shutil.rmtree(folder)
    shutil.rmtree(again)


def test_no_column_is_forgotten(crm: Crm, db_url: str) -> None:
    """Every column of a record, and of a deal's version, is exported, or is made anew from one that is."""
    crm.ok("init")
    reader = open_reader(target_of(db_url))
    filled: dict[str, set[str]] = {}
    for file in files_of(reader):
        filled.setdefault(file.table, set()).update(part.fills for part in file.parts)
    reader.close()
    made = {*KEY_COLUMNS, "related_to_entity", "custom", "deleted_at"}
    for entity in ENTITIES:
        assert set(METADATA.tables[entity].columns.keys()) - made <= filled[entity], entity
    versions = set(METADATA.tables["opportunity_version"].columns.keys())
    assert versions - {"id", "entry_id", "closed_entry_id"} == filled["opportunity_version"]


def test_no_table_is_forgotten() -> None:
    known = {*ENTITIES, "opportunity_version", "field", "setting", "sequence"}
    the_journal = {"entry", "change"}
    assert set(METADATA.tables) == known | the_journal


# --- the export -----------------------------------------------------------------------------------------------


def test_the_same_data_makes_the_same_bytes_for_its_owner_alone(filled: Crm, tmp_path: Path) -> None:
    folder = tmp_path / "made" / "out"
    first = exported(filled, folder)
    filled.ok("lead list")
    assert exported(filled, folder) == first
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert exported(on_in_zone(filled, "Asia/Tokyo"), folder) == first


def on_in_zone(crm: Crm, zone: str) -> Crm:
    return Crm(crm.start, {**crm.environ, "TZ": zone}, crm.today)


def test_what_was_deleted_is_not_exported_but_by_the_names_that_others_mention(
    filled: Crm, tmp_path: Path
) -> None:
    files = exported(filled, tmp_path / "out")
    everything = b"".join(files.values()).decode()
    assert "Secret" not in everything
    assert "secret@x.example" not in everything
    refs = [line.split(",")[0] for line in files["deleted.csv"].decode().splitlines()]
    assert refs == ["ref", "U3", "A1", "M2", "O4"]
    assert filled.ok("export", tmp_path / "out", "--json").json["files"]["leads.csv"] == 2


def test_an_earlier_export_is_replaced_and_other_files_are_left_alone(filled: Crm, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    exported(filled, folder)
    (folder / "notes.txt").write_text("mine")
    filled.ok("lead add More")
    assert b"More" in exported(filled, folder)["leads.csv"]
    assert (folder / "notes.txt").read_text() == "mine"
    assert not list(folder.glob(".*"))


def test_a_folder_or_file_of_somebody_else_is_left_as_it_is(filled: Crm, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "leads.csv").write_text("mine")
    assert "holds other files" in filled.fails(4, "export", folder).err
    (folder / "crmcli-export.json").write_text("{}")
    assert "not ours" in filled.fails(4, "export", folder).err
    assert (folder / "leads.csv").read_text() == "mine"
    assert "is a file" in filled.fails(2, "export", folder / "leads.csv").err


@pytest.mark.sqlite
def test_exporting_imports_nothing_heavy(filled: Crm, tmp_path: Path) -> None:
    program = (
        "import sys, crmcli.__main__ as program\n"
        f"sys.argv = ['crm', 'export', {str(tmp_path / 'out')!r}]\n"
        "try: program.main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print(*{'sqlalchemy', 'sqlmodel', 'pydantic', 'rich'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=filled.environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_each_file_of_a_noun_can_be_imported_by_itself(crm: Crm, team: Path) -> None:
    crm.ok("import", team / "before")
    for noun, name in NOUN_FILES.items():
        found = crm.ok(noun, "import", team / "before" / f"{name}.csv", "--json").json
        assert (found["created"], found["updated"], found["rejected"]) == (0, 0, 0), noun


# --- the way back ---------------------------------------------------------------------------------------------


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_bytes().decode()
    assert old in text
    path.write_bytes(text.replace(old, new, 1).encode())


def test_ids_go_on_where_they_were_even_of_what_was_deleted(new: New, out: Path) -> None:
    other = new()
    other.ok("import", out)
    assert other.ok("opp add Next").out == "O5\n"
    assert other.ok("lead add Next").out == "L5\n"


def test_one_undo_takes_all_of_it_back_and_redo_brings_it_again(new: New, out: Path) -> None:
    other = new()
    other.ok("init")
    before = other.ok("stage list --json").out
    other.ok("import", out)
    after = other.ok("opp list --json").json
    other.ok("undo")
    for noun in NOUN_FILES:
        if noun != "stage":
            assert other.ok(noun, "list", "--all", "--json").json == [], noun
    assert other.ok("stage list --json").out == before
    assert other.ok("config get currency").out == "USD\n"
    healthy(other)
    other.ok("redo")
    assert other.ok("opp list --json").json == after
    healthy(other)


def test_what_is_done_after_it_can_be_undone(filled: Crm, new: New, out: Path) -> None:
    other = new()
    other.ok("import", out)
    before = other.ok("opp show O2 --json").out
    other.ok("opp win O2")
    other.ok("undo")
    assert other.ok("opp show O2 --json").out == before
    healthy(other)
    assert other.ok("forecast --as-of 2026-02-10 --period this-year").out == (
        filled.ok("forecast --as-of 2026-02-10 --period this-year").out
    )


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(new: New, out: Path) -> None:
    other = new()
    other.ok("init")
    assert "Would bring back" in other.ok("import", out, "--dry-run").err
    assert other.ok("account list --json").json == []
    assert other.ok("history --json").json == []
    assert other.ok("import", out, "--json").json["files"]["opps.csv"] == 3


def test_a_database_that_was_used_is_refused(filled: Crm, new: New, out: Path) -> None:
    assert "not empty" in filled.fails(4, "import", out).err
    other = new()
    other.ok("lead add One")
    other.ok("undo")
    assert "held, 1 lead" in other.fails(4, "import", out).err


def test_a_folder_that_is_no_export_is_refused_and_a_file_is_shown_its_place(new: New, out: Path) -> None:
    other = new()
    assert "crm lead import" in other.fails(2, "import", out / "leads.csv").err
    other.fails(2, "import", out / "nowhere")
    assert "no whole export" in other.fails(2, "import", out.parent).err
    (out / "tasks.csv").unlink()
    assert "incomplete" in other.fails(2, "import", out).err
    manifest = json.loads((out / "crmcli-export.json").read_text())
    (out / "tasks.csv").write_text("")
    (out / "quotes.csv").write_text("")
    manifest["files"]["quotes.csv"] = manifest["files"]["tasks.csv"]
    (out / "crmcli-export.json").write_text(json.dumps(manifest))
    assert "quotes.csv, which this program does not know" in other.fails(2, "import", out).err
    (out / "crmcli-export.json").write_text('{"format": 99, "files": {}, "next_ids": {}}')
    assert "format 99" in other.fails(2, "import", out).err
    (out / "crmcli-export.json").write_text(
        '{"format": 1, "files": {"../x.csv": {"records": 1, "sha256": ""}}}'
    )
    other.fails(2, "import", out)
    assert other("account", "list", "--json").out in ("", "[]\n")


def test_files_that_were_edited_are_named_and_what_hangs_on_them_follows(new: New, out: Path) -> None:
    edit(out / "opps.csv", "50000.00", "60000.00")
    edit(out / "accounts.csv", '"Kid, ""Inc"""', "Kid")
    other = new()
    run = other.ok("import", out, "--json")
    assert run.json["changed"] == ["accounts.csv", "opps.csv"]
    assert "accounts.csv is not as it was exported." in run.err
    assert other.ok("opp show O2 --json").json["amount"] == "60000.00"
    assert [row["ref"] for row in other.ok("account list Kid --json").json] == ["A2"]
    assert "A2" in other.ok("search Kid").out
    healthy(other)


BROKEN = (
    ("opps.csv", "50000.00", "a lot", "opps.csv line 3: 'a lot' is not an amount of money"),
    ("opps.csv", ",O2,", ",O2,,", "opps.csv line 3: the row has 28 cells under 27 headings"),
    ("opps.csv", "2026-05-01", "May", "opps.csv line 3: close_date: 'May' is not a date"),
    ("opps.csv", ",A2,", ",A77,", "opps.csv line 3: account: there is no A77"),
    ("opps.csv", ",A2,", ",C1,", "opps.csv line 3: account: C1 is not"),
    ("opps.csv", "\n2,", "\n1,", "opps.csv line 3: id: the same as in line 2"),
    ("opps.csv", "\n2,", "\n,", "opps.csv line 3: id is missing"),
    ("leads.csv", "Hot", "Boiling", "leads.csv line 2: rating: 'Boiling' is not one of Cold, Hot, Warm"),
    ("leads.csv", ",12,", ",-12,", "leads.csv line 2: employees: '-12' is not a whole number from 0"),
    ("leads.csv", ",12,", f",{2**31},", "leads.csv line 2: employees"),
    ("users.csv", "Zoë", "LI WEI", "users.csv line 3: name: the same as in line 2"),
    ("users.csv", "true", "perhaps", "users.csv line 2: active: 'perhaps' is neither true nor false"),
    ("users.csv", "Zoë", "Z" * 256, "users.csv line 3: name: 256 characters, of at most 255"),
    ("tasks.csv", "Call back", "", "tasks.csv line 2: subject is missing"),
    ("tasks.csv", "O1", "O1x", "tasks.csv line 2: 'O1x' is not a reference"),
    ("opp_versions.csv", "O2", "O9", "opp_versions.csv line "),
    ("opp_details.csv", "O2", "O9", "opp_details.csv line 3: opp: there is no O9"),
    ("contact_roles.csv", "O1", "A2", "contact_roles.csv line 2: opportunity: A2 is not"),
    ("deleted.csv", "U3", "X3", "deleted.csv line 2: 'X3' is not a reference"),
    ("deleted.csv", "U3", "U9", "opps.csv line 4: owner: there is no U3"),
    ("settings.csv", "EUR", "EURO", "settings.csv line 1: Not usable: currency 'EURO'"),
    ("fields.csv", "lead,", "leed,", "fields.csv line 2: entity: 'leed' is no kind of record"),
    ("leads.csv", ",12,", ',"12,', "leads.csv line 2: a quote is opened here and never closed"),
)


def test_what_cannot_be_read_is_named_with_its_line_and_nothing_is_written(
    crm: Crm, team: Path, tmp_path: Path
) -> None:
    crm.ok("init")
    for number, (name, old, other, said) in enumerate(BROKEN):
        folder = Path(shutil.copytree(team / "after", tmp_path / str(number)))
        edit(folder / name, old, other)
        run = crm.fails(2, "import", folder)
        assert said in run.err, (name, old, other)
        assert "nothing was written" in run.err
    assert crm.ok("user list --json").json == []
    assert crm.ok("history --json").json == []


def test_a_heading_nobody_knows_is_refused_and_one_that_is_not_needed_may_lack(new: New, out: Path) -> None:
    edit(out / "leads.csv", "rating", "shine")
    assert "'shine'" in new().fails(2, "import", out).err
    edit(out / "leads.csv", "shine", "rating")
    lines = (out / "settings.csv").read_text().splitlines()
    (out / "settings.csv").write_text("\n".join([lines[0].replace("value", "worth"), *lines[1:]]) + "\n")
    assert "settings.csv has not the headings" in new().fails(2, "import", out).err
    (out / "settings.csv").write_text("\n".join(lines) + "\n")
    edit(out / "users.csv", "uid", "ref2")
    assert "'ref2'" in new().fails(2, "import", out).err
