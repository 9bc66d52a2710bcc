"""vCard 2.1, 3.0 and 4.0 as rows: a card is a row, its headings are the names of our fields.

What has a field goes into it, the preferred or first of a kind; every other one, and what has no field, becomes
a line of the description. What is left out (pictures, keys, marks of programs) is announced by name.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TextIO
from urllib.parse import unquote

from crmcli.transfer.rows import MAX_RECORD, BadRow, Row, bad, judged

HEADINGS: Final = (
    *("external_id", "name", "first_name", "last_name", "account", "company", "title", "department"),
    *("email", "phone", "mobile", "website", "street", "city", "state", "postal_code", "country"),
    "description",
)
ADDRESS: Final = ("street", "city", "state", "postal_code", "country")
# Properties with a line of their own in the description, and what they are called there.
LINES: Final = {
    "BDAY": "Birthday",
    "ANNIVERSARY": "Anniversary",
    "NICKNAME": "Nickname",
    "IMPP": "Chat",
    "X-AIM": "AIM",
    "X-ICQ": "ICQ",
    "X-JABBER": "Jabber",
    "X-MSN": "MSN",
    "X-SKYPE": "Skype",
    "X-YAHOO": "Yahoo",
    "X-GTALK": "Google Talk",
    "X-QQ": "QQ",
    "X-MS-IMADDRESS": "Chat",
    "X-SOCIALPROFILE": "Profile",
    "CATEGORIES": "Categories",
}
OWN_LINES: Final = ("ANNIVERSARY", "ASSISTANT", "MANAGER", "SPOUSE")  # X-EVOLUTION-SPOUSE, X-MS-SPOUSE
MANY: Final = 5  # properties of other programs that are not all named
# Properties that say how a card was made, or what others of the same card say too.
SILENT: Final = (
    *("VERSION", "REV", "PRODID", "PROFILE", "SOURCE", "NAME", "CLASS", "MAILER", "SORT-STRING", "LABEL"),
    *("KIND", "CLIENTPIDMAP", "XML", "X-ABLABEL", "X-ABADR", "X-ABSHOWAS", "X-ABUID"),
)
ENCODINGS: Final = ("QUOTED-PRINTABLE", "BASE64", "B", "8BIT", "7BIT")

_parameter = re.compile(r';([^;:="]*)(?:=((?:"[^"]*"|[^;:"])*))?')
_name = re.compile(r"(?:[\w-]+\.)?([A-Za-z][\w-]*)")
_token = re.compile(r"\\.|[;,]|[^\\;,]+|\\", re.DOTALL)
_escape = re.compile(r"\\(.)", re.DOTALL)


class Property(NamedTuple):
    """One line of a card: EMAIL;TYPE=work:ada@example.com."""

    name: str
    types: tuple[str, ...]  # home, work, pref
    value: str  # still escaped
    old: bool  # vCard 2.1, which escapes less
    rank: int  # how much it is preferred; 1 is most

    def text(self) -> str:
        """The whole value, unescaped."""
        return _plain(self.value, old=self.old)

    def parts(self, comma: str) -> list[str]:
        """The components of a structured value; the commas between several of a kind are said otherwise."""
        pieces = [""]
        for token in _token.findall(self.value):
            if token == ";":
                pieces.append("")
            else:
                pieces[-1] += comma if token == "," and not self.old else token
        return [_plain(piece, old=self.old).strip() for piece in pieces]

    def kind(self) -> str:
        """What it is for, in brackets: (home)."""
        told = [each for each in self.types if each not in ("internet", "pref", "voice", "x400")]
        return f" ({', '.join(told)})" if told else ""


@dataclass(slots=True)
class Card:
    """What one card says, by heading, and the lines of its description."""

    line: int
    known: Collection[str]  # the headings that there are
    cells: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    more: bool = False  # it has more of a kind than there are fields
    whole: bool = True

    def put(self, heading: str, text: str, label: str) -> None:
        """Into the field where there is one and it is free, else on a line of the description."""
        text = text.strip() if heading == "external_id" else " ".join(text.split())
        if not text:
            return
        if heading not in self.known:
            self.note(label, text)
        elif self.cells.setdefault(heading, text) != text:
            self.note(label, text)
            self.more = True

    def note(self, label: str, text: str) -> None:
        """A line of the description."""
        self.lines.append(f"{label}: {' '.join(text.split())}")


def is_vcard(head: str) -> bool:
    """Whether a text begins as vCards do."""
    return head.lstrip()[:11].casefold() == "begin:vcard"


def survey(stream: TextIO, fields: Collection[str]) -> tuple[list[str], list[str]]:
    """The headings that the cards of a file fill, and what is to be said of them."""
    filled: set[str] = {"name"}
    ignored: Counter[str] = Counter()
    more = 0
    for card in cards(stream, fields):
        filled.update(heading for heading, cell in card.cells.items() if cell)
        ignored.update(card.ignored)
        more += card.more
    said = []
    if more:
        have = "1 card has" if more == 1 else f"{more:,} cards have"
        said.append(f"{have} more addresses or numbers than there are fields; they are in the description.")
    if ignored:
        names = sorted(ignored)
        own = [name for name in names if name.startswith("X-")]
        if len(own) > MANY:
            names = [name for name in names if name not in own]
            names.append(f"{len(own)} that other programs made up ({own[0]}, …)")
        said.append(f"Not read: {', '.join(names)}.")
    return [heading for heading in HEADINGS if heading in filled], said


def rows(stream: TextIO, headings: Sequence[str], fields: Collection[str]) -> Iterator[Row | BadRow]:
    """Every card, with the line it begins on."""
    for card in cards(stream, fields):
        cells = [card.cells.get(heading, "") for heading in headings]
        yield judged(card.line, cells) if card.whole else bad(card.line, "bad_card", cells)


def cards(stream: TextIO, fields: Collection[str]) -> Iterator[Card]:
    """Every card of a file. `fields` are those that there are; none means all."""
    known = [heading for heading in HEADINGS if not fields or heading in fields]
    begin, depth, old = 0, 0, False
    found: list[Property] = []
    for number, text in _unfolded(stream):
        word = text.strip().casefold()
        if word == "begin:vcard":
            if depth == 0:
                begin, found, old = number, [], False
            depth += 1  # a card within a card is somebody else's: their agent's
        elif word == "end:vcard":
            depth = max(depth - 1, 0)
            if depth == 0 and begin:
                yield _card(begin, found, known)
                begin = 0
        elif depth == 1:
            old = old or word == "version:2.1"
            prop = _property(text, old=old)
            if prop is not None:
                found.append(prop)
    if begin:
        card = _card(begin, found, known)
        card.whole = False
        yield card


# --- from lines to properties ---------------------------------------------------------------------------


def _unfolded(stream: TextIO) -> Iterator[tuple[int, str]]:
    """Every logical line with the number of its first; soft line breaks of quoted-printable are joined."""
    held, start, soft = "", 0, False
    for number, line in enumerate(iter(lambda: stream.readline(MAX_RECORD), ""), 1):
        text = line.rstrip("\r\n")
        if soft:
            held = held[:-1] + text
        elif text[:1] in (" ", "\t") and held:
            held += text[1:] if len(held) < MAX_RECORD else ""
        else:
            if held:
                yield start, held
            held, start = text, number
        soft = held.endswith("=") and "QUOTED-PRINTABLE" in held.partition(":")[0].upper()
    if held:
        yield start, held


def _property(text: str, *, old: bool) -> Property | None:
    """A logical line taken apart; None where it is none, or holds data instead of text."""
    match = _name.match(text)
    if match is None:
        return None
    at, encoding, charset, rank = match.end(), "", "utf-8", 100
    types: list[str] = []
    while found := _parameter.match(text, at):
        at = found.end()
        word, value = found[1].strip().upper(), found[2]
        if value is None:  # 2.1: ;HOME;QUOTED-PRINTABLE
            word, value = ("ENCODING" if word in ENCODINGS else "TYPE"), word
        values = [each.strip(' "').lower() for each in value.split(",")]
        if word == "TYPE":
            types += [each.strip() for value in values for each in value.split(",")]
        elif word == "ENCODING":
            encoding = values[0].upper()
        elif word == "CHARSET":
            charset = values[0]
        elif word == "PREF" and values[0].isdigit():
            rank = int(values[0])
    if text[at : at + 1] != ":":
        return None
    value = text[at + 1 :]
    name = match[1].upper()
    if encoding in ("BASE64", "B") or value[:5].lower() == "data:":
        return Property(name, (), "", old, rank)
    if encoding == "QUOTED-PRINTABLE":
        value = _unquoted(value, charset)
    if "pref" in types:
        rank = 1
    return Property(name, tuple(dict.fromkeys(types)), value, old, rank)


def _unquoted(value: str, charset: str) -> str:
    from quopri import decodestring

    raw = decodestring(value.encode())
    for encoding in (charset, "utf-8"):
        try:
            return raw.decode(encoding)
        except (LookupError, UnicodeDecodeError):
            continue
    return raw.decode("cp1252", "replace")


def _plain(value: str, *, old: bool) -> str:
    """A value without its escapes; in vCard 2.1 a backslash before anything but ; and , is one."""
    value = value.replace("\r\n", "\n")
    if old:
        return re.sub(r"\\([;,])", r"\1", value)
    return _escape.sub(lambda match: "\n" if match[1] in "nN" else match[1], value)


# --- from properties to cells ---------------------------------------------------------------------------


def _card(line: int, found: Sequence[Property], known: Collection[str]) -> Card:
    """Fill the fields of a card from its properties."""
    kinds: dict[str, list[Property]] = {}
    card = Card(line, known)
    for prop in found:
        if prop.value.strip(" ;"):
            kinds.setdefault(prop.name, []).append(prop)
        elif prop.name in ("PHOTO", "LOGO", "SOUND", "KEY"):
            card.ignored.append(prop.name)
    for group in kinds.values():
        group.sort(key=lambda prop: (prop.rank, "home" in prop.types))
    for prop in kinds.pop("TITLE", ()):
        card.put("title", prop.text(), "Title")
    for prop in kinds.pop("ROLE", ()):
        card.note("Role", prop.text())
    for prop in kinds.pop("EMAIL", ()):
        card.put("email", re.sub("^mailto:", "", prop.text(), flags=re.IGNORECASE), f"E-mail{prop.kind()}")
    _put_names(card, kinds)
    for prop in kinds.pop("TEL", ()):
        _put_number(card, prop)
    for prop in kinds.pop("ADR", ()):
        _put_address(card, prop)
    for prop in kinds.pop("URL", ()):
        card.put("website", prop.text(), f"Website{prop.kind()}")
    for prop in kinds.pop("UID", ()):
        card.put("external_id", prop.text(), "UID")
    notes = [prop.text().strip() for prop in kinds.pop("NOTE", ())]
    for name, group in kinds.items():
        last = name.rpartition("-")[2]
        label = LINES.get(name) or (last.capitalize() if last in OWN_LINES else "")
        for prop in group if label else ():
            card.note(label + prop.kind(), prop.text())
        if not label and name not in SILENT:
            card.ignored.append(name)
    card.cells["description"] = "\n".join([*notes, *dict.fromkeys(card.lines)])
    return card


def _put_names(card: Card, kinds: dict[str, list[Property]]) -> None:
    for prop in kinds.pop("ORG", ()):
        company, *units = prop.parts(",")
        card.put("account" if "account" in card.known else "company", company, "Organization")
        card.put("department", ", ".join(filter(None, units)), "Department")
    for prop in kinds.pop("N", ())[:1]:
        family, given, additional, prefix, suffix = (*prop.parts(" "), "", "", "", "", "")[:5]
        card.put("last_name", family, "Family name")
        card.put("first_name", f"{given} {additional}", "Given name")
        if "FN" not in kinds:
            card.put("name", f"{prefix} {given} {additional} {family} {suffix}", "Name")
    for prop in kinds.pop("FN", ()):
        card.put("name", prop.text(), "Name")
    if not card.cells.get("name"):  # the card of a company, or of somebody one only has the address of
        others = (card.cells.get(heading) for heading in ("account", "company", "email"))
        card.cells["name"] = next(filter(None, others), "")


def _put_number(card: Card, prop: Property) -> None:
    number = prop.text()
    if number[:4].lower() == "tel:":
        number = re.sub(";ext=", " ext. ", unquote(number[4:]), flags=re.IGNORECASE)
    if {"fax", "pager", "modem", "telex"} & {*prop.types}:
        card.note(f"Number{prop.kind()}", number)
    else:
        mobile = {"cell", "iphone", "mobile"} & {*prop.types}
        card.put("mobile" if mobile else "phone", number, f"Phone{prop.kind()}")


def _put_address(card: Card, prop: Property) -> None:
    box, more, street, *rest = (*prop.parts(", "), *[""] * 7)[:7]
    lines = (line.strip(" ,") for line in f"{more}\n{street}\n{box}".splitlines())
    parts = [", ".join(filter(None, lines)), *rest]
    if any(card.cells.get(heading) for heading in ADDRESS):
        card.note(f"Address{prop.kind()}", ", ".join(filter(None, parts)))
        card.more = True
        return
    for heading, part in zip(ADDRESS, parts, strict=True):
        card.put(heading, part, heading.replace("_", " ").capitalize())
