"""Import: what the cells of other systems' files mean, and what is refused because it may mean two things."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Crm


@pytest.fixture(autouse=True)
def in_march(crm: Crm) -> None:
    crm.today = "2026-03-02"
    crm.ok("init")


def file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "file.csv"
    path.write_text(text, encoding="utf-8")
    return path


def listed(crm: Crm, noun: str, *fields: str) -> list[Any]:
    found = crm.ok(noun, "list", "--all", "--json", "--fields", ",".join(fields)).json
    return [tuple(row[name] for name in fields) for row in found]


def deals(crm: Crm, tmp_path: Path, field: str, cells: list[str], *options: str) -> list[Any]:
    """The values that the cells of a column have become, one deal each."""
    rows = [f'Deal {n};"{cell.replace(chr(34), chr(34) * 2)}"' for n, cell in enumerate(cells)]
    path = file(tmp_path, "\n".join([f"name;{field}", *rows]) + "\n")
    crm.ok("opp", "import", path, "--delimiter", ";", *options)
    return [row[1] for row in listed(crm, "opp", "name", field)]


def refused(crm: Crm, tmp_path: Path, field: str, cell: str, *options: str) -> str:
    """The reason why one cell is not taken; nothing was written."""
    path = file(tmp_path, f'name;{field}\nDeal;"{cell}"\n')
    run = crm.fails(2, "opp", "import", path, "--delimiter", ";", "--json", *options)
    assert listed(crm, "opp", "name") == []
    return str(run.error["details"][0]["reason"])


# ---------------------------------------------------------------------------------------------- dates


@pytest.mark.parametrize(
    ("cell", "day", "moment"),
    [
        ("15 Apr, 2021 00:03:00", "2021-04-15", "2021-04-15T00:03:00Z"),
        ("Friday, December 1, 2017", "2017-12-01", "2017-12-01T00:00:00Z"),
        ("Friday, December 1, 2017 10:00:00 AM", "2017-12-01", "2017-12-01T10:00:00Z"),
        ("December 1st, 2017", "2017-12-01", "2017-12-01T00:00:00Z"),
        ("22nd Dec 2017", "2017-12-22", "2017-12-22T00:00:00Z"),
        ("2021-04-15T00:03:00+02:00", "2021-04-15", "2021-04-14T22:03:00Z"),
        ("2021-04-15T00:00:00.000+0000", "2021-04-15", "2021-04-15T00:00:00Z"),
        ("2021-04-15 23:59:59 UTC", "2021-04-15", "2021-04-15T23:59:59Z"),
        ("2021年4月15日", "2021-04-15", "2021-04-15T00:00:00Z"),
        ("12/13/2024 9:15 PM", "2024-12-13", "2024-12-13T21:15:00Z"),
        ("15.04.2021", "2021-04-15", "2021-04-15T00:00:00Z"),
    ],
)
def test_dates_as_other_systems_write_them(
    crm: Crm, tmp_path: Path, cell: str, day: str, moment: str
) -> None:
    assert deals(crm, tmp_path, "close_date", [cell]) == [day]
    crm.ok("undo")
    assert deals(crm, tmp_path, "created_at", [cell]) == [moment]


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("44301", "spreadsheet's number of a day"),
        ("45321.75", "spreadsheet's number of a day"),
        ("15-Apr-21", "four digits"),
        ("4/15/21", "four digits"),
        ("2021-04-15 25:00", "no such time of day"),
        ("31 Feb 2021", "no day 31"),
        ("Q4", "no such form"),
    ],
)
@pytest.mark.parametrize("field", ["close_date", "created_at"])
def test_what_is_no_day_beyond_doubt_is_refused(
    crm: Crm, tmp_path: Path, field: str, cell: str, why: str
) -> None:
    assert why in refused(crm, tmp_path, field, cell)


def test_one_cell_tells_the_order_of_a_whole_column(crm: Crm, tmp_path: Path) -> None:
    cells = ["01/02/2024", "12/13/2024", "03/04/2024 10:00"]
    assert deals(crm, tmp_path, "close_date", cells) == ["2024-01-02", "2024-12-13", "2024-03-04"]


def test_a_time_behind_a_date_is_typed_by_nobody(crm: Crm) -> None:
    assert "not a date" in crm.fails(2, "opp", "add", "Deal", "--close-date", "2026-12-01 10:00").err


# ---------------------------------------------------------------------------------------------- money


@pytest.mark.parametrize(
    ("cell", "amount"),
    [
        ("$22,700.00", "22700.00 USD"),
        ("$342.09K", "342090.00 USD"),
        ('"$500,000 "', "500000.00 USD"),
        ("€50.000,50", "50000.50 EUR"),
        ("1.234,56", "1234.56 USD"),
        ("1'234.50", "1234.50 USD"),
        ("1’234.50", "1234.50 USD"),
        ("1 234,50", "1234.50 USD"),
        ("1\u00a0234\u00a0567", "1234567.00 USD"),
        ("1\u202f234,50 €", "1234.50 EUR"),
        ("1,234", "1234.00 USD"),
        ("1.234.567", "1234567.00 USD"),
    ],
)
def test_amounts_as_other_systems_write_them(crm: Crm, tmp_path: Path, cell: str, amount: str) -> None:
    deals(crm, tmp_path, "amount", [cell])
    assert [" ".join(row) for row in listed(crm, "opp", "amount", "currency")] == [amount]


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("1.234", "it could be 1234 or 1.234"),
        ("-500", "negative"),
        ("(500)", "negative"),
        ("12.345,678", "nothing is rounded"),
        ("1,2,3", "grouped in threes"),
        ("¥500", "CNY or JPY"),
        ("1e3", "powers of ten"),
        ("free", "no digits"),
    ],
)
def test_what_is_no_amount_beyond_doubt_is_refused(crm: Crm, tmp_path: Path, cell: str, why: str) -> None:
    assert why in refused(crm, tmp_path, "amount", cell)


def test_the_decimal_mark_can_be_said(crm: Crm, tmp_path: Path) -> None:
    cells = ["1.234", "1.234,5", "12", "0,99", "1234"]
    amounts = ["1234.00", "1234.50", "12.00", "0.99", "1234.00"]
    assert deals(crm, tmp_path, "amount", cells, "--decimal", "comma") == amounts
    crm.ok("undo")
    assert deals(crm, tmp_path, "amount", ["1,234", "1,234.5", "12.5"], "--decimal", ".") == [
        *("1234.00", "1234.50", "12.50"),
    ]
    crm.ok("undo")
    assert "grouped in threes" in refused(crm, tmp_path, "amount", "1234.56", "--decimal", ",")
    assert "nothing is rounded" in refused(crm, tmp_path, "amount", "1.234", "--decimal", "point")
    crm.fails(2, "opp", "import", file(tmp_path, "name\nA\n"), "--decimal", "dot")


def test_counts_follow_the_decimal_mark_and_no_comma_is_lost_in_a_percentage(
    crm: Crm, tmp_path: Path
) -> None:
    crm.ok("lead", "import", file(tmp_path, "name,employees\nAnn,1.200\n"), "--decimal", "comma")
    assert listed(crm, "lead", "employees") == [(1200,)]
    assert "not a whole number" in refused(crm, tmp_path, "probability", "7,5 %")
    assert deals(crm, tmp_path, "probability", ["75 %"]) == [75]


def test_an_amount_is_in_the_currency_of_its_row(crm: Crm, tmp_path: Path) -> None:
    path = file(tmp_path, 'name,amount,currency\nA,"1,200.50",EUR\nB,1200,jpy\nC,€5,\nD,7,\n')
    crm.ok("opp", "import", path)
    assert listed(crm, "opp", "amount", "currency") == [
        *(("1200.50", "EUR"), ("1200", "JPY"), ("5.00", "EUR"), ("7.00", "USD")),
    ]
    crm.fails(2, "opp", "import", file(tmp_path, "name,amount,currency\nE,€5,USD\n"))


# ---------------------------------------------------------------------------------------------- blanks


def test_only_what_is_named_is_blank(crm: Crm, tmp_path: Path) -> None:
    text = "name,email,company,employees,Hobby\nAnn, #n/a ,Null,-,SELECT\nNull,,Select,7,-\n"
    path = file(tmp_path, text)
    assert "e-mail" in crm.fails(2, "lead", "import", path, "--extra", "note").err
    crm.ok(
        *("lead", "import", path, "--extra", "note", "--blank", "#N/A", "--blank", "-", "--blank", "Select"),
    )
    assert listed(crm, "lead", "name", "email", "company", "employees", "description") == [
        ("Ann", None, "Null", None, None),
        ("Null", None, None, 7, None),
    ]


def test_a_blank_is_blank_in_templates_and_custom_fields_and_clears_where_asked(
    crm: Crm, tmp_path: Path
) -> None:
    crm.ok("lead", "add", "Ann", "--email", "a@b.example", "--title", "Head")
    text = "name,email,title,First,Shoe size\nAnn,a@b.example,N/A,-,n/a\nBob,b@b.example,N/A,Acme,38\n"
    path, blank = file(tmp_path, text), ("--blank", "n/a", "--blank", "-")
    told = ("--set", "company={First}", "--extra", "custom", "--match", "email", *blank)
    crm.ok("lead", "import", path, *told)
    assert listed(crm, "lead", "title", "company", "shoe_size") == [
        ("Head", None, None),
        (None, "Acme", "38"),
    ]
    crm.ok("lead", "import", path, *told, "--blank-clears")
    assert listed(crm, "lead", "title") == [(None,), (None,)]


def test_a_text_cannot_be_blank_and_mean_something(crm: Crm, tmp_path: Path) -> None:
    path = file(tmp_path, "name,stage\nA,-\n")
    options = ("--value", "stage:-=Prospecting", "--blank", "-")
    crm.fails(2, "opp", "import", path, "--blank", "")
    assert "different things" in crm.fails(2, "opp", "import", path, *options).err


def test_rejects_keep_the_cells_as_they_stood(crm: Crm, tmp_path: Path) -> None:
    path, bad = file(tmp_path, "name,email\nnull,N/A\n"), tmp_path / "bad.csv"
    crm.fails(7, "lead", "import", path, "--blank", "null", "--blank", "n/a", "--rejects", bad)
    assert bad.read_text(encoding="utf-8-sig").splitlines()[1].startswith("null,N/A,2,")


# ---------------------------------------------------------------------------------------------- headings


@pytest.mark.parametrize(
    "headings",
    [
        "Vorname;Nachname;Firma;E-Mail;Telefon;Stadt;Land",
        "Prénom;Nom de famille;Société;Adresse e-mail;Téléphone;Ville;Pays",
        "NOMBRE DE PILA;Apellidos;Empresa;Correo electronico;Telefono;Ciudad;PAÍS",
        "名;姓;公司名称;邮箱;电话;城市;国家",
        "名;姓;会社名;メールアドレス;電話番号;市区町村;国",
    ],
)
def test_common_headings_of_other_languages_are_understood(crm: Crm, tmp_path: Path, headings: str) -> None:
    path = file(tmp_path, f"{headings}\nAnn;Lee;Acme;ann@acme.example;555 0101 22;Bonn;Germany\n")
    crm.ok("lead", "import", path)
    crm.ok("contact", "import", path, "--create-parents")
    wanted = ("Acme", "ann@acme.example", "555 0101 22", "Bonn", "Germany")
    assert listed(crm, "lead", "first_name", "last_name", "company", "email", "phone", "city", "country") == [
        ("Ann", "Lee", *wanted)
    ]
    assert listed(crm, "contact", "account_name", "email", "phone", "city", "country") == [wanted]


def test_a_deal_and_its_company_in_other_languages(crm: Crm, tmp_path: Path) -> None:
    crm.ok("account", "import", file(tmp_path, "Firma\nAcme\n"))
    text = "name;Firma;Betrag;Vertriebsphase;Abschlussdatum\nA;Acme;5;Proposal;2026-05-01\n"
    crm.ok("opp", "import", file(tmp_path, text), "--value", "stage:Proposal=Proposal/Price Quote")
    assert listed(crm, "opp", "account_name", "amount", "stage", "close_date") == [
        ("Acme", "5.00", "Proposal/Price Quote", "2026-05-01")
    ]


def test_words_that_may_mean_two_fields_are_refused(crm: Crm, tmp_path: Path) -> None:
    for heading in ("Nom", "Nombre", "名字"):
        run = crm.fails(2, "lead", "import", file(tmp_path, f"name,{heading}\na,b\n"))
        assert f"no field: '{heading}'" in run.err
    run = crm.fails(2, "lead", "import", file(tmp_path, "name,Stadt,Ort\na,b,c\n"))
    assert "both mean city" in run.err
