"""Knowledge tool: the search over the knowledge that an agent may read, as a tool of its own."""

from typing import Any

from platform_app.db import Transaction
from platform_app.errors import Invalid
from platform_app.llm.model_request import ToolDefinition
from platform_app.llm.prompts import escape_sections
from platform_app.models.agent import KnowledgeScope
from platform_app.models.conversation import Conversation
from platform_app.rag.retrieval import retrieve
from platform_app.services.agents import agents
from platform_app.services.chat import agent_tools
from platform_app.services.chat.agent_tools import ToolOffer, ToolPlan
from platform_app.services.embedding import rerankers
from platform_app.services.knowledge import categories

NAME = "search_knowledge"
MAX_QUERY_CHARS = 500
NOTHING = "Nothing was found."
_SCHEMA = {
    "type": "object",
    "properties": {"query": {"type": "string", "description": "What to look for, in a few words"}},
    "required": ["query"],
    "additionalProperties": False,
}


class KnowledgeTool:
    """The search over the knowledge of an agent, as a source of tools."""

    def offers(self, session: Transaction, tenant_id: str) -> list[ToolOffer]:
        """Return the search."""
        note = "Beside the search that is made for each message: the agent looks again, in its own words."
        return [ToolOffer(NAME, "Search the knowledge", note, "search")]

    def define(self, session: Transaction, conversation: Conversation, name: str) -> ToolDefinition | None:
        """Return what the model is told of the search, or None if the agent may read no knowledge."""
        if name != NAME or self._categories(session, conversation) == []:
            return None
        return ToolDefinition(name, "Search the documents of the company for facts.", _SCHEMA)

    def plan(
        self, session: Transaction, conversation: Conversation, name: str, arguments: dict[str, Any]
    ) -> ToolPlan | None:
        """Return the plan of a search. Raises Invalid without a query."""
        if name != NAME:
            return None
        query = arguments.get("query")
        if not isinstance(query, str) or not query.strip():
            raise Invalid("The argument {name} is missing.", name="query")
        text, tenant_id = query.strip()[:MAX_QUERY_CHARS], conversation.tenant_id
        shelves = self._categories(session, conversation)
        if shelves == []:
            raise Invalid(agent_tools.NOT_ALLOWED)
        return ToolPlan(
            "Search for “{text}”", {"text": text}, call=lambda key: _search(tenant_id, text, shelves), is_reading=True
        )

    @staticmethod
    def _categories(session: Transaction, conversation: Conversation) -> list[str] | None:
        """Return the categories that the agent may read; None for all, [] for none."""
        own, _ = agents.effective_settings(
            session, conversation.tenant_id, conversation.agent_id, draft=conversation.use_draft
        )
        if own.knowledge == KnowledgeScope.ALL:
            return None
        if own.knowledge == KnowledgeScope.NONE:
            return []
        return categories.with_descendants(session, conversation.tenant_id, own.categories)


def _search(tenant_id: str, text: str, shelves: list[str] | None) -> str:
    passages = retrieve(tenant_id, text, categories=shelves, rerank=rerankers.of_tenant(tenant_id)).passages
    told = [escape_sections(f"{passage.source_title}\n{passage.text}") for passage in passages]
    return "\n\n".join(told) or NOTHING


def register_tools() -> None:
    """Register the search as a tool of agents in this process."""
    if not any(isinstance(source, KnowledgeTool) for source in agent_tools.SOURCES):
        agent_tools.SOURCES.append(KnowledgeTool())
