"""Phone numbers: one normal form for every way of writing, found in any spelling, one contact."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from platform_app.db import session_scope
from platform_app.errors import Invalid
from platform_app.models.person import Identity, Tenant
from platform_app.services.accounts import accounts
from platform_app.services.crm import contacts, phone_numbers
from tests.talking import call

SAME = [
    "8 (928) 123-45-67",
    "+7 928 123 45 67",
    "8-928-123-45-67",
    "79281234567",
    "9281234567",
    "007 928 1234567",
    "8 10 7 928 123 45 67",
    "+8 928 123-45-67",
    "'+79281234567",
    '="89281234567"',
    "`8 928 1234567",
    "79281234567.0",
    "7,9281234567E+10",
    "7.9281234567e+10",
    "тел. 8928-123-45-67",
    "８ ９２８ １２３ ４５ ６７",
    "\u00a08\u00a0928\u00a0123\u201145\u201167",
]


@pytest.mark.parametrize("written", SAME)
def test_every_way_of_writing_is_one_number(written: str) -> None:
    assert phone_numbers.normalize(written, "RU") == "+7 928 123-45-67"


@pytest.mark.parametrize(
    ("written", "region", "normal"),
    [
        ("380671234567", "RU", "+380 67 123 4567"),
        ("(030) 123456", "DE", "+49 30 123456"),
        ("030/123456", "DE", "+49 30 123456"),
        ("212 555 0100", "US", "+1 212-555-0100"),
        ("79281234567", "US", "+7 928 123-45-67"),
        ("8 701 123 45 67", "KZ", "+7 701 123 4567"),
        ("8-912-111-22-34 доб. 12", "RU", "+7 912 111-22-34 ext. 12"),
        ("+7 (495) 111-22-44 доб.405", "RU", "+7 495 111-22-44 ext. 405"),
        ("8 495 111 22 44 вн. 7", "RU", "+7 495 111-22-44 ext. 7"),
        ("8 495 111 22 44, внутренний 7", "RU", "+7 495 111-22-44 ext. 7"),
        ("8 495 111 22 44 #7", "RU", "+7 495 111-22-44 ext. 7"),
        ("5-12-34", "RU", "51234"),
        ("10203", "RU", "10203"),
    ],
)
def test_numbers_of_a_country_with_extensions(written: str, region: str, normal: str) -> None:
    assert phone_numbers.normalize(written, region) == normal


@pytest.mark.parametrize(
    "written", ["", "8", "12", "call me", "+7 900 111", "7,9E+10", "1" * 60, "8 928 123 45 67 Анна"]
)
def test_what_is_no_number_is_refused(written: str) -> None:
    with pytest.raises(Invalid) as refused:
        phone_numbers.normalize(written, "RU")
    assert refused.value.field == "phones"


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("+7 912 111 22 88 / +7 912 111 22 99", ["+7 912 111 22 88", "+7 912 111 22 99"]),
        ("89121112288/89121112299", ["89121112288", "89121112299"]),
        ("+7 912 111 22 88 +7 912 111 22 99", ["+7 912 111 22 88", "+7 912 111 22 99"]),
        ("8 912 1112288 ::: 8 912 1112299", ["8 912 1112288", "8 912 1112299"]),
        ("8 495 1112233, доб. 12", ["8 495 1112233 ext. 12"]),
        ("8 495 1112233,12; 89121112299", ["8 495 1112233 ext. 12", "89121112299"]),
        ("030/123456", ["030/123456"]),
    ],
)
def test_several_numbers_in_one_text(written: str, found: list[str]) -> None:
    assert phone_numbers.split_numbers(written) == found


def test_numbers_within_words() -> None:
    text = "моб. +7 912 111-22-33 (Вася), раб 8 495 111 22 33 доб. 12"
    assert phone_numbers.find_numbers(text, "RU") == ["+7 912 111-22-33", "+7 495 111-22-33 ext. 12"]


@pytest.mark.parametrize(
    ("country", "zone", "language", "region"),
    [
        ("", "Europe/Moscow", "en", "RU"),
        ("", "Asia/Almaty", "ru", "KZ"),
        ("DE", "Europe/Moscow", "ru", "DE"),
        ("", "UTC", "ru", "RU"),
        ("", "UTC", "en", "US"),
    ],
)
def test_the_country_of_a_tenant(country: str, zone: str, language: str, region: str) -> None:
    tenant = Tenant(slug="x", name="X", country=country, time_zone=zone, language=language)
    assert phone_numbers.region_for(tenant) == region


@contextmanager
def at_home(who: Identity, country: str) -> Iterator[None]:
    with session_scope(reason="tests") as session:
        accounts.update_tenant(session, who, name="Acme", time_zone="Europe/Moscow", country=country)
    yield


def test_a_contact_is_found_in_any_spelling(who: Identity) -> None:
    made = call(who, contacts.create, name="Anna", phones="8 (928) 123-45-67, +7 928 1234567")
    assert made.phones == ["+7 928 123-45-67"]
    for written in ("8928123", "+7928123", "007 928 123", "928 123-45-67", "'8 928 123", "89281234567"):
        assert [row.id for row in call(who, contacts.list_contacts, search=written)[0]] == [made.id], written
    for written in ("8 928 123-45-67", "79281234567"):
        phones = [phone_numbers.normalize(written, "RU")]
        assert call(who, contacts.find_by_address, emails=[], phones=phones).id == made.id


def test_the_chosen_country_is_obeyed(who: Identity) -> None:
    with at_home(who, "DE"):
        made = call(who, contacts.create, name="Anna", phones="(030) 123456")
    assert made.phones == ["+49 30 123456"]
    with pytest.raises(Invalid), at_home(who, "XX"):
        pass
    with at_home(who, ""):
        assert call(who, contacts.save, made.id, {"phones": "89281234567"}).phones == ["+7 928 123-45-67"]
