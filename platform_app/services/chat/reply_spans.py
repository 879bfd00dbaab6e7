"""Reply spans: the span of an agent's reply, by the semantic conventions for agents, without any text."""

from contextvars import Context

from platform_app.llm.model_spans import provider_name
from platform_app.services.chat.reply_context import ReplyContext
from platform_app.tracing import spans


def begin(work: ReplyContext) -> Context:
    """Begin the span of a reply; return the context in which its prompt is prepared and its model asked."""
    work.span = spans.begin(
        "invoke_agent",
        attributes={
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.id": work.conversation.agent_id,
            "gen_ai.agent.version": str(work.version or "draft"),
            "platform.message.id": work.reply_id,
            "platform.reply.trigger": work.trigger,
        },
    )
    work.span.share(spans.TENANT, work.tenant_id)
    work.span.share(spans.AGENT, work.conversation.agent_id)
    work.span.share(spans.CONVERSATION, work.conversation.id)
    return work.span.context()


def end(work: ReplyContext) -> None:
    """End the span of a reply, with what was used at last."""
    work.span.set("gen_ai.request.model", work.model)
    if work.model:
        work.span.set("gen_ai.provider.name", provider_name(work.provider))
    work.span.end()
