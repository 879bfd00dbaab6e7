"""Reply reasons: why a reply came out as it did, told from what was stored with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.models.agent import Agent, KnowledgeScope
from platform_app.models.conduct import LineOutcome
from platform_app.models.conversation import Message, MessageState, Trace
from platform_app.models.knowledge import Source
from platform_app.models.person import Identity
from platform_app.models.script import Script
from platform_app.services.chat import conversations

MAX_NAMED = 3  # sources, scripts or tools that a sentence names
_ENDINGS = {
    MessageState.STOPPED: "It was stopped before it was complete.",
    MessageState.DISCARDED: "It was discarded and not sent.",
    MessageState.HELD: "It is held and not sent yet.",
}


_UNREAD = {  # by the kind of attachment that could not be read
    "recording": "A recording couldn’t be turned into text: the agent said so and handed over.",
    "picture": "A picture couldn’t be described: the agent said so and handed over.",
    "file": "A recording and a picture couldn’t be read: the agent said so and handed over.",
}


@dataclass
class Reason:
    """A sentence: a message id whose placeholders `values` fill, or one of two, `many` for other counts than one.

    The value `reason` is a message id; `names` are quoted in place of the placeholder of that name.
    """

    sentence: str
    values: dict[str, Any] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    many: str = ""
    count: int = 0


@dataclass
class Explanation:
    """A reply's trace, its reasons, and which of the rows that it names are still there."""

    trace: Trace
    reasons: list[Reason]
    source_ids: set[str]
    script_ids: set[str]
    agent_id: str  # "" if the agent is deleted


def explain(session: Transaction, who: Identity, reply_id: str) -> Explanation | None:
    """Return the explanation of a reply, or None if no trace of it is stored."""
    trace = conversations.get_trace(session, who, reply_id)
    if trace is None:
        return None
    reply = session.exec(owned(Message, who.tenant_id).where(Message.id == reply_id)).one()
    sources = {passage["source_id"] for passage in trace.data.get("passages", [])}
    scripts = {script["script_id"] for script in trace.data.get("scripts", [])}
    agents = _existing(session, who, Agent, {trace.agent_id})
    return Explanation(
        trace,
        list_reasons(trace.data, reply),
        _existing(session, who, Source, sources),
        _existing(session, who, Script, scripts),
        trace.agent_id if agents else "",
    )


def _existing(
    session: Transaction, who: Identity, model: type[Source] | type[Script] | type[Agent], ids: set[str]
) -> set[str]:
    """Return those of some ids whose rows are there and not deleted."""
    if not ids:
        return set()
    query = owned(model, who.tenant_id).where(col(model.id).in_(ids), col(model.deleted_at).is_(None))
    return set(session.exec(query.with_only_columns(model.id)).all())


def list_reasons(data: Mapping[str, Any], reply: Message) -> list[Reason]:
    """Return why a reply came out as it did: what decided first, then what it stands on and what became of it."""
    ended = _interruption(data, reply)
    if ended and not reply.text:
        return [ended]
    if data.get("spent_budget") or _unread(data) or data.get("conduct") == LineOutcome.HAND_OVER:
        return [ended] if ended else []
    basis = [_sources(data), *_scripts(data), _tools(data)]
    if data.get("no_answer"):
        basis.append(Reason("The agent said that it has no answer."))
    told = [reason for reason in (ended, *basis, *_figures(data), _ending(reply)) if reason is not None]
    return told or [Reason("It follows the agent’s instructions alone.")]


def _interruption(data: Mapping[str, Any], reply: Message) -> Reason | None:
    """Return what prevented the agent's own reply, or None."""
    if budget := data.get("spent_budget"):
        return Reason("The budget “{name}” is used up: the agent said so and handed over.", {"name": str(budget)})
    if unread := _unread(data):
        return Reason(_UNREAD[unread])
    if data.get("conduct") == LineOutcome.HAND_OVER:
        return Reason(
            "A line of the must and never list was broken: a person was asked to take over in place of the reply."
        )
    if reply.state == MessageState.FAILED:
        return Reason("There is no reply: {reason}", {"reason": reply.error})
    if reply.state == MessageState.PARTIAL:
        return Reason("The reply broke off: {reason}", {"reason": reply.error})
    return None


def _unread(data: Mapping[str, Any]) -> str:
    """Return the kind of attachments because of which the agent handed over, "" if it did not."""
    return str(data.get("media", {}).get("unread", ""))


def _sources(data: Mapping[str, Any]) -> Reason | None:
    """Return what the search of the knowledge gave the reply; None if that is no reason."""
    passages = data.get("passages", [])
    cited = list(dict.fromkeys(passage["source_title"] for passage in passages if passage.get("cited")))
    given = sum(bool(passage["used"]) for passage in passages)
    if cited:
        return Reason(
            "It is based on {count} source above the threshold: {names}.",
            names=cited[:MAX_NAMED],
            many="It is based on {count} sources above the threshold: {names}.",
            count=len(cited),
        )
    if given:
        return Reason(
            "{count} passage above the threshold was given to the model, and the reply cites none.",
            many="{count} passages above the threshold were given to the model, and the reply cites none.",
            count=given,
        )
    if passages:
        return Reason("No passage reached the threshold, so no source was given to the model.")
    if data.get("settings", {}).get("knowledge") == KnowledgeScope.NONE:
        return Reason("This agent uses no knowledge.")
    if not data.get("search"):
        return Reason("Nothing was searched for: the message asks no question.")
    return Reason("Nothing was found in the knowledge base.")


def _scripts(data: Mapping[str, Any]) -> list[Reason]:
    """Return the guided script and the scripts that the reply follows."""
    guided = data.get("guided") or {}
    used = [script["title"] for script in data.get("scripts", []) if script.get("used")]
    used = [title for title in used if title != guided.get("title")]
    reasons = [Reason("It follows the guided script {names}.", names=[guided["title"]])] if guided else []
    if used:
        reasons.append(Reason("Scripts used: {names}.", names=used[:MAX_NAMED]))
    return reasons


def _tools(data: Mapping[str, Any]) -> Reason | None:
    done = list(dict.fromkeys(call["name"] for call in data.get("tools", []) if call["state"] == "done"))
    return Reason("Tools used: {names}.", names=done[:MAX_NAMED]) if done else None


def _figures(data: Mapping[str, Any]) -> list[Reason]:
    """Return what was found about the reply's figures."""
    figures, before = data.get("figures", []), data.get("rewritten_figures", [])
    reasons = []
    if before:
        sentence = "It was rewritten: its first text had figures without a source: {figures}."
        reasons.append(Reason(sentence, {"figures": "; ".join(before)}))
    if figures:
        reasons.append(Reason("Figures without a source: {figures}.", {"figures": "; ".join(figures)}))
    return reasons


def _ending(reply: Message) -> Reason | None:
    """Return what became of a written reply, unless it was simply sent."""
    if reply.state != MessageState.TO_APPROVE:
        return Reason(_ENDINGS[reply.state]) if reply.state in _ENDINGS else None
    if reply.gate.get("tool_call"):
        return Reason("It waits for a decision about the tool {names}.", names=[str(reply.gate.get("tool", ""))])
    if reply.gate.get("unfounded"):
        return Reason("It waits for approval: it says that something was done, but the agent has done nothing.")
    if reply.gate.get("figures"):
        return Reason("It waits for approval because of its figures without a source.")
    return Reason("It waits for approval: the agent’s settings have replies checked before sending.")
