"""Import rows: converts the cells of a row into validated values of a contact."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Any

from platform_app import custom_fields, email_addresses
from platform_app.automation.values import fold
from platform_app.db import Transaction
from platform_app.errors import Invalid
from platform_app.models.crm import Holder
from platform_app.services.crm import contacts, crm_values, phone_numbers
from platform_app.services.crm.person_matching import PersonData

_LIST = re.compile(r"[,;|\n]| ::: ")  # between addresses or tags in one cell; Google Contacts writes the last one
_SEPARATORS = {
    "name": " ",
    "phones": "\n",
    "emails": "\n",
    "tags": "\n",
}  # between the cells of several columns of one field
_LANGUAGES = {"русский": "ru", "russian": "ru", "рус": "ru", "английский": "en", "english": "en", "англ": "en"}


@dataclass
class RowValues:
    """The values of a row by field, and `left_out`: those that were not accepted, as field, title, why, values."""

    values: dict[str, Any] = field(default_factory=dict)
    left_out: list[dict[str, Any]] = field(default_factory=list)

    @property
    def person(self) -> PersonData:
        """The row as a person to be matched with contacts."""
        return PersonData(self.values.get("name", ""), self.values.get("emails", []), self.values.get("phones", []))

    @property
    def addresses(self) -> list[str]:
        """Lookup keys of its e-mail addresses and phone numbers."""
        return contacts.lookup_keys(self.values.get("emails", []), self.values.get("phones", []))

    def skip_value(self, error: Invalid, field: str, title: str = "") -> None:
        """Add a value that was not accepted to `left_out`; `title` is the name of a custom field."""
        values = {key: str(value)[:200] for key, value in error.values.items()}
        self.left_out.append({"field": field, "title": title, "why": error.sentence, "values": values})


def read_row(session: Transaction, tenant_id: str, mapping: dict[str, str], cells: list[str]) -> RowValues:
    """Return the values of a row by field; a value that its field does not accept is left out, not the row.

    `mapping` maps the index of a column (a text, from "0") to its field; the cells of several columns of one field are
    joined.
    """
    texts: dict[str, list[str]] = {}
    for place, target in sorted(mapping.items(), key=lambda item: int(item[0])):
        if int(place) < len(cells) and (text := cells[int(place)].strip()):
            texts.setdefault(target, []).append(text)
    reader = _Reader(session, tenant_id)
    for target, said in texts.items():
        reader.read_field(target, _SEPARATORS.get(target, ", ").join(dict.fromkeys(said)))
    return reader.found


class _Reader:
    """Validates the texts of one row by the fields of the tenant's contacts."""

    def __init__(self, session: Transaction, tenant_id: str) -> None:
        self._session, self._tenant_id = session, tenant_id
        self.found = RowValues()

    def read_field(self, target: str, text: str) -> None:
        """Store the value of a field, or the reason why it is not accepted."""
        if target == "phones":
            self._read_list(target, phone_numbers.split_numbers(text), self._parse_phone, key=phone_numbers.lookup_key)
        elif target == "emails":
            self._read_list(target, map(str.strip, _LIST.split(text)), _parse_email, key=fold)
        elif target == "tags":
            self._read_list(target, (tag.strip().removeprefix("* ") for tag in _LIST.split(text)), _parse_tag, key=fold)
        elif target.startswith("field."):
            self._read_custom_field(target, text)
        else:
            self._read_value(target, text)

    def _read_value(self, target: str, text: str) -> None:
        if target == "language":
            text = _LANGUAGES.get(fold(text), re.sub(r"[-_]\w+$", "", fold(text)))
        try:
            self.found.values[target] = contacts.validate_field(self._session, self._tenant_id, target, text)
        except Invalid as error:
            self.found.skip_value(error, target)

    def _read_custom_field(self, target: str, text: str) -> None:
        held = custom_fields.list_custom_fields(self._session, self._tenant_id, Holder.CONTACT)
        try:
            self.found.values[target] = next(iter(crm_values.set_custom_field(held, {}, target, text).values()), "")
        except Invalid as error:
            title = next((row.name for row in held if f"field.{row.key}" == target), "")
            self.found.skip_value(error, target, title)

    def _parse_phone(self, part: str) -> list[str]:
        region = phone_numbers.tenant_region(self._session, self._tenant_id)
        try:
            return [phone_numbers.normalize(part, region)]
        except Invalid:
            if within := phone_numbers.find_numbers(part, region):
                return within
            raise

    def _read_list(
        self, target: str, parts: Iterable[str], check: Callable[[str], list[str]], *, key: Callable[[str], str]
    ) -> None:
        """Store the accepted parts of a list without duplicates; the others are left out."""
        kept: dict[str, str] = {}
        for part in filter(None, parts):
            try:
                values = check(part)
                if len(kept) + len(values) > crm_values.MAX_VALUES[target]:
                    raise Invalid("You can add up to {count}.", count=crm_values.MAX_VALUES[target])
            except Invalid as error:
                self.found.skip_value(error, target)
            else:
                for value in values:
                    kept.setdefault(key(value), value)
        self.found.values[target] = list(kept.values())


def _parse_email(part: str) -> list[str]:
    return [email_addresses.validate_email(parseaddr(part)[1] if "<" in part else part.removeprefix("mailto:"))]


def _parse_tag(part: str) -> list[str]:
    return crm_values.parse_tags([part])
