"""Reading vCards of every version: one row a card, and nothing lost that has no field."""

import io
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.transfer import vcard_rows
from crmcli.transfer.rows import BadRow, Row
from crmcli.transfer.source import Source, open_source
from tests.conftest import Crm

CONTACT = (
    *("name", "first_name", "last_name", "account", "title", "department", "email", "phone", "mobile"),
    *("street", "city", "state", "postal_code", "country", "external_id", "description"),
)


def read(path: Path, text: str, fields: Any = CONTACT) -> tuple[Source, list[Row | BadRow]]:
    path.write_bytes(dedent(text).encode())
    with open_source(str(path), io.BytesIO(), encoding=None, delimiter=None, fields=fields) as source:
        return source, list(source.rows())


def cards(path: Path, text: str, fields: Any = CONTACT) -> list[dict[str, str]]:
    """Every card by headings, blank cells left out."""
    source, rows = read(path, text, fields)
    found = []
    for row in rows:
        assert not isinstance(row, BadRow), row
        found.append({key: cell for key, cell in zip(source.headings, row[1], strict=True) if cell})
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cards.vcf"


def test_version_4(file: Path) -> None:
    text = """\
        BEGIN:VCARD
        VERSION:4.0
        UID:urn:uuid:1f7c
        FN:Dr. Zoë Müller
        N:Müller;Zoë;Maria,Eva;Dr.;
        ORG:Grand 华\\, Inc.;Sales
        TITLE:Head of Sales
        EMAIL;TYPE=home:zoe@home.example
        EMAIL;TYPE=work;PREF=1:zoe@work.example
        TEL;VALUE=uri;TYPE="voice,work":tel:+49-30-1234;ext=12
        TEL;VALUE=uri;TYPE=cell:tel:+49-170-1234
        ADR;TYPE=work:;2nd floor;Hauptstr. 1\\, Hof;Berlin;;10115;Germany
        NOTE:First\\nSecond\\; third
        BDAY:1980-03-22
        END:VCARD
    """
    assert cards(file, text) == [
        {
            "external_id": "urn:uuid:1f7c",
            "name": "Dr. Zoë Müller",
            "first_name": "Zoë Maria Eva",
            "last_name": "Müller",
            "account": "Grand 华, Inc.",
            "department": "Sales",
            "title": "Head of Sales",
            "email": "zoe@work.example",
            "phone": "+49-30-1234 ext. 12",
            "mobile": "+49-170-1234",
            "street": "2nd floor, Hauptstr. 1, Hof",
            "city": "Berlin",
            "postal_code": "10115",
            "country": "Germany",
            "description": "First\nSecond; third\nE-mail (home): zoe@home.example\nBirthday: 1980-03-22",
        }
    ]


def test_version_2_1(file: Path) -> None:
    text = """\
        BEGIN:VCARD
        VERSION:2.1
        N;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:M=FCller;Zo=EB
        TEL;CELL;PREF:0170 1234
        TEL;WORK;FAX:030 99
        ADR;HOME;CHARSET=UTF-8;QUOTED-PRINTABLE:;;Stra=C3=9Fe 1=0D=0A=
        Hinterhaus;Berlin
        NOTE:C:\\new\\dir; as it is
        PHOTO;ENCODING=BASE64;JPEG:
         R0lGODlhAQABAAAAACw6
         ABCD:EFGH

        END:VCARD
    """
    assert cards(file, text) == [
        {
            "name": "Zoë Müller",
            "first_name": "Zoë",
            "last_name": "Müller",
            "mobile": "0170 1234",
            "street": "Straße 1, Hinterhaus",
            "city": "Berlin",
            "description": "C:\\new\\dir; as it is\nNumber (work, fax): 030 99",
        }
    ]
    assert read(file, text)[0].announced == ["Not read: PHOTO."]


def test_version_3_with_folded_lines_groups_and_several_cards(file: Path) -> None:
    text = (
        "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada Love\r\n lace\r\nitem1.EMAIL;type=INTERNET:ada@x.example\r\n"
        "item1.X-ABLabel:_$!<Other>!$_\r\nEND:VCARD\r\n\r\n"
        "begin:vcard\r\nversion:3.0\r\nfn:\r\norg:Acme\\; Sons\r\nAGENT:\r\nBEGIN:VCARD\r\nFN:Somebody\r\n"
        "END:VCARD\r\nend:vcard\r\n"
    )
    file.write_bytes(text.encode())
    with open_source(str(file), io.BytesIO(), encoding=None, delimiter=None, fields=CONTACT) as source:
        assert source.headings == ["name", "account", "email"]
        assert list(source.rows()) == [
            (1, ["Ada Lovelace", "", "ada@x.example"]),
            (9, ["Acme; Sons", "Acme; Sons", ""]),
        ]
        assert source.announced == []


def test_more_of_a_kind_than_there_are_fields_goes_to_the_description_and_is_announced(file: Path) -> None:
    text = """\
        BEGIN:VCARD
        VERSION:3.0
        FN:Ada
        EMAIL:a@x.example
        EMAIL;TYPE=work:b@x.example
        EMAIL:a@x.example
        TEL:1
        TEL;TYPE=home:2
        ADR:;;One;;;;
        ADR;TYPE=home:;;Two;Bern;;;
        URL:https://x.example
        NICKNAME:Al
        GEO:1;2
        X-ONE:1
        END:VCARD
    """
    source, rows = read(file, text)
    assert source.announced == [
        "1 card has more addresses or numbers than there are fields; they are in the description.",
        "Not read: GEO, X-ONE.",
    ]
    assert not isinstance(rows[0], BadRow)
    assert rows[0][1][source.headings.index("description")].splitlines() == [
        "E-mail (work): b@x.example",
        "Phone (home): 2",
        "Address (home): Two, Bern",
        "Website: https://x.example",
        "Nickname: Al",
    ]
    with_website = cards(file, text, (*CONTACT, "website", "company"))
    assert with_website[0]["website"] == "https://x.example"


@pytest.mark.parametrize("line", ["EMAIL:b@x.example", "ADR:;;Two;;;;"])
def test_what_is_more_than_there_are_fields_is_announced(file: Path, line: str) -> None:
    text = f"BEGIN:VCARD\nVERSION:3.0\nFN:Ada\nEMAIL:a@x.example\nADR:;;One;;;;\n{line}\nEND:VCARD\n"
    assert read(file, text)[0].announced == [
        "1 card has more addresses or numbers than there are fields; they are in the description."
    ]


def test_a_card_without_an_end_is_a_bad_row(file: Path) -> None:
    _, rows = read(file, "BEGIN:VCARD\nFN:Ada\nEND:VCARD\nBEGIN:VCARD\nFN:Eva\n")
    assert [(row.line, row.code) if isinstance(row, BadRow) else row[0] for row in rows] == [
        1,
        (4, "bad_card"),
    ]


def test_contacts_and_leads_are_imported_from_cards(crm: Crm, file: Path) -> None:
    file.write_text(
        "BEGIN:VCARD\nVERSION:3.0\nUID:1\nFN:Ada\nORG:Acme\nURL:https://x.example\nEND:VCARD\n", "utf-8"
    )
    crm.ok("contact", "import", file, "--create-parents")
    contact = crm.ok("contact show C1 --json").json
    assert (contact["account_name"], contact["external_id"]) == ("Acme", "1")
    assert contact["description"] == "Website: https://x.example"
    crm.ok("lead", "import", file, "--match", "external_id")
    lead = crm.ok("lead show L1 --json").json
    assert (lead["company"], lead["website"], lead["description"]) == ("Acme", "https://x.example", None)
    assert "1 unchanged" in crm.ok("lead", "import", file, "--match", "external_id").err


@given(st.text("BEGIN:VCARD\nEND;=\\\"' ,\tÄ=0D-.", max_size=200))
def test_no_card_breaks_the_reader(text: str) -> None:
    stream = io.StringIO("BEGIN:VCARD\n" + text)
    list(vcard_rows.rows(stream, vcard_rows.HEADINGS, ()))
