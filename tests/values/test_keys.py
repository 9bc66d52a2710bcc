"""The forms by which records are matched, and the checks of addresses and references."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from crmcli.errors import InvalidValue
from crmcli.values.keys import (
    check_email,
    check_url,
    domain_key,
    email_key,
    is_free_mail,
    name_key,
    phone_key,
    words,
)
from crmcli.values.references import split_reference


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Acme", "acme"),
        ("ACME, Inc.", "acme"),
        ("Acme  Corporation", "acme"),
        ("Acme Co., Ltd.", "acme"),
        ("Müller GmbH & Co. KG", "müller"),
        ("Nestlé S.A.", "nestlé"),
        ("Groß AG", "gross"),
        ("O'Brien & Sons", "obrien sons"),
        ("O’Brien PLC", "obrien"),
        ("J.P. Morgan", "jp morgan"),
        ("Acme-Widgets LLC", "acme widgets"),
        ("Société Générale SARL", "société générale"),
        ("Philips B.V.", "philips"),
        ("Ａｃｍｅ　Ｉｎｃ．", "acme"),
        ("华新有限公司", "华新"),
        ("华新股份有限公司", "华新"),
        ("华新有限责任公司", "华新"),
        ("华新 有限公司", "华新"),
        ("华新（北京）科技有限公司", "华新北京科技"),
        ("トヨタ自動車株式会社", "トヨタ自動車"),
        ("株式会社トヨタ", "トヨタ"),
        ("株式会社 トヨタ", "トヨタ"),
        ("㈱トヨタ", "トヨタ"),
        ("トヨタ(株)", "トヨタ"),
        ("삼성전자 주식회사", "삼성전자"),
        ("(주)삼성전자", "삼성전자"),
        ("Inc.", "inc"),
        ("Co Ltd", "co"),
        ("The Limited", "the"),
        ("有限公司", "有限公司"),
        ("!!!", "!!!"),
        ("🚀", "🚀"),
        ("Acme\u200b", "acme"),
        ("", ""),
        ("  ", ""),
    ],
)
def test_a_name_loses_case_punctuation_and_legal_form(name: str, key: str) -> None:
    assert name_key(name) == key


@given(st.text() | st.text("株式会社有限公司(주) .'Incoltd,e\u0301ßİ㈱！", max_size=20))
def test_the_key_of_a_key_is_itself_and_no_name_has_an_empty_one(name: str) -> None:
    key = name_key(name)
    assert name_key(key) == key
    assert bool(key) == bool(name.strip())


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_names_have_the_key_they_have_among_other_scripts(name: str) -> None:
    assert name_key(name + "é").replace("é", "x") == name_key(name + "x")


def test_an_address_is_compared_without_case() -> None:
    assert email_key("  Wei@HuaXin.CN ") == "wei@huaxin.cn"


@pytest.mark.parametrize(
    ("phone", "key"),
    [
        ("+1 (555) 010-9999", "+15550109999"),
        ("555-010-9999", "5550109999"),
        ("0049 89 123456", "+4989123456"),
        ("+44 (0)20 7946 0000", "+442079460000"),
        ("(+44) 20 7946 0000", "+442079460000"),
        ("tel:+1-555-010-9999;ext=12", "+15550109999"),
        ("555 010 9999 ext. 12", "5550109999"),
        ("555 010 9999 x12", "5550109999"),
        ("010-8888 8888 转 123", "01088888888"),
        ("089/123456", "089123456"),
        ("＋８６ １３８ ００００ ００００", "+8613800000000"),
        ("+1 555 010 9999 / +1 555 010 8888", "+15550109999"),
        ("1234", ""),
        ("+1234", ""),
        ("n/a", ""),
        ("", ""),
    ],
)
def test_a_phone_number_is_compared_by_its_digits(phone: str, key: str) -> None:
    assert phone_key(phone) == key
    assert phone_key(key) == key


@pytest.mark.parametrize(
    ("phone", "country", "key"),
    [
        ("030 1234567", "DE", "+49301234567"),
        ("+49 (0)30 1234567", "DE", "+49301234567"),
        ("0049 30 1234567", "US", "+49301234567"),
        ("(757) 555-0101 x12", "US", "+17575550101"),
        ("1-757-555-0101", "US", "+17575550101"),
        ("06 12345678", "IT", "+390612345678"),
        ("138 0000 0000", "CN", "+8613800000000"),
        ("12345", "DE", "+4912345"),
        ("99999999999999999999", "DE", "99999999999999999999"),
        ("n/a", "DE", ""),
    ],
)
def test_with_a_country_a_phone_number_is_compared_in_its_international_form(
    phone: str, country: str, key: str
) -> None:
    assert phone_key(phone, country) == key


@given(
    st.sampled_from(["DE", "US", "IT", "CN", "GB", "FI", "JP"]),
    st.integers(-9999, 9999),
    st.sampled_from(["INTERNATIONAL", "NATIONAL", "RFC3966"]),
)
def test_every_way_to_write_a_number_has_one_key(country: str, shift: int, form: str) -> None:
    import phonenumbers

    number = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.FIXED_LINE)
    assert number is not None
    assert number.national_number is not None
    number.national_number += shift
    assume(phonenumbers.is_valid_number(number))
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    typed = phonenumbers.format_number(number, getattr(phonenumbers.PhoneNumberFormat, form))
    assert phone_key(typed, country) == phone_key(e164, "FR") == e164


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("https://www.Huaxin.cn/about?x=1", "huaxin.cn"),
        ("HTTP://acme.com:8080", "acme.com"),
        ("acme.com", "acme.com"),
        ("www.acme.co.uk/", "acme.co.uk"),
        ("Ann Lee <ann@mail.acme.com>", "mail.acme.com"),
        ("ann@ACME.com", "acme.com"),
        ("mailto:ann@acme.com?subject=x", "acme.com"),
        ("https://user:pass@acme.com:443/x@y", "acme.com"),
        ("//acme.com/x", "acme.com"),
        ("acme.com.", "acme.com"),
        ("华新.中国", "华新.中国"),
        ("localhost", ""),
        ("n/a", ""),
        ("not a host.com", ""),
        ("", ""),
    ],
)
def test_a_website_or_an_address_is_compared_by_its_host(text: str, key: str) -> None:
    assert domain_key(text) == key


@given(st.text() | st.from_regex(r"(https?://)?(www\.){0,3}[a-zA-Z0-9.@:/-]{0,20}", fullmatch=True))
def test_the_host_of_a_host_is_itself(text: str) -> None:
    assert domain_key(domain_key(text)) == domain_key(text)


@pytest.mark.parametrize(
    "domain", ["gmail.com", "Outlook.com", "qq.com", "163.com", "yahoo.com", "yahoo.co.jp", "live.nl"]
)
def test_a_free_mail_domain_tells_nothing_of_a_company(domain: str) -> None:
    assert is_free_mail(domain)


@pytest.mark.parametrize("domain", ["huaxin.cn", "live.nation.com", "yahooligans.com", "mail.acme.com", ""])
def test_a_company_domain_is_no_free_mail(domain: str) -> None:
    assert not is_free_mail(domain)


@pytest.mark.parametrize(
    ("text", "indexed"),
    [
        ("Acme Renewal", "acme renewal"),
        ("华新Acme项目", "华 新 acme 项 目"),
        ("トヨタ", "ト ヨ タ"),
        ("サーバー", "サ ー バ ー"),
        ("삼성", "삼 성"),
        ("ＡＣＭＥ", "acme"),
        ("Müller", "müller"),
        ("𠮷野家", "𠮷 野 家"),
    ],
)
def test_each_east_asian_character_is_a_word_of_its_own(text: str, indexed: str) -> None:
    assert words(text) == indexed


@pytest.mark.parametrize(
    "address",
    [
        *("wei@huaxin.cn", "ann.lee+crm@mail.example.com", "o'brien@acme.ie", "王伟@华新.中国"),
        *('"ann lee"@acme.com', "ANN@ACME.COM", "a_b-c@x-y.co"),
        *('"a@b"@acme.com', "ünï@bücher.example", "a@xn--bcher-kva.example", f"{'a' * 64}@b.cn"),
    ],
)
def test_an_address_is_kept_as_typed(address: str) -> None:
    assert check_email(f"  {address} ") == address


@pytest.mark.parametrize(
    "address",
    [
        *(
            "",
            " ",
            "wei",
            "@huaxin.cn",
            "wei@",
            "wei@huaxin",
            "wei huaxin@x.cn",
            "wei@@huaxin.cn",
            "a@b.cn,c@d.cn",
        ),
        *(
            "wei@hua xin.cn",
            "wei@.cn",
            "wei@huaxin.",
            "wei@huaxin..cn",
            "Ann <ann@acme.com>",
            "<ann@acme.com>",
            "a\n@b.cn",
        ),
        *("mailto:ann@acme.com", "n/a", f"{'a' * 250}@b.cn", "ann@acme.com;", "wei@-.cn", "a\x00b@c.cn"),
        *("a@1.2.3.4", "a@[127.0.0.1]", f"{'a' * 65}@b.cn", "a@b.cn\u200b", '"@b.cn', 'a"b@c.cn'),
        *("a@b.cn ::: c@d.cn", "a@b。cn"),
    ],
)
def test_a_broken_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidValue, match=r"is not an e-mail address: .* Write wei@huaxin\.cn"):
        check_email(address)


@pytest.mark.parametrize(
    "url",
    [
        "huaxin.cn",
        "https://www.example.com/about?x=1#y",
        "HTTP://acme.com:8080/",
        "华新.中国",
        "127.0.0.1",
        "a.b/x@y",
    ],
)
def test_a_website_is_kept_as_typed(url: str) -> None:
    assert check_url(f" {url}\n") == url


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "acme",
            "ftp://acme.com",
            "javascript:alert(1)",
            "mailto:a@b.com",
            "a@b.com",
            "https://",
            "https://acme",
        ),
        *(
            "acme .com",
            "acme..com",
            "acme.com:http",
            "data:text/html",
            "n/a",
            "acme.com:",
            "https://acme.com/\x1b[31m",
        ),
    ],
)
def test_what_is_no_website_is_refused(url: str) -> None:
    with pytest.raises(InvalidValue, match=r"is not a website: .* Write huaxin\.cn"):
        check_url(url)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("L12", ("L", 12)),
        ("l12", ("L", 12)),
        (" O045 ", ("O", 45)),
        ("Ｌ１２", ("L", 12)),
        ("Studio54", ("STUDIO", 54)),
        ("12", None),
        ("L", None),
        ("#12", None),
        ("L-12", None),
        ("L 12", None),
        ("L12x", None),
        ("é12", None),
        ("L٣", None),
        ("", None),
        ("L" + "9" * 30, None),
    ],
)
def test_a_reference_is_letters_and_a_number(text: str, parts: tuple[str, int] | None) -> None:
    assert split_reference(text) == parts
