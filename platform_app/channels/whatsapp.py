"""WhatsApp: a phone number of the Cloud API, to which contacts write (developers.facebook.com, WhatsApp)."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Any

from platform_app.channels import whatsapp_api, whatsapp_templates
from platform_app.channels.bot_requests import NO_FILE, UNREADABLE
from platform_app.channels.channel_kind import ChannelKind, ChannelSettings
from platform_app.channels.message_parts import split_text
from platform_app.channels.outbound_content import OutgoingText, TemplateInfo
from platform_app.channels.push_channel import (
    AccessField,
    AccountRefused,
    Batch,
    ChannelPost,
    ContactBlocked,
    CredentialRefused,
    MessageRefused,
    OutcomeUnknown,
    Profile,
    PushChannel,
    Update,
)
from platform_app.channels.quick_replies import QuickReplyForm
from platform_app.channels.whatsapp_api import CHANNEL, PAIR_SECONDS, Access, request
from platform_app.channels.whatsapp_updates import message_key, read_item, unpack
from platform_app.errors import Invalid
from platform_app.i18n import translate
from platform_app.llm import language_detection
from platform_app.llm.plain_text import strip_markdown
from platform_app.models.agent import Channel

MAX_TEXT = 4_096
MAX_TOKEN_CHARS = 1_000
WINDOW_HOURS = 24
BUTTONS = QuickReplyForm(most=3, title_chars=20, text_chars=1_024)
LIST = QuickReplyForm(most=10, title_chars=24, text_chars=4_096)
NOT_ACCEPTED = "WhatsApp doesn’t accept this access token. Create a permanent one in Meta’s business settings."
MISSING = "Copy this value from the channel. It’s required."
OTHER_APP = "This secret belongs to another app than the access token. Find it at Meta under App settings, Basic."
UNKNOWN_NUMBER = "WhatsApp doesn’t recognize this phone number ID, or the access token can’t use it."
UNKNOWN_ACCOUNT = "This WhatsApp account doesn’t have that phone number. Copy its ID from the same page at Meta."
_ID = re.compile(r"[0-9]{5,30}")
_BOLD = re.compile(r"(?<![*\w])\*\*(?=\S)([^*\n]+?)(?<=\S)\*\*(?![*\w])")
_BOLD_MARK = "\ue000"  # of the private use area


class WhatsAppNumber(PushChannel):
    """The calls of a phone number, whose secret is an `Access`."""

    setup_help = (
        "Copy these from your app in Meta’s dashboard (WhatsApp, API setup). Use a permanent access token, or the "
        "number stops working when it expires."
    )
    secret_header = "x-hub-signature-256"  # noqa: S105  # a name of a header
    messages_per_second = 20  # 80 are allowed, but 20 to a number that the phone app uses, too
    chat_messages_per_second = 1
    chat_seconds = PAIR_SECONDS
    window_hours = WINDOW_HOURS
    quick_reply_forms = (BUTTONS, LIST)
    can_be_asked = False
    connect_label = "Connect {channel}"
    access_fields = (
        AccessField("phone_number_id", "Phone number ID", "", is_secret=False, max_length=30),
        AccessField("business_account_id", "WhatsApp Business account ID", "", is_secret=False, max_length=30),
        AccessField("token", "Access token", max_length=MAX_TOKEN_CHARS),
        AccessField("app_secret", "App secret", "Proves that messages come from Meta. Stored encrypted."),
    )

    max_access_chars = 4_000

    def join_access(self, values: Mapping[str, str]) -> str:
        """Return the access as it is stored. Raises Invalid at a field that is missing or too long."""
        given = {shown.name: values.get(shown.name, "").strip() for shown in self.access_fields}
        for shown in self.access_fields:
            if not 0 < len(given[shown.name]) <= shown.max_length:
                raise Invalid(MISSING, field=shown.name)
        return Access(**given).as_secret()

    def shown_access(self, secret: str) -> dict[str, str]:
        """Return the two ids."""
        access = Access.from_secret(secret)
        return {"phone_number_id": access.phone_number_id, "business_account_id": access.business_account_id}

    def profile(self, secret: str) -> Profile:
        """Return the number's id and how it is shown; every credential is checked.

        Raises CredentialRefused, which names the credential that is not accepted.
        """
        access = Access.from_secret(secret)
        for field, sentence in (("phone_number_id", UNKNOWN_NUMBER), ("business_account_id", UNKNOWN_ACCOUNT)):
            if not _ID.fullmatch(getattr(access, field)):
                raise CredentialRefused(sentence, field)
        try:
            number = request(access, "GET", access.phone_number_id, query={"fields": "display_phone_number"})
        except CredentialRefused:
            raise CredentialRefused(OTHER_APP, "app_secret") from None
        except AccountRefused:
            raise CredentialRefused(NOT_ACCEPTED, "token") from None
        except (MessageRefused, ContactBlocked):
            raise CredentialRefused(UNKNOWN_NUMBER, "phone_number_id") from None
        self._check_account(access)
        return Profile(access.phone_number_id, str(number.get("display_phone_number") or "")[:120])

    def _check_account(self, access: Access) -> None:
        path, after = f"{access.business_account_id}/phone_numbers", ""
        for _ in range(20):  # pages
            try:
                page = request(access, "GET", path, query={"fields": "id", "limit": "100", "after": after})
            except (AccountRefused, MessageRefused):
                break
            if any(str(number.get("id")) == access.phone_number_id for number in page.get("data") or []):
                return
            after = str(((page.get("paging") or {}).get("cursors") or {}).get("after") or "")
            if not after or not (page.get("paging") or {}).get("next"):
                break
        raise CredentialRefused(UNKNOWN_ACCOUNT, "business_account_id")

    def link(self, name: str) -> str:
        """Return the address that opens a chat with the number."""
        return "https://wa.me/" + re.sub(r"\D", "", name)

    def split(self, text: str) -> list[str]:
        """Return a text in parts that fit into messages."""
        return split_text(text, MAX_TEXT)

    def send(self, secret: str, chat_id: str, text: str, *, is_markdown: bool) -> str:
        """Send a text."""
        return self.send_part(secret, chat_id, OutgoingText(text, is_markdown))

    def send_part(self, secret: str, chat_id: str, part: OutgoingText) -> str:
        """Send a text or a template, with the reference that statuses of it return."""
        if part.template is not None:
            return _post(secret, chat_id, part.reference, whatsapp_templates.content_of(part.template))
        body = to_whatsapp(part.text) if part.is_markdown else part.text
        if part.quick_replies:
            return _post(secret, chat_id, part.reference, self._interactive(body, part.quick_replies))
        return _post(secret, chat_id, part.reference, {"type": "text", "text": {"preview_url": True, "body": body}})

    def _interactive(self, body: str, titles: Sequence[str]) -> dict[str, Any]:
        """Return a text with quick replies: up to three buttons, else a list behind one button."""
        if self.quick_reply_form(titles) is BUTTONS:
            replies = [{"type": "reply", "reply": {"id": str(n), "title": title}} for n, title in enumerate(titles)]
            action: dict[str, Any] = {"buttons": replies}
        else:
            rows = [{"id": str(n), "title": title} for n, title in enumerate(titles)]
            language = "ru" if language_detection.detect(body) == "ru" else "en"
            action = {"button": translate(language, "Choose|list of answers"), "sections": [{"rows": rows}]}
        kind = "button" if "buttons" in action else "list"
        return {"type": "interactive", "interactive": {"type": kind, "body": {"text": body}, "action": action}}

    def show_typing(self, secret: str, chat_id: str) -> None:
        """Do nothing: the Cloud API shows it only together with a read mark, which says that a person has read it."""

    def set_webhook(self, secret: str, address: str, key: str) -> None:
        """Let messages of the number be posted to an address, which is verified with the key at once."""
        access = Access.from_secret(secret)
        if address:
            request(access, "POST", f"{access.business_account_id}/subscribed_apps")
        override = {"override_callback_uri": address} | ({"verify_token": key} if address else {})
        request(access, "POST", access.phone_number_id, body={"webhook_configuration": override})

    def set_commands(self, secret: str) -> None:
        """Do nothing: there is no menu of commands."""

    def fetch(self, secret: str, cursor: str, *, seconds: float) -> Batch:
        """Return nothing: messages are posted."""
        return Batch([], cursor)

    def download(self, secret: str, outside_id: str) -> bytes:
        """Return the content of a file: its id gives an address that is valid for five minutes.

        Raises MessageRefused if there is none or it is too large.
        """
        access = Access.from_secret(secret)
        try:
            file = request(access, "GET", outside_id) if _ID.fullmatch(outside_id) else {}
        except MessageRefused:
            file = {}
        if not file.get("url"):
            raise MessageRefused(NO_FILE, channel=CHANNEL)
        return whatsapp_api.download(access, str(file["url"]))

    def is_genuine(self, post: ChannelPost, *, secret: str, key: str, account_id: str) -> bool:
        """Return whether the signature over the bytes of the body was made with the app secret."""
        access = Access.from_secret(secret)
        expected = "sha256=" + hmac.new(access.app_secret.encode(), post.body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(post.headers.get(self.secret_header, "").encode(), expected.encode())

    def answer_challenge(self, query: Mapping[str, str], key: str) -> str | None:
        """Return the challenge if the verify token is that of the account."""
        is_known = hmac.compare_digest(query.get("hub.verify_token", "").encode(), key.encode())
        return query.get("hub.challenge", "")[:200] if is_known and query.get("hub.mode") == "subscribe" else None

    def fetch_templates(self, secret: str) -> list[TemplateInfo]:
        """Return the templates of the WhatsApp account."""
        return whatsapp_templates.fetch(Access.from_secret(secret))

    def unpack(self, data: Any) -> list[Any]:
        """Return messages, echoes and statuses of a post, each with the id of its number."""
        return unpack(data)

    def read_update(self, data: Any) -> Update | None:
        """Return what an item of a post says. Raises ValueError if it cannot be read."""
        try:
            return read_item(data)
        except (KeyError, TypeError, AttributeError, OverflowError, OSError) as error:
            raise ValueError("This is not an update of WhatsApp.") from error


def _post(secret: str, chat_id: str, reference: str, content: dict[str, Any]) -> str:
    """Post a message to a phone number, or to a contact who is known by a business-scoped user id alone."""
    access = Access.from_secret(secret)
    receiver = {"to": chat_id} if chat_id.isdigit() else {"recipient": chat_id}
    body = {"messaging_product": "whatsapp", "recipient_type": "individual"} | receiver | content
    body |= {"biz_opaque_callback_data": reference} if reference else {}
    answer = request(access, "POST", f"{access.phone_number_id}/messages", body=body)
    sent = answer.get("messages")
    if not isinstance(sent, list) or not sent or not isinstance(sent[0], dict):
        raise OutcomeUnknown(UNREADABLE, channel=CHANNEL)
    return message_key(sent[0].get("id"))


def to_whatsapp(text: str) -> str:
    """Return Markdown as WhatsApp shows it: bold text in asterisks, all other marks removed."""
    marked = _BOLD.sub(rf"{_BOLD_MARK}\1{_BOLD_MARK}", text.replace(_BOLD_MARK, ""))
    return strip_markdown(marked).replace(_BOLD_MARK, "*")


WHATSAPP = ChannelKind(
    Channel.WHATSAPP, CHANNEL, ChannelSettings, longest_text=MAX_TEXT + 400, push=WhatsAppNumber(), menu_order=6
)
