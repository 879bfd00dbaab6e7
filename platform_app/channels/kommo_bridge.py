"""Kommo bridge: a Salesbot in whose chats contacts write: in Kommo's own Telegram, WhatsApp or Instagram.

The bot asks for each message (widget_request) and waits; the answer is what it shows next. What a manager answers in
Kommo is in the events list alone, which is therefore asked for.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from threading import Event
from typing import Any
from urllib.parse import urlsplit

from platform_app.channels import bot_requests, kommo_access
from platform_app.channels.bot_requests import no_file
from platform_app.channels.channel_kind import ChannelKind, ChannelSettings
from platform_app.channels.kommo_access import CHANNEL, KommoAccess, channel_errors
from platform_app.channels.message_parts import split_text
from platform_app.channels.push_channel import (
    AnsweredElsewhere,
    AttachedFile,
    Batch,
    ChannelPost,
    Profile,
    PushChannel,
    TurnNeeded,
    Update,
    UpdateKind,
)
from platform_app.clock import now
from platform_app.integrations import form_trees
from platform_app.integrations.kommo import bot_tokens, chat_files, entities, errors
from platform_app.integrations.kommo.bot_tokens import BotToken
from platform_app.integrations.kommo.client import KommoClient, embedded
from platform_app.integrations.kommo.hosts import product_of
from platform_app.models.agent import Channel

MAX_TEXT = 4_000  # of a part; messengers allow some 4,096
MAX_TEXT_IN = 4_096
POLL_SECONDS = 10.0
SETTLE_SECONDS = 2  # until the events of a second are complete
ANSWER_NAME = "answer"  # the bot's next step shows {{json.answer}}
OUTGOING = "outgoing_chat_message"
_CONTINUE = re.compile(r"/api/v4/(?:salesbot|marketingbot)/[0-9]{1,15}/continue/[A-Za-z0-9_-]{1,100}")
ANSWERED = "A manager already answered in {product}. The agent’s message wasn’t sent."
WAITS_FOR_BOT = "Waiting for the bot in {product}, which was started for this message."


class SalesbotBridge(PushChannel):
    """The calls of a Salesbot; its secret is the JSON of a `KommoAccess`."""

    setup_help = (
        "In Kommo, create a private integration and a Salesbot whose widget calls the address shown after this step."
    )
    secret_header = ""  # a token in the body counts
    messages_per_second = 5  # 7 requests a second are allowed
    chat_messages_per_second = 1
    access_fields = kommo_access.FIELDS
    max_access_chars = 8_000
    always_polls = True
    answers_when_asked = True

    def join_access(self, values: Mapping[str, str]) -> str:
        """Return the secret from the fields of the form. Raises Invalid at a field."""
        return kommo_access.join(values)

    def profile(self, secret: str) -> Profile:
        """Return the account's id and host."""
        access = KommoAccess.parse(secret)
        with channel_errors():
            return Profile(str(access.client().account().id), access.host)

    def link(self, name: str) -> str:
        """Return the address of the account."""
        return f"https://{name}"

    def split(self, text: str) -> list[str]:
        """Return a text in parts that fit into messages."""
        return split_text(text, MAX_TEXT)

    def chat_address(self, chat_id: str, reply_address: str, *, by_agent: bool) -> str:
        """Return the lead, whether an agent writes, since when the bot waits and where; "" if it does not wait."""
        return f"{chat_id} {'agent' if by_agent else 'member'} {reply_address}".strip()

    def send(self, secret: str, chat_id: str, text: str, *, is_markdown: bool) -> str:
        """Let the bot that waits show a text; without one, start it and raise TurnNeeded.

        Raises AnsweredElsewhere if an agent writes and a manager has answered since the bot asked.
        """
        access = KommoAccess.parse(secret)
        lead, writer, since, path = [*chat_id.split(" "), "", "", ""][:4]
        with channel_errors():
            client = access.client()
            if not _CONTINUE.fullmatch(path):
                client.post("/api/v2/salesbot/run", [_run(access, lead)])
                raise TurnNeeded(WAITS_FOR_BOT, product=product_of(access.host))
            if writer == "agent" and since.isdecimal() and _has_answer(client, lead, int(since)):
                raise AnsweredElsewhere(ANSWERED, product=product_of(access.host))
            try:
                client.post(path, {"data": {"status": "success", ANSWER_NAME: text}, "execute_handlers": []})
            except (errors.EntityNotFound, errors.RefusedFields):  # the bot waits no more
                raise TurnNeeded(WAITS_FOR_BOT, product=product_of(access.host)) from None
        return path.rsplit("/", 1)[-1]

    def show_typing(self, secret: str, chat_id: str) -> None:
        """Do nothing: a Salesbot cannot show that it is typing."""

    def set_webhook(self, secret: str, address: str, key: str) -> None:
        """Do nothing: the address stands in the step of the bot."""

    def set_commands(self, secret: str) -> None:
        """Do nothing: the messengers are Kommo's own."""

    def fetch(self, secret: str, cursor: str, *, seconds: float) -> Batch:
        """Return what managers have answered since a second, which is the cursor, after a pause."""
        until = int(now().timestamp()) - SETTLE_SECONDS
        if not cursor.isdecimal():
            return Batch([], str(until))
        Event().wait(min(seconds, POLL_SECONDS))
        until = int(now().timestamp()) - SETTLE_SECONDS
        access = KommoAccess.parse(secret)
        query = {"filter[type]": OUTGOING, "filter[created_at][from]": int(cursor) + 1, "filter[created_at][to]": until}
        if until <= int(cursor):
            return Batch([], cursor)
        with channel_errors():
            pages = access.client().pages("events", query | {"limit": 100})
            answered = [{"event": item} for page in pages for item in page]
        return Batch(answered, str(until))

    def download(self, secret: str, outside_id: str) -> bytes:
        """Return a file that a manager attached in Kommo: the vendor's hosts alone are asked.

        Raises MessageRefused if it is elsewhere, is not there or is too large, TemporaryFailure if there is no answer.
        """
        if not chat_files.is_vendor_file(outside_id):
            refusal = no_file(CHANNEL)
            raise refusal
        address, headers, is_trusted = chat_files.request_of(outside_id)
        return bot_requests.download(CHANNEL, address, is_trusted=is_trusted, headers=headers)

    def is_genuine(self, post: ChannelPost, *, secret: str, key: str, account_id: str) -> bool:
        """Return whether a request is signed with the secret of the integration, for this account."""
        try:
            asked = self.parse_post(post)
            token = bot_tokens.read_bot_token(
                str(asked.get("token", "")), KommoAccess.parse(secret).secret, at=now().timestamp()
            )
        except ValueError:
            return False
        return token.account_id == account_id

    def parse_post(self, post: ChannelPost) -> Any:
        """Return what the bot asks, from JSON or a form. Raises ValueError if it is neither."""
        if post.body.lstrip()[:1] == b"{":
            asked = json.loads(post.body)
            if not isinstance(asked, dict):
                raise ValueError("no object")
            return asked
        return form_trees.parse_tree(post.body)

    def read_update(self, data: Any) -> Update | None:
        """Return what a bot asks or an event says. Raises ValueError if it is none of Kommo's."""
        if isinstance(data, dict) and isinstance(data.get("event"), dict):
            return _read_event(data["event"])
        if not isinstance(data, dict) or not isinstance(data.get("data"), dict):
            raise ValueError("no request of a bot")
        return _read_request(data)


def _run(access: KommoAccess, lead: str) -> dict[str, Any]:
    kind, _, entity_id = lead.partition(":")
    return {"bot_id": int(access.bot), "entity_id": int(entity_id), "entity_type": 2 if kind == "lead" else 12}


def _has_answer(client: KommoClient, lead: str, since: int) -> bool:
    """Return whether a member of Kommo wrote in the chat of a lead since a second; bots have no user."""
    kind, _, entity_id = lead.partition(":")
    query = {"filter[type]": OUTGOING, "filter[entity]": kind, "filter[entity_id]": entity_id, "limit": 100}
    data = client.get("events", query | {"filter[created_at][from]": since})
    return any(event.created_by > 0 for event in entities.read_list(entities.Event, embedded(data, "events")))


def _read_event(data: dict[str, Any]) -> Update | None:
    event = entities.Event.model_validate(data)
    if event.type != OUTGOING or event.created_by <= 0 or event.entity_type not in ("lead", "customer"):
        return None
    at = datetime.fromtimestamp(event.created_at, UTC)
    return Update(UpdateKind.ANSWERED, f"{event.entity_type}:{event.entity_id}", at, message_id=event.id[:64])


def _read_request(data: dict[str, Any]) -> Update:
    """Return the message of a request that is known to be genuine; a token counts as one message."""
    said, token = data["data"], str(data.get("token", ""))
    about: BotToken = bot_tokens.read_claims(token)
    path = urlsplit(str(data.get("return_url", ""))[:500]).path
    if not _CONTINUE.fullmatch(path):
        raise ValueError("no place to answer at")
    at, text = now(), str(said.get("message") or "")[:MAX_TEXT_IN]
    return Update(
        UpdateKind.MESSAGE,
        f"{about.entity_type}:{about.entity_id}",
        at,
        message_id=hashlib.sha256(token.encode()).hexdigest()[:40],
        text=text,
        attachments=() if text.strip() else (AttachedFile("File"),),
        name=str(said.get("name") or "")[:200],
        reply_address=f"{int(at.timestamp())} {path}",
    )


class KommoSettings(ChannelSettings):
    """The settings of a Salesbot."""


KOMMO = ChannelKind(
    Channel.KOMMO, CHANNEL, KommoSettings, longest_text=MAX_TEXT_IN + 200, push=SalesbotBridge(), menu_order=5
)
