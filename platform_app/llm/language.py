"""Language: which one a text is written in, and whether it asks for something."""

import re

from platform_app.stems import words

_COURTESY = frozenset(
    words(
        "hi hello hey there good morning day afternoon evening bye goodbye yes no ok okay great fine got it "
        "thanks thank you very much please и привет всем здравствуй здравствуйте добрый день вечер доброе утро "
        "спасибо большое вам тебе благодарю ок окей хорошо ладно понятно понял поняла отлично супер пока "
        "до свидания да нет"
    )
)


def detect(text: str) -> str:
    """Return ru for a text mostly in Cyrillic, else en."""
    letters = len(re.findall(r"[^\W\d_]", text))
    return "ru" if letters and len(re.findall("[а-яё]", text, re.IGNORECASE)) * 2 > letters else "en"


def asks(text: str) -> bool:
    """Tell whether a text wants to know something: it is more than a greeting, a thanks or a yes."""
    return "?" in text or any(word not in _COURTESY for word in words(text))
