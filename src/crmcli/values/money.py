"""Money: what people type to whole minor units of a currency, and back; in integers, nothing rounded away."""

import re
from collections.abc import Sequence
from typing import Final

from crmcli.errors import InvalidValue, suggestion
from crmcli.values._text import plain, shown

# The currencies that are not divided into hundredths (ISO 4217).
DECIMALS: Final = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF"), 0),
    **dict.fromkeys(("UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}

# The active codes of ISO 4217 that have a minor unit (so no metals, bond units or test codes), and three that
# were withdrawn since 2023 and stand in deals of recent years: ANG, BGN, HRK.
_CODES: Final = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN
BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP
GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR
KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV
MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG
SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI
UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
CURRENCIES: Final = frozenset(_CODES.split())

# What a sign may stand for. It is the currency in hand where that is among them, or else the first; a sign
# that begins with None means nothing without a currency that uses it.
_SIGNS: Final[dict[str, tuple[str | None, ...]]] = {
    "$": (
        *(
            "USD",
            "ARS",
            "AUD",
            "BBD",
            "BMD",
            "BND",
            "BSD",
            "BZD",
            "CAD",
            "CLP",
            "COP",
            "DOP",
            "FJD",
            "GYD",
            "HKD",
        ),
        *("JMD", "KYD", "LRD", "MXN", "NAD", "NZD", "SBD", "SGD", "SRD", "TTD", "TWD", "UYU", "XCD"),
    ),
    "US$": ("USD",),
    "A$": ("AUD",),
    "AU$": ("AUD",),
    "C$": ("CAD", "NIO"),
    "CA$": ("CAD",),
    "HK$": ("HKD",),
    "MX$": ("MXN",),
    "NT$": ("TWD",),
    "NZ$": ("NZD",),
    "R$": ("BRL",),
    "S$": ("SGD",),
    "€": ("EUR",),
    "£": ("GBP", "EGP", "FKP", "GIP", "LBP", "SHP", "SSP", "SYP"),
    "¥": (None, "CNY", "JPY"),
    "CN¥": ("CNY",),
    "JP¥": ("JPY",),
    "元": ("CNY", "HKD", "MOP", "TWD"),
    "円": ("JPY",),
    "RMB": ("CNY",),
    "KR": (None, "DKK", "ISK", "NOK", "SEK"),
    "₩": ("KRW", "KPW"),
    "₹": ("INR",),
    "₽": ("RUB",),
    "₺": ("TRY",),
    "₫": ("VND",),
    "₪": ("ILS",),
    "฿": ("THB",),
    "₦": ("NGN",),
    "₱": ("PHP",),
    "₴": ("UAH",),
    "₸": ("KZT",),
    "₡": ("CRC",),
    "₲": ("PYG",),
    "₵": ("GHS",),
    "₭": ("LAK",),
    "₮": ("MNT",),
    "₼": ("AZN",),
    "₾": ("GEL",),
    "ZŁ": ("PLN",),
    "KČ": ("CZK",),
}
_COMMON: Final = ("USD", "EUR", "CNY", "JPY", "GBP", "CHF", "AUD", "CAD", "HKD", "SGD", "INR", "KRW")
_THOUSANDS: Final = {"": 0, "K": 3, "M": 6, "BN": 9}

_LARGEST: Final = 10**15  # minor units; a database can still add up nine thousand such amounts
_EXAMPLES: Final = "50000, 50_000, 50,000.50, 50k, 1.25m, €50.000,50 or EUR 50000"

_AMOUNT: Final = (
    r"(?P<outer>[-+(]?) ?(?P<before>[^0-9.,()+-]*?) ?(?P<inner>[-+(]?) ?"
    r"(?P<number>[.,]?[0-9](?:[0-9.,'_ ]*[0-9])?[.,]?) ?"
    r"(?P<scale>[^0-9.,()+-]*)(?P<close>\)?) ?(?P<after>[^0-9.,()+-]*)"
)
_THREES: Final = r"[1-9][0-9]{0,2}(?:S[0-9]{3})+"
_LAKHS: Final = r"[1-9][0-9]?(?:,[0-9]{2})*,[0-9]{3}"


class _Refusal(Exception):
    """Why a text is no amount."""


def check_currency(code: str) -> str:
    """The code of a currency in capitals, if ISO 4217 has it."""
    wanted = plain(code).upper()
    if wanted in CURRENCIES:
        return wanted
    meant = _SIGNS.get(wanted, (None,))[0]
    close = suggestion(wanted, _COMMON) or suggestion(wanted, sorted(CURRENCIES))
    raise InvalidValue(
        f"{shown(code)} is not a currency: three letters of ISO 4217 are needed. Write USD, EUR or CNY.",
        hint=f"Did you mean {meant!r}?" if meant else close,
        field="currency",
    )


def decimals(currency: str) -> int:
    """How many decimals a currency has."""
    return DECIMALS.get(currency, 2)


def parse_money(text: str, *, currency: str, decimal: str | None = None) -> tuple[int, str]:
    """The amount in whole minor units, and its currency: the one in the text, or else the one given.

    Which mark is the decimal one is read from the amount alone, or told by `decimal` (`.` or `,`):

    - of two different marks the last is the decimal one (`50,000.50`, `€50.000,50`, `CHF 1'000.50`); a mark
      that comes twice groups thousands (`1.234.567`), in threes, or as in `1,00,000`;
    - a lone comma before exactly three digits groups thousands (`1,234`), before one or two it is decimal;
    - a lone point is decimal; but before exactly three digits, `1.234`, it is refused as having two readings,
      unless the currency has three decimals or `k`, `m`, `bn` follows (`1.234m`).

    A sign that several currencies share (`$`, `£`, `元`) is the given currency where that is one of them, or
    else the best known; `¥` and `kr` are refused where the given currency does not tell. `(500)` and `-500`
    are negative, which callers may refuse. More decimals than the currency has are refused, unless zeros.
    """
    if decimal not in {None, ".", ","}:
        raise InvalidValue(f"{shown(str(decimal))} is not a decimal mark. Write . or ,")
    try:
        return _amount(plain(plain(text).strip("\"'` ")), currency, decimal)
    except _Refusal as why:
        raise InvalidValue(f"{shown(text)} is not an amount of money: {why}. Write {_EXAMPLES}.") from None


def amount_text(minor: int, currency: str) -> str:
    """An amount for machines: `50000.00`."""
    if minor >= 0 and currency not in DECIMALS:  # the usual case, said a million times by an export
        return f"{minor // 100}.{minor % 100:02}"
    return _written(minor, currency, "")


def grouped(minor: int, currency: str) -> str:
    """An amount for people: `12,500.00`."""
    return _written(minor, currency, ",")


def amount_words(minor: int, currency: str) -> str:
    """An amount for people, with its currency: `USD 12,500.00`."""
    return f"{currency} {_written(minor, currency, ',')}"


def percent_of(minor: int, percent: int) -> int:
    """So many hundredths of an amount, a half rounded away from zero."""
    product = minor * percent
    share = (abs(product) + 50) // 100
    return -share if product < 0 else share


def split_evenly(total: int, weights: Sequence[int]) -> list[int]:
    """A total in parts proportional to the weights; the parts sum to it exactly.

    Each part is rounded down, and what is left goes, one each, to the largest remainders, the earlier first.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise InvalidValue(
            f"{shown(str(list(weights)))} are not weights: none may be negative, and one has to be above 0. "
            "Write 3 and 2."
        )
    size = abs(total)
    parts = [size * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda at: -(size * weights[at] % whole))
    for at in by_remainder[: size - sum(parts)]:
        parts[at] += 1
    return [-part for part in parts] if total < 0 else parts


def _written(minor: int, currency: str, separator: str) -> str:
    places = decimals(currency)
    whole, rest = divmod(abs(minor), 10**places)
    sign = "-" if minor < 0 else ""
    text = f"{whole:,}" if separator else str(whole)
    return f"{sign}{text}.{rest:0{places}}" if places else f"{sign}{text}"


def _amount(typed: str, currency: str, decimal: str | None) -> tuple[int, str]:
    found = re.fullmatch(_AMOUNT, typed) if len(typed) <= 80 else None
    if found is None:
        raise _Refusal(_why_no_amount(typed))
    marks = found["outer"] + found["inner"]
    if len(marks) > 1 or (marks == "(") != bool(found["close"]):
        raise _Refusal("its sign or its brackets do not pair up")
    before = found["before"].strip().upper()
    scale, after = _scale(found["scale"].strip().upper(), found["after"].strip().upper())
    currency = _currency([word for word in (before, *after) if word], currency)
    number = found["number"].strip()
    if number[0] in ".," and before and before[-1].isalpha():
        raise _Refusal("the mark after the letters may belong to either side")
    whole, fraction = _digits(number, decimals(currency), bool(scale), decimal)
    minor = _exact(whole, fraction, scale, currency)
    return (-minor if marks in {"-", "("} else minor), currency


def _why_no_amount(typed: str) -> str:
    if not typed:
        return "it is blank"
    if len(typed) > 80:
        return "it is too long"
    if not re.search(r"[0-9]", typed):
        return "it has no digits"
    if re.fullmatch(r"[+-]?[0-9.]+e[+-]?[0-9]+", typed, re.IGNORECASE):
        return "powers of ten are not read"
    return "there is more in it than an amount and a currency"


def _scale(first: str, second: str) -> tuple[int, list[str]]:
    """The power of ten and the currencies in what follows the number: `K`, `BN USD`, `KWD`."""
    words = [*first.split(), *second.split()]
    if words and not _is_currency(words[0]):
        for name in ("BN", "K", "M"):
            rest = words[0].removeprefix(name)
            if rest != words[0] and (not rest or _is_currency(rest)):
                return _THOUSANDS[name], [word for word in (rest, *words[1:]) if word]
    return 0, words


def _is_currency(word: str) -> bool:
    return word in CURRENCIES or word in _SIGNS


def _currency(words: list[str], given: str) -> str:
    """The one currency that all the codes and signs around an amount agree on."""
    codes = [word for word in words if word in CURRENCIES]
    if len(set(codes)) > 1:
        raise _Refusal("it names two currencies")
    code = codes[0] if codes else None
    for word in words:
        if word in CURRENCIES:
            continue
        meant = _SIGNS.get(word)
        if meant is None:
            raise _Refusal(f"{word.lower()!r} is neither a currency nor k, m or bn")
        wanted = code or (given if given in meant else meant[0])
        if wanted is None:
            choice = " or ".join(str(one) for one in meant[1:])
            raise _Refusal(f"{word.lower()} does not tell the currency; write {choice}")
        if wanted not in meant:
            raise _Refusal("it names two currencies")
        code = wanted
    return code or given


def _digits(number: str, places: int, scaled: bool, decimal: str | None) -> tuple[str, str]:
    """The digits before and after the decimal mark."""
    mark = decimal or _decimal_mark(number, places, scaled)
    whole, found, fraction = number.partition(mark) if mark else (number, "", "")
    if found and not fraction:
        raise _Refusal(f"digits are missing after {mark!r}")
    if not re.fullmatch(r"[0-9]*", fraction):
        raise _Refusal(f"{mark!r} cannot be its decimal mark")
    separators = set(whole) - set("0123456789")
    if not separators:
        return whole, fraction
    separator = separators.pop()
    threes = re.fullmatch(_THREES.replace("S", re.escape(separator)), whole)
    if separators or not (threes or (separator == "," and re.fullmatch(_LAKHS, whole))):
        raise _Refusal("its digits are not grouped in threes")
    return whole.replace(separator, ""), fraction


def _decimal_mark(number: str, places: int, scaled: bool) -> str | None:
    """The decimal mark, as far as the number itself tells."""
    point, comma = number.rfind("."), number.rfind(",")
    if point >= 0 and comma >= 0:
        return "." if point > comma else ","
    mark = "." if point >= 0 else ","
    if number.count(mark) != 1:
        return None
    whole, _, fraction = number.partition(mark)
    if not re.fullmatch(
        r"[1-9][0-9]{0,2}", whole
    ):  # thousands cannot begin like this, and other marks group already
        return mark
    if len(fraction) == 3 and mark == ",":
        return None
    if len(fraction) == 3 and places < 3 and not scaled:
        raise _Refusal(f"it could be {whole}{fraction} or {whole}.{fraction}; write it without the point")
    if len(fraction) > 3 and mark == ",":
        raise _Refusal("its digits are not grouped in threes")
    return mark


def _exact(whole: str, fraction: str, scale: int, currency: str) -> int:
    fraction = fraction.rstrip("0")
    shift = scale + decimals(currency) - len(fraction)
    if shift < 0:
        places = decimals(currency)
        allowed = f"{places} decimals" if places else "no decimals"
        raise _Refusal(f"{currency} has {allowed}, and nothing is rounded")
    minor: int = int((whole + fraction) or "0") * 10**shift
    if minor > _LARGEST:
        raise _Refusal("it is too large")
    return minor
