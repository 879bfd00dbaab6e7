"""Web chat: a chat on the pages of the tenant's own site, put there by one script tag."""

import re
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator
from pydantic import Field as Setting

from platform_app.automation.availability import WorkingHours
from platform_app.channels.channel_kind import ChannelKind, ChannelSettings
from platform_app.form_fields import Control, form_info
from platform_app.models.agent import Channel, Text

MAX_ORIGINS = 20
_HOST = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*|\[[0-9a-f:]{2,39}\]")
_PORTS = {"http": 80, "https": 443}


class AsksFirst(StrEnum):
    """What a visitor is asked before the first message."""

    NOTHING = "nothing"
    NAME_AND_EMAIL = "name_and_email"


def parse_origin(text: str) -> str:
    """Return the origin of a web address as browsers write it. Raises ValueError if it is none."""
    text = text.strip()
    parts = urlsplit(text if "://" in text else f"https://{text}")
    host = (parts.hostname or "").rstrip(".")
    if ":" in host:
        host = f"[{host}]"
    elif not host.isascii():
        host = host.encode("idna").decode()  # UnicodeError is a ValueError
    is_plain = parts.path in ("", "/") and not parts.query and not parts.fragment and parts.username is None
    if parts.scheme not in _PORTS or not is_plain or len(text) > 300 or not _HOST.fullmatch(host):
        raise ValueError("not an origin")
    port = parts.port
    return f"{parts.scheme}://{host}" + ("" if port in (None, _PORTS[parts.scheme]) else f":{port}")


def _split_origins(value: object) -> object:
    return [line for line in re.split(r"[\s,;]+", value) if line] if isinstance(value, str) else value


def _origins(given: list[str]) -> list[str]:
    if len(given) > MAX_ORIGINS:
        raise ValueError("too many origins")
    return list(dict.fromkeys(map(parse_origin, given)))


class WebChatSettings(ChannelSettings):
    """The settings of a web chat."""

    allowed_origins: Annotated[list[str], BeforeValidator(_split_origins), AfterValidator(_origins)] = Setting(
        default_factory=list,
        title="Allowed sites",
        description="One per line, for example https://www.example.com. Other sites are blocked.",
        json_schema_extra=form_info(
            "account",
            Control.TEXT_AREA,
            rows=3,
            problem=(
                "Enter up to 20 site addresses, one per line, for example https://www.example.com, without a path."
            ),
        ),
    )
    greeting: Text = Setting(
        "",
        title="Greeting",
        description="The first message of a new chat. Leave empty for a default in the page’s language.",
        max_length=500,
        json_schema_extra=form_info(
            "look", Control.TEXT_AREA, rows=2, problem="The greeting can have up to 500 characters."
        ),
    )
    colour: Text = Setting(
        "#5b5bd6",
        title="Color",
        description="For the button and the visitor’s messages.",
        pattern=r"^#[0-9a-fA-F]{6}$",
        json_schema_extra=form_info(
            "look", placeholder="#5b5bd6", problem="Enter a color as # and six digits, for example #5b5bd6."
        ),
    )
    asks_first: AsksFirst = Setting(
        AsksFirst.NOTHING,
        title="Ask before the first message",
        description="Answers are saved to the contact. They don’t verify identity or open earlier chats.",
        json_schema_extra=form_info("look", options={"nothing": "Nothing", "name_and_email": "Name and email"}),
    )
    hours: WorkingHours = Setting(
        default_factory=WorkingHours,
        title="Hours",
        json_schema_extra=form_info("hours", Control.CUSTOM),
    )
    away_text: Text = Setting(
        "",
        title="Text outside the hours",
        description="Visitors read it while nobody of your team is there. Empty: a sentence of the platform.",
        max_length=500,
        json_schema_extra=form_info(
            "hours", Control.TEXT_AREA, rows=2, problem="The text may have at most 500 characters."
        ),
    )
    consent_text: Text = Setting(
        "",
        title="Consent before the first message",
        description=(
            "Visitors agree to it before they write: “I agree to the privacy policy: https://…”. When and to which "
            "text is stored with the visitor. Empty: they are not asked."
        ),
        max_length=500,
        json_schema_extra=form_info(
            "look", Control.TEXT_AREA, rows=2, problem="The text of the consent may have at most 500 characters."
        ),
    )
    accepts_files: bool = Setting(
        True,
        title="Visitors may send files",
        description="Up to 10 MB each, after their first message. The chat is handed to a person, who opens them.",
        json_schema_extra=form_info("look"),
    )
    emails_answers: bool = Setting(
        True,
        title="Continue by email when the visitor has left",
        description=(
            "Answers that a visitor does not see within three minutes are sent to the contact by email, through "
            "the mail server under Settings, Email."
        ),
        json_schema_extra=form_info("look"),
    )
    asks_rating: bool = Setting(
        False,
        title="Ask for a rating when a chat was closed",
        description="From 1 to 5 with a comment. It stands beside the conversation in the inbox; rules can act on it.",
        json_schema_extra=form_info("look"),
    )
    signed_in_only: bool = Setting(
        False,
        title="Only visitors whom the site has signed in",
        description="Others see the chat and are asked to sign in on the site.",
        json_schema_extra=form_info("identity"),
    )
    daily_messages: int = Setting(
        2_000,
        title="Max messages per day",
        description="1–100,000 for all visitors together. Limits what you spend on the model.",
        ge=1,
        le=100_000,
        json_schema_extra=form_info("limits", problem="Enter a number from 1 to 100,000."),
    )

    @property
    def text_colour(self) -> str:
        """The colour of text that is readable on `colour`: white or black, whichever has more contrast (WCAG 2)."""
        red, green, blue = (_luminance(int(self.colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
        luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        return "#ffffff" if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else "#000000"


def _luminance(share: float) -> float:
    """Return the relative luminance of a component of a colour, from its share of the full value."""
    return share / 12.92 if share <= 0.03928 else float(((share + 0.055) / 1.055) ** 2.4)


WEB_CHAT = ChannelKind(
    Channel.WEB_CHAT, "Web chat", WebChatSettings, longest_text=4_000, menu_order=1, is_mirrored=True
)
