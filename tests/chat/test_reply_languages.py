"""Languages: a reply is written in the customer's, whichever it is; what tells nothing keeps the one so far."""

import pytest

from platform_app.llm import language_detection, prompts
from platform_app.llm.prompts import NO_ANSWER_MARKER, SAME_LANGUAGE, PromptContext
from platform_app.models.agent import AgentSettings
from platform_app.text.courtesy_phrases import without_courtesy

RU, EN = "Сколько стоит доставка по городу?", "How much is the delivery to the city?"


def ordered(question: str, history: list[tuple[str, str]] | None = None, **settings: object) -> str:
    """Return the language that the model is told to write in."""
    own = AgentSettings.model_validate({"name": "Vera"} | settings)
    system = prompts.build_messages(PromptContext(own, question=question, history=history or []))[0]["content"]
    return next(line for line in system.splitlines() if line.startswith("- Write in ")).removeprefix("- Write in ")[:-1]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (RU, "Russian"),
        (EN, "English"),
        ("¿Cuánto cuesta el envío a domicilio?", "Spanish"),
        ("Vocês abrem aos domingos?", "Portuguese"),
        ("Скільки коштує доставка і чи працюєте ви в неділю?", "Ukrainian"),
        ("Жеткізу қанша тұрады? Дүкен қашан ашылады?", "Kazakh"),
        ("Haben Sie sonntags geöffnet?", "German"),
        ("Combien coûte la livraison ?", "French"),
        ("Teslimat ne zaman yapılıyor, dükkan açık mı?", "Turkish"),
        ("运费多少钱？", "Chinese"),
        ("Сколько стоит iPhone 15 Pro Max 256GB Natural Titanium?", "Russian"),
        ("Есть кроссовки Nike Air Max 90 White Black?", "Russian"),
        ("¿Cuánto cuesta el Samsung Galaxy S24 Ultra Titanium Gray?", "Spanish"),
        ("How much is the Стриж bicycle?", "English"),
        ("iPhone 15 Pro Max 多少钱？", "Chinese"),
    ],
)
def test_the_language_of_the_customer(question: str, expected: str) -> None:
    assert ordered(question) == expected


@pytest.mark.parametrize(
    ("question", "own"),
    [
        ("Dziękuję!", "Polish"),
        ("Рахмет", "Kazakh"),
        ("Gracias", "Spanish"),
        ("Дякую", "Ukrainian"),
        ("Preis?", "German"),
    ]
    + [
        ("iPhone 15 Pro Max", ""),
        ("Добрий день", "Ukrainian"),
        ("Obrigado", "Portuguese"),
        ("Работите ли?", "Bulgarian"),
    ],
)
def test_a_language_that_is_not_sure_is_not_named(question: str, own: str) -> None:
    assert ordered(question) in (SAME_LANGUAGE, own)


@pytest.mark.parametrize(
    "said", ["ok", "👍", "15", "+7 900 111-22-33", "https://example.com/how", "iPhone 15", "anna@example.com"]
)
@pytest.mark.parametrize(
    ("before", "expected"), [(RU, "Russian"), (EN, "English"), ("¿Cuánto cuesta el envío a domicilio?", "Spanish")]
)
def test_what_tells_nothing_keeps_the_language_so_far(said: str, before: str, expected: str) -> None:
    assert ordered(said, [("user", before), ("assistant", "…"), ("user", "ок"), ("assistant", "…")]) == expected


def test_the_customer_may_change_it_and_the_agent_may_begin() -> None:
    assert ordered(EN, [("user", RU), ("assistant", "400 рублей.")]) == "English"
    assert ordered("15", [("assistant", "Сколько вам нужно велосипедов для прогулки?")]) == "Russian"
    assert ordered("15", instructions="Ты помощник веломагазина, отвечай вежливо и коротко.") == "Russian"
    assert (ordered(RU, reply_language="en"), ordered(EN, reply_language="ru")) == ("English", "Russian")


OWN_RU = "Точно не знаю, поэтому передал ваш вопрос сотруднику."


@pytest.mark.parametrize(
    ("question", "own", "says", "is_translated"),
    [
        (RU, "", prompts.NO_ANSWER["ru"], False),
        (EN, "", prompts.NO_ANSWER["en"], False),
        (RU, OWN_RU, OWN_RU, False),
        (EN, OWN_RU, OWN_RU, True),
        ("Haben Sie sonntags geöffnet?", OWN_RU, OWN_RU, True),
        ("Haben Sie sonntags geöffnet?", "", prompts.NO_ANSWER["en"], True),
        ("Скільки коштує доставка по місту?", "", prompts.NO_ANSWER["ru"], True),
    ],
)
def test_the_no_answer_sentence_is_in_the_language_of_the_reply(
    question: str, own: str, says: str, is_translated: bool
) -> None:
    system = prompts.build_messages(PromptContext(AgentSettings(name="Vera", no_answer_text=own), question=question))[
        0
    ]["content"]
    assert system.endswith(f"say exactly: {says}\n</rules>")
    assert (NO_ANSWER_MARKER in system and "translated into" in system) is is_translated


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("Здравствуйте! Подскажите, пожалуйста, сколько стоит доставка? Заранее спасибо!", "сколько стоит доставка?"),
        ("Меня зовут Анна Петрова, можно ли вернуть шлем?", "можно ли вернуть шлем?"),
        ("Good morning, could you please tell me when you close? Thanks a lot in advance", "when you close?"),
        ("Hi, this is Anna from London. Do you rent bicycles? Kind regards, Anna Lee", "Do you rent bicycles?"),
        ("Добрый вечер", ""),
        ("Большое спасибо, хорошего дня!", ""),
        ("На какой день и утро есть запись?", "На какой день и утро есть запись?"),
        ("Привет-скидка ещё действует?", "Привет-скидка ещё действует?"),
        ("Is there a thank-you gift?", "Is there a thank-you gift?"),
    ],
)
def test_courtesies_are_not_what_a_message_is_about(text: str, bare: str) -> None:
    assert without_courtesy(text) == bare


def test_a_long_text_costs_no_more_than_its_beginning() -> None:
    assert language_detection.detect((RU + " ") * 20_000) == "ru"
    assert without_courtesy("добрый " * 5_000 + "спасибо " * 5_000) != "x"
