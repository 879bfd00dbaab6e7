"""Conversation links: each leads to the page where a conversation is read, and lists show its last line as text."""

from pathlib import Path

from platform_app.models.person import Identity
from platform_app.services.chat import agent_messages, conversation_rows, conversations, member_messages
from tests.talking import begin, call, conversation, real_talk

PACKAGE = Path(__file__).parents[2] / "platform_app"
OF_TEST_CHATS = {
    "components/chat/conversation_list.py",
    "services/bin/bin_kinds.py",
    "services/demo/demo_removal.py",
}


def test_a_link_leads_to_the_page_of_the_channel(who: Identity, other: Identity) -> None:
    test, real = begin(who), real_talk(who)
    assert call(who, conversation_rows.find_link, test) == f"/test-chat?c={test}"
    assert call(who, conversation_rows.find_link, real) == f"/inbox?c={real}"
    call(who, conversations.delete, test)
    for reader, missing in ((who, None), (who, "0" * 32), (who, test), (other, real)):
        assert call(reader, conversation_rows.find_link, missing) == ""


def test_no_link_of_any_conversation_is_written_by_hand() -> None:
    found = {
        path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if "test-chat?c=" in path.read_text()
    }
    assert found == OF_TEST_CHATS


def test_the_last_line_has_no_markdown(who: Identity) -> None:
    talk = real_talk(who)
    call(who, agent_messages.send_message, talk, "## It costs **40 euros**\n\nBring *it* on Monday.")
    assert conversation(who, talk).last_line == "It costs 40 euros"
    call(who, member_messages.send, talk, "2 * 3 * 4 is **mine**")
    assert conversation(who, talk).last_line == "2 * 3 * 4 is **mine**"
