"""Personal names: whether a short text is a person's name, by its meaning, for the offline model."""

import re
from functools import lru_cache
from typing import Any

import numpy as np

from platform_app.llm.sentence_encoder import encode
from platform_app.text.ordinary_talk import ORDINARY_TALK

MAX_WORDS = 3
_NEAREST = 3  # examples of each kind that a text is compared with
_FORM = re.compile(r"[^\W\d_][\w'’.-]*(?: [^\W\d_][\w'’.-]*)*")
_NAMES = (
    "Анна;Елена;Ольга;Наталья;Мария;Светлана;Ирина;Татьяна;Юлия;Екатерина;Александр;Сергей;Дмитрий;Алексей;Андрей;"
    "Михаил;Иван;Николай;Павел;Владимир;Иван Петров;Анна Смирнова;Сергей Иванович;Мария Ивановна Кузнецова;Саша;Лена;"
    "Дима;Катя;Оля;Юра;вика;Петров;Иванова;Гульнара;Айгерим;Руслан;Тимур;Ашот;Нурлан;Оксана;Тарас;John;Mary;Michael;"
    "Sarah;James;Emma;David;Kate;Bob;Will;Alice;John Smith;Maria Garcia;Robert Brown;Wei Zhang;Ahmed;Fatima;José;"
    "Carlos;Pedro Silva;Anna Kowalska;Jean-Pierre;Hans Müller;Olga;Ivan Ivanov;Smith;Johnson;Priya Patel;Yuki Tanaka"
)
_OTHERS = (
    "дорого;слишком дорого;подумаю;просто смотрю;позже;завтра;перезвоните;не знаю;не уверен;нет;да;конечно;хорошо;"
    "понятно;зачем;велосипед;платье;ноутбук;красный;большой;детский;услуга;запись на приём;скидка;цена;доставка;"
    "менеджер;оператор;позовите человека;помогите;интересно;жена против;рассрочка;неважно;секрет;без имени;аноним;"
    "какая разница;хочу купить;ремонт;Москва;в понедельник;утром;на двоих;для сына;ага;expensive;too expensive;"
    "just looking;later;maybe;tomorrow;call me later;not sure;no idea;yes;sure;of course;fine;understood;bicycle;dress;"
    "laptop;red;large;price;discount;delivery;manager;real person;agent;help;interested;nothing;secret;anonymous;"
    "whatever;no name;I want to buy;repair;London;Monday;in the morning;for two;for my son;why do you ask;"
    "none of your business;lol;haha;hmm"
)


@lru_cache
def _examples() -> "tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]":
    """Return the vectors of names, and of what people say in place of a name, as rows."""
    return encode(_NAMES.split(";")), encode([*_OTHERS.split(";"), *ORDINARY_TALK])


def is_personal_name(text: str) -> bool:
    """Return whether a text of one to three words is nearer to names than to what people say otherwise."""
    words = " ".join(text.split())
    if len(words.split()) > MAX_WORDS or not _FORM.fullmatch(words):
        return False
    vector = encode([words])[0]
    names, others = (float(np.sort(rows @ vector)[-_NEAREST:].mean()) for rows in _examples())
    return names > others
