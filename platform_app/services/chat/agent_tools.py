"""Agent tools: what an agent may do beside writing, by the sources that are registered."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from platform_app.db import Transaction
from platform_app.errors import Invalid
from platform_app.llm.model_request import ToolDefinition
from platform_app.models.agent import AgentSettings
from platform_app.models.conversation import Conversation, Message
from platform_app.models.tool_call import ToolMode

MAX_ARGUMENT_CHARS = 20_000
MAX_RESULT_CHARS = 8_000  # of a result that the model is told
NOT_ALLOWED = "The agent may not use this tool."


@dataclass(frozen=True)
class ToolOffer:
    """A tool as the form of an agent offers it: its name and note are message ids."""

    name: str
    label: str
    note: str = ""
    icon: str = "zap"


@dataclass(frozen=True)
class ToolPlan:
    """What a call is about to do: a message id with its values, and the function that does it.

    `apply` does it inside a transaction, `call` outside any: it receives an idempotency key, and raises PlatformError
    if nothing was done. Both return what the model is told beside the sentence. `is_reading`: the call changes nothing,
    and may be repeated when its outcome is not known.
    """

    sentence: str
    values: dict[str, str] = field(default_factory=dict)
    apply: Callable[[Transaction], str | None] | None = None
    call: Callable[[str], str] | None = None
    is_reading: bool = False


class ToolSource(Protocol):
    """Where tools come from: the rule actions, for one."""

    def offers(self, session: Transaction, tenant_id: str) -> list[ToolOffer]:
        """Return the tools that an agent of the tenant can be given."""

    def define(self, session: Transaction, conversation: Conversation, name: str) -> ToolDefinition | None:
        """Return what the model is told of a tool, or None if it is not of this source or cannot be used here."""

    def plan(
        self, session: Transaction, conversation: Conversation, name: str, arguments: dict[str, Any]
    ) -> ToolPlan | None:
        """Return the plan of a call, or None if it is not of this source. Raises PlatformError if it cannot be done."""


SOURCES: list[ToolSource] = []


def offers(session: Transaction, tenant_id: str) -> list[ToolOffer]:
    """Return the tools that an agent of the tenant can be given, in the order of their sources."""
    return [offer for source in SOURCES for offer in source.offers(session, tenant_id)]


def mode_of(settings: AgentSettings, name: str) -> ToolMode:
    """Return whether an agent may use a tool."""
    return settings.tools.get(name, ToolMode.NEVER)


def definitions(session: Transaction, conversation: Conversation, settings: AgentSettings) -> list[ToolDefinition]:
    """Return what the model is told of the tools that the agent may use, sorted by name, so that caches work."""
    names = sorted(name for name in settings.tools if mode_of(settings, name) != ToolMode.NEVER)
    return [
        definition
        for name in names
        for source in SOURCES
        if (definition := source.define(session, conversation, name)) is not None
    ]


def plan(session: Transaction, conversation: Conversation, name: str, arguments: str) -> ToolPlan:
    """Return the plan of a call with its arguments as JSON.

    Raises Invalid if the arguments cannot be read or there is no such tool, and PlatformError if it cannot be done.
    """
    values = parse_arguments(arguments)
    for source in SOURCES:
        planned = source.plan(session, conversation, name, values)
        if planned is not None:
            return planned
    raise Invalid(NOT_ALLOWED)


def parse_arguments(arguments: str) -> dict[str, Any]:
    """Return the arguments of a call. Raises Invalid if they are no JSON object, or too long."""
    try:
        values = json.loads(arguments or "{}") if len(arguments) <= MAX_ARGUMENT_CHARS else None
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise Invalid("The arguments are not a JSON object.")
    return values


def is_parked(message: Message) -> bool:
    """Return whether a reply waits for a person to decide on a tool call."""
    return bool(message.gate.get("tool_call"))
