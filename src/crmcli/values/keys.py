"""The normalised forms by which records are matched and found, and the checks of what is kept as typed."""

import re
from importlib import import_module
from types import ModuleType
from typing import Final

from crmcli.errors import InvalidValue
from crmcli.values._text import plain, shown

# Legal forms that end a company's name, after dots are gone: S.A. is sa, K.K. is kk.
_FORM_LIST: Final = """
ab ag aps bv bvba co company corp corporation gmbh inc incorporated kg kgaa kk limited llc llp ltd
ltda nv oy oyj plc pte pty pvt sa sarl sas srl 株 주
"""
_FORMS: Final = frozenset(_FORM_LIST.split())
_CJK_FIRST: Final = ("株式会社", "株式會社", "有限会社", "合同会社", "주식회사")
_CJK_LAST: Final = ("股份有限公司", "有限责任公司", "有限責任公司", "有限公司", *_CJK_FIRST)

_GLUED: Final = dict.fromkeys(map(ord, ".'`"))  # S.A. and O'Brien are one word
_ASCII_WORDS: Final[dict[int, str | None]] = {
    **{code: " " for code in range(128) if not chr(code).isalnum()},
    **_GLUED,
}
_CJK: Final = (
    "\u3005-\u3007\u3040-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U000323af"
)

_FREE_MAIL_LIST: Final = """
126.com 139.com 163.com 189.cn aliyun.com aol.com att.net bigpond.com bol.com.br btinternet.com
comcast.net daum.net fastmail.com foxmail.com free.fr gmail.com gmx.at gmx.ch gmx.de gmx.net
googlemail.com hanmail.net hey.com icloud.com laposte.net libero.it live.com mac.com mail.com
mail.ru me.com msn.com naver.com o2.pl orange.fr outlook.com pm.me proton.me protonmail.com qq.com
rediffmail.com rocketmail.com seznam.cz sina.cn sina.com sohu.com t-online.de terra.com.br
tutanota.com ukr.net uol.com.br verizon.net vip.163.com vip.qq.com wanadoo.fr web.de wp.pl
yandex.com yandex.ru yeah.net ymail.com zoho.com
"""
_FREE_MAIL: Final = frozenset(_FREE_MAIL_LIST.split())
_FREE_FAMILIES: Final = r"(?:yahoo|hotmail|outlook|live)\.(?:com|[a-z]{2}|(?:co|com|ne)\.[a-z]{2})"


def name_key(text: str) -> str:
    """A name as it is compared: no case, punctuation or legal form. `Acme, Inc.` and `ACME` are both `acme`.

    株式会社 goes from the start too. What is nothing but punctuation or legal form stays, so that no name has
    an empty key. The key of a key is itself.
    """
    if text.isascii():
        return _name_words(text.lower().translate(_ASCII_WORDS)) or " ".join(text.lower().split())
    from unicodedata import is_normalized

    key = _unicode_name(text)
    if is_normalized("NFKC", key) and not _has_cjk(key):
        return key
    for _ in range(4):  # what one pass joins, such as a letter and its accent, the next may fold
        before, key = key, name_key(key) if key.isascii() else _unicode_name(key)
        if key == before:
            break
    return key


def email_key(text: str) -> str:
    """An e-mail address as it is compared: without case and surrounding space."""
    return text.strip().casefold()


def phone_key(text: str, country: str = "") -> str:
    """A phone number as it is compared: its digits, and + where it is international. Empty where it is none.

    00 at the start is +, extensions go, and so does the (0) of +44 (0)20. Under five digits is no number.
    With a country (ISO 3166) the key is E.164: `030 1234567` in DE is `+49301234567`. What cannot be a number
    by that country's plan keeps its digits.
    """
    key = _dialled(text)
    return _e164(key, country) if key and country else key


def phone_part(text: str) -> str:
    """A part of a phone number as it stands in a key: digits, after + where it begins so; empty for other text."""
    part = text.strip()
    digits = "".join(letter for letter in part if letter not in " -./()")
    plus, digits = digits.startswith(("+", "00")), digits.removeprefix("+").removeprefix("00")
    return f"{'+' if plus else ''}{digits}" if digits.isascii() and digits.isdecimal() else ""


def check_country(text: str) -> str:
    """The code of a country in capitals, if phone numbers of it can be read."""
    wanted = plain(text).upper()
    if wanted in _phonenumbers(wanted).SUPPORTED_REGIONS:
        return wanted
    raise InvalidValue(
        f"{shown(text)} is not a country: two letters of ISO 3166 are needed. Write DE, US or CN."
    )


def _e164(key: str, country: str) -> str:
    phonenumbers = _phonenumbers(country)
    try:
        number = phonenumbers.parse(key, None if key.startswith("+") else country)
    except phonenumbers.NumberParseException:
        return key
    if not phonenumbers.is_possible_number(number):
        return key
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _phonenumbers(country: str) -> ModuleType:
    try:
        return import_module("phonenumbers")
    except ImportError:
        raise InvalidValue(
            f"The country of phone numbers ({country}) needs phonenumberslite, which is not installed.",
            hint="pip install 'crmcli[phones]', or `crm config set country none`.",
            field="country",
        ) from None


def _dialled(text: str) -> str:
    dialled = text.replace(" ", "").replace("-", "")
    if len(dialled) > 6 and dialled.isascii() and dialled[1:].isdecimal() and dialled[0] in "+0123456789":
        plainly = dialled[0] not in "+0" or dialled[1] != "0"  # 00 stands for +
        if plainly:
            return dialled
    typed = plain(text).casefold()
    found = re.search(r"[+0-9]", typed)
    if found is None:
        return ""
    number = re.split(r"ext|x|#|;|,|\||转|轉|分机|分機|内線|(?<=.)\+", typed[found.start() :], maxsplit=1)[0]
    international = number.startswith("+") or re.match(r"0 ?0", number) is not None
    if international:
        number = re.sub(r"\( ?0 ?\)", "", number)
    digits = re.sub(r"[^0-9]", "", number)
    if international and not number.startswith("+"):
        digits = digits[2:]
    if len(digits) < 5:
        return ""
    return "+" + digits if international else digits


def domain_key(text: str) -> str:
    """The host of a website or an e-mail address as it is compared; empty where there is none."""
    host = plain(text).casefold().strip("<> ")
    _, scheme, rest = host.partition("://")
    host = rest if scheme else host.removeprefix("//")
    host = re.split(r"[/?#\\]", host, maxsplit=1)[0].rpartition("@")[2]
    host = host.partition(":")[0].strip(".")
    while host.startswith("www.") and "." in host[4:]:
        host = host[4:].strip(".")
    return host if "." in host and " " not in host else ""


def is_free_mail(domain: str) -> bool:
    """Whether anybody can have an address at this domain, so that it tells nothing about a company."""
    host = domain.strip().casefold()
    return host in _FREE_MAIL or re.fullmatch(_FREE_FAMILIES, host) is not None


def words(text: str) -> str:
    """Text for a full-text index: without case, every Chinese, Japanese, Korean character its own word."""
    if text.isascii():
        return " ".join(text.lower().split())
    return " ".join(" ".join(_each_cjk.split(_folded(text))).split())


def check_email(text: str) -> str:
    """An e-mail address as typed, without surrounding space; refused where it cannot be one."""
    address = text.strip()
    local, _, domain = address.rpartition("@")
    quoted = len(local) > 2 and local[0] == local[-1] == '"'
    if not address:
        why = "it is blank"
    elif "@" not in address:
        why = "there is no @ in it"
    elif not local or not domain:
        why = "one side of the @ is missing"
    elif re.search(r"\s", domain if quoted else address) or not address.isprintable():
        why = "there is a space or a line break in it"
    elif "@" in local and not quoted:
        why = "there is more than one @ in it"
    elif not quoted and re.search(r'[()<>\[\],;:\\"]', local):
        why = "only the address itself is kept, one in a field"
    elif not _is_host(domain) or domain.rpartition(".")[2].isdecimal():
        why = f"{shown(domain)} is not a mail domain"
    elif len(local) > 64 or len(address) > 254:
        why = "it is longer than 64 characters before the @, or than 254 in all"
    else:
        return address
    raise InvalidValue(
        f"{shown(text)} is not an e-mail address: {why}. Write wei@huaxin.cn or ann.lee@mail.example.com."
    )


def check_url(text: str) -> str:
    """A website as typed, without surrounding space; refused where it cannot be one. It needs no scheme."""
    url = text.strip()
    scheme, has_scheme, rest = url.partition("://")
    host = re.split(r"[/?#]", rest if has_scheme else url, maxsplit=1)[0]
    name, has_port, port = host.partition(":")
    if not url:
        why = "it is blank"
    elif re.search(r"\s", url) or not url.isprintable():
        why = "there is a space or a line break in it"
    elif has_scheme and scheme.lower() not in {"http", "https"}:
        why = "only http and https are websites"
    elif "@" in host:
        why = "it looks like an e-mail address"
    elif not _is_host(name) or (has_port and not re.fullmatch(r"[0-9]{1,5}", port)):
        why = f"{shown(host)} is not a host"
    else:
        return url
    raise InvalidValue(
        f"{shown(text)} is not a website: {why}. Write huaxin.cn or https://www.example.com/about."
    )


def _is_host(domain: str) -> bool:
    labels = domain.split(".")
    return len(labels) > 1 and all(
        re.fullmatch(r"[\w-]{1,63}", label) and label.strip("-") for label in labels
    )


def _folded(text: str) -> str:
    from unicodedata import is_normalized, normalize

    plain = text if is_normalized("NFKC", text) else normalize("NFKC", text)
    folded = plain.casefold()
    return folded if is_normalized("NFKC", folded) else normalize("NFKC", folded)


_has_cjk = re.compile(f"[{_CJK}]").search
_each_cjk = re.compile(f"([{_CJK}])")
_between_cjk = re.compile(f"(?<=[{_CJK}]) (?=[{_CJK}])")


def _name_words(spaced: str) -> str:
    parts = spaced.split()
    while len(parts) > 1 and parts[-1] in _FORMS:
        parts.pop()
    return " ".join(parts)


def _unicode_name(text: str) -> str:
    folded = _folded(text).replace("’", "'").translate(_GLUED)
    kept = folded.translate(_KEPT)
    parts = kept.split()
    if not parts:
        return " ".join(_folded(text).split())
    while len(parts) > 1 and parts[0] in {"株", "주", *_CJK_FIRST}:
        del parts[0]
    key = _name_words(" ".join(parts))
    if not _has_cjk(key):
        return key
    key = _between_cjk.sub("", key)
    for first in _CJK_FIRST:
        key = key.removeprefix(first).strip() or key
    for last in _CJK_LAST:
        key = key.removesuffix(last).strip() or key
    return key


class _Kept(dict[int, str]):
    """What a name key keeps of each character, found out when it first occurs."""

    def __missing__(self, code: int) -> str:
        from unicodedata import category

        kept = self[code] = _kept(chr(code), category(chr(code)))
        return kept


_KEPT: Final = _Kept()


def _kept(letter: str, category: str) -> str:
    if category == "Cf":
        return ""
    return letter if category[0] in "LMN" or category in {"Co", "Cn"} else " "
