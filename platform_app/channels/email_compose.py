"""E-mail composition: writes what is sent as an e-mail with plain text and HTML, in the thread that it answers."""

from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape

from markdown_it import MarkdownIt

from platform_app.channels.outbound_content import MailEnvelope, OutgoingText
from platform_app.clock import now
from platform_app.integrations import smtp
from platform_app.llm.plain_text import strip_markdown

MAX_REFERENCES = 12
_PARSER = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["strikethrough", "table"]).disable("image")
_STYLE = "font-family:Arial,Helvetica,sans-serif;font-size:15px;line-height:1.5;color:#1c2024"


def compose(sender: str, to: str, part: OutgoingText) -> EmailMessage:
    """Return an e-mail from the address of a mailbox. Raises Invalid if one of the addresses is none."""
    envelope = part.mail or MailEnvelope("", part.reference)
    domain = smtp.checked(sender, field="address").rpartition("@")[2]
    message = EmailMessage(policy=smtp.POLICY)
    message["From"] = Address(smtp.one_line(envelope.sender_name), addr_spec=smtp.checked(sender, field="address"))
    message["To"] = Address(addr_spec=smtp.checked(to, field="to"))
    message["Subject"] = smtp.one_line(envelope.subject)
    message["Date"] = format_datetime(now())
    message["Message-ID"] = f"<{envelope.message_id}@{domain}>"
    root = [f"<{envelope.thread_id}@{domain}>"] if envelope.thread_id else []
    if envelope.references:
        message["In-Reply-To"] = envelope.references[-1]
    if references := [*root, *envelope.references[-MAX_REFERENCES:]]:
        message["References"] = " ".join(references)
    if envelope.is_automatic:
        message["Auto-Submitted"] = "auto-replied" if envelope.references else "auto-generated"
        message["X-Auto-Response-Suppress"] = "All"  # Exchange answers with no absence notice
    if envelope.unsubscribe_url:
        smtp.add_unsubscribe(message, envelope.unsubscribe_url)
    _set_text(message, part)
    return message


def _set_text(message: EmailMessage, part: OutgoingText) -> None:
    sound = part.text.encode("utf-8", "replace").decode()
    plain = strip_markdown(sound) if part.is_markdown else sound
    message.set_content(plain, cte="quoted-printable" if plain.isascii() else "base64")
    body = to_html(sound) if part.is_markdown else escape(sound).replace("\n", "<br>\n")
    message.add_alternative(f'<div style="{_STYLE}">{body}</div>', subtype="html", cte="base64")


def to_html(text: str) -> str:
    """Return Markdown as HTML without raw HTML, pictures and addresses that run scripts."""
    return str(_PARSER.render(text))
