"""Agent tools: what the form of an agent shows of the tools that it may use."""

from dataclasses import dataclass

from platform_app.db import Transaction
from platform_app.i18n import translate
from platform_app.models.agent import AgentSettings
from platform_app.models.person import Identity
from platform_app.models.tool_call import ToolMode
from platform_app.services.chat import agent_tools


@dataclass
class ToolLine:
    """A tool, and whether the agent may use it: a value of ToolMode."""

    name: str
    label: str
    note: str
    mode: str


def tool_lines(session: Transaction, who: Identity, own: AgentSettings, language: str) -> list[ToolLine]:
    """Return the tools that an agent can be given, each with its mode."""
    return [
        ToolLine(
            offer.name,
            translate(language, offer.label),
            translate(language, offer.note) if offer.note else "",
            own.tools.get(offer.name, ToolMode.NEVER).value,
        )
        for offer in agent_tools.offers(session, who.tenant_id)
    ]
