"""Tools: what a program may do by MCP, each an operation of the API with its scope and role."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mcp_types import Tool, ToolAnnotations

from platform_app.api.rest import agents, articles, conversations, knowledge, request_bodies, scripts, server
from platform_app.api.rest.operations import ID_PATTERN, OPERATIONS, Call, Operation
from platform_app.errors import Invalid
from platform_app.services.api_keys.api_keys import KeyHolder


@dataclass(frozen=True)
class ApiTool:
    """An operation as a tool."""

    name: str
    description: str
    run: Callable[[Call], Any]
    fixed: tuple[str, Any] | None = None  # a field that the tool sets itself, with its value

    @property
    def operation(self) -> Operation:
        """The declaration of the operation."""
        return next(one for one in OPERATIONS if one.run is self.run)

    def described(self) -> Tool:
        """Return the description for clients."""
        one = self.operation
        properties: dict[str, Any] = {name: {"type": "string", "pattern": ID_PATTERN} for name in one.id_names}
        required, definitions = list(one.id_names), dict[str, Any]()
        for model in (one.query, one.body):
            schema = model.model_json_schema() if model else {}
            properties |= schema.get("properties", {})
            required += schema.get("required", [])
            definitions |= schema.get("$defs", {})
        if self.fixed:
            del properties[self.fixed[0]]
        schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
        schema |= {"$defs": definitions} if definitions else {}
        hints = ToolAnnotations(read_only_hint=not one.changes, destructive_hint=False)
        return Tool(name=self.name, description=self.description, input_schema=schema, annotations=hints)

    async def call(self, holder: KeyHolder, given: dict[str, Any]) -> str:
        """Carry out the operation and return its answer as JSON.

        Raises Refusal if the values do not fit, and what the operation raises.
        """
        one = self.operation
        given = request_bodies.parse_json(json.dumps(given).encode())
        if self.fixed and self.fixed[0] in given:
            raise Invalid("Field not found.", field=self.fixed[0])
        given |= dict([self.fixed]) if self.fixed else {}
        ids = {name: _id(given.pop(name, None), name) for name in one.id_names}
        names = set(one.query.model_fields)
        query = request_bodies.validate_body(one.query, {name: given.pop(name) for name in names & given.keys()})
        body = request_bodies.validate_body(one.body, given) if one.body else None
        if one.body is None and given:
            raise Invalid("Field not found.", field=next(iter(given)))
        _, text, _ = await asyncio.to_thread(server.run, one, holder, (ids, query, body), ("", ""))
        return text


def _id(value: Any, name: str) -> str:
    if not isinstance(value, str) or not server.ID.fullmatch(value):
        raise Invalid("This value isn’t allowed.", field=name)
    return value


TOOLS = {
    one.name: one
    for one in (
        ApiTool("list_conversations", "List conversations, the newest first.", conversations.list_conversations),
        ApiTool("get_conversation", "Read a conversation without its messages.", conversations.get_conversation),
        ApiTool("list_messages", "Read the messages of a conversation, the newest first.", conversations.list_messages),
        ApiTool("search_knowledge", "Search the passages that answer a question.", knowledge.search_knowledge),
        ApiTool("list_sources", "List the documents of the knowledge.", knowledge.list_sources),
        ApiTool("list_articles", "List the articles of the knowledge, the newest first.", articles.list_articles),
        ApiTool("get_article", "Read an article with its draft and its published text.", articles.get_article),
        ApiTool("list_agents", "List agents.", agents.list_agents),
        ApiTool("get_agent", "Read an agent with its instructions.", agents.get_agent),
        ApiTool(
            "propose_instructions",
            "Propose instructions for an agent: they are stored in its draft, and members publish them.",
            agents.change_agent_draft,
        ),
        ApiTool(
            "propose_article",
            "Propose an article for the knowledge: it is stored as a draft, and members publish it.",
            articles.create_article,
        ),
        ApiTool(
            "propose_article_change",
            "Propose a change of an article: it is stored in its draft, and members publish it.",
            articles.change_article_draft,
        ),
        ApiTool(
            "propose_script",
            "Propose a sales script: it is stored switched off, and members switch it on.",
            scripts.create_script,
            fixed=("enabled", False),
        ),
    )
}
