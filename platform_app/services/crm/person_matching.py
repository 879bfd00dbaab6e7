"""Person matching: pure functions that decide whether a row of a table and a contact are the same person."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from enum import StrEnum

from platform_app.automation.values import fold
from platform_app.models.crm import UNNAMED
from platform_app.services.crm import phone_numbers
from platform_app.services.crm.custom_field_definitions import transliterate

_MIN_SIMILARITY = 0.8  # of two words of a name, from 0 to 1


class MatchBy(StrEnum):
    """When a row of a table belongs to an existing contact."""

    NAME = "name"  # the same number or address, and a similar name
    ADDRESS = "address"  # the same number or address, whatever the name
    NOTHING = "nothing"  # never: every row is a contact of its own


@dataclass
class PersonData:
    """Name, e-mail addresses and phone numbers of a contact or row, in their normal forms."""

    name: str = ""
    emails: list[str] = field(default_factory=list)
    phones: list[str] = field(default_factory=list)


def same_person(row: PersonData, contact: PersonData, by: MatchBy = MatchBy.NAME) -> bool:
    """Return whether a row and a contact that share an address or a number are one person.

    Colleagues or a family may share a number or a mailbox, so the names have to be similar. If they are not, the two
    are one person only if the number is personal, one of the names is a single word (a nickname or given name), and no
    e-mail address distinguishes them.
    """
    if by != MatchBy.NAME:
        return by == MatchBy.ADDRESS
    if similar_names(row.name, contact.name):
        return True
    if min(len(_words(row.name)), len(_words(contact.name))) > 1:
        return False
    shared = {phone_numbers.lookup_key(phone) for phone in contact.phones if phone_numbers.is_personal(phone)}
    if not shared.intersection(map(phone_numbers.lookup_key, filter(phone_numbers.is_personal, row.phones))):
        return False
    return not (row.emails and contact.emails) or bool(_folded(row.emails) & _folded(contact.emails))


def similar_names(name: str, other: str) -> bool:
    """Return whether two names may be one person's. An empty name is similar to any.

    Every word of the shorter name has to be a word of the longer one: the same, an initial, transliterated, or with a
    typing error.
    """
    shorter, longer = sorted((_words(name), _words(other)), key=len)
    left = list(longer)
    for word in shorter:
        match = next((candidate for candidate in left if _similar(word, candidate)), None)
        if match is None:
            return False
        left.remove(match)
    return True


def _similar(word: str, other: str) -> bool:
    if word == other or (min(len(word), len(other)) == 1 and word[0] == other[0]):
        return True
    return min(len(word), len(other)) >= 4 and SequenceMatcher(None, word, other).ratio() >= _MIN_SIMILARITY


def _words(name: str) -> list[str]:
    if name == UNNAMED or "@" in name or not any(map(str.isalpha, name)):
        return []  # none, or an address that stands in for it
    return [word for word in transliterate(name.replace(".", " ").replace("-", " ")).split() if word.isalnum()]


def _folded(emails: Iterable[str]) -> set[str]:
    return {fold(email) for email in emails}


def best_match(row: PersonData, candidates: Iterable[tuple[str, PersonData]], by: MatchBy) -> str | None:
    """Return the id of the contact that a row belongs to, or None.

    `candidates` are ids and data of contacts that share an address with the row, the oldest first; the first with a
    similar name wins.
    """
    fitting = [(contact_id, known) for contact_id, known in candidates if same_person(row, known, by)]
    if not fitting:
        return None
    alike = [contact_id for contact_id, known in fitting if similar_names(row.name, known.name)]
    return next(iter(alike), fitting[0][0])
