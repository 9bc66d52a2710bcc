"""What headings are called in other languages, for the fields that nearly every file has.

Only words that mean one field beyond doubt: `Nom` may be a family name or a whole one, 名字 is one in Chinese
and the other in Japanese, so they are not here. What a name, label or alias of a field claims goes there.
"""

import re
from collections.abc import Iterator
from typing import Final
from unicodedata import normalize

from crmcli.fields import FieldSpec

# What people work at is `company` of a lead, `account` of a contact or deal, and the name of an account.
COMPANY: Final = "company"

WORDS: Final[dict[str, dict[str, str]]] = {
    "German": {
        "name": "Vollständiger Name, Vor- und Nachname, Kontaktname",
        "first_name": "Vorname",
        "last_name": "Nachname, Familienname",
        COMPANY: "Firma, Firmenname, Unternehmen",
        "email": "E-Mail-Adresse, Mailadresse",
        "phone": "Telefon, Telefonnummer, Rufnummer",
        "mobile": "Handy, Handynummer, Mobiltelefon, Mobilnummer",
        "city": "Stadt, Ort",
        "country": "Land",
        "amount": "Betrag, Auftragswert",
        "stage": "Vertriebsphase, Verkaufsphase",
        "close_date": "Abschlussdatum",
        "description": "Notiz, Notizen, Bemerkung, Bemerkungen",
    },
    "French": {
        "name": "Nom complet, Nom et prénom",
        "first_name": "Prénom",
        "last_name": "Nom de famille",
        COMPANY: "Société, Entreprise, Raison sociale",
        "email": "Courriel, Adresse e-mail, Adresse électronique",
        "phone": "Téléphone, Numéro de téléphone",
        "mobile": "Portable, Téléphone portable, Téléphone mobile",
        "city": "Ville",
        "country": "Pays",
        "amount": "Montant",
        "stage": "Étape",
        "close_date": "Date de clôture",
        "description": "Remarque, Remarques, Commentaire, Commentaires",
    },
    "Spanish": {
        "name": "Nombre completo, Nombre y apellidos",
        "first_name": "Nombre de pila",
        "last_name": "Apellido, Apellidos",
        COMPANY: "Empresa, Compañía, Razón social",
        "email": "Correo, Correo electrónico",
        "phone": "Teléfono, Número de teléfono",
        "mobile": "Móvil, Teléfono móvil, Celular",
        "city": "Ciudad",
        "country": "País",
        "amount": "Importe, Monto",
        "stage": "Etapa",
        "close_date": "Fecha de cierre",
        "description": "Notas, Observaciones, Comentarios",
    },
    "Chinese": {
        "name": "姓名, 全名, 联系人姓名, 聯絡人姓名",
        "first_name": "名",
        "last_name": "姓, 姓氏",
        COMPANY: "公司, 公司名称, 公司名稱, 企业名称, 企業名稱",
        "email": "邮箱, 电子邮箱, 电子邮件, 邮箱地址, 電子郵件, 電子郵件地址",
        "phone": "电话, 电话号码, 联系电话, 電話, 電話號碼",
        "mobile": "手机, 手机号, 手机号码, 手機, 手機號碼",
        "city": "城市",
        "country": "国家, 國家",
        "amount": "金额, 金額",
        "stage": "阶段, 销售阶段, 階段",
        "close_date": "成交日期, 预计成交日期, 结单日期",
        "description": "备注, 備註",
    },
    "Japanese": {
        "name": "氏名, お名前",
        COMPANY: "会社, 会社名, 企業名",
        "email": "メール, メールアドレス, Eメール",
        "phone": "電話番号",
        "mobile": "携帯, 携帯電話, 携帯番号",
        "city": "市区町村",
        "country": "国, 国名",
        "stage": "ステージ, フェーズ, 商談フェーズ",
        "close_date": "完了予定日, クローズ予定日, 受注予定日",
        "description": "備考, メモ",
    },
}
ACCENTS: Final = re.compile("[\u0300-\u036f]")  # of Latin letters; those of kana stay
PERSONS: Final = frozenset({"lead", "contact"})


def words_of(spec: FieldSpec) -> Iterator[str]:
    """What a field is called in other languages, with its accents and without."""
    meant = concept(spec)
    if meant is not None and not spec.owned and not spec.custom:
        for fields in WORDS.values():
            for word in filter(None, fields.get(meant, "").split(", ")):
                yield from {word, ACCENTS.sub("", normalize("NFD", word))}


def concept(spec: FieldSpec) -> str | None:
    """What a field is about, as the words above are ordered."""
    if spec.name in ("company", "account") or (spec.entity, spec.name) == ("account", "name"):
        return COMPANY
    if spec.name == "name" and spec.entity not in PERSONS:
        return None
    return spec.name
