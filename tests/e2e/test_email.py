"""E-mail: an admin connects a mailbox, a customer writes to it, the agent answers, and then a member does."""

import re

import pytest
from playwright.sync_api import Page, expect

from platform_app.i18n import lookup
from tests.channels.mailboxes import answer_to, form, letter
from tests.conftest import wait_for
from tests.e2e.conftest import NewPerson, Recorded, sign_in
from tests.e2e.story import connect_channel, toasts_gone
from tests.e2e.test_web_chat import QUESTION, faults
from tests.fakes.imap import FakeMailbox
from tests.mail_catcher import USER, Catcher

pytestmark = pytest.mark.e2e


def connect(page: Page, home: str, language: str, values: dict[str, str]) -> None:
    """Connect the fake's mailbox with the demo's agent; a wrong password is said at its field first."""
    page.goto(f"{home}/settings/channels")
    dialog = connect_channel(page, language, "Connect a mailbox")
    way = dialog.locator("#sign_in_with")
    way.select_option("google")
    expect(dialog).to_contain_text("PLATFORM_GOOGLE_CLIENT_ID")  # what the installation lacks
    expect(dialog.get_by_role("button", name=lookup(language, "Go to sign-in"))).to_be_disabled()
    assert faults(page) == []
    way.select_option("")
    dialog.locator("#agent_id").select_option(index=1)
    for name, value in values.items():
        field = dialog.locator(f"#{name}")
        field.select_option(value) if name.endswith("_security") else field.fill(value)
    for password in ("wrong", values["password"]):
        dialog.locator("#password").fill(password)
        dialog.get_by_role("button", name=lookup(language, "Connect"), exact=True).click()
        if password == "wrong":
            expect(dialog.get_by_role("alert")).to_contain_text("127.0.0.1")
    page.wait_for_url(re.compile(r"/settings/channels/[0-9a-z]{32}"))
    expect(page.locator("dl.facts").get_by_role("link", name=USER)).to_be_visible()
    page.locator("#checking_server").fill("mx.shop.test")
    page.locator("#checking_server").blur()
    toasts_gone(page)  # axe would see them fade
    assert faults(page) == []


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_customer_writes_to_a_mailbox_and_a_member_answers(
    recorded: Recorded, new_person: NewPerson, language: str
) -> None:
    member, home, customer = (
        new_person(language).new_page(),
        f"{recorded.address}/manage/demo",
        f"{language}@people.test",
    )
    fake = FakeMailbox(user=f"{language}.{USER}")
    with Catcher(signs_in=True, user=fake.user) as catcher:
        sign_in(member, recorded.address)
        connect(member, home, language, form(fake, catcher.port, user_name=fake.user))
        wait_for(lambda: fake.idle_count, 60)  # it is read from now on
        checked = {"Authentication-Results": "mx.shop.test; spf=pass; dkim=fail; dmarc=fail"}
        fake.deliver(letter(QUESTION, sender=f"Anna {language} <{customer}>", Subject="Service", **checked))
        wait_for(lambda: catcher.letters, 60)
        sent = catcher.letters[0]
        assert (sent["To"], sent["Subject"], sent["Auto-Submitted"]) == (customer, "Re: Service", "auto-replied")
        fake.deliver(answer_to(sent, "Can a person write?", sender=customer))

        member.goto(f"{home}/inbox")
        member.get_by_text(f"Anna {language}").first.click()
        shown = member.locator("article.message")
        expect(shown.filter(has_text="Can a person write?")).to_be_visible()
        expect(shown.first).to_contain_text(lookup(language, "Sender not confirmed"))
        expect(shown.first).to_contain_text("DMARC fail")
        editor = member.locator(".reply-form textarea")
        editor.fill("I am here.")
        editor.press("Enter")
        wait_for(lambda: any("I am here." in str(mail.get_body(("plain",))) for mail in catcher.letters), 30)
        last = next(mail for mail in catcher.letters if "I am here." in str(mail.get_body(("plain",))))
        assert last["Subject"] == "Re: Service" and last["Auto-Submitted"] is None
        expect(shown.filter(has_text="I am here.")).to_contain_text(lookup(language, "Sent"))
        assert faults(member) == []
    fake.close()
