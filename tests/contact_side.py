"""Contact side: what a contact and automation do in conversations of a running platform, in a process of its own.

`python -m tests.contact_side begin NAME [approval]` prints the id of a new conversation; `write ID TEXT` prints the
agent's reply, or an empty line; `automation ID TEXT` sends a message of a rule.
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import psutil

from platform_app.db import session_scope
from platform_app.models.agent import Channel
from platform_app.models.conversation import MessageState
from platform_app.models.person import Identity
from platform_app.services.accounts import members
from platform_app.services.agents import agents
from platform_app.services.chat import agent_messages, conversations, replies
from platform_app.services.crm import contacts
from tests.talking import row

SETTINGS = {"knowledge": "none", "channels": ["api"]}


def run(folder: Path, *arguments: str) -> str:
    """Run this module for the platform that keeps its data in a folder; return what it prints, without the log."""
    asked = subprocess.run(
        [sys.executable, "-m", "tests.contact_side", *arguments],
        env=_environment(folder),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert asked.returncode == 0, asked.stderr[-2_000:]
    return asked.stdout.rstrip("\n").rsplit("\n", 1)[-1]


def _environment(folder: Path) -> dict[str, str]:
    """Return the environment in which the platform's worker runs."""
    for process in psutil.process_iter():
        try:
            found = process.environ()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if found.get("PLATFORM_DATA_DIR") == str(folder) and "PLATFORM_REDIS_URL" in found:
            return found | {"PATH": os.environ["PATH"]}
    raise AssertionError(f"no platform runs in {folder}")


def begin(who: Identity, name: str, approval: str = "") -> str:
    """Begin a conversation of a new contact with a new agent; return its id."""
    with session_scope(who.tenant_id) as session:
        settings = SETTINGS | {"name": f"Agent of {name}", "check_before_sending": bool(approval)}
        agent = agents.create(session, who, settings)
        agents.publish(session, who, agent.id, switch_on=True)
        contact = contacts.create(session, who, name=name)
        made = conversations.create_for_contact(session, who, agent.id, contact.id, channel=Channel.API)
        return made.id


def write(who: Identity, conversation_id: str, text: str) -> str:
    """Write as the contact; return the reply of the agent, or ""."""
    with session_scope(who.tenant_id) as session:
        _, reply = conversations.receive(session, who, conversation_id, text)
    if reply is None:
        return ""

    async def stream() -> None:
        async for _ in replies.stream(who.tenant_id, reply.id):
            pass

    asyncio.run(stream())
    written = row(who, reply)
    return written.text if written.state in (MessageState.COMPLETE, MessageState.TO_APPROVE) else ""


def automation(who: Identity, conversation_id: str, text: str) -> str:
    """Send a message as a rule called Reminder; return its state."""
    with session_scope(who.tenant_id) as session:
        by = members.automation_identity(session, who.tenant_id, "Reminder")
        return agent_messages.send_message(session, by, conversation_id, text).state.value


def main() -> None:
    """Do what the arguments say and print the result."""
    with session_scope(reason="tests", read_only=True) as session:
        who = members.get_owner(session, "demo")
    print({"begin": begin, "write": write, "automation": automation}[sys.argv[1]](who, *sys.argv[2:]))


if __name__ == "__main__":
    main()
