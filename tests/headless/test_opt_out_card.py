"""Opt-out card: a contact's page says since when and why nothing is sent, and operators change it there."""

import pytest

from platform_app.db import Transaction
from platform_app.i18n import lookup
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import members
from platform_app.services.chat import opt_outs
from platform_app.services.crm import contacts
from platform_app.state.crm import opt_out_words
from platform_app.state.crm.contact import ContactState
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in
from tests.talking import activities, call


def test_every_cause_has_its_words_in_russian() -> None:
    sentences = [*opt_out_words.SENTENCES.values(), opt_out_words.UNKNOWN_CAUSE, opt_out_words.WANTS_MESSAGES]
    assert all(lookup("ru", sentence) != sentence for sentence in sentences)


@pytest.mark.parametrize(
    ("by", "said"), [("member", "Opted out by Owner"), ("rule", "by “Welcome”"), ("word", "by writing “stop”")]
)
async def test_the_card_says_since_when_and_why(who: Identity, by: str, said: str) -> None:
    anna = call(who, contacts.create, name="Anna").id
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/contacts/{anna}", settle=False)
        await tab.until(lambda: seen(tab) == "Receives messages.")
        if by == "rule":
            call(who, lambda session, one: opt_outs.opt_out(session, acting(session, one), anna))
        else:
            call(who, opt_outs.opt_out, anna, word="stop" if by == "word" else "")
        await tab.goto(f"/manage/acme/contacts/{anna}", settle=False)
        await tab.until(lambda: tab.get(ContactState, "opted_out"))
        assert said in seen(tab).replace(who.name, "Owner") and str(call(who, year, anna)) in seen(tab)


def year(session: Transaction, who: Identity, contact_id: str) -> int:
    """Return the year in which a contact opted out."""
    found = contacts.get(session, who, contact_id).opted_out_at
    assert found is not None
    return found.year


def acting(session: Transaction, who: Identity) -> Identity:
    """Return the identity of a rule."""
    return members.automation_identity(session, who.tenant_id, "Welcome")


def seen(tab: Tab) -> str:
    """Return the sentence as the browser holds it."""
    try:
        return str(tab.get(ContactState, "opt_out_sentence"))
    except KeyError:
        return ""


async def test_operators_change_it_and_viewers_do_not(who: Identity) -> None:
    anna = call(who, contacts.create, name="Anna").id
    async with Tab(sign_in(make_member(who, Role.OPERATOR))) as tab:
        await tab.goto(f"/manage/acme/contacts/{anna}", settle=False)
        await tab.until(lambda: seen(tab))
        await tab.send(ContactState.opt_out, settle=False)
        await tab.until(lambda: tab.get(ContactState, "opted_out"))
        await tab.send(ContactState.opt_in, settle=False)
        await tab.until(lambda: not tab.get(ContactState, "opted_out"))
        assert call(who, contacts.get, anna).opted_out_at is None
        assert activities(who)[-2:] == [
            "“{name}” opted out of messages",
            "“{name}” accepts messages again",
        ]
    async with Tab(sign_in(make_member(who, Role.VIEWER))) as tab:
        await tab.goto(f"/manage/acme/contacts/{anna}", settle=False)
        await tab.until(lambda: seen(tab))
        await tab.send(ContactState.opt_out, settle=False)
        await tab.goto("/manage/acme/settings")
    assert call(who, contacts.get, anna).opted_out_at is None
