"""Duplicates: how probable it is that two records are one, from 0 to 100, and why.

A name alone proves little: it takes something that both records share besides, the *ground*. The more a
ground tells by itself, the less alike the names need to be. What contradicts it is said and deducted.
"""

from collections.abc import Sequence
from re import compile as pattern
from typing import Final, NamedTuple

from crmcli.values.keys import domain_key, email_key, is_free_mail, name_key, phone_key

LEAST: Final = 70  # the score from which two records are probably one
ALIKE: Final = 88  # per cent: names that are one, misspelt
NEAR: Final = 80  # names that may be one, where the e-mail or the phone is the same
FAR: Final = 60  # names of companies that may be one, where the website is the same
SHORT: Final = 8  # letters of a name in which a slip is another name
SHORT_ALIKE: Final = 93
SWAPPED: Final = 98
INITIALS: Final = 90
HOLDS: Final = 85  # Huaxin and Huaxin Electronics
OTHER_NAME: Final = 75  # the score of what shares a mailbox or website, and no name
FURTHER: Final = 2  # what each ground after the best adds
TAIL: Final = 8  # digits by which phone numbers are compared: country codes and zeros are typed or not

_EAST_ASIAN: Final = pattern(r"[\u2e80-\ud7af\uf900-\ufaff\U00020000-\U000323af]")
_DIGITS: Final = pattern(r"\d+")
_ROLES: Final = frozenset(
    "admin billing careers contact enquiries hello help hr info inquiry jobs kontakt mail marketing office"
    " purchasing reception sales service support team webmaster".split()
)
_NO_COMPANY: Final = frozenset(
    "freelance freelancer individual n a|na|none|private|self|self employed|test|unknown|个人|无|未知".split(
        "|"
    )
)
_HOSTED: Final = frozenset(
    "facebook.com github.com instagram.com linkedin.com t.me twitter.com wa.me weibo.com x.com youtube.com".split()
)


class Traits(NamedTuple):
    """A record as it is compared: every value folded, empty where nothing is known."""

    name: str
    turned: str  # the name with its words in one order: Wei Wang is Wang Wei, 伟王 is 王伟
    company: str = ""
    mailbox: str = ""  # of an e-mail address, without dots and +tags
    domain: str = ""  # of the company: none that anybody may use
    phones: frozenset[str] = frozenset()
    lines: frozenset[str] = frozenset()  # phone numbers that many have: a switchboard's
    street: str = ""
    country: str = ""
    parent: int | None = None


class Likeness(NamedTuple):
    """The probability that two records are one, and the reasons in words."""

    score: int
    reasons: Sequence[str]


Ground = tuple[int, str]


# --- what is compared ---------------------------------------------------------------------------------


def person(
    name: str,
    company: str | None = None,
    email: str | None = None,
    phones: Sequence[str | None] = (),
    website: str | None = None,
    address: Sequence[str | None] = (),
    country: str | None = None,
) -> Traits:
    """The traits of a lead or a contact; `address` is the street and what tells its place."""
    key, at = name_key(name), name_key(company) if company else ""
    box = mailbox(email) if email else ""
    domain = box.rpartition("@")[2]
    if not domain or is_free_mail(domain):
        domain = domain_key(website or "")
    return Traits(
        key,
        turned(key),
        "" if at in _NO_COMPANY else at,
        box,
        "" if domain in _HOSTED else domain,
        numbers(phones),
        street=street(address),
        country=name_key(country) if country else "",
    )


def company(
    name: str,
    website: str | None = None,
    phones: Sequence[str | None] = (),
    address: Sequence[str | None] = (),
    country: str | None = None,
    parent: int | None = None,
) -> Traits:
    """The traits of an account."""
    key, domain = name_key(name), domain_key(website or "")
    return Traits(
        key,
        " ".join(sorted(key.split())),
        domain="" if domain in _HOSTED else domain,
        phones=numbers(phones),
        street=street(address),
        country=name_key(country) if country else "",
        parent=parent,
    )


def mailbox(email: str) -> str:
    """An e-mail address without what many providers ignore: John_Doe+crm@x.com is johndoe@x.com."""
    local, _, domain = email_key(email).rpartition("@")
    plain = local.partition("+")[0].replace(".", "").replace("_", "")
    return f"{plain or local}@{domain}"


def numbers(phones: Sequence[str | None]) -> frozenset[str]:
    """The last digits of phone numbers, which are the same however the country was dialled."""
    keys = (phone_key(phone) for phone in phones if phone)
    return frozenset(key.lstrip("+0")[-TAIL:] for key in keys if key)


def street(address: Sequence[str | None]) -> str:
    """A street with its postal code or city; empty without either."""
    first, *places = (name_key(part) if part else "" for part in address) if address else ("",)
    place = next((part for part in places if part), "")
    return f"{first} {place}" if first and place else ""


def turned(key: str) -> str:
    """A person's name in one order, whichever came first: the family name or the given one."""
    if is_east_asian(key) and " " not in key:
        return min(key[at:] + key[:at] for at in range(len(key)))
    return " ".join(sorted(key.split()))


def is_east_asian(key: str) -> bool:
    """Whether a name is written in characters rather than letters."""
    return not key.isascii() and _EAST_ASIAN.search(key) is not None


# --- how alike ----------------------------------------------------------------------------------------


def same_person(one: Traits, other: Traits) -> Likeness | None:
    """How probable it is that two leads, or two contacts, are one; None where little says so."""
    box = bool(one.mailbox) and one.mailbox == other.mailbox
    own_box = box and one.mailbox.partition("@")[0] not in _ROLES
    phone = not one.phones.isdisjoint(other.phones)
    alike = person_alike(one, other, NEAR if own_box or phone else ALIKE)
    if not alike:
        return Likeness(OTHER_NAME, ("same e-mail", "but another name")) if own_box else None
    grounds: list[Ground] = []
    if box:
        grounds.append((100 if own_box else 90, "same e-mail"))
    if phone or not one.lines.isdisjoint(other.lines):
        grounds.append((95 if phone else 88, "same phone"))
    at = names_alike(one.company, other.company, ALIKE) if one.company and other.company else 0
    if at:
        grounds.append((92 if at == 100 else min(at, 90), said("company", at)))
    if one.domain and one.domain == other.domain and not box:
        grounds.append((90, "same domain"))
    if one.street and one.street == other.street:
        grounds.append((88, "same address"))
    against: list[Ground] = []
    if at == 0 and one.company and other.company and not own_box:
        against.append((15, "but another company"))
    if one.domain == other.domain and not box and in_one_company(one, other):
        against.append((8 if alike >= SWAPPED else 25, "but another e-mail there"))
    return judged(one, other, alike, grounds, against)


def same_company(one: Traits, other: Traits) -> Likeness | None:
    """How probable it is that two accounts are one; None where little says so."""
    family = one.parent is not None and one.parent == other.parent  # they share what is their parent's
    site = bool(one.domain) and one.domain == other.domain and not family
    phone = not one.phones.isdisjoint(other.phones) and not family
    place = bool(one.street) and one.street == other.street and not family
    alike = company_alike(one, other, FAR if site else NEAR if phone or place else SHORT_ALIKE)
    if not alike:
        return Likeness(OTHER_NAME, ("same website", "but another name")) if site else None
    grounds: list[Ground] = []
    if site:
        grounds.append((97, "same website"))
    if phone or not (family or one.lines.isdisjoint(other.lines)):
        grounds.append((93 if phone else 88, "same phone"))
    if place:
        grounds.append((92, "same address"))
    if not grounds and any(map(str.isalnum, one.name + other.name)):  # ???? is no name
        grounds.append((88, ""))  # unlike a person's, the name of a company is its own
    against: list[Ground] = []
    if one.domain and other.domain and one.domain != other.domain:
        against.append((12, "but another website"))
    return judged(one, other, alike, grounds, against)


def judged(
    one: Traits, other: Traits, alike: int, grounds: list[Ground], against: list[Ground]
) -> Likeness | None:
    """The score from how alike the names are, what else is the same, and what is not."""
    if not grounds:
        return None
    if one.country and other.country and one.country != other.country:
        against.append((10, "but another country"))
    grounds.sort(reverse=True)
    strength = min(100, grounds[0][0] + FURTHER * (len(grounds) - 1))
    score = round(strength * (100 + alike) / 200) - sum(weight for weight, _ in against)
    swapped = alike == SWAPPED and one.turned == other.turned
    named = ["same name in another order" if swapped else said("name", alike)]
    reasons = [reason for _, reason in grounds if reason]
    both = (*reasons[:1], *named, *reasons[1:]) if reasons else named
    return Likeness(
        100 if one == other else max(0, min(score, 99)), (*both, *(reason for _, reason in against))
    )


def said(what: str, alike: int) -> str:
    """How alike something is, in words."""
    return f"same {what}" if alike == 100 else f"{what} {alike} % alike"


def in_one_company(one: Traits, other: Traits) -> bool:
    """Whether both have a mailbox at the domain they share: one of them each, as colleagues do."""
    return bool(one.domain) and all(traits.mailbox.endswith("@" + one.domain) for traits in (one, other))


def person_alike(one: Traits, other: Traits, least: int) -> int:
    """How alike two people's names are, in per cent; 0 under `least`."""
    if one.name == other.name:
        return 100
    if one.turned == other.turned:
        return SWAPPED
    if is_east_asian(one.name) or is_east_asian(other.name):
        # One sign of three may be written wrongly, though not the family name; of two it is somebody else.
        slip = (
            len(one.name) == len(other.name) > 2
            and one.name[0] == other.name[0]
            and sum(a != b for a, b in zip(one.name, other.name, strict=True)) == 1
        )
        return NEAR if slip and least <= NEAR else ratio(one, other, max(least, ALIKE))
    alike = ratio(one, other, least)
    return alike or (INITIALS if least <= INITIALS and by_initials(one.name, other.name) else 0)


def company_alike(one: Traits, other: Traits, least: int) -> int:
    """How alike the names of two companies are, in per cent; 0 under `least`."""
    if one.name == other.name:
        return 100
    if one.turned == other.turned:
        return SWAPPED
    alike = ratio(one, other, least)
    return HOLDS if alike < HOLDS and least < HOLDS and holds(one.name, other.name) else alike


def names_alike(one: str, other: str, least: int) -> int:
    """How alike the names are of the companies that two people work for; 0 under `least`."""
    if one == other:
        return 100
    return ratio(Traits(one, one), Traits(other, other), least) or (HOLDS if holds(one, other) else 0)


def ratio(one: Traits, other: Traits, least: int) -> int:
    """The share of letters that two names have in common, in whichever order they match better."""
    from rapidfuzz.fuzz import ratio as fuzzy

    if least >= ALIKE and min(len(one.name), len(other.name)) < SHORT:
        least = max(least, SHORT_ALIKE)
    alike = fuzzy(one.name, other.name, score_cutoff=least)
    if alike < 100:
        alike = max(alike, fuzzy(one.turned, other.turned, score_cutoff=least))
    if alike and _DIGITS.findall(one.name) != _DIGITS.findall(other.name):
        return 0  # Shop 12 and Shop 13 are two
    return min(99, int(alike))


def by_initials(one: str, other: str) -> bool:
    """Whether names differ only in that given names are initials: J. Smith and John Smith."""
    first, second = one.split(), other.split()
    if len(first) != len(second) or len(first) < 2:
        return False
    pairs = list(zip(first, second, strict=True))
    short = [a != b for a, b in pairs]
    fits = all(a == b or (len(min(a, b, key=len)) == 1 and a[0] == b[0]) for a, b in pairs)
    return fits and any(short) and not all(short)


def holds(one: str, other: str) -> bool:
    """Whether a name is another with something more to it: Huaxin Electronics, 华信电子."""
    short, long = sorted((one, other), key=lambda name: (len(name), name))
    if is_east_asian(short):
        return len(short) > 1 and short in long
    return len(short) > 2 and set(short.split()) <= set(long.split())
