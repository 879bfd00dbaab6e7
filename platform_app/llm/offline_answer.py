"""Offline answer: a reply by extraction from the passages and scripts of a prompt, or that there is none.

No model is at work here. It sees words, not meaning: a check of its own decides whether the passages are about what is
asked. Measured by tests/test_shop_questions.py and tests/bench/bench_retrieval.py.
"""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from platform_app.automation.similarity import word_coverage
from platform_app.llm import language_detection
from platform_app.llm.prompts import FOR_THIS_MESSAGE, SAY
from platform_app.rag.search_query import Query, query_of
from platform_app.text.courtesy_phrases import LIGHT, asks, subject_words
from platform_app.text.stemming import stems

# Of what a question is about, a passage has to hold this share: more of a short question than of a long one.
LEAST_SHARE, MORE_WHEN_SHORT, MOST_SHARE = 0.25, 0.5, 0.6
SHORT = 3  # words; of what a question of so few is about, all passages together have to hold SHORT_SHARE
SHORT_SHARE = 0.7
NEAR_BEST = 0.7  # of the best passage's share: sentences are taken from passages that hold as much
_PASSAGE = re.compile(r"^\[(\d+)\] (.+)\n((?:(?!^\[\d+\] ).*\n?)*)", re.MULTILINE)
_SCRIPT = re.compile(r"^\[(S\d+)\] (\w+): (.*)\n((?:(?!^\[S\d+\] ).*\n?)*)", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.!?…])\s+|\n+")
_OPENING = {
    "en": "I am the offline model; this is what the knowledge base says:",
    "ru": "Я офлайн-модель; вот что сказано в базе знаний:",
}
_BY_SCRIPT = {"en": "I am the offline model; a script says:", "ru": "Я офлайн-модель; так сказано в скрипте:"}
_GREETING = {
    "en": "Hello. I am {name}, answered by the offline model. Ask me anything that the knowledge base covers.",
    "ru": "Здравствуйте. Я {name}, отвечает офлайн-модель. Спросите о том, что есть в базе знаний.",
}
_ASKS = {"en": "Please tell me: {what}", "ru": "Подскажите, пожалуйста: {what}"}
_NOTHING = {"en": "I am the offline model and have no answer.", "ru": "Я офлайн-модель, ответа у меня нет."}


@dataclass
class _Prompt:
    """What a prompt of this platform says, as far as it is understood here."""

    rules: str
    passages: str
    scripts: list[tuple[str, str, str, str]]  # mark, kind, title, text
    question: str
    query: Query
    is_first: bool  # nothing was said before the question

    @property
    def spoken(self) -> str:
        """The one of two languages to reply in."""
        if "- Write in Russian." in self.rules:
            return "ru"
        return "en" if "- Write in English." in self.rules else language_detection.script_of(self.question)


def reply(messages: list[dict[str, Any]]) -> str:
    """Return the reply to a conversation whose first message is the prompt of this platform."""
    prompt, wanted = _read(messages)
    ask = _ASKS[prompt.spoken].format(what=wanted) if wanted else ""
    if ask and (not asks(prompt.question) or "?" not in prompt.question):
        return ask
    answered = _answer(prompt)
    if not answered and not asks(prompt.question):
        name = re.search(r"^- Your name is (.*)\.$", prompt.rules, re.MULTILINE)
        return _GREETING[prompt.spoken].format(name=name[1] if name else "…")
    if not answered and (ask or SAY not in prompt.rules):
        answered = _NOTHING[prompt.spoken]
    if not answered:
        return prompt.rules.rpartition(SAY)[2].strip()
    return f"{answered}\n\n{ask}" if ask and answered != _NOTHING[prompt.spoken] else f"{answered} {ask}".strip()


def _read(messages: list[dict[str, Any]]) -> tuple[_Prompt, str]:
    """Return the prompt, and what a guided script asks for next."""
    system = next((str(m.get("content", "")) for m in messages if m.get("role") == "system"), "")
    talk = [(str(m.get("role")), str(m.get("content", ""))) for m in messages if m.get("role") != "system"]
    place = max((n for n, (role, _) in enumerate(talk) if role == "user"), default=-1)
    question, history = (talk[place][1], talk[:place]) if talk else ("", [])
    scripts = _frame("scripts", system)
    wanted = re.search(r"^Ask now only for: (.+)$", scripts, re.MULTILINE)
    found = [
        (mark, kind, title, text.strip()) for mark, kind, title, text in _SCRIPT.findall(scripts) if kind != "guided"
    ]
    query = query_of(question, history)
    prompt = _Prompt(_frame("rules", system), _frame("passages", system), found, question, query, not history)
    return prompt, wanted[1] if wanted else ""


def _frame(name: str, system: str) -> str:
    """Return what stands in the last frame of a name: what people wrote into the prompt stands before ours."""
    start, end = system.rfind(f"<{name}>\n"), system.rfind(f"\n</{name}>")
    return system[start + len(name) + 3 : end] if 0 <= start < end else ""


def _answer(prompt: _Prompt) -> str:
    """Return what scripts and passages say to the question; empty when they say nothing."""
    said = _said_by_script(prompt, for_message=True)
    found = best_sentences(prompt.query, prompt.passages) if not said or "?" in prompt.question else []
    if not said and not found:
        said = _said_by_script(prompt, for_message=False)
    parts = [f"{_BY_SCRIPT[prompt.spoken]}\n\n{said}"] if said else []
    if found:
        parts.append(f"{_OPENING[prompt.spoken]}\n\n" + " ".join(f"{text} [{number}]" for number, text in found))
    return "\n\n".join(parts)


def _said_by_script(prompt: _Prompt, *, for_message: bool) -> str:
    """Return the text of the script that is for this message, or of the one that fits it best, with its mark."""
    fitting = [one for one in prompt.scripts if one[2].endswith(FOR_THIS_MESSAGE) is for_message]
    if not for_message:
        is_courtesy = not asks(prompt.question)
        fitting = [one for one in fitting if is_courtesy or one[1] != "greeting" or prompt.is_first]
        fitting = [one for one in fitting if not is_courtesy or one[1] == "greeting"]
        about = dict.fromkeys(subject_words(prompt.question), 1.0)
        fitting.sort(key=lambda one: (-word_coverage(about, f"{one[2]}\n{one[3]}"), one[1] == "greeting"))
    return f"{fitting[0][3]} [{fitting[0][0]}]" if fitting else ""


def best_sentences(query: Query, passages: str, most: int = 3) -> list[tuple[int, str]]:
    """Return the sentences that share most with a question, with the numbers of their passages, in reading order.

    Nothing when the passages are not about what is asked.
    """
    about = dict.fromkeys(subject_words(query.text), 1.0)
    for text, weight in query.before:
        about |= {word: weight for word in subject_words(text) if word not in about}
    held = {int(m[1]): (m[2], m[3], word_coverage(about, f"{m[2]}\n{m[3]}")) for m in _PASSAGE.finditer(passages)}
    best = max((share for _, _, share in held.values()), default=0.0)
    if not about or not _is_held(about, query, best, passages):
        return []
    near = {number: place for number, place in held.items() if place[2] >= NEAR_BEST * best}
    return _sentences(about, near, most)


def _is_held(about: dict[str, float], query: Query, best: float, passages: str) -> bool:
    """Tell whether passages, the best of which holds a share of what is asked, can hold the answer."""
    count = max(1, len(subject_words(query.text)))
    if best < min(MOST_SHARE, LEAST_SHARE + MORE_WHEN_SHORT / count):
        return False
    return count > SHORT or word_coverage(about, passages) >= SHORT_SHARE


@dataclass
class _Sentence:
    place: int  # in reading order
    number: int  # of its passage
    text: str
    stems: set[str]  # its own, and those of the title and heading above it
    score: float = 0.0


def _sentences(about: dict[str, float], held: dict[int, tuple[str, str, float]], most: int) -> list[tuple[int, str]]:
    wanted = {stem: weight for word, weight in about.items() for stem in stems(word) if stem not in LIGHT}
    found: list[_Sentence] = []
    for number, (title, body, _) in held.items():
        context = set(stems(title))
        for part in _SENTENCE.split(body):
            text = re.sub(r"^[#>*\-\s|]+", "", part).strip()
            if len(text) > 15:
                found.append(_Sentence(len(found), number, text, set(stems(text)) | context))
    spread = Counter(stem for one in found for stem in one.stems & wanted.keys())
    for one in found:
        exact = sum(wanted[stem] / spread[stem] ** 0.5 for stem in one.stems & wanted.keys())
        one.score = exact + 0.5 * word_coverage(about, one.text) - 0.05 * (one.number - 1)
    top = sorted(found, key=lambda one: -one.score)[:most]
    strong = [one for one in top if one.score >= top[0].score * 0.55] or top[:1]
    return [(one.number, one.text[:600]) for one in sorted(strong, key=lambda one: one.place)]
