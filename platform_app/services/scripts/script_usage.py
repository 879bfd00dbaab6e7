"""Script usage: detects which of the offered scripts a reply used."""

import re

from platform_app.services.scripts.script_selection import ScriptDecision
from platform_app.text.courtesy_phrases import LIGHT
from platform_app.text.stemming import stems

TEXT_SHARE, SENTENCE_SHARE = 0.5, 0.6  # least share of a script's, or a sentence's, words in a reply
MIN_SENTENCE_WORDS = 4  # shorter sentences are not compared
_SENTENCE = re.compile(r"(?<=[.!?…:;])\s+|\n+")
_CITED = re.compile(r"[^.!?…\n]*\[\d+(?:\s*,\s*\d+)*\][.!?…]*")


def mark_used(considered: list[ScriptDecision], marked: set[int], reply: str, said: str) -> None:
    """Set `used` on the scripts whose mark or whose words a reply contains.

    Words of `said`, the contact's messages, do not count, since the reply may repeat them from there.
    """
    own = _CITED.sub(" ", reply)  # sentences that cite a passage do not count
    for decision in considered:
        decision.used = decision.number > 0 and (
            decision.number in marked
            or repeats_text(own, decision.text, said)
            or repeats_text(own, decision.asks, said)
        )


def repeats_text(reply: str, text: str, said: str = "") -> bool:
    """Return whether a reply has a share TEXT_SHARE of the words of a text, or SENTENCE_SHARE of those of a sentence.

    Words are compared by stem; frequent words and those in `said`, the contact's message, do not count.
    """
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
