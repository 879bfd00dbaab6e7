"""Push channel: a channel whose server is called for each message; what comes in from it, and how calls fail."""

import hmac
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from platform_app.channels.mail_headers import ReceivedMail
from platform_app.channels.outbound_content import OutgoingText, TemplateInfo
from platform_app.channels.quick_replies import QuickReplyForm
from platform_app.integrations import smtp
from platform_app.models.channel import OutboundState


class ChannelError(Exception):
    """A call to a channel failed. `sentence` is a message id whose placeholders `values` fill."""

    def __init__(self, sentence: str, **values: object) -> None:
        super().__init__(sentence.format(**values) if values else sentence)
        self.sentence = sentence
        self.values = values


class TemporaryFailure(ChannelError):
    """Nothing was done; the call may be made again after `seconds`, or after a growing pause if that is 0."""

    def __init__(self, sentence: str, *, seconds: float = 0, **values: object) -> None:
        super().__init__(sentence, **values)
        self.seconds = seconds


class MessageRefused(ChannelError):
    """The channel does not take this message."""


class ContactBlocked(ChannelError):
    """The contact has blocked the account or is gone: nothing can be sent to it."""


class AccountRefused(ChannelError):
    """The channel does not know the account's token any more."""


class CredentialRefused(AccountRefused):
    """The channel does not accept one of the credentials that were entered; `field` is its name."""

    def __init__(self, sentence: str, field: str, **values: object) -> None:
        super().__init__(sentence, **values)
        self.field = field


class InstallationRefused(TemporaryFailure):
    """The channel does not accept the installation: accounts work again once its settings are right."""


class TokenRefused(AccountRefused):
    """The channel does not accept an access token, which may have ended early: a new one is tried once."""


class OutcomeUnknown(ChannelError):
    """The request was sent and there was no answer: whether it had an effect is not known."""


class TurnNeeded(TemporaryFailure):
    """The channel lets the account write only when it asks it to, which has been requested."""


class AnsweredElsewhere(MessageRefused):
    """Somebody has answered the contact in the channel's own program: what the agent wrote is not sent."""


class ReceivedElsewhere(ChannelError):
    """Another program receives the messages of this account."""


@dataclass(frozen=True)
class AttachedFile:
    """Something that a contact attached to a message."""

    label: str  # a message id: "Photo"
    outside_id: str = ""  # "": it is no file, such as a place on the map
    name: str = ""


class UpdateKind(StrEnum):
    """What an update of a channel says."""

    MESSAGE = "message"
    EDIT = "edit"
    REVOKED = "revoked"  # a message was deleted at the channel
    PAST = "past"  # messages from before the account was connected
    NAME = "name"  # how the contact is called in the address book of the account
    BLOCKED = "blocked"
    UNBLOCKED = "unblocked"
    ANSWERED = "answered"  # somebody of the team answered in the channel's own program
    STATUS = "status"  # how far a message of the account has come
    ECHO = "echo"  # what a person wrote to the contact in the channel's own app


@dataclass(frozen=True)
class Delivery:
    """How far a message of the account has come, as its channel says."""

    state: OutboundState
    reference: str = ""  # that of `OutgoingText`, if the channel returns it
    error: ChannelError | None = None


@dataclass(frozen=True)
class PastMessage:
    """A message from before the account was connected."""

    message_id: str
    at: datetime
    text: str
    attachments: Sequence[AttachedFile] = ()
    is_own: bool = False  # somebody of the company wrote it


@dataclass(frozen=True)
class Update:
    """Something that came in from a channel."""

    kind: UpdateKind
    chat_id: str
    at: datetime
    message_id: str = ""
    text: str = ""  # "" if there are attachments alone
    attachments: Sequence[AttachedFile] = ()
    group_id: str = ""  # several updates with it are one message
    name: str = ""
    language: str = ""
    source: str = ""  # the payload of the link by which the contact came
    wants_person: bool = False
    reply_address: str = ""  # where one message to the contact may be sent, on a channel that asks for each
    phone: str = ""  # the contact's number, which the channel has verified
    account: str = ""  # the account's own id at the channel, where one address receives for several
    delivery: Delivery | None = None  # of a status
    mail: ReceivedMail | None = None  # of an e-mail
    past: Sequence[PastMessage] = ()


@dataclass(frozen=True)
class AccessField:
    """A field of the form that connects an account. Labels and help are message ids."""

    name: str
    label: str
    help_text: str = "Stored encrypted. You won’t see it again."
    is_secret: bool = True
    max_length: int = 200
    is_required: bool = True
    default: str = ""
    options: Mapping[str, str] = field(default_factory=dict)  # values that can be chosen, with their labels


@dataclass(frozen=True)
class ChannelPost:
    """What was posted to the webhook of an account."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Profile:
    """An account as its channel knows it."""

    outside_id: str
    name: str


@dataclass(frozen=True)
class Batch:
    """Updates that were asked for, unread, and the cursor of the next request."""

    updates: list[Any]
    cursor: str


class PushChannel(ABC):
    """The calls of a channel. Each raises a ChannelError if it fails; `secret` is the account's token."""

    setup_help: str  # a message id: where the token of an account is found
    secret_header: str  # of a request to the webhook: the secret that was named to the channel
    messages_per_second: int  # of an account
    chat_messages_per_second: int  # of an account to one contact
    chat_seconds: int = 1  # in which so many messages to one contact are allowed
    window_hours: int = 0  # after a contact's message in which free text is taken; 0: always
    can_be_asked: bool = True  # for updates; else it posts them to a webhook alone
    connect_label: str = "Connect {channel} bot"  # a message id
    access_fields: tuple[AccessField, ...] = (AccessField("token", "Bot token"),)
    max_access_chars = 200
    always_polls = False  # what is posted to the webhook does not tell everything
    answers_when_asked = False  # each message goes to a `reply_address`
    has_webhook = True  # else messages are always asked for
    names_when_asked = False  # updates hold no name of the contact, `contact_name` returns it
    accepted_answer = ""  # the text with which a post to the webhook is answered; "": JSON
    quick_reply_forms: tuple[QuickReplyForm, ...] = ()  # best first; without one they are a list in the text
    keeps_quick_replies = False  # they are shown until another message replaces or ends them
    blocked_sentence = "The contact blocked this account. You can reply once they write again."  # a message id

    def join_access(self, values: Mapping[str, str]) -> str:
        """Return the secret of an account from the fields of its form. Raises Invalid at a field."""
        return values.get("token", "")

    def complete(self, secret: str, server: smtp.Server | None, *, tenant_id: str = "", grant_id: str = "") -> str:
        """Return the secret of an account with what it takes from the tenant's mail server, None if there is none.

        Tokens of OAuth 2.0 are kept for the tenant by `grant_id`. A channel that needs none of this returns the secret
        as it is.
        """
        return secret

    def is_genuine(self, post: ChannelPost, *, secret: str, key: str, account_id: str) -> bool:
        """Return whether a post to the webhook comes from the channel; `account_id` is the account's id there."""
        return hmac.compare_digest(post.headers.get(self.secret_header, "").encode(), key.encode())

    def answer_post(self, post: ChannelPost, *, secret: str, account_id: str) -> str | None:
        """Return the text that answers a post which asks for one, such as a challenge; None for any other post.

        It is called before `is_genuine`, outside a transaction, and may call the channel.
        """
        return None

    def contact_name(self, secret: str, chat_id: str) -> str:
        """Return the name of a contact, "" if it is not known; within a few seconds, since a post is answered then."""
        return ""

    def parse_post(self, post: ChannelPost) -> Any:
        """Return the update that was posted, unread. Raises ValueError if it cannot be parsed."""
        return json.loads(post.body)

    def chat_address(self, chat_id: str, reply_address: str, *, by_agent: bool) -> str:
        """Return where `send` sends a message to a contact; `by_agent`: no person has written or released it."""
        return chat_id

    def shown_access(self, secret: str) -> dict[str, str]:
        """Return the access fields of an account that may be shown, by name."""
        return {}

    def answer_challenge(self, query: Mapping[str, str], key: str) -> str | None:
        """Return the answer to a request with which the channel verifies the webhook, None if it is not to be given."""
        return None

    def fetch_templates(self, secret: str) -> list[TemplateInfo]:
        """Return the templates of an account; a channel without any has none."""
        return []

    def unpack(self, data: Any) -> list[Any]:
        """Return the updates that a post to the webhook holds. Raises ValueError if it is none of the channel's."""
        return [data]

    def quick_reply_form(self, titles: Sequence[str]) -> QuickReplyForm | None:
        """Return the form in which quick replies are shown, None if they go into the text as a list."""
        return next((form for form in self.quick_reply_forms if form.fits(titles)), None)

    def send_part(self, secret: str, chat_id: str, part: OutgoingText) -> str:
        """Send a part to a contact; return its id at the channel."""
        return self.send(secret, chat_id, part.text, is_markdown=part.is_markdown)

    @abstractmethod
    def profile(self, secret: str) -> Profile:
        """Return who the account is."""

    @abstractmethod
    def link(self, name: str) -> str:
        """Return the address at which customers find an account by its name there."""

    @abstractmethod
    def split(self, text: str) -> list[str]:
        """Return a text in parts that fit into messages."""

    @abstractmethod
    def send(self, secret: str, chat_id: str, text: str, *, is_markdown: bool) -> str:
        """Send a part to a contact; return its id at the channel."""

    @abstractmethod
    def show_typing(self, secret: str, chat_id: str) -> None:
        """Show the contact for some seconds that an answer is being written."""

    @abstractmethod
    def set_webhook(self, secret: str, address: str, key: str) -> None:
        """Let updates be posted to an address with a key in `secret_header`; with "" they are kept to be asked for."""

    @abstractmethod
    def set_commands(self, secret: str) -> None:
        """Offer contacts the commands that the platform understands, in their languages."""

    @abstractmethod
    def fetch(self, secret: str, cursor: str, *, seconds: float) -> Batch:
        """Return the updates after a cursor, waiting up to `seconds` for the first one."""

    @abstractmethod
    def download(self, secret: str, outside_id: str) -> bytes:
        """Return the content of a file that a contact attached."""

    @abstractmethod
    def read_update(self, data: Any) -> Update | None:
        """Return what an update says, or None if it concerns no conversation.

        Raises ValueError if it cannot be read.
        """
