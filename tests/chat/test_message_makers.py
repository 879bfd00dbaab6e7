"""Message makers: no module but the send gate makes a message of an agent or a member, or says that one is sent."""

import ast
from collections.abc import Iterator

import pytest

from tests.test_house_rules import PRODUCT, Source, broken

# The gate itself, and what writes a past that reaches nobody: the demo's, that of a call by a client of OpenAI, and
# what was said on an account before it was connected.
MAKERS = {
    "platform_app/services/chat/sending.py",
    "platform_app/services/demo/demo_conversation_writer.py",
    "platform_app/services/channels/completions.py",
    "platform_app/services/channels/past_messages.py",
}
SENT, IMPORT = "MessageState.COMPLETE", "from platform_app.models.conversation import"


def messages_past_the_gate(source: Source) -> Iterator[str]:
    """Yield each place that makes or sends a message of an agent or a member beside the gate."""
    if source.name in MAKERS or IMPORT not in source.text:
        return
    for node in source.nodes:
        if isinstance(node, ast.Call):
            given = {word.arg: ast.unparse(word.value) for word in node.keywords}
            if ast.unparse(node.func) == "Message" and given.get("author") != "Author.CONTACT":
                yield f"line {node.lineno}: a message is made by sending.new_message"
            if SENT in given.get("state", ""):
                yield f"line {node.lineno}: a message is sent by sending.send"
        if isinstance(node, ast.Assign) and SENT in ast.unparse(node.value):
            yield from (
                f"line {node.lineno}: a message is sent by sending.send"
                for target in node.targets
                if ".state" in ast.unparse(target)
            )


def test_nothing_is_sent_past_the_gate() -> None:
    assert broken(messages_past_the_gate, PRODUCT) == []


@pytest.mark.parametrize(
    "line",
    [
        "Message(tenant_id=one, author=Author.AGENT)",
        "Message(tenant_id=one, author=author)",
        "sending.new_message(session, row, state=MessageState.COMPLETE)",
        "row.state, row.due_at = MessageState.COMPLETE, None",
        "row.state = MessageState.COMPLETE if ready else MessageState.HELD",
        "owned_update(Message, tenant_id).values(state=MessageState.COMPLETE)",
    ],
)
def test_the_rule_finds_what_breaks_it(line: str) -> None:
    assert list(messages_past_the_gate(Source("platform_app/bad.py", f"{IMPORT} Message\n{line}")))
    assert not list(
        messages_past_the_gate(Source("platform_app/services/chat/sending.py", f"{IMPORT} Message\n{line}"))
    )


def test_what_a_contact_writes_is_no_message_of_ours() -> None:
    assert not list(messages_past_the_gate(Source("a.py", f"{IMPORT} Message\nMessage(author=Author.CONTACT)")))
