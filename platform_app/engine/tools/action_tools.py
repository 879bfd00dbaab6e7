"""Action tools: actions of rules as tools of agents, in the agent's own conversation."""

from typing import Any

from pydantic import ValidationError

from platform_app import fact_snapshots
from platform_app.automation.input_fields import InputField, input_fields
from platform_app.db import Transaction, owned
from platform_app.engine.actions import actions
from platform_app.engine.actions.action_base import BUILT_IN_FIELDS, Action, ActionInput
from platform_app.engine.actions.action_context import ActionContext, ActionPlan, ActionResult
from platform_app.engine.sequences.sequences import DEFINITIONS
from platform_app.errors import Invalid
from platform_app.i18n import translate
from platform_app.llm.model_request import ToolDefinition
from platform_app.models.agent import Agent
from platform_app.models.conversation import Conversation
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Identity
from platform_app.services.accounts import members
from platform_app.services.chat import agent_tools
from platform_app.services.chat.agent_tools import ToolOffer, ToolPlan
from platform_app.services.crm import pipelines

# Not offered: what they send is the agent's own reply, or goes to an address that a model could choose.
_NOT_TOOLS = ("send_message", "ask_agent", "send_email", "call_webhook")
MAX_CHOICES = 200  # names of stages, members or sequences that a model is told


class ActionTools:
    """The rule actions that agents can be given."""

    def offers(self, session: Transaction, tenant_id: str) -> list[ToolOffer]:
        """Return the actions in the order of the builder."""
        return [
            ToolOffer(kind, actions.label(kind), actions.note(kind), action.icon) for kind, action in _tools().items()
        ]

    def define(self, session: Transaction, conversation: Conversation, name: str) -> ToolDefinition | None:
        """Return an action with its fields; None if there is no such action, or nothing to choose for a field."""
        action = _tools().get(name)
        if action is None:
            return None
        who = _acting(session, conversation)
        properties: dict[str, Any] = {}
        for entered in input_fields(action):
            schema = _schema(session, who, entered)
            if schema is None and entered.required:
                return None
            if schema is not None:
                properties[entered.name] = schema
        required = [entered.name for entered in input_fields(action) if entered.required]
        parameters = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
        told = f"{actions.label(name)}. {actions.note(name)}".strip()
        return ToolDefinition(name, told, parameters)

    def plan(
        self, session: Transaction, conversation: Conversation, name: str, arguments: dict[str, Any]
    ) -> ToolPlan | None:
        """Return the plan of an action on the conversation, its contact and lead.

        Raises Invalid if the arguments do not fit, and PlatformError if it is not possible.
        """
        action = _tools().get(name)
        if action is None:
            return None
        who = _acting(session, conversation)
        planned = _parse(session, who, action, arguments).plan(_context(session, conversation, who))
        return ToolPlan(planned.sentence, planned.values, lambda current: _apply(current, who, planned))


def register_tools() -> None:
    """Register the rule actions as tools of agents in this process."""
    if not any(isinstance(source, ActionTools) for source in agent_tools.SOURCES):
        agent_tools.SOURCES.append(ActionTools())


def _tools() -> dict[str, type[Action]]:
    return {kind: action for kind, action in actions.ACTIONS.items() if kind not in _NOT_TOOLS and not action.sends}


def _acting(session: Transaction, conversation: Conversation) -> Identity:
    """Return the identity under which the agent acts, with its name."""
    agent = session.exec(owned(Agent, conversation.tenant_id).where(Agent.id == conversation.agent_id)).first()
    return members.automation_identity(session, conversation.tenant_id, agent.name if agent else "")


def _context(session: Transaction, conversation: Conversation, who: Identity) -> ActionContext:
    event = Event(tenant_id=conversation.tenant_id, kind=EventKind.MANUAL)
    event.conversation_id, event.agent_id = conversation.id, conversation.agent_id
    event.contact_id, event.lead_id = conversation.contact_id, conversation.lead_id
    with session.no_autoflush:
        event.facts = fact_snapshots.snapshot(session, event)
    return ActionContext(session, who, event, fact_snapshots.event_facts(event))


def _apply(session: Transaction, who: Identity, planned: ActionPlan) -> str | None:
    """Do what was planned; return what the action reports beyond its sentence, in English."""
    if planned.apply is None:
        raise Invalid(agent_tools.NOT_ALLOWED)
    outcome = planned.apply(session, who)
    return translate("en", outcome.sentence, **outcome.values) if isinstance(outcome, ActionResult) else None


def _parse(session: Transaction, who: Identity, action: type[Action], arguments: dict[str, Any]) -> Action:
    """Return an action with a model's arguments: names for ids, no variables. Raises Invalid if they do not fit."""
    values: dict[str, Any] = {}
    for entered in input_fields(action):
        given = arguments.get(entered.name)
        if given is None or given == "":
            if entered.required:
                raise Invalid("The argument {name} is missing.", name=entered.name)
            continue
        if isinstance(given, bool) or not isinstance(given, str | int | float):
            raise Invalid("The argument {name} is not a text.", name=entered.name)
        text = str(given)
        choices = _choices(session, who, entered)
        if choices is not None and text not in choices and text not in choices.values():
            raise Invalid("The argument {name} isn’t one of the offered values.", name=entered.name)
        values[entered.name] = _plain(choices.get(text, text) if choices is not None else text)
    try:
        return action.model_validate({"kind": action.model_fields["kind"].default, **values})
    except ValidationError as error:
        raise Invalid("An action can’t be read.") from error


def _plain(text: str) -> str:
    """Return a text in which nothing is a variable: a model writes what it means."""
    return text.replace("{{", "{ {").replace("{%", "{ %")


def _schema(session: Transaction, who: Identity, entered: InputField) -> dict[str, Any] | None:
    """Return the JSON schema of a field, or None if there is nothing to choose from."""
    choices = _choices(session, who, entered)
    told = {"type": "string", "description": entered.label}
    if choices is None:
        return told
    return told | {"enum": list(choices)} if choices else None


def _choices(session: Transaction, who: Identity, entered: InputField) -> dict[str, str] | None:
    """Return the values of a field by the names that a model is told, None if any text can be entered."""
    kind = entered.input
    if kind == ActionInput.STAGE:
        pairs = [
            (f"{pipeline.name} · {stage.name}", stage.id)
            for pipeline, stages in pipelines.list_pipelines(session, who)
            for stage in stages
        ]
    elif kind == ActionInput.MEMBER:
        pairs = [(user.name, user.id) for user, _ in members.list_members(session, who)]
    elif kind == ActionInput.SEQUENCE:
        pairs = [(row.name, row.id) for row in DEFINITIONS.list_names(session, who) if row.enabled]
    elif kind == ActionInput.FIELD:
        own = fact_snapshots.fact_catalogue(session, who.tenant_id)
        pairs = [(name, name) for name in (*BUILT_IN_FIELDS, *(name for name, fact in own.items() if fact.is_custom))]
    elif kind == ActionInput.ONE_OF:
        pairs = [(value, value) for value in entered.options]
    else:
        return None
    return _named(pairs[:MAX_CHOICES])


def _named(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Return values by name; a name that occurs again gets a number."""
    found: dict[str, str] = {}
    for name, value in pairs:
        unique, number = name, 2
        while unique in found:
            unique, number = f"{name} ({number})", number + 1
        found[unique] = value
    return found
