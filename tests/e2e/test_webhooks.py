"""Webhooks: made in the console, delivered to over HTTP, heard by a rule, shown in the log and the recent updates."""

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from platform_app.models.event import EventKind
from tests.conftest import wait_for
from tests.e2e.conftest import NewPerson, Recorded
from tests.e2e.test_pages import choose_theme, faults, keep
from tests.e2e.test_rules import Builder
from tests.hooks import signed

pytestmark = pytest.mark.e2e
ID = re.compile(r"/webhooks/[0-9a-f]{32}")


class Operator(Builder):
    """A person at the webhooks."""

    def make(self, name: str, *, is_signed: bool) -> tuple[str, str]:
        """Make a webhook and open it; return its address and its secret, empty where it needs none."""
        self.page.goto(f"{self.home}/webhooks")
        self.loaded()
        self.page.get_by_role("button", name=self.t("Create webhook")).first.click()
        dialog = self.page.get_by_role("dialog")
        dialog.locator("#webhook-name").fill(name)
        if not is_signed:
            dialog.get_by_role("switch").click()
            expect(dialog.get_by_role("switch")).not_to_be_checked()
        dialog.get_by_role("button", name=self.t("Create webhook")).click()
        expect(dialog.locator("#made-address")).to_have_value(re.compile(r"^http://.*/hooks/[\w-]{32}$"))
        address, secret = dialog.locator("#made-address").input_value(), ""
        if is_signed:
            expect(dialog.locator("#shown-once")).to_have_value(re.compile("^whsec_"))
            secret = dialog.locator("#shown-once").input_value()
        self.look(f"made-{is_signed}")
        dialog.get_by_role("button", name=self.t("Open the webhook")).click()
        self.page.wait_for_url(ID)
        expect(self.page.get_by_role("heading", level=1)).to_have_text(name)
        return address, secret

    def send(self, address: str, payload: Any, secret: str = "", message_id: str = "msg_1") -> int:
        """Deliver as another system does; return what was answered."""
        body = json.dumps(payload).encode()
        headers = signed(secret, body, message_id=message_id) if secret else {"webhook-id": message_id}
        return httpx.post(address, content=body, headers=headers | {"content-type": "application/json"}).status_code

    def make_outgoing(self, name: str, address: str) -> str:
        """Make an outgoing webhook without events, send a test event, and wait until it is there; return the secret."""
        page = self.page
        page.goto(f"{self.home}/webhooks?tab=outgoing")
        self.loaded()
        page.get_by_role("button", name=self.t("Create outgoing webhook")).first.click()
        page.locator("#outgoing-name").fill(name)
        page.locator("#outgoing-url").fill(address)
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("button", name=self.t("Create outgoing webhook")).click()
        expect(dialog.locator("#shown-once")).to_have_value(re.compile("^whsec_"))
        secret = dialog.locator("#shown-once").input_value()
        self.look("outgoing-made")
        dialog.get_by_role("button", name=self.t("Open the webhook")).click()
        page.wait_for_url(re.compile(r"/webhooks/outgoing/[0-9a-f]{32}"))
        page.get_by_role("button", name=self.t("None"), exact=True).click()
        expect(page.get_by_text(self.t("{count} of {all} chosen", count=0, all=len(EventKind)))).to_be_visible()
        page.get_by_role("button", name=self.t("Send a test event")).click()
        expect(page.get_by_text(self.t("Delivered")).first).to_be_visible()
        return secret

    def look(self, place: str) -> None:
        """Check what axe checks, and take a picture where pictures are wanted."""
        self.page.evaluate("scrollTo(0, 0)")
        self.page.mouse.move(0, 0)
        keep(self.page, f"webhook-{place}-{self.language}")
        assert faults(self.page, place) == []

    def value(self, field: str, value: str) -> None:
        """Fill a setting and wait until it is kept."""
        self.page.locator(f"#{field}").fill(value)
        kept = f"SELECT {field} FROM incomingwebhook WHERE id = ?"
        webhook = self.page.url.rsplit("/", 1)[-1]
        wait_for(lambda: self.recorded.one(kept, webhook) == value)


@pytest.fixture(params=["ru", "en"])
def operator(request: pytest.FixtureRequest, recorded: Recorded, new_person: NewPerson) -> Operator:
    return Operator(new_person(request.param).new_page(), recorded, request.param)


def hear(operator: Operator, webhook: str, fact: str) -> None:
    """Build the rule on the webhook: more than 1000 writes a note."""
    operator.create(f"Order {operator.language}")
    operator.trigger("webhook_received")
    operator.page.locator("#webhook_id").click()
    operator.page.get_by_role("option", name=webhook).click()
    expect(operator.page.locator("#sentence")).to_contain_text(
        operator.t("the webhook “{name}” is received", name=webhook)
    )
    operator.add("Add condition", 0)
    operator.condition("1", fact, "greater", "1000")
    text = f"{operator.language} ordered for " + "{{ webhook.field." + fact.rsplit(".", 1)[-1] + " }}"
    operator.action("create_task", "1", {"Task": text})
    operator.look("rule")
    operator.publish()
    operator.switch().click()
    expect(operator.switch()).to_be_checked()


def test_from_the_address_to_the_rule_and_the_log(operator: Operator) -> None:
    page, language = operator.page, operator.language
    name = f"Shop {language}"
    address, secret = operator.make(name, is_signed=True)
    webhook = page.url
    operator.value("email_path", "customer.email")
    operator.value("name_path", "customer.name")
    page.get_by_role("switch", name=operator.t("Create a contact if none matches")).click()
    order = {"order": {"total": 500, "paid": True}, "customer": {"email": f"{language}@shop.test", "name": "Анна"}}
    assert operator.send(address, order, secret) == 202
    page.get_by_role("button", name=operator.t("Take the fields from the last delivery")).click()
    expect(page.get_by_label(operator.t("Field name"), exact=True)).to_have_count(4)
    variable = page.locator("code").filter(has_text=re.compile(r"webhook\.field\.total")).first.inner_text()
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        operator.look(f"one-{width}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.set_viewport_size({"width": 1440, "height": 900})
    assert "whsec_" not in page.content()

    hear(operator, name, variable.strip("{} "))
    assert operator.send(address, order | {"order": {"total": 2_500}}, secret, "msg_2") == 202
    done = "SELECT count(*) FROM task WHERE text = ?"
    wait_for(lambda: operator.recorded.one(done, f"{language} ordered for 2500") == 1)
    assert operator.send(address, order | {"order": {"total": 2_500}}, secret, "msg_2") == 202
    assert operator.send(address, order, "whsec_" + "QUJD" * 8, "msg_3") == 401
    logged(operator, name, lambda: operator.send(address, order, secret, "msg_4"))

    page.goto(operator.home)
    update = page.locator(".updates li").filter(has_text=operator.t("Webhook “{name}” received", name=name)).first
    expect(update).to_be_visible()
    update.get_by_role("link").first.click()
    page.wait_for_url(re.compile(r"/webhooks/received/"))
    renew(operator, webhook, address, secret)


def logged(operator: Operator, name: str, deliver: Callable[[], int]) -> None:
    """Look at the log while another delivery comes in, at the delivery, and at its event."""
    page = operator.page
    page.goto(f"{operator.home}/webhooks?tab=received")
    rows = page.get_by_role("row").filter(has_text=name)
    expect(rows).to_have_count(4)
    for words, count in (("Accepted", 2), ("Duplicate|delivery", 1), ("Refused", 1)):
        expect(rows.filter(has_text=operator.t(words))).to_have_count(count)
    expect(rows.first).to_contain_text(operator.t("The signature doesn’t match."))
    assert deliver() == 202
    expect(rows).to_have_count(5)  # without loading the page anew
    operator.look("log")
    rows.filter(has_text="msg_2").filter(has_text=operator.t("Accepted")).get_by_role("link").first.click()
    page.wait_for_url(re.compile(r"/webhooks/received/[0-9a-f]{32}"))
    expect(page.locator(".payload")).to_contain_text('"total": 2500')
    operator.look("delivery")
    page.get_by_role("link", name=operator.t("Event")).last.click()
    page.wait_for_url(re.compile(r"/events/[0-9a-f]{32}"))
    expect(page.get_by_role("heading", level=1)).to_have_text(operator.t("Webhook “{name}” received", name=name))


def renew(operator: Operator, webhook: str, address: str, secret: str) -> None:
    """Renew the secret: both are good, and neither is shown again."""
    page = operator.page
    page.goto(webhook)
    page.get_by_role("button", name=operator.t("Rotate secret")).click()
    page.get_by_role("alertdialog").get_by_role("button", name=operator.t("Rotate secret")).click()
    box = page.locator("#shown-once")
    expect(box).to_have_value(re.compile("^whsec_"))
    fresh = box.input_value()
    assert fresh != secret
    assert [operator.send(address, {}, one, f"renewed-{one[6:12]}") for one in (secret, fresh)] == [202, 202]
    page.get_by_role("button", name=operator.t("Close")).click()
    expect(box).to_have_count(0)
    page.reload()
    expect(page.locator("#name")).to_be_visible()
    assert "whsec_" not in page.content()


def send_events(operator: Operator, name: str, address: str) -> None:
    """Let the platform post its own events to its own webhook; look at the webhook, the log and a delivery."""
    page = operator.page
    operator.make_outgoing(name, address)
    operator.look("outgoing")
    page.get_by_role("checkbox", name=operator.t("Contact created|event"), exact=True).click()
    expect(page.get_by_text(operator.t("{count} of {all} chosen", count=1, all=len(EventKind)))).to_be_visible()
    page.goto(f"{operator.home}/webhooks?tab=sent")
    row = page.get_by_role("row").filter(has_text=name)
    expect(row).to_have_count(1)
    operator.look("sent")
    row.get_by_role("link").first.click()
    page.wait_for_url(re.compile(r"/webhooks/sent/[0-9a-f]{32}"))
    expect(page.locator(".payload").first).to_contain_text('"type": "test"')
    operator.look("sent-one")
    page.get_by_role("button", name=operator.t("Resend")).click()
    expect(page.get_by_text(operator.t("The address answered {status}.", status=202))).to_have_count(2)
    assert "whsec_" not in page.content()


def test_one_that_needs_no_signature_is_switched_off_deleted_and_brought_back(operator: Operator) -> None:
    page, name = operator.page, f"Form {operator.language}"
    address, _ = operator.make(name, is_signed=False)
    assert operator.send(address, {"a": 1}) == 202
    page.goto(f"{operator.home}/webhooks")
    row = page.get_by_role("row").filter(has_text=name)
    expect(row).to_contain_text(operator.t("Not required"))
    switch = row.get_by_role("switch")
    switch.click()
    expect(switch).not_to_be_checked()
    wait_for(lambda: operator.send(address, {"a": 2}, message_id="msg_2") == 404)
    switch.click()
    expect(switch).to_be_checked()
    wait_for(lambda: operator.send(address, {"a": 2}, message_id="msg_2") == 202)
    for theme in ("dark", "light"):
        choose_theme(page, f"{operator.home}/webhooks", theme)
        for width in (390, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            expect(row).to_be_visible()
            operator.look(f"list-{theme}-{width}")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    send_events(operator, f"CRM {operator.language}", address)
    page.goto(f"{operator.home}/webhooks")
    row.get_by_role("button").last.click()
    page.get_by_role("menuitem", name=operator.t("Delete")).click()
    expect(row).to_have_count(0)
    assert operator.send(address, {"a": 3}, message_id="msg_3") == 404
    page.get_by_role("button", name=operator.t("Undo")).click()
    expect(row).to_have_count(1)
    assert operator.send(address, {"a": 3}, message_id="msg_3") == 202
