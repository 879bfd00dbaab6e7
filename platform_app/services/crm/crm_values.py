"""CRM values: validation and normal forms of what contacts and leads hold."""

from decimal import Decimal
from typing import Any

from platform_app import email_addresses
from platform_app.automation.calendar import time_zone_names
from platform_app.automation.values import fold, parse_number
from platform_app.errors import Invalid
from platform_app.models.crm import CustomField
from platform_app.services.crm import custom_field_definitions, phone_numbers

MAX_TAGS = 30
MAX_ADDRESSES = 10
MAX_VALUES = {"emails": MAX_ADDRESSES, "phones": MAX_ADDRESSES, "tags": MAX_TAGS}
MAX_BUDGET = Decimal(10) ** 12


def clean_line(value: Any, field: str, *, max_length: int = 200, required: bool = False) -> str:
    """Return a text on one line, without spaces around it.

    Raises Invalid at `field` if it is not a text, has more than `max_length` characters, or is empty and `required`.
    """
    if not isinstance(value, str) or "\x00" in value:
        raise Invalid("This value isn’t allowed.", field=field)
    text = " ".join(value.split())
    if required and not text:
        raise Invalid("Enter a name.", field=field)
    if len(text) > max_length:
        raise Invalid("This is longer than {count} characters.", field=field, count=max_length)
    return text


def split_values(value: Any, field: str, *, max_count: int, max_length: int) -> list[str]:
    """Return the texts of a list or of one text, without duplicates.

    In one text they are separated by line breaks, commas or semicolons. Raises Invalid at `field` if there are more
    than `max_count`, or one has more than `max_length` characters.
    """
    parts = value if isinstance(value, list) else str(value).replace("\n", ",").replace(";", ",").split(",")
    by_key = {fold(text): text for part in parts if (text := clean_line(part, field, max_length=max_length))}
    if len(by_key) > max_count:
        raise Invalid("You can add up to {count}.", field=field, count=max_count)
    return list(by_key.values())


def parse_emails(value: Any) -> list[str]:
    """Return e-mail addresses in their normal form. Raises Invalid at "emails" if one is not an address."""
    emails = split_values(value, "emails", max_count=MAX_ADDRESSES, max_length=254)
    try:
        return [email_addresses.validate_email(email) for email in emails]
    except Invalid as error:
        raise Invalid(error.sentence, field="emails", **error.values) from error


def parse_phones(value: Any, region: str) -> list[str]:
    """Return phone numbers in the international format, without duplicates.

    `region` is the country (two letters) of numbers without a country code. Raises Invalid at "phones" if one is not a
    number or there are more than MAX_ADDRESSES.
    """
    parts = value if isinstance(value, list) else phone_numbers.split_numbers(str(value))
    by_number: dict[str, str] = {}
    for part in parts:
        if text := clean_line(part, "phones"):
            phone = phone_numbers.normalize(text, region)
            by_number.setdefault(phone_numbers.lookup_key(phone), phone)
    if len(by_number) > MAX_ADDRESSES:
        raise Invalid("You can add up to {count}.", field="phones", count=MAX_ADDRESSES)
    return list(by_number.values())


def parse_tags(value: Any) -> list[str]:
    """Return tags without a leading #. Raises Invalid at "tags" if there are too many or one is too long."""
    return [tag.lstrip("#") or tag for tag in split_values(value, "tags", max_count=MAX_TAGS, max_length=60)]


def merge_values(field: str, mine: list[str], theirs: list[str]) -> list[str]:
    """Return two lists of e-mail addresses, phone numbers or tags as one, without duplicates.

    Those of `mine` come first; the list is cut at the maximum of the field.
    """
    key = phone_numbers.lookup_key if field == "phones" else fold
    by_key = {key(value): value for value in reversed([*mine, *theirs])}
    return list(reversed(by_key.values()))[: MAX_VALUES[field]]


def validate_time_zone(value: Any) -> str:
    """Return the name of an IANA time zone, or "". Raises Invalid at "time_zone" if it is unknown."""
    if value not in ("", *time_zone_names()):
        raise Invalid("Unknown time zone.", field="time_zone")
    return str(value)


def parse_budget(value: Decimal | int | str) -> Decimal:
    """Return a sum of money with two decimals. Raises Invalid at "budget" if it is no number or out of range."""
    text = str(value or "").strip()
    amount = Decimal(0) if not text else parse_number(text) if isinstance(value, str) else Decimal(text)
    if amount is None:
        raise Invalid("The budget is a number.", field="budget")
    if not 0 <= amount < MAX_BUDGET:
        raise Invalid("The budget is from 0 to 999999999999.", field="budget")
    return amount.quantize(Decimal("0.01"))


def set_custom_field(held: list[CustomField], kept: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    """Return a row's custom fields with one of them set; "" removes it. `name` is `field.{key}`.

    Raises Invalid at `name` if there is no such field or the value does not fit its kind.
    """
    key = name.removeprefix("field.")
    definition = next((row for row in held if row.key == key), None)
    if definition is None:
        raise Invalid("Field not found.", field=name)
    text = custom_field_definitions.validate_value(definition, value)
    others = {other: there for other, there in kept.items() if other != key}
    return others | {key: text} if text else others
