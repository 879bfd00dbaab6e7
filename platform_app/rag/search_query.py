"""Search query: the query for a contact's message and the messages before it."""

import re
from dataclasses import dataclass, field

from platform_app.text.courtesy_phrases import subject_words, without_courtesy

EARLIER = 3  # questions of the contact that a follow-up may go back to
FADES = 0.6  # share of its weight that each question further back keeps
ANSWER_SHARE = 0.3  # weight of the last reply, against the question that it answered
LONGEST = 400  # characters of an earlier text: its beginning says what it is about
_SENTENCE = re.compile(r"(?<=[.!?…:;])\s+|(?<=!)(?=\w)")
_WEIGHTS = (1.0, 0.7, 0.5, 0.35)  # of the question before, by the count of words that say what the message is about
_LEAST = 0.15  # ... when there are more of them: the message can be understood alone


@dataclass(frozen=True)
class Query:
    """A message without courtesies, and earlier texts with weights; the message's own weight is 1.

    An empty text means that there is nothing to search for.
    """

    text: str
    before: tuple[tuple[str, float], ...] = field(default=())

    @property
    def shown(self) -> str:
        """The query on one line, as a trace shows it."""
        return " ← ".join((self.text, *(text for text, _ in self.before)))


def query_of(message: str, history: list[tuple[str, str]]) -> Query:
    """Return the query for a message; `history` is (role, text) before it, oldest first.

    The fewer words show what a question is about ("And on Sunday?"), the more weight have the rest of the message and
    the earlier ones.
    """
    text, around = _question_of(without_courtesy(message) or (message if "?" in message else ""))
    if not text:
        return Query("")
    about = len(subject_words(text))
    weight = _WEIGHTS[about] if about < len(_WEIGHTS) else _LEAST
    before = [(around[:LONGEST], round(weight, 3))] if around else []
    answer = history[-1][1] if history and history[-1][0] == "assistant" else ""
    if answer:
        before.append((answer[:LONGEST], round(weight * ANSWER_SHARE, 3)))
    earlier = [said for role, said in reversed(history) if role == "user"]
    questions = [bare for bare in map(without_courtesy, earlier) if subject_words(bare)][:EARLIER]
    for question in questions:
        before.append((question[:LONGEST], round(weight, 3)))
        weight *= FADES
    return Query(text, tuple(sorted(before, key=lambda part: -part[1])))


def _question_of(text: str) -> tuple[str, str]:
    """Return the sentences that ask, and what is told around them; all of a text in which none asks."""
    parts = [part for part in _SENTENCE.split(text) if part.strip()]
    asking = [part for part in parts if part.rstrip().endswith("?") and subject_words(part)]
    around = [part for part in parts if part not in asking and subject_words(part)]
    return (" ".join(asking), " ".join(around)) if asking else (text, "")
