"""Import tables: odd files are read rightly, or refused with the line; a bad cell costs itself alone."""

import io

import pytest

from platform_app.errors import Invalid
from platform_app.models.crm import FieldKind, Holder
from platform_app.models.person import Identity
from platform_app.services.crm import contacts, csv_files, custom_field_definitions, imports
from tests.crm.test_imports import run, upload
from tests.talking import call


def read(text: str, encoding: str = "utf-8") -> list[list[str]]:
    return list(csv_files.read_rows(io.BytesIO(text.encode(encoding))))


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("sep=;\r\nИмя;Телефон\r\nМарк;1\r\n", [["Имя", "Телефон"], ["Марк", "1"]]),
        ("sep=|\nИмя, полное|Телефон\nМарк, Ли|1\n", [["Имя, полное", "Телефон"], ["Марк, Ли", "1"]]),
        ("Имя, фамилия;Тел\nЛи, Марк;1\n", [["Имя, фамилия", "Тел"], ["Ли, Марк", "1"]]),
        ("Имя\nМарк\nАнна\n", [["Имя"], ["Марк"], ["Анна"]]),
        ('a;b\n"x\ny";1\n', [["a", "b"], ["x\ny", "1"]]),
    ],
)
def test_what_separates_the_cells(text: str, rows: list[list[str]]) -> None:
    assert read(text) == rows


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig", "cp1251", "koi8-r", "cp866"])
def test_spreadsheets_write_in_several_encodings(encoding: str) -> None:
    assert read("Имя\tТелефон\nМарк\t8928\n", encoding) == [["Имя", "Телефон"], ["Марк", "8928"]]
    assert read("Имя\nАнна\n", encoding) == [["Имя"], ["Анна"]]


def test_one_bad_byte_costs_one_letter() -> None:
    rows = list(csv_files.read_rows(io.BytesIO("Имя;Город\nАнна;Пермь\n".encode()[:-2] + b"\n")))
    assert rows == [["Имя", "Город"], ["Анна", "Перм\ufffd"]]


def test_a_quotation_mark_that_is_never_closed_costs_no_row() -> None:
    text = 'Имя;Компания;Тел\nСаша;ООО "Ромашка";1\nУля;"Завод;2\nФил;Трест;3\nГаля;"Банк; два";4\n'
    assert read(text)[1:] == [
        ["Саша", 'ООО "Ромашка"', "1"],
        ["Уля", "Завод", "2"],
        ["Фил", "Трест", "3"],
        ["Галя", "Банк; два", "4"],
    ]
    assert read('a;b\n"ООО "Ромашка"";1\nx;2\n')[2] == ["x", "2"]


@pytest.mark.parametrize("text", ['a;b;c\n1;2;3\n"x;y";"z;4\n5;6;7\n', 'a;b\n1;2\n3;"4;5;6\n'])
def test_where_cells_end_nowhere_the_line_is_told(text: str) -> None:
    with pytest.raises(Invalid, match="isn’t closed") as refused:
        read(text)
    assert refused.value.values == {"line": 3}


def test_reading_again_is_bounded() -> None:
    odd = "a;b\n" + ('"x;1\n' + "y;2\n" * 40_000) * 60
    with pytest.raises(Invalid):
        read(odd)


def test_a_bad_cell_costs_itself_alone(who: Identity) -> None:
    for name, kind in (("Создан", FieldKind.DATE), ("Счёт", FieldKind.NUMBER)):
        call(who, custom_field_definitions.create, Holder.CONTACT, name=name, kind=kind)
    table = """Имя;Телефон;Почта;Создан;Счёт;Язык;Теги
Пять;8-912-111-22-34 доб. 12;p5@q.example;12.03.2026 10:15:00;5;русский;a, b
Шесть;неизвестно;"no; p6@q.example";31.02.2026;x;xx;
Семь;моб. 8 912 111 22 88 (Вася);<p7@q.example>;03.04.26;7;en-US;
;8;;;;;
"""
    import_id = upload(who, table.encode())
    call(who, imports.start, import_id, call(who, imports.get, import_id).mapping)
    done = run(who, import_id)
    assert (done.created, done.refused, done.incomplete) == (3, 1, 1)
    five, seven, six = call(who, contacts.list_contacts)[0]
    assert (five.phones, five.language) == (["+7 912 111-22-34 ext. 12"], "ru")
    assert five.fields == {"sozdan": "2026-03-12", "schet": "5"}
    assert (six.phones, six.emails, six.fields) == ([], ["p6@q.example"], {})
    assert (seven.phones, seven.language) == (["+7 912 111-22-88"], "en")
    assert (seven.emails, seven.fields["sozdan"]) == (["p7@q.example"], "2026-04-03")
    noted, refused = call(who, imports.list_refused_rows, import_id)
    assert [one["field"] for one in noted.left_out] == ["phones", "emails", "field.sozdan", "field.schet", "language"]
    assert imports.describe_problems(noted, "ru").startswith("Телефон: ") and "Создан: " in imports.describe_problems(
        noted, "ru"
    )
    assert (refused.field, refused.contact_id) == ("phones", None)
