"""Answer units: sentences are not cut at abbreviations, lists stay with their introduction, rows with their head."""

import pytest

from platform_app.llm.answer_units import answer_units


@pytest.mark.parametrize(
    ("body", "units"),
    [
        ("Open from 10 to 8. On Sundays until six.", ["Open from 10 to 8.", "On Sundays until six."]),
        ("Bring papers, e.g. Passport or card. It is quick.", ["Bring papers, e.g. Passport or card.", "It is quick."]),
        ("Мы на ул. Ленина, д. 5. Вход со двора.", ["Мы на ул. Ленина, д. 5.", "Вход со двора."]),
        ("Дамы, господа и т. д. Приходите!", ["Дамы, господа и т. д. Приходите!"]),
        ("It costs 4.50 a day. Pay Dr. Smith.", ["It costs 4.50 a day.", "Pay Dr. Smith."]),
        (
            "You need:\n- a passport\n- a deposit\n\nThat is all.",
            ["You need:\n- a passport\n- a deposit", "That is all."],
        ),
        ("1. Unlock\n2. Ride", ["1. Unlock\n2. Ride"]),
        (
            "| Bike | Price |\n|---|---|\n| City | 10 |\n| Road | 20 |",
            ["Bike: City; Price: 10", "Bike: Road; Price: 20"],
        ),
        ("a | b", ["a; b"]),
        ("", []),
    ],
)
def test_what_belongs_together_is_said_whole(body: str, units: list[str]) -> None:
    assert list(answer_units(body)) == units
