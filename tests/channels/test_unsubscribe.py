"""Unsubscribing: e-mails of rules and sequences name a link by which one request opts their receiver out."""

import asyncio
from urllib.parse import urlsplit

import pytest

from platform_app.models.channel import ChannelAccount
from platform_app.models.crm import Contact
from platform_app.models.person import Identity
from platform_app.models.sending import OptOutCause
from platform_app.services.chat import agent_messages, unsubscribe_links
from platform_app.state.crm.opt_out_words import opt_out_words
from tests.api_client import client
from tests.channels.bots import work
from tests.channels.mailboxes import CUSTOMER, letter, plain, read
from tests.channels.mailboxes import account as account
from tests.channels.mailboxes import catcher as catcher
from tests.channels.mailboxes import mailbox as mailbox
from tests.conftest import forget_process_state
from tests.fakes.imap import FakeMailbox
from tests.mail_catcher import Catcher
from tests.mailing import EMAIL as EMAIL_ACTION
from tests.mailing import anna, set_server
from tests.rules.test_rules import a_rule
from tests.talking import call, run_jobs
from tests.visiting import rows, the_talk


async def test_a_message_of_a_rule_is_unsubscribed_from_with_one_request(
    who: Identity, mailbox: FakeMailbox, catcher: Catcher, account: ChannelAccount, env: pytest.MonkeyPatch
) -> None:
    env.setenv("PLATFORM_PUBLIC_URL", "https://acme.example:8000")
    forget_process_state()
    mailbox.deliver(letter())
    await asyncio.to_thread(read, who)
    talk = the_talk(who).id
    call(who, agent_messages.send_message, talk, "An offer")
    await asyncio.to_thread(work, who)
    (offer,) = [mail for mail in catcher.letters if plain(mail) == "An offer"]
    assert offer["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    path = urlsplit(str(offer["List-Unsubscribe"]).strip("<>")).path
    async with client(scheme="https") as mail_server:
        shown = await mail_server.get(path)
        assert shown.status_code == 200 and "<button>" in shown.text and rows(who, Contact)[0].opted_out_at is None
        answer = await mail_server.post(path, data={"List-Unsubscribe": "One-Click"})
        forged = await mail_server.post(path[:-4] + "AAAA")
        again = await mail_server.post(path)
    assert (answer.status_code, forged.status_code, again.status_code) == (200, 404, 200)
    (contact,) = rows(who, Contact)
    assert contact.opted_out_at is not None and contact.opt_out_cause == OptOutCause.LINK
    assert opt_out_words(contact, "en", "UTC").endswith("by the link in an email.")
    before = len(catcher.letters)
    call(who, agent_messages.send_message, talk, "Another offer")
    await asyncio.to_thread(work, who)
    assert len(catcher.letters) == before


def test_an_email_of_a_rule_names_the_link_of_its_address(who: Identity, env: pytest.MonkeyPatch) -> None:
    assert unsubscribe_links.address_link(who.tenant_id, CUSTOMER) == ""  # no mail server could post there
    env.setenv("PLATFORM_PUBLIC_URL", "https://acme.example")
    env.setenv("PLATFORM_EGRESS_ALLOW", "127.0.0.1/32,::1/128")
    forget_process_state()
    with Catcher(signs_in=True) as own:
        set_server(who, own.port)
        a_rule(who, "contact_created", EMAIL_ACTION)
        known = anna(who)
        run_jobs(who)
        a_rule(who, "contact_created", EMAIL_ACTION | {"limits": "exempt"}, name="Transactional")
        other = anna(who, name="Eve", emails=["eve@people.test"])
        run_jobs(who)
        links = [str(mail["List-Unsubscribe"] or "").strip("<>") for mail in own.letters]
    assert len(links) == 3 and sum(bool(link) for link in links) == 2
    unsubscribe_links.unsubscribe(unsubscribe_links.read(links[0].rpartition("/")[2]))
    out = {row.id: row.opted_out_at is not None for row in rows(who, Contact)}
    assert out == {known.id: True, other.id: False}
