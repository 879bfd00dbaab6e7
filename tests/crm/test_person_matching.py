"""Person matching: colleagues at one switchboard stay apart, one person in three spellings comes together."""

import pytest

from platform_app.models.person import Identity
from platform_app.services.crm import contacts, imports
from platform_app.services.crm.person_matching import MatchBy, similar_names
from tests.crm.test_imports import run, upload
from tests.talking import call


@pytest.mark.parametrize(
    ("one", "other", "similar"),
    [
        ("Анна", "Анна Белова", True),
        ("Белова А.", "Анна Белова", True),
        ("А. С. Белова", "Белова Анна Сергеевна", True),
        ("Anna Belova", "Анна Белова", True),
        ("Анна Белвоа", "Анна Белова", True),
        ("", "Анна", True),
        ("—", "Анна", True),
        ("anna@x.io", "Анна", True),
        ("Анна Белова", "Анна Зимина", False),
        ("Анна", "Инна", False),
        ("Раз", "Два", False),
        ("Ольга Зимина", "Павел Рогов", False),
    ],
)
def test_similar_names(one: str, other: str, similar: bool) -> None:
    assert similar_names(one, other) is similar and similar_names(other, one) is similar


def imported(who: Identity, table: str, by: MatchBy = MatchBy.NAME) -> list[str]:
    """Import a table and return the names of all contacts."""
    import_id = upload(who, table.encode())
    call(who, imports.start, import_id, call(who, imports.get, import_id).mapping, match_by=by)
    assert run(who, import_id).refused == 0
    return [row.name for row in call(who, contacts.list_contacts)[0]]


APART = {
    "a switchboard": "Имя;Телефон\nОльга Зимина;+7 495 777-00-11\nПавел Рогов;+7 495 777-00-11\n",
    "a mailbox of a company": "Имя;Почта\nОльга Зимина;info@firm.example\nПавел Рогов;info@firm.example\n",
    "a mailbox, single names": "Имя;Почта\nОльга;shop@firm.example\nПавел;shop@firm.example\n",
    "a family's mobile": "Имя;Телефон\nОльга Зимина;8 912 777-00-11\nПавел Зимин;+7 912 777-00-11\n",
    "own e-mails": "Имя;Телефон;Почта\nОльга;89127770011;o@x.io\nПавел;89127770011;p@x.io\n",
    "an extension": "Имя;Телефон\nОльга;8 912 777-00-11 доб. 1\nПавел;8 912 777-00-11 доб. 2\n",
}


@pytest.mark.parametrize("table", APART.values(), ids=APART)
def test_people_who_share_an_address_stay_apart(who: Identity, table: str) -> None:
    assert len(imported(who, table)) == 2


TOGETHER = {
    "three spellings": "Имя;Телефон\nРаз;8 (912) 111-22-33\nДва;+7 912 111-22-33\nТри;007 912 1112233\n",
    "a longer name": "Имя;Телефон\nАнна Белова;84957770011\nБелова А.;+7 495 777 00 11\n",
    "no name": "Имя;Телефон\nАнна Белова;84957770011\n;+7 495 777 00 11\n",
    "e-mails in capitals": "Имя;Почта\nАнна Белова;a@x.io\nАнна;A@X.io\n",
}


@pytest.mark.parametrize("table", TOGETHER.values(), ids=TOGETHER)
def test_one_person_is_one_contact_with_the_first_name(who: Identity, table: str) -> None:
    assert imported(who, table) == [table.splitlines()[1].partition(";")[0]]


def test_the_mapping_says_how_people_are_known(who: Identity) -> None:
    assert imported(who, APART["a switchboard"], MatchBy.ADDRESS) == ["Ольга Зимина"]


def test_every_row_may_be_a_new_contact(who: Identity) -> None:
    assert imported(who, TOGETHER["a longer name"], MatchBy.NOTHING) == ["Анна Белова", "Белова А."]


def test_a_contact_is_not_renamed_and_its_own_person_is_filled_in(who: Identity) -> None:
    for name, email in (("Ольга Зимина", "o@firm.example"), ("Павел Рогов", "p@firm.example")):
        call(who, contacts.create, name=name, emails=email, phones="+7 495 777-00-11")
    table = "Имя;Телефон;Теги\nРогов П.;84957770011;vip\n"
    assert imported(who, table) == ["Ольга Зимина", "Павел Рогов"]
    assert [row.name for row in call(who, contacts.list_contacts, tag="vip")[0]] == ["Павел Рогов"]


def test_an_address_is_the_name_until_there_is_one(who: Identity) -> None:
    assert imported(who, "Имя;Почта\n;a@x.io\nАнна;a@x.io\n") == ["Анна"]
