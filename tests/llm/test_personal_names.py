"""Personal names: a name is told from what people say in its place; none of these texts is an example of the module."""

import pytest

from platform_app.llm.personal_names import is_personal_name

NAMES = (
    "Виктория;Людмила;Геннадий;Зинаида Павловна;Фёдор;Жанна;Рустам;Лейла;Богдан;Настя;Костя;Миша;Вова;Ксюша;Никита;"
    "Полина;Артём;Дарья Соколова;Петрова Анна;Ковальчук;Сидоренко Иван;Эльвира;Ярослав;Вадим;Глеб;Серёга;Лёша;"
    "Попова Е.;максим;Thomas;Linda;Kevin;Emily Clark;Liam;Sofia;Mohammed;Chen;Oleg Sidorov;Anna Maria;Andrew;Hannah;"
    "Ravi;Pierre;Ingrid;Juan Pablo;Mr. Green;Mark;Grace;Вера;Надежда;Роза;Лев;Слава"
)
OTHERS = (
    "у вас дорого;цены кусаются;я ещё думаю;чуть позже;вечером;послезавтра;не скажу;холодильник;стрижка;замена масла;"
    "синий;маленькая;гарантия;возврат;скидку дадите;директор;администратор;человек нужен;класс;пойдёт;нормально;"
    "так себе;уже купил;ошибся;тест;не по карману;жду зарплату;сравниваю варианты;смотрю цены;шиномонтаж;"
    "консультация;зуб болит;срочно;бесплатно;самовывоз;отстаньте;хватит;стоп;студент;покупатель;какая-то ерунда;"
    "cheap;pricey;next week;fridge;haircut;oil change;warranty;refund;human please;oops;damn;cool;already bought;"
    "wrong chat;who are you;nobody;customer;go away;are you a bot;spare parts;urgent;free;pickup;courier;hello there;"
    "asdf qwer"
)


def test_names_are_known() -> None:
    missed = [name for name in NAMES.split(";") if not is_personal_name(name)]
    assert len(missed) <= 2, missed


def test_what_is_said_in_place_of_a_name_is_none() -> None:
    taken = [text for text in OTHERS.split(";") if is_personal_name(text)]
    assert len(taken) <= 2, taken


@pytest.mark.parametrize(
    "text", ["", " ", "+7 900 111-22-33", "anna@acme.example", "Anna and Boris and Kate", "4", "?!"]
)
def test_what_has_not_the_form_of_a_name_is_none(text: str) -> None:
    assert not is_personal_name(text)
