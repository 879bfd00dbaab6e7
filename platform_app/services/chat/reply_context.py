"""Reply context: everything that is read to generate a reply, and the reply's progress."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from platform_app import fact_snapshots
from platform_app.automation import text_templates
from platform_app.automation.facts import NAMES, Facts
from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import Forbidden
from platform_app.fact_snapshots import PromptMessage, RecentMessages, conversation_facts, recent_messages
from platform_app.llm import client, prompts
from platform_app.llm.client import FailureReason, ModelResult, Provider
from platform_app.llm.model_request import ToolDefinition
from platform_app.llm.reply_markers import MarkerFilter
from platform_app.models.agent import Agent, AgentSettings, Channel, Scope
from platform_app.models.conduct import LineOutcome
from platform_app.models.conversation import Author, Conversation, Message, MessageState, Origin
from platform_app.rag.retrieval import Retrieval
from platform_app.rag.search_query import Query
from platform_app.services.agents import agents
from platform_app.services.chat import model_calls
from platform_app.services.chat.attached_media import ReplyMedia
from platform_app.services.chat.model_calls import ModelCall, ModelChoice
from platform_app.services.scripts import guided_scripts, script_selection
from platform_app.services.scripts.guided_scripts import GuidedProgress
from platform_app.services.scripts.script_selection import ScriptDecision
from platform_app.tracing.spans import NO_SPAN, Span

HISTORY_PAGE = 100  # messages read at first
_HISTORY_STATES = (MessageState.COMPLETE, MessageState.TO_APPROVE, MessageState.STOPPED, MessageState.PARTIAL)


class ReplyStep(StrEnum):
    """What is being done for a reply of which no text can be shown yet."""

    PREPARING = "preparing"
    READING = "reading"  # recordings and pictures
    SEARCHING = "searching"  # in the knowledge
    WRITING = "writing"  # the model was asked
    ACTING = "acting"  # the calls of tools that the model has asked for


@dataclass
class ReplyContext:
    """A reply that is being generated: its inputs, and its text and outcome so far."""

    tenant_id: str
    reply_id: str
    conversation: Conversation
    settings: AgentSettings
    version: int  # 0: the draft
    facts: prompts.PromptContext
    trigger: str = "message"
    scripts: list[ScriptDecision] = field(default_factory=list)
    guidance: GuidedProgress | None = None
    retrieval: Retrieval = field(default_factory=Retrieval)
    provider: Provider = field(default_factory=client.configured_provider)
    choices: list[ModelChoice] = field(default_factory=list)  # the agent's model and its fallback
    choice: int = 0  # the index of the one that is asked
    calls: list[ModelCall] = field(default_factory=list)  # that have ended, before the one of `outcome`
    failure: FailureReason | None = None  # of the last choice
    query: Query = field(default_factory=lambda: Query(""))
    is_query_rewritten: bool = False  # by the model, from the conversation
    messages: list[dict[str, Any]] = field(default_factory=list)
    marks: MarkerFilter = field(default_factory=MarkerFilter)
    model: str = ""
    outcome: ModelResult = field(default_factory=ModelResult)
    raw_text: str = ""
    unfinished_text: str = ""  # of a model that failed before its fallback was asked
    visible_text: str = ""  # the part that people see already
    final_text: str = ""  # the text stored at the end
    stored_text: str = ""  # the text in the row
    is_reserved: bool = False  # its cost is reserved in budgets
    is_suggestion: bool = False
    is_shadow: bool = False  # it is kept and not sent: nothing but the answer itself is written
    tools: tuple[ToolDefinition, ...] = ()
    tool_round: int = 0  # the number of the next request that may ask for tools
    tool_messages: list[dict[str, Any]] = field(default_factory=list)  # calls with their results, after `messages`
    earlier_calls: list[dict[str, Any]] = field(default_factory=list)  # ModelCall.as_json, before the reply was parked
    is_retold: bool = False  # it was written again, since it said that something was done
    is_unfounded: bool = False  # it still says so, and no call has done anything
    fired: list[str] = field(default_factory=list)  # keys of lines of the must and never list that it broke
    is_rewritten: bool = False  # because it broke one
    conduct_outcome: LineOutcome | None = None  # what happens to it in place of being sent
    figures: list[str] = field(default_factory=list)  # of its text, as written, that stand in no source
    rewritten_figures: list[str] = field(default_factory=list)  # because of which it was written again
    first_call: ModelCall | None = None  # of the text that had them
    media: ReplyMedia = field(default_factory=ReplyMedia)
    spent_budget: str = ""  # the name of a budget that had no room for it
    is_shortened: bool = False  # the prompt was too long for the model
    progress: asyncio.Event = field(default_factory=asyncio.Event)  # set when there is more text, or at the end
    on_step: Callable[[ReplyStep], None] = lambda step: None  # told of each step when it begins
    preparation_ms: int = 0
    started: float = field(default_factory=time.monotonic)
    span: Span = NO_SPAN  # of the reply


def load_context(tenant_id: str, reply_id: str) -> ReplyContext | None:
    """Read the context of a reply. Returns None if it is no longer to be written.

    Raises NotFound if the agent is deleted, Forbidden if it may not reply on the channel or in the lead's stage, and
    Conflict if the key of its provider cannot be decrypted.
    """
    with session_scope(tenant_id, read_only=True) as session:
        reply = session.exec(owned(Message, tenant_id).where(Message.id == reply_id)).first()
        if reply is None or reply.replaced or reply.state != MessageState.STREAMING:
            return None
        of_reply = owned(Conversation, tenant_id).where(Conversation.id == reply.conversation_id)
        conversation = session.exec(of_reply).one()
        settings, version = agents.effective_settings(
            session, tenant_id, conversation.agent_id, draft=conversation.use_draft
        )
        check_channel(session, conversation, settings)
        if reply.is_suggestion:
            settings = _for_suggestion(settings, is_shadow=reply.origin == Origin.SHADOW)
        talk, answered, history = _read_history(session, conversation, reply)
        question = reply.task or "\n".join(message.text for message in answered)
        facts = prompts.PromptContext(settings=settings, history=history, question=question, is_task=bool(reply.task))
        values, stage_id = conversation_facts(session, conversation, settings.name, question, recent=talk)
        _check_stage(settings, stage_id)
        facts.stage_instructions = settings.stage_instructions.get(stage_id or "", "")
        seen = _visible_facts(settings, values)
        facts.known = _contact_facts(session, tenant_id, seen) + _briefing(talk.messages)
        work = ReplyContext(tenant_id, reply_id, conversation, settings=settings, version=version, facts=facts)
        work.is_shadow = reply.origin == Origin.SHADOW
        work.is_suggestion, work.earlier_calls = reply.is_suggestion, list(reply.gate.get("calls", []))
        work.media.message_ids = [message.id for message in answered if message.is_read or "[" in message.text]
        work.choices = model_calls.model_choices(session, tenant_id, settings)
        work.scripts = script_selection.select_scripts(session, tenant_id, values, seen)
        facts.scripts = script_selection.offer_scripts(work.scripts)
        work.guidance = _guidance(session, work, values)
        return work


def _for_suggestion(settings: AgentSettings, *, is_shadow: bool) -> AgentSettings:
    """Return the settings for a text that the agent does not send: it uses no tool, even if the model asks for one.

    A draft for a member is plain text, as members write it; an answer in shadow mode is as it would be sent.
    """
    return settings.model_copy(update={"tools": {}} | ({} if is_shadow else {"markdown": False}))


def _guidance(session: Transaction, work: ReplyContext, values: Facts) -> GuidedProgress | None:
    """Return the progress of the first applied guided script that is not finished, or None."""
    for script in work.scripts:
        progress = (
            guided_scripts.get_progress(session, work.conversation, script.script_id, values)
            if script.applied
            else None
        )
        if progress is not None and progress.is_active:
            step = progress.for_prompt(work.facts.platform_language)
            script_selection.offer_guided(script, step, len(work.facts.scripts))
            work.facts.guided = step
            return progress
    return None


def check_channel(session: Transaction, conversation: Conversation, settings: AgentSettings) -> None:
    """Check that the conversation's agent may reply on its channel; the test chat and channel accounts allow it.

    Raises Forbidden if the agent is switched off or does not work on the channel.
    """
    if conversation.channel == Channel.TEST:
        return
    query = owned(Agent, conversation.tenant_id).where(Agent.id == conversation.agent_id)
    if not session.exec(query).one().active:
        raise Forbidden("This agent is turned off.")
    if conversation.account_id is None and conversation.channel not in settings.channels:
        raise Forbidden("This agent doesn’t work on this channel.")


def _read_history(
    session: Transaction, conversation: Conversation, reply: Message
) -> tuple[RecentMessages, list[PromptMessage], list[tuple[str, str]]]:
    """Return recent messages, those to answer, and the history before them, at least as much as the prompt takes.

    A long conversation is read from its end, in larger pages while more messages fit the prompt.
    """
    limit = HISTORY_PAGE
    while True:
        talk = recent_messages(session, conversation, limit=limit)
        answered, history = _answered_and_history(_messages_before(talk.messages, reply), reply.task)
        if len(talk.messages) < limit or len(prompts.recent_history(history)) < len(history):
            return talk, answered, history
        limit *= 4


def _messages_before(messages: list[PromptMessage], reply: Message) -> list[PromptMessage]:
    return [
        message for message in messages if message.created_at < reply.created_at and message.state in _HISTORY_STATES
    ]


def _answered_and_history(said: list[PromptMessage], task: str) -> tuple[list[PromptMessage], list[tuple[str, str]]]:
    """Return the messages to answer (the contact's last ones, for a task none) and the history before them."""
    burst: list[PromptMessage] = []
    while not task and said and said[-1].author == Author.CONTACT:
        burst.insert(0, said.pop())
    return burst, [("user" if m.author == Author.CONTACT else "assistant", _history_text(m)) for m in said if m.text]


def _history_text(message: PromptMessage) -> str:
    """Return a message as in the prompt, in which messages of members are marked."""
    return f"{prompts.MEMBER_MARKER} {message.text}" if message.author == Author.MEMBER else message.text


def _briefing(messages: list[PromptMessage]) -> list[tuple[str, str]]:
    """Return the member's note of the last hand-back as a known fact."""
    told = [message.text for message in messages if message.state == MessageState.BRIEFING]
    return [("what a colleague told you when handing the conversation back", told[-1])] if told else []


def _check_stage(settings: AgentSettings, stage_id: str | None) -> None:
    """Check that the agent works in the lead's stage, if there is a lead. Raises Forbidden if not."""
    if settings.works_in == Scope.CHOSEN and stage_id and stage_id not in settings.stages:
        raise Forbidden("This agent isn’t active in this lead’s stage.")


def _visible_facts(settings: AgentSettings, values: Facts) -> Facts:
    """Return the facts without those fields of contact and lead that the agent may not see."""
    if settings.sees == Scope.ALL:
        return values
    kept = {
        name: value
        for name, value in values.values.items()
        if name in settings.seen_fields or name.split(".")[0] not in ("contact", "lead")
    }
    return replace(values, values=kept)


_LABELS = {
    "contact.name": "contact",
    "contact.phone": "phone",
    "contact.email": "e-mail",
    "lead.title": "lead",
    "lead.stage": "stage",
    "lead.budget": "budget",
}


def _contact_facts(session: Transaction, tenant_id: str, facts: Facts) -> list[tuple[str, str]]:
    """Return the facts of contact and lead that the prompt holds, as pairs of label and value."""
    there = [
        name
        for name, value in facts.values.items()
        if name.startswith(("contact.", "lead.")) and value and not (isinstance(value, datetime) and name in NAMES)
    ]
    words = fact_snapshots.fact_catalogue(session, tenant_id) if there else {}
    ordered = [*(name for name in _LABELS if name in there), *(name for name in there if name not in _LABELS)]
    shown = {name: text_templates.format_value(facts.values[name], facts.zone) for name in ordered}
    return [
        (_LABELS.get(name) or (words[name].label if name in words else name), str(value))
        for name, value in shown.items()
        if value not in ("", None)
    ]
