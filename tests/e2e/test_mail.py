"""Mail: the server is set in the console, a test message arrives, and a rule writes to a contact, in both languages."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import free_port, wait_for
from tests.e2e.conftest import NewPerson, Recorded
from tests.e2e.story import toasts_gone
from tests.e2e.test_pages import choose_theme, faults, keep
from tests.e2e.test_rules import Builder
from tests.mail_catcher import PASSWORD, USER, Catcher, text_of

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def catcher() -> Iterator[Catcher]:
    with Catcher(signs_in=True) as made:
        yield made


@pytest.fixture(params=["ru", "en"])
def builder(request: pytest.FixtureRequest, recorded: Recorded, new_person: NewPerson) -> Iterator[Builder]:
    made = Builder(new_person(request.param).new_page(), recorded, request.param)
    yield made
    made.page.goto(f"{made.home}/settings/mail")
    made.page.get_by_role("button", name=made.t("Remove server")).click()
    made.page.get_by_role("alertdialog").get_by_role("button", name=made.t("Remove")).click()
    expect(made.page.get_by_role("button", name=made.t("Send a test message"))).to_have_count(0)


def look(builder: Builder, name: str) -> None:
    """Look at the page in both themes and two widths: nothing that axe knows is wrong, nothing is cut off."""
    page = builder.page
    toasts_gone(page)
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        place = f"mail-{name}-{builder.language}-{width}"
        keep(page, place)
        assert faults(page, place) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), place
    page.set_viewport_size({"width": 1440, "height": 900})


def fill(page: Page, **values: str) -> None:
    for name, value in values.items():
        if name == "security":
            page.locator("#security").select_option(value)
        else:
            page.locator(f"#{name}").fill(value)


def save(builder: Builder) -> None:
    builder.page.get_by_role("main").get_by_role("button", name=builder.t("Save"), exact=True).click()


def set_server(builder: Builder, port: int) -> None:
    """Set the server, first with a mistake."""
    page = builder.page
    page.goto(f"{builder.home}/settings")
    builder.loaded()
    look(builder, "way-there")
    page.get_by_role("main").get_by_role("link", name=builder.t("Email")).click()
    page.wait_for_url("**/settings/mail")
    fill(page, host="localhost", security="none", port="many", user_name=USER, password=PASSWORD)
    fill(page, sender_address="shop@shop.test", sender_name="Магазин «Спица»")
    save(builder)
    expect(page.get_by_role("alert")).to_have_text(builder.t("Enter a number from 1 to 65535."))
    expect(page.locator("#port")).to_be_focused()
    look(builder, "mistake")
    assert page.locator("#password").input_value() == PASSWORD and page.locator("#host").input_value() == "localhost"
    page.locator("#port").fill(str(port))
    save(builder)
    expect(page.get_by_text(builder.t("The mail server is saved."))).to_be_visible()
    ending = builder.t("Saved password ends in {ending}. Leave empty to keep it.", ending=PASSWORD[-4:])
    expect(page.get_by_text(ending)).to_be_visible()
    assert page.locator("#password").input_value() == "" and PASSWORD not in page.content()


def test_set_tried_and_used_by_a_rule(builder: Builder, catcher: Catcher) -> None:
    page, before, closed = builder.page, len(catcher.letters), free_port()
    set_server(builder, closed)
    button = page.get_by_role("button", name=builder.t("Send a test message"))
    button.click()
    said = page.get_by_role("status").filter(has_text="localhost")
    expect(said).to_have_text(builder.t("{host} doesn’t answer on port {port}.", host="localhost", port=str(closed)))
    look(builder, "refused")
    page.locator("#port").fill(str(catcher.port))
    save(builder)
    expect(page.get_by_text(builder.t("The mail server is saved.")).first).to_be_visible()
    button.click()
    took = builder.t("Test email sent to {email}. Check that inbox.", email="demo@demo.example")
    expect(page.get_by_text(took)).to_be_visible()
    assert len(catcher.letters) == before + 1
    assert catcher.letters[-1]["to"] == "demo@demo.example"
    assert catcher.letters[-1]["subject"].startswith(builder.t("Test email from {tenant}", tenant=""))
    choose_theme(page, builder.home, "dark")
    page.goto(f"{builder.home}/settings/mail")
    expect(page.locator("#host")).to_have_value("localhost")
    look(builder, "dark")
    choose_theme(page, builder.home, "light")
    write_to_a_contact(builder, catcher)


def write_to_a_contact(builder: Builder, catcher: Catcher) -> None:
    """Build a rule that writes to a contact who gets a tag; give the tag; read what arrives."""
    page, tag = builder.page, f"written{builder.language}"
    address = builder.create(f"Letter {builder.language}")
    builder.trigger("contact_created")
    builder.action("send_email", "1", {"Subject": f"Привет {tag}", "Text": "Здравствуйте, {{ contact.name }}."})
    to = page.get_by_label(builder.t("{words} of action {number}", words=builder.t("To"), number="1"), exact=True)
    expect(to).to_have_value("{{ contact.email }}")
    to.fill("{{ contact.email | default: 'boss@shop.test' }}")
    wait_for(lambda: "boss@shop.test" in builder.draft())
    expect(page.locator(".step-line .problem")).to_have_count(0)
    keep(page, f"rule-mail-{builder.language}")
    builder.publish()
    builder.switch().click()
    expect(builder.switch()).to_be_checked()
    page.goto(f"{builder.home}/contacts")
    builder.loaded()
    page.get_by_role("button", name=builder.t("Create contact")).click()
    page.wait_for_url(re.compile(r"/contacts/[0-9a-f]{32}"))
    wait_for(lambda: any(letter["subject"] == f"Привет {tag}" for letter in catcher.letters), 30)
    letter = next(one for one in catcher.letters if one["subject"] == f"Привет {tag}")
    assert letter["to"] == "boss@shop.test" and text_of(letter).startswith("Здравствуйте, ")
    page.goto(f"{builder.home}/rules/runs")
    page.get_by_role("row").filter(has_text=f"Letter {builder.language}").get_by_role("link").first.click()
    page.wait_for_url(re.compile("/rules/runs/[0-9a-f]{32}"))
    expect(
        page.get_by_text(builder.t("Write to {to}: “{text}”", to="boss@shop.test", text=f"Привет {tag}"))
    ).to_be_visible()
    page.goto(address)
    builder.switch().click()
    expect(builder.switch()).not_to_be_checked()
