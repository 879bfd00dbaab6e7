"""Telegram HTML: Markdown as the few tags that Telegram knows; everything else is escaped text.

The tags are those of core.telegram.org/bots/api#html-style. Raw HTML in a text is shown as it is written.
"""

from collections.abc import Sequence
from html import escape
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"])
_INLINE = {
    "strong_open": "<b>",
    "strong_close": "</b>",
    "em_open": "<i>",
    "em_close": "</i>",
    "s_open": "<s>",
    "s_close": "</s>",
    "softbreak": "\n",
    "hardbreak": "\n",
}
_BLOCKS = {
    "heading_open": "<b>",
    "heading_close": "</b>\n\n",
    "blockquote_open": "<blockquote>",
    "blockquote_close": "</blockquote>\n",
    "paragraph_close": "\n\n",
    "td_close": "  ",
    "th_close": "  ",
    "tr_close": "\n",
    "table_close": "\n",
}


def to_html(text: str) -> str:
    """Return a Markdown text as HTML of Telegram, with tags that are all closed."""
    made = _Writer()
    for token in _PARSER.parse(text):
        made.add(token)
    return "".join(made.parts).strip()


class _Writer:
    """The HTML so far; quotations are not nested, since Telegram refuses that."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._lists: list[int | None] = []  # the next number of each open list, None for bullets
        self._quotes = 0

    def add(self, token: Token) -> None:
        """Write a block token."""
        if token.type == "inline":
            self.parts.append(_inline(token.children or []))
        elif token.type in ("fence", "code_block"):
            self.parts.append(f"<pre>{escape(token.content.rstrip(), quote=False)}</pre>\n\n")
        elif token.type == "hr":
            self.parts.append("———\n\n")
        elif token.type in ("bullet_list_open", "ordered_list_open"):
            self._lists.append(int(token.attrs.get("start", 1)) if token.type[0] == "o" else None)
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            self._lists.pop()
            self.parts.append("" if self._lists else "\n")
        elif token.type == "list_item_open":
            self.parts.append(self._marker())
        elif token.type == "paragraph_close" and self._lists:
            self.parts.append("\n")
        elif token.type.startswith("blockquote"):
            self._quote(token)
        else:
            self.parts.append(_BLOCKS.get(token.type, ""))

    def _marker(self) -> str:
        indent, number = "  " * (len(self._lists) - 1), self._lists[-1]
        if number is None:
            return f"{indent}• "
        self._lists[-1] = number + 1
        return f"{indent}{number}. "

    def _quote(self, token: Token) -> None:
        is_open = token.nesting == 1
        self._quotes += token.nesting
        if self._quotes == (1 if is_open else 0):
            if not is_open and self.parts:
                self.parts[-1] = self.parts[-1].rstrip("\n")
            self.parts.append(_BLOCKS[token.type])


def _inline(tokens: Sequence[Token]) -> str:
    parts, links = [], list[str]()
    for token in tokens:
        if token.type in ("text", "text_special", "html_inline"):
            parts.append(escape(token.content, quote=False))
        elif token.type == "code_inline":
            parts.append(f"<code>{escape(token.content, quote=False)}</code>")
        elif token.type == "image":
            parts.append(escape(f"{token.content} {token.attrs.get('src', '')}".strip(), quote=False))
        elif token.type == "link_open":
            is_web = urlsplit(str(token.attrs.get("href", ""))).scheme in ("http", "https", "mailto", "tel", "tg")
            links.append("</a>" if is_web else "")
            parts.append(f'<a href="{escape(str(token.attrs["href"]))}">' if is_web else "")
        elif token.type == "link_close":
            parts.append(links.pop())
        else:
            parts.append(_INLINE.get(token.type, ""))
    return "".join(parts)
