"""Quick replies: the short answers that a message offers, their bounds, and how they are sent without buttons."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from platform_app.errors import Invalid
from platform_app.llm.reply_text import to_storable

MAX_QUICK_REPLIES = 10  # of a message; a list of WhatsApp has as many rows
MAX_TITLE_CHARS = 40  # a button of VK has as many


@dataclass(frozen=True)
class QuickReplyForm:
    """A way in which a channel shows quick replies, and what fits into it."""

    most: int = MAX_QUICK_REPLIES
    title_chars: int = MAX_TITLE_CHARS
    text_chars: int = 0  # of the message that has them; 0: as of any other

    def fits(self, titles: Sequence[str]) -> bool:
        """Return whether quick replies with these titles can be shown so."""
        return len(titles) <= self.most and all(len(title) <= self.title_chars for title in titles)


def parse_titles(given: Iterable[str]) -> list[str]:
    """Return titles without blank and repeated ones.

    Raises Invalid at the field `quick_replies` if there are too many or one is too long.
    """
    titles = list(dict.fromkeys(filter(None, (" ".join(to_storable(title).split()) for title in given))))
    if len(titles) > MAX_QUICK_REPLIES:
        raise Invalid("You can add up to {count} quick replies.", field="quick_replies", count=MAX_QUICK_REPLIES)
    if any(len(title) > MAX_TITLE_CHARS for title in titles):
        raise Invalid("A quick reply can have up to {count} characters.", field="quick_replies", count=MAX_TITLE_CHARS)
    return titles


def cut_titles(given: Iterable[str]) -> list[str]:
    """Return titles whose variables were filled in just now: what exceeds the bounds is cut."""
    titles = (" ".join(to_storable(title).split()) for title in given)
    cut = (title if len(title) <= MAX_TITLE_CHARS else f"{title[: MAX_TITLE_CHARS - 1].rstrip()}…" for title in titles)
    return list(dict.fromkeys(filter(None, cut)))[:MAX_QUICK_REPLIES]


def with_list(text: str, titles: Sequence[str]) -> str:
    """Return a text followed by its quick replies as a numbered list."""
    lines = [f"{number}. {title}" for number, title in enumerate(titles, 1)]
    return "\n\n".join(filter(None, (text.rstrip(), "\n".join(lines))))
