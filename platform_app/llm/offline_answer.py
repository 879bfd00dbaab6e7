"""Offline answer: a reply extracted from the passages and scripts of a prompt, or the sentence that there is none.

Words are compared, and meanings where question and passages have no word in common. A coverage check decides whether
the passages are about the question. Measured by tests/llm/test_shop_questions.py and tests/bench/bench_retrieval.py.
"""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from platform_app.automation.similarity import word_coverage
from platform_app.llm import language_detection, sentence_encoder
from platform_app.llm.answer_units import answer_units
from platform_app.llm.prompts import FOR_LAST_MESSAGE, SAY_EXACTLY
from platform_app.rag.search_query import Query, query_of
from platform_app.text.courtesy_phrases import LIGHT, asks, subject_words
from platform_app.text.stemming import stems

# The share of a question's subject words that the best passage has to contain; a short question requires more.
MIN_COVERAGE, SHORT_QUESTION_BONUS, MAX_REQUIRED_COVERAGE = 0.25, 0.5, 0.6
SHORT_QUESTION_WORDS = 3  # up to so many subject words, all passages together have to contain this share:
SHORT_QUESTION_COVERAGE = 0.7
NO_WORDS = 0.1  # a coverage below this says that question and passages have no words in common
MIN_SIMILARITY, RELATIVE_SIMILARITY = 0.38, 0.9  # by meaning; of what is not in the demo's library 3 of 20 reach it
RELATIVE_COVERAGE = 0.7  # of the best passage's coverage: sentences are taken from passages with at least this
_PASSAGE = re.compile(r"^\[(\d+)\] (.+)\n((?:(?!^\[\d+\] ).*\n?)*)", re.MULTILINE)
_SCRIPT = re.compile(r"^\[(S\d+)\] (\w+): (.*)\n((?:(?!^\[S\d+\] ).*\n?)*)", re.MULTILINE)
_THANKS = re.compile(r"\b(?:thanks?|thank you|cheers|спасибо|благодарю|дякую|gracias)\b", re.IGNORECASE)
_PASSAGES_INTRO = {
    "en": "I am the offline model; this is what the knowledge base says:",
    "ru": "Я офлайн-модель; вот что сказано в базе знаний:",
}
_SCRIPT_INTRO = {"en": "I am the offline model; a script says:", "ru": "Я офлайн-модель; так сказано в скрипте:"}
_GREETING = {
    "en": "Hello. I am {name}, answered by the offline model. Ask me anything that the knowledge base covers.",
    "ru": "Здравствуйте. Я {name}, отвечает офлайн-модель. Спросите о том, что есть в базе знаний.",
}
_WELCOME = {
    "en": "You are welcome. Ask me if anything else comes up.",
    "ru": "Пожалуйста! Если появятся вопросы, спрашивайте.",
}
_ASK_FOR = {"en": "Please tell me: {what}", "ru": "Подскажите, пожалуйста: {what}"}
_NO_ANSWER = {"en": "I am the offline model and have no answer.", "ru": "Я офлайн-модель, ответа у меня нет."}


@dataclass
class _Prompt:
    """The parts of a prompt of this platform that are used here."""

    rules: str
    passages: str
    scripts: list[tuple[str, str, str, str]]  # marker, kind, title, text
    question: str
    query: Query
    is_first: bool  # there is no earlier message

    @property
    def language(self) -> str:
        """The language to reply in, ru or en."""
        if "- Write in Russian." in self.rules:
            return "ru"
        return "en" if "- Write in English." in self.rules else language_detection.language_by_script(self.question)


def generate_reply(messages: list[dict[str, Any]]) -> str:
    """Return the reply to a conversation whose first message is a prompt of this platform."""
    prompt, wanted = _parse_prompt(messages)
    ask = _ASK_FOR[prompt.language].format(what=wanted) if wanted else ""
    if ask and (not asks(prompt.question) or "?" not in prompt.question):
        return ask
    answered = _find_answer(prompt)
    if not answered and not asks(prompt.question) and _THANKS.search(prompt.question):
        return _WELCOME[prompt.language]
    if not answered and not asks(prompt.question):
        name = re.search(r"^- Your name is (.*)\.$", prompt.rules, re.MULTILINE)
        return _GREETING[prompt.language].format(name=name[1] if name else "…")
    if not answered and (ask or SAY_EXACTLY not in prompt.rules):
        answered = _NO_ANSWER[prompt.language]
    if not answered:
        return prompt.rules.rpartition(SAY_EXACTLY)[2].strip()
    return f"{answered}\n\n{ask}" if ask and answered != _NO_ANSWER[prompt.language] else f"{answered} {ask}".strip()


def _parse_prompt(messages: list[dict[str, Any]]) -> tuple[_Prompt, str]:
    """Return the prompt, and the fields that a guided script asks for next; empty if none."""
    system = next((str(m.get("content", "")) for m in messages if m.get("role") == "system"), "")
    conversation = [(str(m.get("role")), str(m.get("content", ""))) for m in messages if m.get("role") != "system"]
    last_user = max((n for n, (role, _) in enumerate(conversation) if role == "user"), default=-1)
    question, history = (conversation[last_user][1], conversation[:last_user]) if conversation else ("", [])
    scripts = _section("scripts", system)
    wanted = re.search(r"^Ask now only for: (.+)$", scripts, re.MULTILINE)
    parts = _SCRIPT.findall(scripts)
    texts = [(marker, kind, title, text.strip()) for marker, kind, title, text in parts if kind != "guided"]
    query = query_of(question, history)
    prompt = _Prompt(_section("rules", system), _section("passages", system), texts, question, query, not history)
    return prompt, wanted[1] if wanted else ""


def _section(name: str, system: str) -> str:
    """Return the content of the last section with a tag: tags in texts of people come before the real one."""
    start, end = system.rfind(f"<{name}>\n"), system.rfind(f"\n</{name}>")
    return system[start + len(name) + 3 : end] if 0 <= start < end else ""


def _find_answer(prompt: _Prompt) -> str:
    """Return the answer that scripts and passages hold; empty if they hold none."""
    script_text = _script_text(prompt, for_message=True)
    sentences = best_sentences(prompt.query, prompt.passages) if not script_text or "?" in prompt.question else []
    if not script_text and not sentences:
        script_text = _script_text(prompt, for_message=False)
    parts = [f"{_SCRIPT_INTRO[prompt.language]}\n\n{script_text}"] if script_text else []
    if sentences:
        parts.append(
            f"{_PASSAGES_INTRO[prompt.language]}\n\n" + " ".join(f"{text} [{number}]" for number, text in sentences)
        )
    return "\n\n".join(parts)


def _script_text(prompt: _Prompt, *, for_message: bool) -> str:
    """Return the text and marker of the script for this message, or of the best matching one; empty if none matches."""
    candidates = [script for script in prompt.scripts if script[2].endswith(FOR_LAST_MESSAGE) is for_message]
    if not for_message:
        is_courtesy = not asks(prompt.question)
        candidates = [script for script in candidates if is_courtesy or script[1] != "greeting" or prompt.is_first]
        candidates = [script for script in candidates if not is_courtesy or script[1] == "greeting"]
        subject = dict.fromkeys(subject_words(prompt.question), 1.0)
        candidates.sort(
            key=lambda script: (-word_coverage(subject, f"{script[2]}\n{script[3]}"), script[1] == "greeting")
        )
    return f"{candidates[0][3]} [{candidates[0][0]}]" if candidates else ""


def best_sentences(query: Query, passages: str, count: int = 3) -> list[tuple[int, str]]:
    """Return the sentences that match a question best as (number of the passage, text), in reading order.

    Returns an empty list if the passages are not about the question.
    """
    subject = dict.fromkeys(subject_words(query.text), 1.0)
    for text, weight in query.before:
        subject |= {word: weight for word in subject_words(text) if word not in subject}
    rated = {int(m[1]): (m[2], m[3], word_coverage(subject, f"{m[2]}\n{m[3]}")) for m in _PASSAGE.finditer(passages)}
    best = max((share for _, _, share in rated.values()), default=0.0)
    if subject and best < NO_WORDS:
        return _by_meaning(query, {number: (title, body) for number, (title, body, _) in rated.items()})
    if not subject or not _covers_question(subject, query, best, passages):
        return []
    selected = {number: passage for number, passage in rated.items() if passage[2] >= RELATIVE_COVERAGE * best}
    return _rank_sentences(subject, selected, count)


def _by_meaning(query: Query, passages: dict[int, tuple[str, str]]) -> list[tuple[int, str]]:
    """Return what is nearest in meaning to a question that shares no words with the passages; none if it is far.

    It may be asked in another language, or in other words.
    """
    units = [(number, title, text) for number, (title, body) in passages.items() for text in _plain_units(body)]
    if not units:
        return []
    vectors = sentence_encoder.encode([query.text, *(f"{title}. {text}" for _, title, text in units)])
    near = vectors[1:] @ vectors[0]
    nearest = float(near.max())
    if nearest < MIN_SIMILARITY:
        return []
    chosen = [place for place, similarity in enumerate(near) if similarity >= RELATIVE_SIMILARITY * nearest]
    return [(units[place][0], units[place][2][:600]) for place in chosen[:2]]


def _plain_units(body: str) -> list[str]:
    """Return the units of a passage without marks of Markdown; what is too short to say something is left out."""
    texts = (part if "\n" in part else re.sub(r"^[#>*\-\s|]+", "", part).strip() for part in answer_units(body))
    return [text for text in texts if len(text) > 15]


def _covers_question(subject: dict[str, float], query: Query, best: float, passages: str) -> bool:
    """Return whether passages may hold the answer; `best` is the coverage of the best one."""
    count = max(1, len(subject_words(query.text)))
    if best < min(MAX_REQUIRED_COVERAGE, MIN_COVERAGE + SHORT_QUESTION_BONUS / count):
        return False
    return count > SHORT_QUESTION_WORDS or word_coverage(subject, passages) >= SHORT_QUESTION_COVERAGE


@dataclass
class _Sentence:
    position: int  # in reading order
    number: int  # of its passage
    text: str
    stems: set[str]  # of the sentence, its title and its heading
    score: float = 0.0


def _rank_sentences(
    subject: dict[str, float], passages: dict[int, tuple[str, str, float]], count: int
) -> list[tuple[int, str]]:
    weights = {stem: weight for word, weight in subject.items() for stem in stems(word) if stem not in LIGHT}
    sentences: list[_Sentence] = []
    for number, (title, body, _) in passages.items():
        context = set(stems(title))
        for text in _plain_units(body):
            sentences.append(_Sentence(len(sentences), number, text, set(stems(text)) | context))
    frequencies = Counter(stem for sentence in sentences for stem in sentence.stems & weights.keys())
    for sentence in sentences:
        exact = sum(weights[stem] / frequencies[stem] ** 0.5 for stem in sentence.stems & weights.keys())
        sentence.score = exact + 0.5 * word_coverage(subject, sentence.text) - 0.05 * (sentence.number - 1)
    top = sorted(sentences, key=lambda sentence: -sentence.score)[:count]
    strong = [sentence for sentence in top if sentence.score >= top[0].score * 0.55] or top[:1]
    return [
        (sentence.number, sentence.text[:600]) for sentence in sorted(strong, key=lambda sentence: sentence.position)
    ]
