"""Tool turns: the rounds of tool calls of a reply, and how one goes on after a person has decided."""

from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import Conflict, Invalid
from platform_app.jobs import Reply, enqueue
from platform_app.llm import action_claims
from platform_app.llm.client import ModelResult
from platform_app.llm.reply_text import to_storable
from platform_app.models.conversation import Conversation, Message, MessageState
from platform_app.models.person import Identity
from platform_app.models.tool_call import ToolCall, ToolCallState
from platform_app.services.chat import agent_tools, conversation_rows, reply_store, sending, tool_calls
from platform_app.services.chat.agent_tools import ToolPlan
from platform_app.services.chat.model_calls import ModelCall
from platform_app.services.chat.reply_context import ReplyContext


class ReplyParked(Exception):
    """The reply waits for a person to decide on a tool call, or is no longer written by this process."""


def load(work: ReplyContext) -> None:
    """Read the tools that the agent may use and the calls that were made for this reply; make those not yet made.

    Raises ReplyParked if one waits for a person.
    """
    with session_scope(work.tenant_id, read_only=True) as session:
        if work.settings.tools and not work.is_suggestion:
            work.tools = tuple(agent_tools.definitions(session, work.conversation, work.settings))
        work.facts.has_tools = bool(work.tools)
        is_begun = bool(tool_calls.list_calls(session, _reply(session, work)))
    if is_begun:
        _process(work)


def perform(work: ReplyContext) -> None:
    """Store the calls that the model has asked for, and make them in order.

    Raises ReplyParked if one waits for a person: the reply then stands among those that wait for approval.
    """
    asked, work.outcome.tool_requests = work.outcome.tool_requests, []
    with session_scope(work.tenant_id) as session:
        reply = _locked_reply(session, work)
        tool_calls.add_calls(session, reply, asked, round=work.tool_round)
    work.calls.append(ModelCall("reply", work.provider, work.model, work.outcome, messages=work.messages))
    work.outcome, work.raw_text = ModelResult(), ""
    _process(work)


def _process(work: ReplyContext) -> None:
    """Make the calls that are new, one transaction each, until one waits for a person."""
    while True:
        with session_scope(work.tenant_id) as session:
            conversation = conversation_rows.lock(session, work.tenant_id, work.conversation.id)
            reply = _locked_reply(session, work)
            calls = tool_calls.list_calls(session, reply)
            call = next((found for found in calls if found.state not in tool_calls.FINISHED), None)
            if call is None:
                work.tool_messages = tool_calls.as_messages(calls)
                work.tool_round = max((found.round for found in calls), default=-1) + 1
                return
            if call.state == ToolCallState.NEW:
                tool_calls.process(session, conversation, call, work.settings)
            is_parked = call.state == ToolCallState.WAITING
            if is_parked:
                _park(session, conversation, reply, call=call, work=work)
            is_outside = call.state in (ToolCallState.APPROVED, ToolCallState.CALLING)
            planned = tool_calls.begin(session, conversation, call) if is_outside else None
        if is_parked:
            raise ReplyParked
        if planned is not None:
            _call_outside(work, call, planned)


def _call_outside(work: ReplyContext, call: ToolCall, planned: ToolPlan) -> None:
    """Call another system outside any transaction, and store what became of it."""
    outcome = tool_calls.make_outside(call, planned)
    with session_scope(work.tenant_id) as session:
        query = owned(ToolCall, work.tenant_id).where(ToolCall.id == call.id).with_for_update()
        tool_calls.record(session.exec(query).one(), outcome)


def _park(
    session: Transaction, conversation: Conversation, reply: Message, *, call: ToolCall, work: ReplyContext
) -> None:
    """Put a reply among those that wait for approval, with the arguments of the call as its text."""
    sending.request_approval(session, conversation, reply)
    reply.text = call.arguments
    reply.gate = {
        "tool_call": call.id,
        "tool": call.name,
        "sentence": call.sentence,
        "values": call.values,
        "calls": [*work.earlier_calls, *(done.as_json() for done in work.calls)],
    }


def has_to_retell(work: ReplyContext) -> bool:
    """Return whether a reply is to be written once more: it says that something was done, and no call has done it.

    If the second one says so too, it is marked, and waits for a person instead of being sent.
    """
    if not work.tools or work.facts.is_task or not action_claims.claims_action(work.outcome.text):
        return False
    with session_scope(work.tenant_id, read_only=True) as session:
        if tool_calls.has_done_any(session, work.conversation):
            return False
    if work.is_retold:
        work.is_unfounded = True
        return False
    work.is_retold = True
    work.tool_messages += [
        {"role": "assistant", "content": work.outcome.text},
        {"role": "user", "content": action_claims.RETELL},
    ]
    work.calls.append(ModelCall("reply", work.provider, work.model, work.outcome, messages=work.messages))
    work.outcome, work.raw_text = ModelResult(), ""
    return True


def _reply(session: Transaction, work: ReplyContext) -> Message:
    reply: Message = session.exec(owned(Message, work.tenant_id).where(Message.id == work.reply_id)).one()
    return reply


def _locked_reply(session: Transaction, work: ReplyContext) -> Message:
    """Return the locked row of the reply. Raises ReplyParked if it is no longer to be written."""
    query = owned(Message, work.tenant_id).where(Message.id == work.reply_id).with_for_update()
    reply: Message | None = session.exec(query).first()
    if reply is None or reply.replaced or reply.state != MessageState.STREAMING:
        raise ReplyParked
    return reply


def approve(session: Transaction, who: Identity, row: Conversation, reply: Message, *, arguments: str) -> None:
    """Make the call that a reply waits for, with the arguments as they are or as a member changed them; go on.

    The call is made in this transaction, which also queues the rest of the reply. Raises Invalid if the arguments are
    not a JSON object, Conflict if the call was decided meanwhile.
    """
    call = _waiting_call(session, reply)
    changed = to_storable(arguments).strip()
    if changed and changed != call.arguments:
        agent_tools.parse_arguments(changed)
        call.arguments = changed
        call.key = tool_calls.call_key(call.answers_id, call.name, changed)
    tool_calls.make(session, row, call)
    if call.state == ToolCallState.FAILED:
        raise Invalid(call.sentence, **call.values)
    _queue_rest(session, who, row, reply, call=call)


def refuse(session: Transaction, who: Identity, row: Conversation, reply: Message, *, reason: str) -> None:
    """Refuse the call that a reply waits for; the agent is told so and goes on. Raises Conflict if it was decided."""
    call = _waiting_call(session, reply)
    tool_calls.refuse(call, to_storable(reason).strip()[:1_000])
    _queue_rest(session, who, row, reply, call=call)


def _waiting_call(session: Transaction, reply: Message) -> ToolCall:
    query = owned(ToolCall, reply.tenant_id).where(ToolCall.id == str(reply.gate.get("tool_call", "")))
    call: ToolCall | None = session.exec(query.with_for_update()).first()
    if call is None or call.state != ToolCallState.WAITING:
        raise Conflict("This was already decided.")
    return call


def _queue_rest(session: Transaction, who: Identity, row: Conversation, reply: Message, *, call: ToolCall) -> None:
    """Queue the rest of a reply after a decision."""
    call.decided_by = who.name
    reply.gate = {"calls": reply.gate.get("calls", [])}
    reply.text = ""
    reply.state, reply.due_at = MessageState.DELAYED, now()
    payload = Reply(conversation_id=row.id, message_id=reply.id)
    enqueue(session, row.tenant_id, payload, dedupe_key=f"reply:{reply.id}:{call.id}")  # the first job is done
    conversation_rows.publish_change(session, row)


def store_parked(work: ReplyContext) -> None:
    """Leave a parked reply as it is; one that a member stopped or took over meanwhile is stored so."""
    reply_store.store_if_stopped(work)
