"""Contact side: what a contact and automation do in conversations of a running platform, in a process of its own.

The process has the environment of the platform's worker, stays until `stop`, and takes one request on each line:
`["begin", NAME]` or `["begin", NAME, "approval"]` gives the id of a new conversation, `["write", ID, TEXT]` the agent's
reply or "", `["automation", ID, TEXT]` sends a message of a rule and gives its state, `["hand_over", ID]` hands it to a
person, `["writing", ID]` shows that the contact is writing.
"""

import asyncio
import json
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
from platform_app.services.chat import agent_messages, conversations, hand_off, replies
from platform_app.services.crm import contacts
from platform_app.services.inbox import presence
from tests.talking import row

SETTINGS = {"knowledge": "none", "channels": ["api"]}


_processes: dict[Path, "subprocess.Popen[str]"] = {}  # by data folder


def run(folder: Path, *arguments: str) -> str:
    """Do something for the platform that keeps its data in a folder; return what comes of it."""
    process = _processes.get(folder)
    if process is None or process.poll() is not None:
        process = _processes[folder] = subprocess.Popen(
            [sys.executable, "-m", "tests.contact_side"],
            env=_environment(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    assert process.stdin and process.stdout
    process.stdin.write(json.dumps(arguments) + "\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    assert answer, f"{arguments} ended the process with {process.wait(10)}"
    return str(json.loads(answer))


def stop(folder: Path) -> None:
    """End the process of a platform, if there is one."""
    if process := _processes.pop(folder, None):
        process.communicate(timeout=20)


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


def write(runner: asyncio.Runner, who: Identity, conversation_id: str, text: str) -> str:
    """Write as the contact; return the reply of the agent, or ""."""
    with session_scope(who.tenant_id) as session:
        _, reply = conversations.receive(session, who, conversation_id, text)
    if reply is None:
        return ""

    async def stream() -> None:
        async for _ in replies.stream(who.tenant_id, reply.id):
            pass

    runner.run(stream())
    written = row(who, reply)
    return written.text if written.state in (MessageState.COMPLETE, MessageState.TO_APPROVE) else ""


def automation(who: Identity, conversation_id: str, text: str) -> str:
    """Send a message as a rule called Reminder; return its state."""
    with session_scope(who.tenant_id) as session:
        by = members.automation_identity(session, who.tenant_id, "Reminder")
        return agent_messages.send_message(session, by, conversation_id, text).state.value


def hand_over(who: Identity, conversation_id: str) -> str:
    """Hand a conversation to a person, as a rule does; return its state."""
    with session_scope(who.tenant_id) as session:
        by = members.automation_identity(session, who.tenant_id, "Reminder")
        return hand_off.hand_off(session, by, conversation_id).state.value


def writing(who: Identity, conversation_id: str) -> str:
    """Show that the contact is writing."""
    presence.renew_contact(who.tenant_id, conversation_id)
    return ""


def main() -> None:
    """Do what each line asks for and write what comes of it; whatever else is printed goes to the error output."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with session_scope(reason="tests", read_only=True) as session:
        who = members.get_owner(session, "demo")
    with asyncio.Runner() as runner:  # one loop, to which the connections of the provider's client belong
        for line in sys.stdin:
            name, *arguments = json.loads(line)
            done = write(runner, who, *arguments) if name == "write" else OTHERS[name](who, *arguments)
            print(json.dumps(done), file=answers, flush=True)


OTHERS = {"begin": begin, "automation": automation, "hand_over": hand_over, "writing": writing}

if __name__ == "__main__":
    main()
