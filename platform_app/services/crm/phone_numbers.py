"""Phone numbers: their normal form, by the numbering plans of the `phonenumbers` library."""

import re
from decimal import Decimal, InvalidOperation

import phonenumbers
from babel.core import get_global
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType, ValidationResult

from platform_app.db import Transaction
from platform_app.errors import Invalid
from platform_app.models.person import Tenant

MAX_CHARS = 60  # characters of one number as it is written
COUNTRIES = frozenset(phonenumbers.SUPPORTED_REGIONS)
_SHARED_LINE_TYPES = (  # lines that a company answers rather than one person
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.TOLL_FREE,
    PhoneNumberType.SHARED_COST,
    PhoneNumberType.PREMIUM_RATE,
    PhoneNumberType.UAN,
)
_QUOTES = " \t\u00a0='\"`´’‘“”«»"  # around a number in exports of spreadsheets: '+7…, ="7…"
_EXTENSION = re.compile(r"\b(?:вн(?:утр\w*)?|доб(?:авочн\w*)?)\b\.?", re.IGNORECASE)
_FLOAT = re.compile(r"\d+(?:[.,]\d+)?[eEеЕ]\+?\d{1,2}|\d{5,}[.,]0+")  # Latin or Cyrillic e
_ALLOWED = re.compile(r"[+\d\s().\-–—/#;,*]*")
_SEPARATORS = re.compile(r"[\n\r\t;,|]+| ::: |\s(?=\+)")


def tenant_region(session: Transaction, tenant_id: str) -> str:
    """Return the country (ISO 3166, two letters) of the tenant's phone numbers without a country code."""
    return session.cached("phone region", lambda: region_for(session.get(Tenant, tenant_id)))


def region_for(tenant: Tenant | None) -> str:
    """Return the country that a tenant chose, else that of its time zone, else RU or US by its language."""
    if tenant is None:
        return "US"
    by_zone = get_global("zone_territories").get(tenant.time_zone, "")
    return tenant.country or (by_zone if by_zone in COUNTRIES else "RU" if tenant.language == "ru" else "US")


def normalize(text: str, region: str) -> str:
    """Return a number in the international format, such as "+7 928 123-45-67", with " ext. 12" if it has one.

    `region` is the country of numbers without a country code. A number of 5 to 15 digits without a plus sign that no
    numbering plan knows, such as an internal one, is returned as its digits. Raises Invalid at "phones" if it is no
    phone number.
    """
    written = _EXTENSION.sub(" ext. ", text.strip(_QUOTES)[:MAX_CHARS])
    if _FLOAT.fullmatch(written):
        written = _from_decimal(written, text)
    for candidate, country in _candidates(written, region):
        try:
            number = phonenumbers.parse(candidate, country)
        except NumberParseException:
            continue
        if phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE:
            return _formatted(number)
    digits = "".join(filter(str.isdigit, written))
    if written.startswith("+") or not 5 <= len(digits) <= 15 or not _ALLOWED.fullmatch(written):
        raise Invalid("Not a valid phone number: {what}", field="phones", what=text.strip()[:MAX_CHARS])
    return digits


def _candidates(written: str, region: str) -> list[tuple[str, str]]:
    """Return number and region of each reading to try.

    They are the number as written, with 00 read as +, without a plus sign put by mistake, and with a missing plus sign,
    the likeliest first.
    """
    bare = written.lstrip("+( ")
    if written.startswith("+"):
        return [(written, region), (bare, region)]
    if bare.startswith("00"):
        return [("+" + bare[2:], region)]
    return [(written, region), ("+" + bare, region)]


def _from_decimal(written: str, text: str) -> str:
    """Return the digits of a number that a spreadsheet wrote as a decimal: 79121113333.0 or 7,9121113333E+10.

    Raises Invalid at "phones" if the spreadsheet has dropped digits.
    """
    try:
        value = Decimal(written.replace(",", ".").replace("е", "e").replace("Е", "e"))
    except InvalidOperation as error:  # more digits than a decimal may have
        raise Invalid("Not a valid phone number: {what}", field="phones", what=text.strip()[:MAX_CHARS]) from error
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent > 0:
        raise Invalid(
            "A spreadsheet has shortened this phone number: {what}. Save the column as text.",
            field="phones",
            what=text.strip(),
        )
    return str(int(value))


def _formatted(number: PhoneNumber) -> str:
    extension, number.extension = number.extension, None
    shown = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    return f"{shown} ext. {extension}" if extension else shown


def split_numbers(text: str) -> list[str]:
    """Return the numbers in a text, one a line or separated by commas, semicolons, bars or slashes.

    An extension after a comma stays with its number, and so does a slash within a number, as in 030/123456.
    """
    numbers: list[str] = []
    for part in map(str.strip, _SEPARATORS.split(text[:2_000])):
        digits = _digits_in(part)
        if numbers and digits and (_EXTENSION.match(part) or (digits < 5 and part.isdigit())):
            numbers[-1] += f" ext. {_EXTENSION.sub('', part).strip()}"
        elif "/" in part and all(_digits_in(piece) >= 7 for piece in part.split("/")):
            numbers += map(str.strip, part.split("/"))
        elif part.strip(_QUOTES + "/"):
            numbers.append(part.strip("/ "))
    return numbers


def _digits_in(text: str) -> int:
    return sum(map(str.isdigit, text))


def find_numbers(text: str, region: str) -> list[str]:
    """Return the phone numbers that occur in a text of words, in the international format."""
    written = _EXTENSION.sub(" ext. ", text[:2_000])
    matches = phonenumbers.PhoneNumberMatcher(written, region, phonenumbers.Leniency.POSSIBLE, max_tries=50)
    return [_formatted(match.number) for match in matches]


def lookup_key(phone: str) -> str:
    """Return the key by which a number is looked up: its digits with the country code, without an extension."""
    return "".join(filter(str.isdigit, phone.partition(" ext.")[0]))


def is_personal(phone: str) -> bool:
    """Return whether a number in the international format is likely one person's: no fixed line, no extension."""
    try:
        number = phonenumbers.parse(phone)
    except NumberParseException:
        return False
    return number.extension is None and phonenumbers.number_type(number) not in _SHARED_LINE_TYPES
