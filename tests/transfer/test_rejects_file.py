"""The rejects file: whole or not there at all, and readable again."""

import io
from pathlib import Path

import pytest

from crmcli.errors import InvalidValue
from crmcli.transfer.rejects import RejectsFile, is_rejects_file
from crmcli.transfer.source import open_source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with nothing else in it."""
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


def test_the_cells_come_first_as_they_stood_and_the_reason_last(folder: Path) -> None:
    path = folder / "rejects.csv"
    with RejectsFile(path, ["name", "city"]) as rejects:
        rejects.add(["Ada", "Bern"], 2, "bad_date", "31/31 is no date")
        rejects.add(["Joe"], 3, "column_count", "the row has 1 cell under 2 headings")
        rejects.add(["Zoë", "a,b", "more"], 5, "column_count", "x")
        assert rejects.count == 3
        assert not path.exists()
    assert path.read_bytes().decode() == (
        "name,city,line,code,reason\n"
        "Ada,Bern,2,bad_date,31/31 is no date\n"
        "Joe,,3,column_count,the row has 1 cell under 2 headings\n"
        'Zoë,"a,b",more,5,column_count,x\n'
    )
    assert list(folder.iterdir()) == [path]


def test_cells_of_every_kind_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "rejects.csv"
    cells = ["a\rb", 'c"d', "e\nf", "", " g;h "]
    with RejectsFile(path, list("abcde"), delimiter=";") as rejects:
        rejects.add(cells, 2, "x", "y")
        rejects.add(["\ud83d", "", "", "", ""], 3, "x", "y")
    with open_source(str(path), io.BytesIO(), encoding=None, delimiter=None) as source:
        rows = list(source.rows())
    assert rows[0] == (2, [*cells, "2", "x", "y"])


def test_an_error_leaves_no_file_and_an_older_one_as_it_was(folder: Path) -> None:
    path = folder / "rejects.csv"
    path.write_text("older")

    def interrupted() -> None:
        with RejectsFile(path, ["name"]) as rejects:
            rejects.add(["Ada"], 2, "x", "y")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [(entry.name, entry.read_text()) for entry in folder.iterdir()] == [("rejects.csv", "older")]


def test_a_link_to_a_file_stays_a_link(tmp_path: Path) -> None:
    target = tmp_path / "target.csv"
    link = tmp_path / "link.csv"
    target.touch()
    link.symlink_to(target)
    with RejectsFile(link, ["name"]):
        pass
    assert link.is_symlink()
    assert target.read_text() == "name,line,code,reason\n"


def test_a_device_is_written_to_and_never_replaced() -> None:
    with RejectsFile("/dev/null", ["name"]) as rejects:
        rejects.add(["Ada"], 2, "x", "y")
    assert Path("/dev/null").is_char_device()


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="Cannot write"), RejectsFile(tmp_path / "no" / "r.csv", ["name"]):
        pass
    with pytest.raises(InvalidValue, match="is a folder"), RejectsFile(tmp_path, ["name"]):
        pass


def test_a_rejects_file_that_is_imported_again_gets_its_columns_once(folder: Path) -> None:
    path = folder / "again.csv"
    with RejectsFile(path, ["name", "city", "line", "code", "reason"]) as rejects:
        rejects.add(["Ada", "Bern", "2", "bad_date", "old"], 2, "missing", "new")
        rejects.add(["Zoë", "a", "b", "5", "column_count", "old"], 3, "column_count", "new")
        rejects.add(["Joe", "Wien"], 4, "column_count", "new")
    assert path.read_text() == (
        "name,city,line,code,reason\nAda,Bern,2,missing,new\nZoë,a,b,3,column_count,new\nJoe,Wien,4,column_count,new\n"
    )


def test_a_rejects_file_is_its_owners_alone(folder: Path) -> None:
    path = folder / "rejects.csv"
    with RejectsFile(path, ["name"]):
        pass
    assert path.stat().st_mode & 0o777 == 0o600
    assert is_rejects_file(path)
    (folder / "fair.csv").write_text("name,city\nAda,Bern\n")
    assert not is_rejects_file(folder / "fair.csv")
