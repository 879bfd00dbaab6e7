"""Negation: whether a message denies what an example states, or states what it denies."""

import re
from dataclasses import dataclass
from functools import lru_cache

from platform_app.text.stemming import STOP, stems, words

_SENTENCE = re.compile(r"[^.!?…;]+[.!?…;]*")
_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_INABILITY = frozenset(words("cannot cant couldnt")) | {"can't", "can’t", "couldn't", "couldn’t"}  # deny no statement
_NEGATORS = frozenset(
    words("not no never without hardly не нет ни никогда без нисколько вовсе")
    + words("dont doesnt didnt isnt arent wasnt werent wont wouldnt shouldnt havent hasnt hadnt")
)
_CONTRACTED = re.compile(r".+n['’]t$")
_PASSED = STOP | frozenset(
    stems("very quite really too so such all any have has очень слишком так такой совсем особо особенно уж прямо")
)  # words between a negator and what it denies
_OPINIONS = frozenset(stems("think say find believe consider думаю сказать сказал сказала считаю нахожу кажется"))
_JOINED, _SHORTEST_JOINED = "не", 6  # "несложно"
_MORE_WORDS = 2  # that a message may have beside those of an example that it turns into its opposite
_FAVORABLE = frozenset(
    stems(
        "good great excellent perfect happy glad satisfied love agree agreed approved easy simple cheap inexpensive "
        "affordable reasonable bargain trust reliable free plenty enough worth suits fits recommended sturdy nice "
        "wonderful praise fine хороший хорошо отличный отлично прекрасно довольна доволен рад нравится понравилось "
        "согласен согласна одобрил одобрила одобрили легко просто несложно дёшево дешевле недорого недорогой доступно "
        "выгодно выгоднее доверяю верю верим надёжный надёжная свободен свободна готов готова уверен уверена беру "
        "возьму берём достаточно полно хватает устраивает подходит хвалят крепкий нормальный нормальная нормально"
    )
)  # said without a negator, they are no objection
_TROUBLE = frozenset(stems("problem issue matter mind scary rush worry проблема страшно против важно горит беда"))


@dataclass(frozen=True)
class _Polarity:
    """The stems of a text's words that it states and that it denies, and whether it has a negation at all."""

    stated: frozenset[str]
    denied: frozenset[str]
    is_negative: bool


def contradicts(said: str, example: str) -> bool:
    """Return whether a message denies a word that an example states, or states one that the example denies.

    A question denies nothing: "Isn't that too expensive?" says that it is.
    """
    own, other = _polarity(said), _polarity(example)
    if own.is_negative:
        return bool(own.denied & other.stated - own.stated) and not other.is_negative
    more = own.stated - other.stated - other.denied
    return bool(own.stated & other.denied) and len(more) <= _MORE_WORDS


@lru_cache(maxsize=5_000)
def is_favorable(text: str) -> bool:
    """Return whether a text states something good, or denies trouble; a question does neither."""
    if "?" in text:
        return False
    own = _polarity(text)
    is_good = bool((own.stated - own.denied) & _FAVORABLE or own.denied & _TROUBLE)
    return is_good and not own.denied & _FAVORABLE


@lru_cache(maxsize=5_000)
def _polarity(text: str) -> _Polarity:
    stated: set[str] = set()
    denied: set[str] = set()
    is_negative = False
    for sentence in _SENTENCE.findall(text.lower().replace("ё", "е")[:2_000]):
        left, is_question = 0.0, "?" in sentence
        for token in _TOKEN.findall(sentence):
            is_unable = token in _INABILITY
            if is_unable or token in _NEGATORS or _CONTRACTED.match(token):
                is_negative = True
                left = 0.0 if is_question or is_unable else 1.0
                continue
            stem = (stems(token) or [""])[0]
            if left and stem in _OPINIONS:  # "I do not think that …" denies all that follows
                left = float("inf")
            elif stem and stem not in _PASSED:
                (denied if left else stated).add(stem)
                left = max(0.0, left - 1)
                if token.startswith(_JOINED) and len(token) >= _SHORTEST_JOINED and not is_question:
                    denied.update(stems(token[len(_JOINED) :]))
                    is_negative = True
    return _Polarity(frozenset(stated), frozenset(denied), is_negative)
