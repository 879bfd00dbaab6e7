"""Tool calls: calls of tools while a reply is written: stored, made once, parked until a person decides."""

import hashlib
import json
from datetime import timedelta
from typing import Any

from sqlalchemy import func
from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.errors import PlatformError
from platform_app.events import Cause, set_cause
from platform_app.i18n import translate
from platform_app.llm.model_request import ToolRequest
from platform_app.llm.reply_text import to_storable
from platform_app.models.agent import AgentSettings
from platform_app.models.conversation import Conversation, Message
from platform_app.models.tool_call import ToolCall, ToolCallState, ToolMode
from platform_app.services.chat import agent_tools
from platform_app.services.chat.agent_tools import MAX_ARGUMENT_CHARS, MAX_RESULT_CHARS, NOT_ALLOWED, ToolPlan
from platform_app.services.chat.tool_spans import tool_span

MAX_ROUNDS = 6  # requests to the model that may ask for tools, for one reply
LIMIT_REACHED = "The agent reached its limit of tool calls for this conversation and day."
REFUSED = "A person refused this."
UNKNOWN = "It is not known whether this was done: the connection ended. A person has to look."
FINISHED = (ToolCallState.DONE, ToolCallState.FAILED, ToolCallState.REFUSED)


def list_calls(session: Transaction, reply: Message) -> list[ToolCall]:
    """Return the calls of a reply in the order in which the model asked for them."""
    query = owned(ToolCall, reply.tenant_id).where(ToolCall.reply_id == reply.id)
    return list(session.exec(query.order_by(col(ToolCall.round), col(ToolCall.place))).all())


def add_calls(session: Transaction, reply: Message, asked: list[ToolRequest], *, round: int) -> list[ToolCall]:
    """Store the calls that the model asks for in a round."""
    rows = [_new_call(reply, request, round, place) for place, request in enumerate(asked)]
    session.add_all(rows)
    session.flush()
    return rows


def _new_call(reply: Message, request: ToolRequest, round: int, place: int) -> ToolCall:
    name, arguments = to_storable(request.name)[:100], to_storable(request.arguments)[: MAX_ARGUMENT_CHARS + 1]
    answers = reply.answers_id or reply.id
    return ToolCall(
        tenant_id=reply.tenant_id,
        reply_id=reply.id,
        conversation_id=reply.conversation_id,
        answers_id=answers,
        round=round,
        place=place,
        call_id=to_storable(request.call_id)[:200] or f"call-{round}-{place}",
        name=name,
        arguments=arguments,
        key=call_key(answers, name, arguments),
    )


def call_key(answers_id: str, name: str, arguments: str) -> str:
    """Return a key that is equal for equal calls in answer to the same message."""
    try:
        canonical = json.dumps(json.loads(arguments or "{}"), sort_keys=True)
    except (ValueError, RecursionError):
        canonical = arguments
    return hashlib.sha256(f"{answers_id}|{name}|{canonical}".encode("utf-8", "replace")).hexdigest()


def process(session: Transaction, conversation: Conversation, call: ToolCall, settings: AgentSettings) -> None:
    """Make a new call, or let it wait for a person; its row tells what became of it.

    A call that was made before in answer to the same message is not made again: its result is told once more.
    """
    mode = agent_tools.mode_of(settings, call.name)
    if mode == ToolMode.NEVER:
        _finish(call, ToolCallState.REFUSED, NOT_ALLOWED, {})
    elif (earlier := _same_call(session, call)) is not None:
        _finish(call, ToolCallState.DONE, earlier.sentence, earlier.values, result=earlier.result)
    elif _count_today(session, call) >= settings.tool_limit:
        _finish(call, ToolCallState.REFUSED, LIMIT_REACHED, {})
    elif mode == ToolMode.ASK:
        _park(session, conversation, call)
    else:
        make(session, conversation, call)


def make(session: Transaction, conversation: Conversation, call: ToolCall) -> None:
    """Do what a call asks for in this transaction, in a savepoint; store what it did, or why it could not.

    A call to another system is left in state APPROVED: `begin` and `make_outside` make it.
    """
    try:
        planned = agent_tools.plan(session, conversation, call.name, call.arguments)
        result = None
        if planned.apply is not None:
            with tool_span(call), session.savepoint():
                set_cause(session, Cause("", 1, None, None))
                result = planned.apply(session)
    except PlatformError as error:
        _finish(call, ToolCallState.FAILED, error.sentence, error.values)
        return
    if planned.call is not None:
        call.state, call.sentence, call.values = ToolCallState.APPROVED, planned.sentence, dict(planned.values)
        return
    _finish(call, ToolCallState.DONE, planned.sentence, dict(planned.values), result=result or "")


def begin(session: Transaction, conversation: Conversation, call: ToolCall) -> ToolPlan | None:
    """Store that another system is being called, and return the plan; None if the call may not be made.

    One that was being made when its process died is made again if it changes nothing, else its outcome is unknown.
    """
    try:
        planned = agent_tools.plan(session, conversation, call.name, call.arguments)
    except PlatformError as error:
        _finish(call, ToolCallState.FAILED, error.sentence, error.values)
        return None
    if call.state == ToolCallState.CALLING and not planned.is_reading:
        _finish(call, ToolCallState.FAILED, UNKNOWN, {})
        return None
    call.state = ToolCallState.CALLING
    return planned


def make_outside(call: ToolCall, planned: ToolPlan) -> tuple[ToolCallState, str, dict[str, Any], str]:
    """Call another system; return what became of it: the state, a message id, its values and the result."""
    assert planned.call is not None
    try:
        with tool_span(call):
            result = planned.call(call.key)
    except PlatformError as error:
        return ToolCallState.FAILED, error.sentence, dict(error.values), ""
    return ToolCallState.DONE, planned.sentence, dict(planned.values), result


def record(call: ToolCall, outcome: tuple[ToolCallState, str, dict[str, Any], str]) -> None:
    """Store what became of a call to another system."""
    state, sentence, values, result = outcome
    _finish(call, state, sentence, values, result=result)


def refuse(call: ToolCall, reason: str) -> None:
    """Store that a person refused a call, with the reason."""
    _finish(call, ToolCallState.REFUSED, REFUSED, {}, result=reason)


def dry_run(session: Transaction, conversation: Conversation, call: ToolCall) -> ToolPlan:
    """Return what a call would do. Raises PlatformError if it cannot be done."""
    return agent_tools.plan(session, conversation, call.name, call.arguments)


def _park(session: Transaction, conversation: Conversation, call: ToolCall) -> None:
    """Let a call wait for a person, with what it would do; one that cannot be done fails at once."""
    try:
        planned = dry_run(session, conversation, call)
    except PlatformError as error:
        _finish(call, ToolCallState.FAILED, error.sentence, error.values)
        return
    call.state, call.sentence, call.values = ToolCallState.WAITING, planned.sentence, dict(planned.values)


def _finish(call: ToolCall, state: ToolCallState, sentence: str, values: dict[str, Any], *, result: str = "") -> None:
    call.state, call.sentence, call.finished_at = state, sentence[:300], now()
    call.values = {name: str(value)[:500] for name, value in values.items()}
    call.result = to_storable(result)[:MAX_RESULT_CHARS]


def _same_call(session: Transaction, call: ToolCall) -> ToolCall | None:
    query = owned(ToolCall, call.tenant_id).where(
        ToolCall.key == call.key, ToolCall.state == ToolCallState.DONE, ToolCall.id != call.id
    )
    earlier: ToolCall | None = session.exec(query.limit(1)).first()
    return earlier


def has_done_any(session: Transaction, conversation: Conversation) -> bool:
    """Return whether a call did something in a conversation within a day."""
    query = owned(ToolCall, conversation.tenant_id).where(
        ToolCall.conversation_id == conversation.id,
        ToolCall.state == ToolCallState.DONE,
        col(ToolCall.finished_at) > now() - timedelta(days=1),
    )
    return session.exec(query.limit(1)).first() is not None


def _count_today(session: Transaction, call: ToolCall) -> int:
    query = owned(ToolCall, call.tenant_id).where(
        ToolCall.conversation_id == call.conversation_id,
        ToolCall.state == ToolCallState.DONE,
        col(ToolCall.finished_at) > now() - timedelta(days=1),
    )
    return int(session.exec(query.with_only_columns(func.count())).one())


def as_messages(calls: list[ToolCall]) -> list[dict[str, Any]]:
    """Return finished calls as messages for the model: each round as it asked, then the results."""
    messages: list[dict[str, Any]] = []
    for round in sorted({call.round for call in calls}):
        of_round = [call for call in calls if call.round == round]
        asked = [
            {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": _as_object(call)}}
            for call in of_round
        ]
        messages.append({"role": "assistant", "content": "", "tool_calls": asked})
        messages += [{"role": "tool", "tool_call_id": call.call_id, "content": told(call)} for call in of_round]
    return messages


def _as_object(call: ToolCall) -> str:
    """Return the arguments as JSON of an object: providers refuse others in a history."""
    try:
        return json.dumps(agent_tools.parse_arguments(call.arguments), ensure_ascii=False)
    except PlatformError:
        return "{}"


def told(call: ToolCall) -> str:
    """Return the result of a call as the model is told it."""
    prefix = {ToolCallState.DONE: "Done", ToolCallState.FAILED: "Failed, nothing was done"}
    sentence = translate("en", call.sentence, **call.values)
    text = f"{prefix.get(call.state, 'Refused, nothing was done')}: {sentence}"
    return f"{text}\n{call.result}" if call.result else text


def as_json(call: ToolCall) -> dict[str, Any]:
    """Return a call as a trace stores it."""
    return {
        "name": call.name,
        "arguments": call.arguments[:4_000],
        "state": call.state.value,
        "sentence": call.sentence,
        "values": call.values,
        "result": call.result[:2_000],
        "decided_by": call.decided_by,
    }
