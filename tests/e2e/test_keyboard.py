"""Keyboard: the main story without a mouse: the focus is always seen, goes everywhere, and comes back."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import PASSWORD, NewPerson, Recorded
from tests.e2e.test_inbox import Inbox

pytestmark = pytest.mark.e2e
FOCUS = """element => {
    const box = element.getBoundingClientRect(), style = getComputedStyle(element);
    const around = [element, element.parentElement].map(one => getComputedStyle(one));
    const marked = around.some(one => (one.outlineStyle !== 'none' && parseFloat(one.outlineWidth) > 0)
        || one.boxShadow !== 'none');
    return {marked, seen: box.width > 0 && box.bottom > 0 && box.top < innerHeight,
        kind: element.outerHTML.slice(0, 120)};
}"""


def tab_to(page: Page, wanted: Locator, *, key: str = "Tab", most: int = 200) -> None:
    """Press Tab until the focus stands there; at each stop it has to be seen."""
    expect(wanted).to_be_visible()
    for _ in range(most):
        page.keyboard.press(key)
        focused = page.locator("*:focus")
        if focused.count() == 0:
            continue
        state = focused.first.evaluate(FOCUS)
        assert state["marked"] and state["seen"], state
        if wanted.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"Tab does not come to {wanted}")


def press(page: Page, wanted: Locator, key: str = "Enter") -> None:
    tab_to(page, wanted)
    page.keyboard.press(key)


def sign_in(page: Page, platform: str) -> None:
    page.goto(f"{platform}/sign-in")
    tab_to(page, page.locator("#email"))
    page.keyboard.type("demo@demo.example")
    tab_to(page, page.locator("#password"))
    page.keyboard.type(PASSWORD)
    expect(page.locator("button[type=submit]")).to_be_enabled()
    page.keyboard.press("Enter")
    expect(page.locator(".updates li").first).to_be_visible()


def make_agent(page: Page) -> None:
    press(page, page.get_by_role("link", name="Skip to content"))
    expect(page.locator("main")).to_be_focused()
    page.reload()
    expect(page.locator(".updates li").first).to_be_visible()
    press(page, page.get_by_role("link", name="Agents", exact=True))
    page.wait_for_url("**/agents")
    press(page, page.get_by_role("link", name="Create agent").first)
    page.wait_for_url("**/agents/new")
    press(page, page.get_by_role("button", name="Blank agent"))
    page.wait_for_url(re.compile(r"/agents/[0-9a-f]{32}"))
    tab_to(page, page.locator("#name"))
    page.keyboard.press("Control+A")
    page.keyboard.type("Keyboard")
    expect(page.get_by_role("heading", level=1)).to_have_text("Keyboard")


def upload(page: Page, document: Path) -> None:
    document.write_text("The word of the locker is zanzibar.")
    expect(page.get_by_role("row").nth(1)).to_be_visible()
    page.on("filechooser", lambda _: None)  # a busy page may learn after the press that somebody waits for one
    tab_to(page, page.get_by_role("button", name="Choose files"))
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(document)
    row = page.get_by_role("row").filter(has_text="Locker")
    expect(row.get_by_text("Ready", exact=True)).to_be_visible(timeout=30_000)
    press(page, page.get_by_role("button", name="Categories"))
    leave_dialog(page, page.get_by_role("button", name="Categories"))


def leave_dialog(page: Page, trigger: Locator) -> None:
    """Close the dialog with Escape: the focus is back where it came from."""
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(trigger).to_be_focused()


def ask(page: Page) -> None:
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_focused()
    page.keyboard.type("What is the word of the locker?")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("I forgot it.")
    page.keyboard.press("Enter")
    expect(page.locator("article.mine")).to_contain_text("I forgot it.")


def test_the_main_story_without_a_mouse(platform: str, new_person: NewPerson, tmp_path: Path) -> None:
    page = new_person("en").new_page()
    sign_in(page, platform)
    make_agent(page)
    page.goto(f"{platform}/manage/demo/knowledge")
    upload(page, tmp_path / "Locker.md")
    page.goto(f"{platform}/manage/demo/test-chat")
    ask(page)
    chip = page.locator(".chip").filter(has_text="Locker")
    expect(chip).to_be_visible(timeout=30_000)
    press(page, chip)
    expect(page.get_by_role("dialog")).to_contain_text("zanzibar")
    leave_dialog(page, chip)
    press(page, page.get_by_role("button", name="Why this reply?"))
    expect(page.get_by_role("dialog")).to_contain_text("Retrieved passages")
    leave_dialog(page, page.get_by_role("button", name="Why this reply?"))


def test_the_inbox_without_a_mouse(recorded: Recorded, new_person: NewPerson) -> None:
    page = new_person("en").new_page()
    sign_in(page, recorded.address)
    inbox = Inbox(page, recorded, page.locator("html").get_attribute("lang") or "en")
    talk = inbox.contact("begin", "Karla Keys", "approval")
    inbox.agent_says("It costs 40 euros.")
    inbox.contact("write", talk, "What does it cost?")
    press(page, page.get_by_role("link", name=inbox.words("Inbox"), exact=True))
    press(page, page.locator("a.conversation", has_text="Karla Keys").first)
    a_reply_is_changed_and_approved(inbox)
    press(page, inbox.button("Take over"))
    expect(page.locator(".silent")).to_contain_text("Demo")
    a_reply_is_written_and_rewritten(inbox)
    press(page, inbox.button("Hand back"))
    dialog = page.get_by_role("dialog")
    tab_to(page, dialog.locator("textarea"))
    page.keyboard.type("She comes on Sunday.")
    press(page, dialog.get_by_role("button", name=inbox.words("Hand back"), exact=True))
    expect(page.locator(".silent")).to_have_count(0)
    expect(inbox.bubble("She comes on Sunday.")).to_be_visible()


def a_reply_is_changed_and_approved(inbox: Inbox) -> None:
    page, sent = inbox.page, inbox.bubble("It costs 45 euros.")
    tab_to(page, page.locator(".approval textarea"))
    page.keyboard.press("Control+A")
    page.keyboard.type("It costs 45 euros.")
    press(page, inbox.button("Approve and send"))
    expect(sent).to_contain_text(inbox.words("Changed and approved by {name}", name="Demo"))
    press(page, sent.locator("summary"))
    expect(page.locator(".difference")).to_contain_text("- It costs 40 euros.")


def a_reply_is_written_and_rewritten(inbox: Inbox) -> None:
    page, field = inbox.page, inbox.page.locator(".reply-form textarea")
    tab_to(page, field)
    page.keyboard.type("We are open on Sunday from ten.")
    inbox.agent_says("Sunday from ten.")
    press(page, page.locator(".of-reply .picker-button"), key="Enter")
    page.keyboard.type(inbox.words("Shorter"))
    page.keyboard.press("Enter")
    expect(field).to_have_value("Sunday from ten.")
    expect(field).to_be_focused()
    page.keyboard.press("Enter")
    expect(inbox.bubble("Sunday from ten.")).to_contain_text(inbox.words("Member"))


def test_the_palette_leads_anywhere(platform: str, new_person: NewPerson) -> None:
    page = new_person("en").new_page()
    page.goto(f"{platform}/sign-in")
    page.fill("#email", "demo@demo.example")
    page.fill("#password", PASSWORD)
    expect(page.locator("button[type=submit]")).to_be_enabled()
    page.keyboard.press("Enter")
    expect(page.locator(".updates li").first).to_be_visible()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.type("Jobs")
    page.keyboard.press("Enter")
    page.wait_for_url("**/jobs")
