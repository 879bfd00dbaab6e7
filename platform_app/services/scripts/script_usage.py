"""Script use: which of the scripts that a model was offered its reply stands on."""

import re

from platform_app.services.scripts.script_selection import ScriptDecision
from platform_app.text.courtesy_phrases import LIGHT
from platform_app.text.stemming import stems

TEXT_SHARE, SENTENCE_SHARE = 0.5, 0.6  # share of a script's words, or of one of its sentences, that a reply has to say
MIN_SENTENCE_WORDS = 4  # words that a sentence needs to be told from others
_SENTENCE = re.compile(r"(?<=[.!?…:;])\s+|\n+")
_CITED = re.compile(r"[^.!?…\n]*\[\d+(?:\s*,\s*\d+)*\][.!?…]*")


def mark_used(considered: list[ScriptDecision], marked: set[int], reply: str, said: str) -> None:
    """Note which scripts a reply stands on: those whose mark it has, and those whose words it says.

    `said` is what the contact has said: words that the reply repeats from there prove nothing.
    """
    own = _CITED.sub(" ", reply)  # what is taken from a passage is not taken from a script
    for one in considered:
        one.used = one.number > 0 and (
            one.number in marked or repeats_text(own, one.text, said) or repeats_text(own, one.asks, said)
        )


def repeats_text(reply: str, text: str, said: str = "") -> bool:
    """Tell whether a reply says what a text says, by the words that are not the contact's own."""
    heard, known = set(stems(reply)), set(stems(said)) | LIGHT
    whole = set(stems(text)) - known
    if not whole:
        return False
    if len(whole & heard) >= TEXT_SHARE * len(whole):
        return True
    sentences = (set(stems(sentence)) - known for sentence in _SENTENCE.split(text))
    return any(
        len(part) >= MIN_SENTENCE_WORDS and len(part & heard) >= SENTENCE_SHARE * len(part) for part in sentences
    )
