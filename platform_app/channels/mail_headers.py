"""Mail headers: what an e-mail that came in says of itself beside its text."""

from dataclasses import dataclass
from enum import StrEnum


class AutomaticMail(StrEnum):
    """Why an e-mail is never answered automatically (RFC 3834)."""

    AUTO_SUBMITTED = "auto_submitted"  # a machine wrote it, such as an absence notice
    BULK = "bulk"  # it went to many: a mailing list or a newsletter
    NO_SENDER = "no_sender"  # it has an empty return path, or comes from the mail system


@dataclass(frozen=True)
class SenderCheck:
    """What a receiving server found out about the sender (RFC 8601): each "pass", "fail", "none", …, or ""."""

    server: str = ""  # its authserv-id
    spf: str = ""
    dkim: str = ""
    dmarc: str = ""


@dataclass(frozen=True)
class ReceivedMail:
    """The headers of an e-mail that count here. Ids have their angle brackets."""

    subject: str = ""
    message_id: str = ""
    references: tuple[str, ...] = ()  # of In-Reply-To and References, oldest first
    automatic: AutomaticMail | None = None
    checks: tuple[SenderCheck, ...] = ()  # topmost first; anybody can add one below that of the receiving server
    is_truncated: bool = False  # only its beginning was read
