"""E-mail: a mailbox to which contacts write, read by IMAP; answers go out by SMTP in the same thread."""

import hashlib
import re
from collections.abc import Mapping
from threading import Lock
from typing import Any

from pydantic import Field as Setting

from platform_app.channels import email_access, email_compose, email_imap, email_message, email_text
from platform_app.channels.bot_requests import MAX_FILE_MEGABYTES, no_file
from platform_app.channels.channel_kind import ChannelKind, ChannelSettings
from platform_app.channels.email_access import CHANNEL, MailAccess, with_token
from platform_app.channels.email_imap import MailboxConnection
from platform_app.channels.email_message import FetchedMail
from platform_app.channels.outbound_content import OutgoingText
from platform_app.channels.push_channel import (
    AccountRefused,
    Batch,
    ChannelError,
    ContactBlocked,
    CredentialRefused,
    MessageRefused,
    OutcomeUnknown,
    Profile,
    PushChannel,
    TemporaryFailure,
    TokenRefused,
    Update,
)
from platform_app.errors import Invalid, Unavailable
from platform_app.form_fields import form_info
from platform_app.integrations import smtp
from platform_app.models.agent import Channel, Text

UNCONFIRMED = "{host} took the message but didn’t confirm it. We don’t know if it arrived."
NO_SIGN_IN = "The mail server no longer accepts the user name or the password. Enter them again."
NO_GRANT = "The mail server no longer accepts the sign-in of this mailbox. Choose “Connect again”."
_NO_ADDRESS = re.compile(r"55[0134] 5\.1\.")  # answers to RCPT that say that the address does not exist


class EmailSettings(ChannelSettings):
    """The settings of a mailbox."""

    sender_name: Text = Setting(
        "",
        title="Sender name",
        description="Customers see it beside the address. Leave empty to use your company’s name.",
        max_length=100,
        json_schema_extra=form_info("account"),
    )
    checking_server: Text = Setting(
        "",
        title="Server that checks senders",
        description="Its name at the start of the header Authentication-Results, for example mx.google.com. Its SPF, "
        "DKIM and DMARC results are shown with each message; those of other servers are ignored.",
        max_length=200,
        json_schema_extra=form_info("account"),
    )


class Mailbox(PushChannel):
    """The calls of a mailbox, whose secret is a `MailAccess`. Open connections are kept for the next visit."""

    setup_help = (
        "Customers write to this mailbox and get answers in the same thread. New messages are read from now on and "
        "marked as read."
    )
    secret_header = ""
    messages_per_second = 2
    chat_messages_per_second = 1
    has_webhook = False
    connect_label = "Connect a mailbox"
    access_fields = email_access.FIELDS
    max_access_chars = 4_000
    blocked_sentence = "This address returned earlier messages. You can reply once the contact writes again."

    def __init__(self) -> None:
        self._kept: dict[str, MailboxConnection] = {}
        self._lock = Lock()

    def join_access(self, values: Mapping[str, str]) -> str:
        """Return the access as it is stored. Raises Invalid at a field that is wrong."""
        return email_access.join(values)

    def complete(self, secret: str, server: smtp.Server | None, *, tenant_id: str = "", grant_id: str = "") -> str:
        """Return the access with the tenant's mail server, unless it names its own, and with where its tokens are."""
        return MailAccess.from_secret(secret).with_server(server).with_grant(tenant_id, grant_id).as_secret()

    def shown_access(self, secret: str) -> dict[str, str]:
        """Return everything but the password."""
        access = MailAccess.from_secret(secret)
        shown = {field.name: str(getattr(access, field.name)) for field in self.access_fields if not field.is_secret}
        return shown | {"provider": access.provider_label}

    def profile(self, secret: str) -> Profile:
        """Sign in to both servers; return whose mailbox it is.

        Raises CredentialRefused, which names the field that is not accepted.
        """
        access = MailAccess.from_secret(secret)
        if not access.smtp_host:
            raise CredentialRefused(email_access.NO_SMTP, "smtp_host")
        try:
            with_token(access, lambda token: MailboxConnection(access, token).close())
            with_token(access, lambda token: smtp.check_server(access.smtp_server(token=token)))
        except CredentialRefused:
            raise
        except AccountRefused as error:
            raise CredentialRefused(error.sentence, "provider", **error.values) from None
        except (Invalid, Unavailable) as error:
            raise CredentialRefused(error.sentence, "smtp_host", **error.values) from None
        mailbox = f"{access.user_name}\n{access.imap_host}".lower()  # what signing in has proved; the address has not
        return Profile(hashlib.sha256(mailbox.encode()).hexdigest(), access.address[:120])

    def link(self, name: str) -> str:
        """Return the link that opens a message to the address."""
        return f"mailto:{name}"

    def split(self, text: str) -> list[str]:
        """Return a text in one part, as e-mails have no limit that matters."""
        return [text]

    def send(self, secret: str, chat_id: str, text: str, *, is_markdown: bool) -> str:
        """Send a text."""
        return self.send_part(secret, chat_id, OutgoingText(text, is_markdown))

    def send_part(self, secret: str, chat_id: str, part: OutgoingText) -> str:
        """Send an e-mail; return its id without the domain.

        Raises OutcomeUnknown if the server has the whole message and did not say that it accepts it.
        """
        access = MailAccess.from_secret(secret)
        try:
            mail = email_compose.compose(access.address, chat_id, part)
            with_token(access, lambda token: smtp.send(access.smtp_server(token=token), mail))
        except smtp.UnconfirmedError:
            raise OutcomeUnknown(UNCONFIRMED, host=access.smtp_host) from None
        except smtp.TokenRefused:
            raise AccountRefused(NO_GRANT) from None
        except Unavailable as error:
            raise TemporaryFailure(error.sentence, **dict[str, Any](error.values)) from None
        except Invalid as error:
            refusal = _refusal(error)
            raise refusal from None
        return part.mail.message_id if part.mail is not None else part.reference

    def show_typing(self, secret: str, chat_id: str) -> None:
        """Do nothing: e-mail has no such sign."""

    def set_webhook(self, secret: str, address: str, key: str) -> None:
        """End a connection that is kept: the account was changed."""
        self._take(secret, is_used=False)

    def set_commands(self, secret: str) -> None:
        """Do nothing: there is no menu of commands."""

    def fetch(self, secret: str, cursor: str, *, seconds: float) -> Batch:
        """Return the messages after a cursor, waiting up to `seconds` for the first one.

        Raises TemporaryFailure if the server does not answer, AccountRefused if it does not let the account in.
        """
        access, kept = MailAccess.from_secret(secret), self._take(secret)
        if kept is not None:
            try:
                return self._visit(secret, kept, cursor, seconds)
            except ChannelError:  # servers end connections when they like
                pass
        try:
            connection = with_token(access, lambda token: MailboxConnection(access, token))
        except CredentialRefused as error:
            if error.field in ("imap_host", "imap_security"):  # a fault of the network or of the server
                raise TemporaryFailure(error.sentence, **dict[str, Any](error.values)) from None
            raise AccountRefused(error.sentence if error.field == "folder" else NO_SIGN_IN) from None
        except TokenRefused:
            raise AccountRefused(NO_GRANT) from None
        return self._visit(secret, connection, cursor, seconds)

    def _visit(self, secret: str, connection: MailboxConnection, cursor: str, seconds: float) -> Batch:
        try:
            mails, reached = connection.read_new(cursor, seconds=seconds)
        except email_imap.FAILURES as error:
            connection.close()
            raise TemporaryFailure(email_imap.BROKEN, host=connection.access.imap_host) from error
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._kept[secret] = connection
        return Batch(list(mails), reached)

    def _take(self, secret: str, *, is_used: bool = True) -> MailboxConnection | None:
        """Return the connection that is kept for an account, if it is still good, and close those nobody uses."""
        with self._lock:
            unused = [one for one, connection in self._kept.items() if not connection.is_usable()]
            closing = [self._kept.pop(one) for one in unused]
            connection = self._kept.pop(secret, None)
        if connection is not None and not is_used:
            closing.append(connection)
        for one in closing:
            one.close()
        return connection if is_used else None

    def close_all(self) -> None:
        """Close the connections that are kept."""
        with self._lock:
            kept, self._kept = list(self._kept.values()), {}
        for connection in kept:
            connection.close()

    def download(self, secret: str, outside_id: str) -> bytes:
        """Return the content of an attached file. Raises MessageRefused if it is gone or too large."""
        mail_id, _, place = outside_id.rpartition(".")
        access = MailAccess.from_secret(secret)
        raw = with_token(access, lambda token: email_imap.download(access, mail_id, token))
        files = email_message.attached_parts(email_message.parse(raw))
        if not place.isdecimal() or int(place) >= len(files):
            refusal = no_file(CHANNEL)
            raise refusal
        file = files[int(place)]
        attached: Any = file.get_payload()
        is_mail = isinstance(attached, list) and file.get_content_type() == "message/rfc822"
        content = attached[0].as_bytes() if is_mail and attached else email_text.payload(file)
        if len(content) > MAX_FILE_MEGABYTES * 1_000_000:
            refusal = no_file(CHANNEL, is_too_large=True)
            raise refusal
        return content

    def read_update(self, data: Any) -> Update | None:
        """Return what an e-mail says. Raises ValueError if it cannot be read."""
        if not isinstance(data, FetchedMail):
            raise ValueError("This is not an e-mail.")
        try:
            return email_message.read_mail(data)
        except (RecursionError, LookupError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError("This e-mail cannot be read.") from error


def _refusal(error: Invalid) -> ChannelError:
    """Return what a refusal by the SMTP server means: for the address, or for this message alone."""
    is_recipient = error.sentence == smtp.REFUSED_RECIPIENT
    if is_recipient and _NO_ADDRESS.match(str(error.values.get("answer", ""))):
        return ContactBlocked(error.sentence, **error.values)
    return MessageRefused(error.sentence, **error.values)


EMAIL = ChannelKind(
    Channel.EMAIL, CHANNEL, EmailSettings, longest_text=email_message.MAX_TEXT + 2_000, push=Mailbox(), menu_order=7
)
