"""Action base: the base class of actions, and how their fields are entered."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel

from platform_app.automation.facts import NamedValue
from platform_app.automation.input_fields import input_field
from platform_app.automation.values import parse_whole
from platform_app.db import Transaction
from platform_app.engine.actions.action_context import ActionContext, ActionPlan
from platform_app.errors import Invalid
from platform_app.models.person import Identity
from platform_app.services.accounts import members

MAX_TEXT_LENGTH = 8_000  # characters of a text
MAX_DAYS = 3_650  # until something is due
BUILT_IN_FIELDS = {  # built-in fields that a rule may change, with their labels
    "contact.name": "Contact name",
    "contact.phones": "Contact phone",
    "contact.emails": "Contact email",
    "contact.language": "Contact language",
    "lead.title": "Lead title",
    "lead.budget": "Lead budget",
    "lead.source": "Lead source",
}

LIMITED, EXEMPT = "limited", "exempt"
LIMITS = {LIMITED: "Apply to this message", EXEMPT: "Don’t apply: it’s transactional"}


class ActionInput(StrEnum):
    """How a field of an action is entered in the builder."""

    TEXT = "text"  # with variables, of several lines
    LINE = "line"  # with variables, of one line
    TO = "to"  # an e-mail address, or variables that hold one
    TAG = "tag"  # a line, or one of those that there are
    VALUE = "value"  # a line, or one of those that the field can have
    WORD = "word"  # one line as it is
    STAGE = "stage"
    MEMBER = "member"
    FIELD = "field"  # of a contact or a lead
    DAYS = "days"  # a number of days
    SEQUENCE = "sequence"
    ONE_OF = "one_of"  # one of the options of the field
    TEMPLATE = "template"  # a message that a channel has approved
    QUICK_REPLIES = "quick_replies"  # a line for each, with variables
    TEMPLATE_VALUES = "template_values"  # a line for each value of the template, with variables


def action_field(
    label: str,
    input: ActionInput,
    *,
    required: bool = True,
    prefill: str = "",
    options: Mapping[str, str] | tuple[str, ...] = (),
) -> Any:
    """Return a text field of an action: its label (a message id), how it is entered, and what it starts with.

    `options` are the values that a ONE_OF offers, with their labels (message ids).
    """
    return input_field(label, input, required=required, prefill=prefill, options=options, max_length=MAX_TEXT_LENGTH)


def limits_field() -> Any:
    """Return the field that says whether quiet hours and caps hold for what an action sends to a contact."""
    return action_field("Quiet hours and limits", ActionInput.ONE_OF, required=False, prefill=LIMITED, options=LIMITS)


class Action(BaseModel, ABC, frozen=True):
    """What a rule or step can do. `plan` returns what it is about to do, or raises PlatformError if it cannot."""

    icon: ClassVar[str] = "zap"  # in the builder
    sends: ClassVar[str] = ""  # what a contact gets by it: "message", "email" or nothing
    is_answered: ClassVar[bool] = False  # its JSON answer is known to the actions after it
    menu_order: ClassVar[int] = 1_000  # in the builder; actions with the same number are sorted by kind

    @abstractmethod
    def plan(self, context: ActionContext) -> ActionPlan:
        """Return the plan of the action in a context. Raises PlatformError if the action is not possible."""

    @property
    def is_exempt(self) -> bool:
        """Whether quiet hours and caps do not hold for what it sends."""
        return getattr(self, "limits", LIMITED) == EXEMPT

    @property
    def has_template(self) -> bool:
        """Whether what it sends can go out as a template where a channel takes no free text."""
        return False

    @classmethod
    def missing_setup(cls, session: Transaction, who: Identity) -> str:
        """Return a message id of what the tenant has to set up first, or ""."""
        return ""


def find_member(context: ActionContext, user_id: str) -> NamedValue:
    """Return the member with this user id. Raises Invalid if there is none."""
    names = {user.id: user.name for user, _ in members.list_members(context.session, context.who)}
    if user_id not in names:
        raise Invalid("Member not found.", field="user_id")
    return NamedValue(user_id, names[user_id])


def parse_days(written: str) -> int:
    """Return a number of days from text. Raises Invalid if it is not a whole number from 0 to MAX_DAYS."""
    days = parse_whole(written, MAX_DAYS)
    if days is None:
        raise Invalid("Enter a number.", field="days")
    return days
