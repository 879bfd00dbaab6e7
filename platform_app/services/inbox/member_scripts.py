"""Member scripts: the scripts that a member may insert into a message, with their variables filled."""

from dataclasses import dataclass

from platform_app.automation import text_templates
from platform_app.db import Transaction
from platform_app.errors import NotFound
from platform_app.fact_snapshots import conversation_facts
from platform_app.models.person import Identity
from platform_app.models.script import ScriptKind
from platform_app.services.chat import conversation_rows
from platform_app.services.chat.pending_replies import agent_settings
from platform_app.services.scripts import scripts

MAX_SCRIPTS = 200


@dataclass(frozen=True)
class MemberScript:
    """A script that can be inserted."""

    id: str
    title: str
    kind: ScriptKind
    text: str


def list_for(session: Transaction, who: Identity, conversation_id: str) -> list[MemberScript]:
    """Return the enabled scripts with a text of a conversation's agent and of all agents, in order.

    Raises NotFound if there is no such conversation.
    """
    row = conversation_rows.get(session, who, conversation_id)
    found = [one for one in scripts.list_scripts(session, who, row.agent_id) if one.enabled and one.text.strip()]
    return [MemberScript(one.id, one.title, one.kind, one.text) for one in found[:MAX_SCRIPTS]]


def fill(session: Transaction, who: Identity, conversation_id: str, script_id: str) -> str:
    """Return the text of a script with its variables filled from a conversation.

    Raises NotFound if there is no such conversation, or no such script for it, and Invalid if the text has a mistake.
    """
    row = conversation_rows.get(session, who, conversation_id)
    found = next((one for one in list_for(session, who, conversation_id) if one.id == script_id), None)
    if found is None:
        raise NotFound("Script not found.")
    facts, _ = conversation_facts(session, row, agent_settings(session, row).name, row.last_line)
    return text_templates.render(found.text, facts).strip()
