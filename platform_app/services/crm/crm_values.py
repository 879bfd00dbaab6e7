"""CRM values: what contacts and leads may hold, checked the same for both."""

from decimal import Decimal
from typing import Any
from zoneinfo import available_timezones

from platform_app.automation.values import fold, parse_number
from platform_app.errors import Invalid
from platform_app.models.crm import CustomField
from platform_app.services.accounts import accounts
from platform_app.services.crm import custom_field_definitions, phone_numbers

MAX_TAGS = 30
MAX_ADDRESSES = 10
MAX_VALUES = {"emails": MAX_ADDRESSES, "phones": MAX_ADDRESSES, "tags": MAX_TAGS}
MAX_BUDGET = Decimal(10) ** 12


def clean_line(value: Any, field: str, *, max_length: int = 200, required: bool = False) -> str:
    """Return a text on one line. Raises Invalid if it is no text, too long, or empty where it is required."""
    if not isinstance(value, str) or "\x00" in value:
        raise Invalid("This value cannot be taken.", field=field)
    text = " ".join(value.split())
    if required and not text:
        raise Invalid("Enter a name.", field=field)
    if len(text) > max_length:
        raise Invalid("This is longer than {count} characters.", field=field, count=max_length)
    return text


def split_values(value: Any, field: str, *, max_count: int, max_length: int) -> list[str]:
    """Return texts that were written one a line or with commas, each once.

    Raises Invalid if there are more than `most`.
    """
    parts = value if isinstance(value, list) else str(value).replace("\n", ",").replace(";", ",").split(",")
    found = {fold(text): text for part in parts if (text := clean_line(part, field, max_length=max_length))}
    if len(found) > max_count:
        raise Invalid("There can be {count} at most.", field=field, count=max_count)
    return list(found.values())


def parse_emails(value: Any) -> list[str]:
    """Return e-mail addresses. Raises Invalid if one of them is not an e-mail address."""
    found = split_values(value, "emails", max_count=MAX_ADDRESSES, max_length=254)
    try:
        return [accounts.validate_email(email) for email in found]
    except Invalid as error:
        raise Invalid(error.sentence, field="emails", **error.values) from error


def parse_phones(value: Any, region: str) -> list[str]:
    """Return phone numbers in the international format, each once however it is written.

    `region` is the country (two letters) of numbers without a country code.

    Raises Invalid if there are too many or one of them is not a phone number.
    """
    parts = value if isinstance(value, list) else phone_numbers.split_numbers(str(value))
    found: dict[str, str] = {}
    for part in parts:
        if text := clean_line(part, "phones"):
            phone = phone_numbers.normalize(text, region)
            found.setdefault(phone_numbers.lookup_key(phone), phone)
    if len(found) > MAX_ADDRESSES:
        raise Invalid("There can be {count} at most.", field="phones", count=MAX_ADDRESSES)
    return list(found.values())


def parse_tags(value: Any) -> list[str]:
    """Return tags."""
    return [tag.lstrip("#") or tag for tag in split_values(value, "tags", max_count=MAX_TAGS, max_length=60)]


def merge_values(field: str, mine: list[str], theirs: list[str]) -> list[str]:
    """Return the addresses, numbers or tags of two lists, each once, the first list's before the others, up to the
    most that the field takes."""
    key = phone_numbers.lookup_key if field == "phones" else fold
    found = {key(value): value for value in reversed([*mine, *theirs])}
    return list(reversed(found.values()))[: MAX_VALUES[field]]


def validate_time_zone(value: Any) -> str:
    """Return a time zone's name, or nothing. Raises Invalid if there is no such time zone."""
    if value not in ("", *available_timezones()):
        raise Invalid("There is no such time zone.", field="time_zone")
    return str(value)


def parse_budget(value: Decimal | int | str) -> Decimal:
    """Return a sum of money. Raises Invalid if it is no number or not between 0 and 999,999,999,999."""
    text = str(value or "").strip()
    found = Decimal(0) if not text else parse_number(text) if isinstance(value, str) else Decimal(text)
    if found is None:
        raise Invalid("The budget is a number.", field="budget")
    if not 0 <= found < MAX_BUDGET:
        raise Invalid("The budget is from 0 to 999999999999.", field="budget")
    return found.quantize(Decimal("0.01"))


def set_custom_field(held: list[CustomField], kept: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    """Return a row's own fields with one of them set; `name` is field.{key}.

    Raises Invalid if there is no such field or the value does not fit it.
    """
    key = name.removeprefix("field.")
    found = next((row for row in held if row.key == key), None)
    if found is None:
        raise Invalid("There is no such field.", field=name)
    text = custom_field_definitions.validate_value(found, value)
    others = {other: there for other, there in kept.items() if other != key}
    return others | {key: text} if text else others
