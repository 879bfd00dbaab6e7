"""Inbox: a contact writes, a member takes over, the agent is silent, and answers again when it is handed back."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from platform_app.i18n import lookup
from tests import contact_side
from tests.e2e.conftest import NewPerson, Recorded, sign_in
from tests.e2e.test_pages import MENU, faults
from tests.fake_provider import refuses, says

pytestmark = pytest.mark.e2e
RINGS = 2_000  # milliseconds within which the bell counts what has happened
LIVE = 10_000  # milliseconds within which a busy machine shows what has happened; the hub itself takes under a second


class Inbox:
    """The page in one language, and the contact on the other side."""

    def __init__(self, page: Page, recorded: Recorded, language: str) -> None:
        self.page, self.recorded, self.language = page, recorded, language

    def words(self, english: str, **values: str) -> str:
        """Return a sentence in the page's language."""
        return lookup(self.language, english).format(**values)

    def button(self, english: str) -> Locator:
        """Return the button with this name."""
        return self.page.get_by_role("button", name=self.words(english), exact=True)

    def bubble(self, text: str) -> Locator:
        """Return the message with this text."""
        return self.page.locator(".talk article", has_text=text)

    def contact(self, *arguments: str) -> str:
        """Do something on the contact's side."""
        return contact_side.run(self.recorded.folder, *arguments)

    def agent_says(self, text: str) -> None:
        """Let the model answer with a text."""
        self.recorded.provider.will(says(text))

    def no_faults(self, place: str) -> None:
        """Check that axe finds nothing."""
        assert faults(self.page, f"{place} {self.language}") == []


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_conversation_with_a_person(language: str, recorded: Recorded, new_person: NewPerson) -> None:
    page = new_person(language).new_page()
    sign_in(page, recorded.address, language=language)
    inbox = Inbox(page, recorded, language)
    name = {"en": "Olga Winter", "ru": "Ольга Зимина"}[language]
    checked = inbox.contact("begin", "Boris Frost", "approval")
    talk = inbox.contact("begin", name)
    page.goto(f"{recorded.address}/manage/demo/inbox")
    the_agent_answers(inbox, talk, name)
    the_bell_rings(inbox, talk, name)
    a_member_takes_over(inbox, talk)
    a_hidden_tab_reads_nothing(inbox, talk, name)
    a_message_of_a_rule_is_held(inbox, talk)
    the_agent_answers_again(inbox, talk)
    keys_and_drafts(inbox, talk)
    a_text_is_rewritten(inbox)
    what_opens_hides_nothing(inbox)
    a_reply_is_approved(inbox, checked)


def the_agent_answers(inbox: Inbox, talk: str, name: str) -> None:
    page = inbox.page
    inbox.agent_says("A tune-up costs 40 euros.")
    assert inbox.contact("write", talk, "How much is a tune-up?") == "A tune-up costs 40 euros."
    row = page.locator("a.conversation.unread", has_text=name).first
    expect(row).to_contain_text("A tune-up costs 40 euros.", timeout=LIVE)
    row.click()
    expect(inbox.bubble("How much is a tune-up?")).to_contain_text(inbox.words("Contact"))
    expect(inbox.bubble("A tune-up costs 40 euros.")).to_contain_text(inbox.words("Agent"))
    expect(page.locator("a.conversation", has_text=name).first).not_to_have_class(re.compile("unread"))
    expect(page.locator(".inbox-panel")).to_contain_text(name)
    inbox.no_faults("conversation")


WATCHED = """() => {
    window.shown = [];
    window.Notification = class { static permission = "granted"; constructor(words) { window.shown.push(words); } };
    Object.defineProperty(document, "hidden", { get: () => true, configurable: true });
}"""


def the_bell_rings(inbox: Inbox, talk: str, name: str) -> None:
    """On another page the member is told of the hand-over, and comes to the conversation by the keyboard."""
    page, bell = inbox.page, inbox.page.locator(".sidebar .notification-bell")
    page.goto(f"{inbox.recorded.address}/manage/demo/settings/notifications")
    expect(page.locator(".preferences > div").first).to_be_visible()
    before = int(bell.inner_text() or "0")
    page.evaluate(WATCHED)
    assert inbox.contact("hand_over", talk) == "handed_off"
    expect(bell).to_have_text(str(before + 1), timeout=RINGS)
    words = inbox.words("“{title}” needs a person", title=name)
    assert page.evaluate("delete document.hidden && window.shown") == [words]
    expect(page).to_have_title(re.compile(rf"^\({before + 1}\) "))
    bell.press("Enter")
    page.get_by_role("dialog").get_by_role("link", name=words).focus()
    inbox.no_faults("bell")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(talk))
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(bell).to_have_text(str(before or ""))


def a_member_takes_over(inbox: Inbox, talk: str) -> None:
    page = inbox.page
    inbox.contact("write", talk, "I want a person")
    expect(inbox.bubble("I want a person")).to_be_visible(timeout=LIVE)
    inbox.contact("writing", talk)
    expect(page.locator(".presence")).to_contain_text(inbox.words("The contact is writing…"))
    inbox.button("Take over").click()
    expect(page.locator(".silent")).to_contain_text("Demo")
    page.locator(".chat-bar h2").click()
    page.keyboard.press("r")
    page.keyboard.type("I am here.")
    page.keyboard.press("Enter")
    expect(inbox.bubble("I am here.")).to_contain_text(inbox.words("Member"))
    expect(page.locator(".reply-form textarea")).to_have_value("")
    assert inbox.contact("write", talk, "Good, thank you") == ""
    expect(inbox.bubble("Good, thank you")).to_be_visible(timeout=LIVE)


VISIBILITY = """state => {
    Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def a_hidden_tab_reads_nothing(inbox: Inbox, talk: str, name: str) -> None:
    """Let the contact write while the tab of the open conversation is hidden, and show it again."""
    page, row = inbox.page, inbox.page.locator("a.conversation", has_text=name).first
    page.evaluate(VISIBILITY, "hidden")
    inbox.contact("write", talk, "One more thing")
    expect(inbox.bubble("One more thing")).to_be_visible(timeout=LIVE)
    expect(row).to_have_class(re.compile("unread"), timeout=LIVE)
    page.evaluate(VISIBILITY, "visible")
    expect(row).not_to_have_class(re.compile("unread"))


def a_message_of_a_rule_is_held(inbox: Inbox, talk: str) -> None:
    assert inbox.contact("automation", talk, "Rate us!") == "held"
    held = inbox.bubble("Rate us!")
    expect(held).to_contain_text("Demo", timeout=LIVE)  # who took over, and when
    expect(held).to_contain_text(inbox.words("Rule “{name}”", name="Reminder"))
    expect(held).to_contain_text(inbox.words("Held"))
    inbox.no_faults("held message")
    held.get_by_role("button", name=inbox.words("Discard")).click()
    expect(held).to_contain_text(inbox.words("Discarded by {name}", name="Demo"))


def the_agent_answers_again(inbox: Inbox, talk: str) -> None:
    page = inbox.page
    inbox.agent_says("Glad to hear it.")  # the answer to what the contact wrote last
    inbox.button("Hand back").click()
    inbox.no_faults("handing back")
    page.get_by_role("dialog").locator("textarea").fill("She comes on Sunday.")
    page.get_by_role("dialog").get_by_role("button", name=inbox.words("Hand back"), exact=True).click()
    expect(page.locator(".silent")).to_have_count(0)
    expect(inbox.bubble("She comes on Sunday.")).to_contain_text(inbox.words("Note for the agent"))
    expect(inbox.bubble("Glad to hear it.")).to_contain_text(inbox.words("Agent"), timeout=LIVE)
    asked = str(inbox.recorded.provider.last.body["messages"])
    assert "I am here." in asked and "She comes on Sunday." in asked
    inbox.agent_says("See you on Sunday.")
    assert inbox.contact("write", talk, "And on Sunday?") == "See you on Sunday."
    expect(inbox.bubble("See you on Sunday.")).to_be_visible(timeout=LIVE)


def keys_and_drafts(inbox: Inbox, talk: str) -> None:
    page = inbox.page
    page.locator(".chat-bar h2").click()
    page.keyboard.press("n")
    page.keyboard.type("@Demo call her")
    page.reload()
    page.locator(".unsent-note button").click()
    page.locator("#write-note").check(force=True)
    expect(page.locator(".note-form textarea")).to_have_value("@Demo call her")
    page.locator(".note-form textarea").press("Enter")
    expect(page.locator(".message.internal", has_text="@Demo call her")).to_be_visible()
    page.locator(".chat-bar h2").click()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text(inbox.words("Next conversation"))
    inbox.no_faults("keys")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.locator(".chat-bar h2").click()
    page.keyboard.press("j")
    expect(page).not_to_have_url(re.compile(talk))
    page.keyboard.press("k")
    expect(page).to_have_url(re.compile(talk))
    page.locator(".chat-bar .picker-button").click()
    expect(page.locator(".chat-bar .picker-option").first).to_be_visible()
    inbox.no_faults("snooze")
    page.locator(".chat-bar .picker-option", has_text=inbox.words("Until tomorrow, 9:00")).click()
    expect(page.locator(".chat-bar")).to_contain_text("09:00")
    inbox.button("Unsnooze").click()
    expect(inbox.button("Unsnooze")).to_have_count(0)


def a_text_is_rewritten(inbox: Inbox) -> None:
    field, menu = inbox.page.locator(".reply-form textarea"), inbox.page.locator(".of-reply .picker")
    inbox.page.locator("#write-reply").check(force=True)
    field.fill("Your bicycle will be ready on Sunday at ten.")
    inbox.agent_says("Ready on Sunday.")
    menu.get_by_role("button", name=inbox.words("Rewrite")).click()
    expect(menu.locator("[data-option=ja]")).to_be_visible()
    inbox.no_faults("rewriting")
    menu.locator("[data-option=shorter]").click()
    expect(field).to_have_value("Ready on Sunday.")
    inbox.button("Restore my text").click()
    expect(field).to_have_value("Your bicycle will be ready on Sunday at ten.")
    inbox.recorded.provider.will(refuses(401))
    menu.get_by_role("button", name=inbox.words("Rewrite")).click()
    menu.locator("[data-option=friendlier]").click()
    expect(inbox.page.locator(".below-field .problem")).to_be_visible()
    expect(field).to_have_value("Your bicycle will be ready on Sunday at ten.")
    field.fill("")


def what_opens_hides_nothing(inbox: Inbox) -> None:
    page = inbox.page
    page.get_by_role("button", name=MENU).click()
    expect(page.get_by_role("menuitem", name="English")).to_be_visible()
    inbox.no_faults("menu")
    page.keyboard.press("Escape")
    expect(page.get_by_role("menuitem")).to_have_count(0)
    inbox.button("Tags").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    inbox.no_faults("tags")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.locator(".mode:has(#write-note)").click()  # as soon as the dialog lets the page be pressed
    inbox.no_faults("note")
    page.locator(".mode:has(#write-reply)").click()


def a_reply_is_approved(inbox: Inbox, talk: str) -> None:
    page = inbox.page
    inbox.agent_says("It costs 40 euros.")
    inbox.contact("write", talk, "What does it cost?")
    page.goto(f"{inbox.recorded.address}/manage/demo/inbox?view=approval")
    page.locator("a.conversation", has_text="Boris Frost").first.click()
    field = page.locator(".approval textarea")
    expect(field).to_have_value("It costs 40 euros.")
    inbox.no_faults("approval")
    field.fill("It costs 45 euros.")
    inbox.button("Approve and send").click()
    sent = inbox.bubble("It costs 45 euros.")
    expect(sent).to_contain_text(inbox.words("Changed and approved by {name}", name="Demo"))
    sent.locator("summary").click()
    expect(sent.locator(".difference")).to_contain_text("- It costs 40 euros.")
