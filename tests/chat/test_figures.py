"""Figures: what a reply states in numbers is found, and compared with what is known, whatever way both are written."""

import time

import pytest

from platform_app.text.figures import unsupported_figures

SHOP = """Полная настройка стоит 1 500 ₽ и занимает 2 дня. Доставка по городу — 300 руб., бесплатно от 5000 рублей.
Открыто с 10:00 до 20:00, в воскресенье до 18.00. Акция до 24.11.2026: скидка 15 %. Гарантия 24 месяца на раму.
Звоните: +7 (999) 123-45-67. Вес 12,5 кг, высота 1,2 м. Возврат в течение четырнадцати дней. Работаем с 2015 года."""
STORE = """A full tune-up costs $1,500 and takes two days. Delivery is $3.50, free above 5000.
Open 10 am to 8 pm, on Sundays until 6 p.m. The offer ends on Nov 24, 2026: 15% off. The frame has a 2-year warranty.
Call 555-123-4567. It weighs 12.5 kg. Refunds within 30 days."""

SUPPORTED = [
    (SHOP, "Полная настройка стоит 1500 рублей и занимает 2 дня."),
    (SHOP, "Настройка: 1 500 RUB, это 48 часов."),
    (SHOP, "Доставка — 300 ₽, а от 5 000 ₽ бесплатно."),
    (SHOP, "Мы открыты с 10 до 20, в воскресенье до 18:00."),
    (SHOP, "Открыто с 10 утра до 8 вечера."),
    (SHOP, "Работаем с 10 до 20 часов."),
    (SHOP, "Акция действует до 24 ноября."),
    (SHOP, "Акция действует до 24 ноября 2026 года, скидка 15%."),
    (SHOP, "До 24.11 скидка 15 процентов."),
    (SHOP, "Гарантия на раму — 2 года."),
    (SHOP, "Телефон: 8 999 123-45-67."),
    (SHOP, "Телефон: 89991234567 или +7-999-123-45-67"),
    (SHOP, "Вес 12.5 кг, высота 120 см."),
    (SHOP, "Вернуть можно за 14 дней."),
    (SHOP, "Вернуть можно за 2 недели."),
    (SHOP, "Мы работаем с 2015 г."),
    (SHOP, "1,5 тыс. ₽ за полную настройку"),
    (SHOP, "Есть 2 варианта:\n1. Самовывоз.\n2. Доставка за 300 ₽ [1].\n10. Прочее"),
    (SHOP, "Шаг 12: выберите модель Trek 820, артикул 77412, заказ №10234."),
    (SHOP, "Посмотрите https://shop.example/2027/item?id=991 или pay100@shop.ru, код `x = 4711`."),
    (SHOP, "```\nprice = 9900\n```\nСтоит 1500 ₽."),
    (SHOP, "Приходите: ул. Ленина, 15, офис 204."),
    (SHOP, "Поддержка 5G, формат A4, iPhone 15 и USB-3 подойдут."),
    (SHOP, "Ответьте на 3 вопроса, это 1-й шаг."),
    (SHOP, "Подходит для ВАЗ 2107, Windows 10/11 и USB 3.0, по статье 18 закона 152-ФЗ и СНиП 21."),
    (SHOP, "Я не знаю точно. Спросите коллегу!"),
    (STORE, "A full tune-up costs 1500 dollars and takes 2 days [1]."),
    (STORE, "It is USD 1 500.00; delivery costs 3.5 $."),
    (STORE, "We are open from 10:00 to 20:00, Sundays till 18:00."),
    (STORE, "We are open 10–8 pm every day."),
    (STORE, "The offer ends on the 24th of November: you save 15 percent."),
    (STORE, "The offer ends on 11/24/2026, that is 2026-11-24."),
    (STORE, "The warranty is 24 months."),
    (STORE, "Call (555) 123-4567."),
    (STORE, "Refunds are possible for 30 days, at 12.5kg."),
    (STORE, "1) Choose a bike.\n2) Pay.\nStep 10: ride. Version 8.3.20.1 of the app, Windows 11."),
    (STORE, "Come to 15 Main Street, room 204."),
    (STORE, "La oferta termina el 24 de noviembre: 15 % de descuento."),
    (STORE, "Geöffnet bis 20 Uhr, 30 Tage Rückgabe."),
    ("| Услуга | Цена, ₽ |\n|---|---|\n| Мойка | 450 |", "Мойка стоит 450 ₽."),
    ("Мы работаем круглосуточно.", "Мы на связи 24/7."),
    ("Сеанс 24–26 ноября, от 3 до 5 человек", "Сеанс 24 и 26 ноября, 3–5 человек, то есть от 3 до 5."),
    ("iPhone 15 128 ГБ за 79 990", "iPhone 15, 128 ГБ, стоит 79 990 ₽."),
    ("Ціна ３００ грн", "Це коштує 300 гривень."),
]
UNSUPPORTED = [
    (SHOP, "Полная настройка стоит 1 600 ₽.", ["1 600 ₽"]),
    (SHOP, "Полная настройка стоит 1 500 $.", ["1 500 $"]),
    (SHOP, "Настройка занимает 3 дня.", ["3 дня"]),
    (SHOP, "Настройка занимает 2 недели и 500 рублей.", ["500 рублей"]),
    (SHOP, "Скидка 20 %, а до этого 10–15 %.", ["20 %", "10"]),
    (SHOP, "Открыто с 9:00 до 20:00.", ["9:00"]),
    (SHOP, "Открыто с 11 до 21.", ["11", "21"]),
    (SHOP, "Открыто до 9 вечера.", ["9 вечера"]),
    (SHOP, "Акция до 25 ноября.", ["25 ноября"]),
    (SHOP, "Акция до 24.12.", ["24.12"]),
    (SHOP, "Акция до 24 ноября 2027 года.", ["24 ноября 2027"]),
    (SHOP, "Телефон: 8 999 123-45-68.", ["8 999 123-45-68"]),
    (SHOP, "Вес 15 кг, высота 1,3 м.", ["15 кг", "1,3 м"]),
    (SHOP, "Гарантия 36 месяцев.", ["36 месяцев"]),
    (SHOP, "Работаем с 2010 года, у нас 5000 клиентов.", ["2010 года"]),
    (SHOP, "Это стоит 1 550, то есть 2 тыс. ₽.", ["1 550", "2 тыс. ₽"]),
    (SHOP, "Мы на связи 24/7.", ["24/7"]),
    (SHOP, "ЦЕНА 1700, ВСЕГО 1900.", ["1700", "1900"]),
    (STORE, "A full tune-up costs $1,600.", ["$1,600"]),
    (STORE, "It takes 3 days and costs €1,500.", ["3 days", "€1,500"]),
    (STORE, "You save 25%.", ["25%"]),
    (STORE, "Open 9 am to 9 pm.", ["9 am", "9 pm"]),
    (STORE, "The offer ends on Nov 25.", ["Nov 25"]),
    (STORE, "Call 555-123-4568.", ["555-123-4568"]),
    (STORE, "We have 12 shops since 1998.", ["12", "1998"]),
    (STORE, "Refunds within 45 days; it weighs 13 kg. It costs 4.50.", ["45 days", "13 kg", "4.50"]),
    (STORE, "La oferta termina el 25 de noviembre: 20 € menos.", ["25 de noviembre", "20 €"]),
    (STORE, "1. It costs $99.\n2. It takes 10 days.", ["$99", "10 days"]),
    ("", "It costs 10 euros [1].", ["10 euros"]),
    ("Цена 1 500 ₽", "Предоплата 500 ₽.", ["500 ₽"]),
    ("Открыто с 10:00.", "Ремонт займёт 10 часов.", ["10 часов"]),
]


def test_the_table_is_large_enough() -> None:
    assert len(SUPPORTED) >= 30 and len(SUPPORTED) + len(UNSUPPORTED) >= 60


@pytest.mark.parametrize(("known", "reply"), SUPPORTED)
def test_what_is_known_is_found(known: str, reply: str) -> None:
    assert unsupported_figures(reply, [known]) == []


@pytest.mark.parametrize(("known", "reply", "missing"), UNSUPPORTED)
def test_what_is_not_known_is_named(known: str, reply: str, missing: list[str]) -> None:
    assert unsupported_figures(reply, ["nothing", known]) == missing


HOSTILE = [
    "1",
    "1,000",
    "1.1",
    "1 000 ",
    "+7 ",
    "(1",
    "`",
    "a@",
    "1-",
    "24.11.",
    "```\n",
    "[1]",
    "ул. ",
    "сто ",
    "٣",
    "²",
]


@pytest.mark.parametrize("part", HOSTILE)
def test_hostile_text_takes_linear_time(part: str) -> None:
    def took(length: int) -> float:
        text, started = part * (length // len(part)), time.process_time()
        unsupported_figures(text, [text, "A1 " + text])
        return time.process_time() - started

    few, many = max(min(took(2_000) for _ in range(3)), 0.005), min(took(16_000) for _ in range(3))
    assert many < 24 * few
