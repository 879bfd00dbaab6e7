"""Base: what every CRM that can be connected does, and the shapes in which its records are exchanged.

A CRM is a class derived from `Crm` and a `CrmType` that describes it, named in `integrations/crm_registry.py`. Values
of records are plain and comparable: texts, lists of texts and booleans, by the names in VALUE_NAMES.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from platform_app.errors import PlatformError
from platform_app.models.crm import FieldKind, Holder, StageKind
from platform_app.models.integration import CrmKind, RecordKind

VALUE_NAMES: Mapping[RecordKind, tuple[str, ...]] = {
    # A custom field is named "field:{its external id}"; records and users are named by their external ids.
    RecordKind.CONTACT: ("name", "phones", "emails", "tags"),
    # "contact" is the main one, "contacts" are the further ones, in the order of their ids.
    RecordKind.LEAD: ("title", "budget", "stage", "contact", "contacts", "responsible", "tags"),
    RecordKind.TASK: ("text", "due_at", "responsible", "is_done", "lead", "contact"),
    RecordKind.NOTE: ("text", "lead", "contact"),
}
FIELD_PREFIX = "field:"


class CrmError(PlatformError):
    """A call of a CRM failed; nothing was done there."""

    status = 502


class CrmRefused(CrmError):
    """The CRM does not let the platform in: it has to be connected again."""


class CrmUnpaid(CrmError):
    """The account there is not paid or is closed for now."""


class CrmBusy(CrmError):
    """The CRM asks to wait for `seconds`."""

    def __init__(self, sentence: str, *, seconds: float, **values: Any) -> None:
        super().__init__(sentence, **values)
        self.seconds = seconds


class CrmUnreachable(CrmError):
    """The CRM does not answer."""

    status = 503


class CrmUncertain(CrmError):
    """The CRM was asked to create something and did not answer: whether it was done is not known."""

    status = 503


@dataclass(frozen=True)
class CrmAccount:
    """An account of a CRM."""

    external_id: str
    name: str
    host: str


@dataclass(frozen=True)
class CrmStage:
    """A stage of a pipeline; its id is unique in the account."""

    external_id: str
    name: str
    kind: StageKind = StageKind.OPEN


@dataclass(frozen=True)
class CrmPipeline:
    """A pipeline with its stages in order."""

    external_id: str
    name: str
    stages: tuple[CrmStage, ...] = ()


@dataclass(frozen=True)
class CrmUser:
    """A member of the team in the CRM."""

    external_id: str
    name: str
    email: str = ""


@dataclass(frozen=True)
class CrmField:
    """A custom field of contacts or leads."""

    external_id: str
    holder: Holder
    name: str
    kind: FieldKind = FieldKind.TEXT
    options: tuple[str, ...] = ()
    is_read_only: bool = False


@dataclass(frozen=True)
class CrmRecord:
    """A contact, lead, task or note as it is in the CRM, with values by name."""

    kind: RecordKind
    external_id: str
    created_at: datetime
    updated_at: datetime
    values: dict[str, Any]


def contacts_of(values: Mapping[str, Any]) -> list[str]:
    """Return the contacts that the values of a lead name, the main one first."""
    return [contact for contact in (values.get("contact"), *(values.get("contacts") or ())) if contact]


@dataclass(frozen=True)
class CrmPage:
    """A page of records; `cursor` leads to the next one, "" after the last."""

    records: list[CrmRecord]
    cursor: str = ""


@dataclass(frozen=True)
class CrmChange:
    """A note of the CRM that a record changed; what changed is read from the record."""

    kind: RecordKind
    external_id: str
    is_deletion: bool = False  # it is said to be deleted


@dataclass(frozen=True)
class CrmWrite:
    """What is to be written to a record; without an external id it is created. `key` identifies it in the result."""

    key: str
    external_id: str
    values: dict[str, Any]
    before: Mapping[str, Any] = field(default_factory=dict)  # all values of the record as it was read last


@dataclass(frozen=True)
class CrmWritten:
    """How a write ended: `error` is a message id whose placeholders `error_values` fill, "" for success."""

    key: str
    external_id: str = ""
    error: str = ""
    error_values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CallEntry:
    """A call to a CRM, for the log."""

    method: str
    path: str
    status: int
    milliseconds: int
    error: str = ""


class Crm(ABC):
    """An account of a CRM that is open for calls. Every method raises CrmError if the call fails."""

    calls: list[CallEntry]  # that were made, until the caller takes them into the log

    @abstractmethod
    def account(self) -> CrmAccount:
        """Return the account, which also checks the token."""

    @abstractmethod
    def pipelines(self) -> list[CrmPipeline]:
        """Return the pipelines in order."""

    @abstractmethod
    def users(self) -> list[CrmUser]:
        """Return the members of the team there."""

    @abstractmethod
    def fields(self) -> list[CrmField]:
        """Return the custom fields of contacts and leads."""

    @abstractmethod
    def page(self, kind: RecordKind, cursor: str, *, pipelines: Sequence[str] = ()) -> CrmPage:
        """Return a page of all records of a kind, in an order that changes do not disturb; "" is the first one.

        `pipelines` are external ids: leads of others are left out.
        """

    @abstractmethod
    def read(self, kind: RecordKind, external_ids: Sequence[str]) -> list[CrmRecord]:
        """Return some records as they are now; those that do not exist are missing. At most READ_LIMIT ids."""

    @abstractmethod
    def changes(self, since: datetime) -> list[CrmChange]:
        """Return what changed since an instant, oldest first and in whatever way."""

    @abstractmethod
    def write(self, kind: RecordKind, writes: Sequence[CrmWrite]) -> list[CrmWritten]:
        """Write records, at most WRITE_LIMIT, and return how each write ended.

        Writes that create have no external id; they are not mixed with others. Raises CrmUncertain if it is not known
        whether something was created.
        """

    @abstractmethod
    def find_created(self, kind: RecordKind, write: CrmWrite, since: datetime) -> list[str]:
        """Return the external ids of records that a write without an answer may have created since an instant."""

    @abstractmethod
    def run_bot(self, bot_id: str, lead_id: str) -> None:
        """Start a bot of the CRM on a lead, by external ids."""


class SubscribableCrm(Crm):
    """An account of a CRM that posts changes to an address which it is told by calls, not by a person."""

    @abstractmethod
    def subscribe(self, address: str) -> None:
        """Have the CRM post changes to an address."""

    @abstractmethod
    def unsubscribe(self, address: str) -> None:
        """Have the CRM no longer post to an address."""


READ_LIMIT = 100
WRITE_LIMIT = 50


@dataclass(frozen=True)
class CrmHook:
    """What a CRM posted: the account that it names, and what changed."""

    account_id: str
    changes: list[CrmChange]
    secret: str = field(default="", repr=False)  # by which the CRM signs its posts, if a person entered it


@dataclass(frozen=True)
class CrmType:
    """A CRM that can be connected: how it is called and described, and how it is opened."""

    kind: CrmKind
    label: str
    description: str  # a message id
    token_help: str  # a message id: where the token is made
    parse_access: Callable[[str, str], tuple[str, str]]  # account and token as entered → host and token; raises Invalid
    open: Callable[[str, str], Crm]  # with host and token
    read_hook: Callable[[bytes], CrmHook]  # raises Invalid if it cannot be read
    account_label: str = ""  # a message id: the field for the account's address, "" if the token names it
    account_help: str = ""  # a message id
    key_label: str = "Long-lived token"  # a message id
    signs_in: bool = False  # somebody may sign in there in place of a token (OAuth)
    posts_help: str = ""  # a message id: how a person has the CRM post changes, "" for a SubscribableCrm
    lacking: frozenset[str] = frozenset()  # names in VALUE_NAMES that its records do not have
    budget_places: int = 2  # decimals of a budget there
