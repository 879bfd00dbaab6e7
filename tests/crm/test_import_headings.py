"""Import headings: exports of the usual systems map themselves, and a mapping is remembered."""

import pytest

from platform_app.models.crm import FieldKind, Holder
from platform_app.models.person import Identity
from platform_app.services.crm import contacts, custom_field_definitions, imports
from platform_app.services.crm.import_headings import guess_mapping
from platform_app.services.crm.person_matching import MatchBy
from tests.crm.test_imports import run, upload
from tests.talking import call

# For each export its headings: what goes into the name, phones, e-mails, other fields, and what is left out.
EXPORTS: dict[str, dict[str, list[str]]] = {
    "amoCRM ru": {
        "name": ["Полное имя (контакт)"],
        "phones": ["Рабочий телефон (контакт)", "Мобильный телефон (контакт)", "Другой телефон (контакт)"],
        "emails": ["Рабочий email (контакт)", "Личный email (контакт)"],
        "tags": ["Теги (контакт)"],
        "": ["ID", "Название сделки", "Основной контакт", "Теги сделки", "Факс (контакт)", "Телефон (компания)"],
    },
    "amoCRM en": {
        "name": ["Full name (contact)"],
        "phones": ["Work phone (contact)", "Work direct phone (contact)"],
        "emails": ["Work email (contact)"],
        "": ["Lead title", "Company (contact)", "Work phone (company)", "Responsible user"],
    },
    "Bitrix24 ru": {
        "name": ["Имя", "Отчество", "Фамилия"],
        "phones": ["Рабочий телефон", "Мобильный телефон", "Телефон для рассылок"],
        "emails": ["Рабочий e-mail", "Частный e-mail", "E-mail для рассылок"],
        "": ["ID", "Обращение", "Номер факса", "Номер пейджера", "Компания", "Тип контакта", "Ответственный"],
    },
    "Bitrix24 en": {
        "name": ["First name", "Second name", "Last name"],
        "phones": ["Work Phone", "Mobile", "Other Phone"],
        "emails": ["Work E-mail", "Home E-mail"],
        "": ["Contact ID", "Fax", "Pager", "Company", "Contact type", "Responsible person"],
    },
    "HubSpot": {
        "name": ["First Name", "Last Name"],
        "phones": ["Phone Number", "Mobile Phone Number"],
        "emails": ["Email"],
        "language": ["Preferred language"],
        "time_zone": ["Time Zone"],
        "": ["Record ID", "Contact owner", "Lead Status", "Email Domain", "Last Activity Date", "Associated Company"],
    },
    "Google": {
        "name": ["First Name", "Middle Name", "Last Name"],
        "phones": ["Phone 1 - Value", "Phone 2 - Value"],
        "emails": ["E-mail 1 - Value"],
        "tags": ["Labels"],
        "": ["Phonetic First Name", "Nickname", "File As", "Organization Name", "E-mail 1 - Label", "Phone 1 - Label"],
    },
    "Google, older": {
        "name": ["Name"],
        "phones": ["Phone 1 - Value"],
        "emails": ["E-mail 1 - Value"],
        "tags": ["Group Membership"],
        "": ["Given Name", "Family Name", "Yomi Name", "E-mail 1 - Type", "Phone 1 - Type"],
    },
    "Outlook en": {
        "name": ["First Name", "Middle Name", "Last Name"],
        "phones": ["Business Phone", "Business Phone 2", "Home Phone", "Mobile Phone", "Primary Phone"],
        "emails": ["E-mail Address", "E-mail 2 Address"],
        "tags": ["Categories"],
        "": ["Title", "Company", "Company Main Phone", "Assistant's Phone", "Business Fax", "E-mail Type", "Pager"],
    },
    "Outlook ru": {
        "name": ["Имя", "Отчество", "Фамилия"],
        "phones": ["Рабочий телефон", "Рабочий телефон 2", "Телефон переносной", "Телефон дом. 2"],
        "emails": ["Адрес эл. почты", "Адрес 2 эл. почты"],
        "tags": ["Категории"],
        "": ["Обращение", "Организация", "Тип эл. почты", "Краткое имя эл. почты", "Телефон секретаря"],
    },
    "by hand": {
        "name": ["ФИО"],
        "phones": ["моб. тел.", "client_phone", "WhatsApp"],
        "emails": ["E-Mail", "Электронная почта"],
        "": ["Номер договора", "Дата", "Комментарий"],
    },
}


@pytest.mark.parametrize("export", EXPORTS.values(), ids=EXPORTS)
def test_columns_map_themselves(export: dict[str, list[str]]) -> None:
    columns = [head for heads in export.values() for head in heads]
    found = guess_mapping(columns, {}, {})
    assert {head: found.get(str(place), "") for place, head in enumerate(columns)} == {
        head: target for target, heads in export.items() for head in heads
    }


def test_a_mapping_is_remembered(who: Identity) -> None:
    key = call(who, custom_field_definitions.create, Holder.CONTACT, name="City", kind=FieldKind.TEXT).key
    table = "Кто;Tel;Город проживания;Remark\nАнна;89281234567;Пермь;x\n"
    first = upload(who, table.encode())
    assert call(who, imports.get, first).mapping == {"1": "phones"}
    chosen = {"0": "name", "1": "phones", "2": f"field.{key}"}
    call(who, imports.start, first, chosen, match_by=MatchBy.ADDRESS)
    run(who, first)
    again = call(who, imports.get, upload(who, table.encode()))
    assert (again.mapping, again.match_by) == (chosen, MatchBy.ADDRESS)
    other = call(who, imports.get, upload(who, "Remark;Кто;Tel;Email\nx;Анна;1;a@x.io\n".encode()))
    assert other.mapping == {"1": "name", "2": "phones", "3": "emails"}


def test_names_in_several_columns_are_one_name(who: Identity) -> None:
    import_id = upload(who, "Имя;Фамилия;Телефон;Другой телефон\nИван;Петров;89281234567;+79281234567\n".encode())
    call(who, imports.start, import_id, call(who, imports.get, import_id).mapping)
    run(who, import_id)
    (row,) = call(who, contacts.list_contacts)[0]
    assert (row.name, row.phones) == ("Иван Петров", ["+7 928 123-45-67"])
