"""E-mail: what customers write to a mailbox comes in once, in its thread, and what goes out arrives there."""

import re
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage

import pytest

from platform_app.channels import email_imap
from platform_app.channels.email import EMAIL
from platform_app.clock import now
from platform_app.db import session_scope
from platform_app.errors import Invalid
from platform_app.models.channel import (
    AccountState,
    Attachment,
    ChannelAccount,
    ChannelIdentity,
    InboundMessage,
    OutboundState,
)
from platform_app.models.conversation import Author, Conversation, Message, MessageState
from platform_app.models.crm import Contact
from platform_app.models.email import EmailDetails, EmailThread
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Identity
from platform_app.services.channels import attachments, channel_accounts, email_limits, receivers
from platform_app.services.chat import agent_messages, hand_off, member_messages
from tests.channels.bots import lease_of, parts, states, work
from tests.channels.mailboxes import CUSTOMER, answer_to, connected, form, letter, plain, read, verified
from tests.channels.mailboxes import account as account
from tests.channels.mailboxes import catcher as catcher
from tests.channels.mailboxes import mailbox as mailbox
from tests.conftest import wait_for
from tests.fakes.imap import FakeMailbox
from tests.mail_catcher import USER, Catcher
from tests.mailing import anna, set_server
from tests.talking import call
from tests.visiting import rows, texts, the_talk

SENT, FAILED, UNCERTAIN = OutboundState.SENT, OutboundState.FAILED, OutboundState.UNCERTAIN


def said(who: Identity) -> list[str]:
    """Return what customers have said."""
    return texts(who, lambda row: row.author == Author.CONTACT)


def send(who: Identity, talk: str, text: str = "Hello") -> None:
    """Send a message of a member."""
    call(who, member_messages.send, talk, text)
    work(who)


def test_a_customer_writes_the_team_answers_and_the_thread_goes_on(
    who: Identity, mailbox: FakeMailbox, catcher: Catcher, account: ChannelAccount
) -> None:
    stored = mailbox.deliver(letter("How much is a tune-up?"))
    read(who)
    talk, (contact,), (identity,) = the_talk(who), rows(who, Contact), rows(who, ChannelIdentity)
    assert (talk.channel.value, talk.account_id, talk.title) == ("email", account.id, "Tune-up")
    assert (contact.name, contact.emails, identity.outside_id) == ("Анна", [CUSTOMER], CUSTOMER)
    message, reply = rows(who, Message)
    assert message.text == "Tune-up\n\nHow much is a tune-up?"
    assert (reply.state, reply.answers_id) == (MessageState.DELAYED, message.id)
    read(who)
    assert r"\Seen" in stored.flags

    call(who, hand_off.take_over, talk.id)
    send(who, talk.id, "It is 60 euros.")
    (sent,) = catcher.letters
    assert (sent["To"], sent["Subject"], plain(sent)) == (CUSTOMER, "Re: Tune-up", "It is 60 euros.")
    assert sent["In-Reply-To"] == letter("How much is a tune-up?")["Message-ID"] in sent["References"]
    assert sent["From"].addresses[0].addr_spec == USER and sent["Auto-Submitted"] is None
    assert states(who) == [SENT] and sent["Message-ID"].startswith(f"<{parts(who)[0].outside_id}@")

    mailbox.deliver(answer_to(sent, "Good, I come tomorrow."))
    read(who)
    assert said(who)[-1] == "Good, I come tomorrow." and len(rows(who, Conversation)) == 1


def test_a_message_fifty_times_and_under_other_numbers_is_stored_once(
    who: Identity, mailbox: FakeMailbox, account: ChannelAccount
) -> None:
    mailbox.deliver(letter("Before"))
    read(who)
    for _ in range(50):
        mailbox.deliver(letter("Again"))
    read(who, 4)
    bare = letter("Without an id", Message_ID="")
    mailbox.deliver(bare)
    mailbox.deliver(bare)
    read(who)
    mailbox.reset_validity()
    mailbox.deliver(letter("After the reset"))
    read(who, 4)
    assert [text.splitlines()[-1] for text in said(who)] == ["Before", "Again", "Without an id", "After the reset"]
    assert len(rows(who, Contact)) == 1 and len(rows(who, InboundMessage)) == 4


def test_what_was_there_before_the_connection_is_not_read_also_after_a_reset(
    who: Identity, mailbox: FakeMailbox, catcher: Catcher
) -> None:
    mailbox.deliver(letter("Old"), at=now().timestamp() - 3 * 86_400)
    connected(who, form(mailbox, catcher.port))
    mailbox.reset_validity()
    mailbox.deliver(letter("New"))
    read(who, 2)
    assert [text.splitlines()[-1] for text in said(who)] == ["New"]


@pytest.mark.parametrize("idles", [True, False])
def test_a_server_that_ends_the_connection_loses_nothing(
    who: Identity, mailbox: FakeMailbox, catcher: Catcher, idles: bool
) -> None:
    mailbox.idles, mailbox.drops_idle = idles, 2
    made = connected(who, form(mailbox, catcher.port))
    for opened in list(mailbox.open):
        opened.shutdown(2)
    mailbox.deliver(letter("After it was cut"))
    with session_scope(who.tenant_id) as session:
        receivers.channel_access.look_again(session, made)
    read(who)
    assert [text.splitlines()[-1] for text in said(who)] == ["After it was cut"]
    assert call(who, channel_accounts.get, made.id).problem == ""


def test_a_message_that_cannot_be_read_costs_only_itself(
    who: Identity, mailbox: FakeMailbox, account: ChannelAccount
) -> None:
    deep = b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (place, place) for place in range(2_000)
    )
    mailbox.deliver(b"\x00\xff\xfe not a message")
    mailbox.deliver(b"From: deep@people.test\r\nSubject: Deep\r\nMessage-ID: <deep@x>\r\n" + deep)
    mailbox.deliver(letter("Fine"))
    read(who)
    assert [text.splitlines()[-1] for text in said(who)] == ["Deep", "Fine"]


def test_a_new_subject_is_a_new_conversation_of_the_same_contact(
    who: Identity, mailbox: FakeMailbox, catcher: Catcher, account: ChannelAccount
) -> None:
    mailbox.deliver(letter("First"))
    mailbox.deliver(letter("Another thing", Subject="Wheels"))
    mailbox.deliver(letter("More of the first", Subject="Re: Tune-up", In_Reply_To=letter("First")["Message-ID"]))
    mailbox.deliver(letter("The same subject does not join", Subject="Re: Tune-up"))
    read(who)
    talks = {row.id: row.title for row in rows(who, Conversation)}
    assert sorted(talks.values()) == ["Tune-up", "Tune-up", "Wheels"]
    assert len(rows(who, Contact)) == len(rows(who, ChannelIdentity)) == 1 and len(rows(who, EmailThread)) == 3
    for row in rows(who, Conversation):
        call(who, hand_off.take_over, row.id)
        send(who, row.id, f"About {row.id}")
    about = {plain(mail).removeprefix("About "): mail["Subject"] for mail in catcher.letters}
    assert about == {row_id: f"Re: {title}" for row_id, title in talks.items()}


def test_a_forged_reference_lands_in_nobodys_conversation(
    who: Identity, mailbox: FakeMailbox, catcher: Catcher, account: ChannelAccount
) -> None:
    mailbox.deliver(letter("Mine"))
    read(who)
    first = the_talk(who).id
    call(who, hand_off.take_over, first)
    send(who, first)
    (sent,) = catcher.letters
    mailbox.deliver(answer_to(sent, "I read over her shoulder", sender="eve@people.test"))  # it knows the ids
    guessed = re.sub(r"\.[A-Za-z0-9_-]{22}@", f".{'A' * 22}@", str(sent["References"]))
    own = {"In-Reply-To": re.sub(r"\.[A-Za-z0-9_-]{22}@", f".{'A' * 22}@", str(sent["Message-ID"]))}
    mailbox.deliver(letter("I guess ids", References=guessed.split()[0], **own))  # it says that it is her
    read(who)
    with_first = [row.text for row in rows(who, Message) if row.conversation_id == first]
    assert len(rows(who, Conversation)) == 3 and not any("shoulder" in text or "guess" in text for text in with_first)


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto-Submitted": "auto-replied"},
        {"Precedence": "bulk"},
        {"List-Id": "<news.people.test>"},
        {"X-Autoreply": "yes"},
        {"Return-Path": "<>"},
        {"From": "MAILER-DAEMON@people.test"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_machines_are_not_answered_and_start_nothing(
    who: Identity, mailbox: FakeMailbox, account: ChannelAccount, headers: dict[str, str]
) -> None:
    mail = letter("I am away until Monday.")
    for name, value in headers.items():
        del mail[name]
        mail[name] = value
    mailbox.deliver(mail)
    mailbox.deliver(letter("From ourselves", sender=USER))
    read(who)
    (message,), (details,) = rows(who, Message), rows(who, EmailDetails)
    assert message.author == Author.CONTACT and details.automatic
    kinds = {row.kind for row in rows(who, Event)}
    assert not kinds & {EventKind.MESSAGE_RECEIVED, EventKind.CONVERSATION_STARTED}


def test_an_address_gets_ten_automatic_emails_an_hour(
    who: Identity, mailbox: FakeMailbox, catcher: Catcher, account: ChannelAccount
) -> None:
    mailbox.deliver(letter())
    read(who)
    talk = the_talk(who).id
    for number in range(email_limits.MAX_AUTOMATIC + 2):
        call(who, agent_messages.send_message, talk, f"Automatic {number}")
        work(who)
    automatic = [mail for mail in catcher.letters if mail["Auto-Submitted"]]
    assert len(automatic) == email_limits.MAX_AUTOMATIC and parts(who)[-1].error == email_limits.TOO_MANY
    assert {mail["Auto-Submitted"] for mail in automatic} == {"auto-replied"}
    call(who, hand_off.take_over, talk)
    send(who, talk, "From a person")
    assert plain(catcher.letters[-1]) == "From a person"


def bounce(sent: EmailMessage, status: str = "5.1.1", action: str = "failed") -> bytes:
    """Return a delivery status report of RFC 3464 on a message."""
    return (
        f"From: MAILER-DAEMON@shop.test\nReturn-Path: <>\nSubject: Failure\nMessage-ID: <b{status}{action}@shop.test>\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n--b\n\nIt did not work.\n'
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; shop.test\n\n"
        f"Final-Recipient: rfc822; {CUSTOMER}\nAction: {action}\nStatus: {status}\n"
        f"Diagnostic-Code: smtp; 550 {status} No such user\n\n"
        f"--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: {sent['Message-ID']}\n\n--b--\n"
    ).encode()


def test_a_bounce_marks_the_message_and_the_address(
    who: Identity, mailbox: FakeMailbox, catcher: Catcher, account: ChannelAccount
) -> None:
    mailbox.deliver(letter())
    read(who)
    talk = the_talk(who).id
    call(who, hand_off.take_over, talk)
    send(who, talk)
    mailbox.deliver(bounce(catcher.letters[0], action="delayed", status="4.4.7"))
    read(who)
    assert states(who) == [SENT]
    mailbox.deliver(bounce(catcher.letters[0]))
    read(who)
    assert states(who) == [FAILED] and "No such user" in str(parts(who)[0].error_values)
    assert rows(who, ChannelIdentity)[0].blocked_at is not None and len(rows(who, Conversation)) == 1
    send(who, talk, "Once more")
    assert len(catcher.letters) == 1 and parts(who)[1].error == EMAIL.push.blocked_sentence  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("fault", "state"),
    [({"DATA": "drop"}, UNCERTAIN), ({"RCPT": "550 5.1.1 unknown"}, FAILED), ({"DATA": "554 spam"}, FAILED)],
    ids=["no answer", "no such address", "refused"],
)
def test_what_the_server_does_not_take_is_said_and_never_sent_twice(
    who: Identity,
    mailbox: FakeMailbox,
    catcher: Catcher,
    account: ChannelAccount,
    fault: dict[str, str],
    state: OutboundState,
) -> None:
    mailbox.deliver(letter())
    read(who)
    call(who, hand_off.take_over, the_talk(who).id)
    catcher.faults = fault
    send(who, the_talk(who).id)
    tries, catcher.faults = catcher.tries, {}
    work(who)
    assert states(who) == [state] and parts(who)[0].error and catcher.tries == tries <= 1
    assert (rows(who, ChannelIdentity)[0].blocked_at is not None) == ("RCPT" in fault)


def test_results_of_the_trusted_server_alone_are_shown_and_join_a_known_contact(
    who: Identity, mailbox: FakeMailbox, catcher: Catcher
) -> None:
    known = anna(who)
    connected(who, form(mailbox, catcher.port), checking_server="mx.shop.test")
    forged = letter("Forged", Authentication_Results="mx.evil.test; spf=pass; dkim=pass; dmarc=pass")
    true = b"Authentication-Results: mx.shop.test (v1); dkim=fail; dkim=pass (ok); spf=pass; dmarc=pass p=none\r\n"
    below = letter("True", Authentication_Results="mx.shop.test; spf=fail; dkim=fail; dmarc=fail")
    mailbox.deliver(true + below.as_bytes())
    mailbox.deliver(forged)
    read(who)
    checks = {(row.spf, row.dkim, row.dmarc) for row in rows(who, EmailDetails)}
    assert checks == {("pass", "pass", "pass"), ("", "", "")}
    assert {row.contact_id for row in rows(who, Conversation)} == {known.id}


def test_a_setting_that_is_changed_while_the_mailbox_is_waited_for_holds_for_the_next_message(
    who: Identity, mailbox: FakeMailbox, account: ChannelAccount
) -> None:
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read, who)
        wait_for(lambda: mailbox.idle_count)
        call(who, channel_accounts.save, account.id, {"checking_server": "mx.shop.test"})
        mailbox.deliver(letter(Authentication_Results="mx.shop.test; spf=pass; dkim=pass; dmarc=fail"))
        reading.result()
    (row,) = rows(who, EmailDetails)
    assert (row.spf, row.dkim, row.dmarc) == ("pass", "pass", "fail")


def test_files_are_fetched_from_the_mailbox_and_named_by_their_sender(
    who: Identity, mailbox: FakeMailbox, account: ChannelAccount
) -> None:
    mail = letter("See the picture")
    mail.add_attachment(b"\x89PNG\r\n\x1a\n1234", maintype="image", subtype="png", filename="../колесо.png")
    mailbox.deliver(mail)
    read(who)
    (row,) = rows(who, Attachment)
    assert (row.label, row.name) == ("Photo", ".._колесо.png")
    assert attachments.download(who, row.id).content == b"\x89PNG\r\n\x1a\n1234"
    mail = letter("See the offer")
    mail.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="offer.pdf")
    mailbox.deliver(mail)
    read(who)
    assert "A teammate will take a look" in texts(who)[-1]


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"password": "wrong"}, "password", "refused the user name or the password"),
        ({"folder": "Nowhere"}, "folder", "no folder"),
        ({"imap_security": "starttls"}, "imap_security", "STARTTLS"),
        ({"imap_host": "10.0.0.7"}, "imap_host", "blocked"),
        ({"smtp_host": "10.0.0.7"}, "smtp_host", "blocked"),
        ({"imap_host": "no such host"}, "imap_host", "server name"),
        ({"imap_port": "70000"}, "imap_port", "65535"),
        ({"address": "nobody"}, "address", "address"),
        ({"smtp_host": ""}, "smtp_host", "Settings, Email"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) and " " not in value else "",
)
def test_what_is_wrong_is_said_at_its_field(
    who: Identity, mailbox: FakeMailbox, catcher: Catcher, wrong: dict[str, str], field: str, words: str
) -> None:
    with pytest.raises(Invalid) as caught:
        verified(form(mailbox, catcher.port, **wrong), who.tenant_id)
    assert caught.value.field == field and words in str(caught.value)


def test_the_companys_mail_server_sends_where_the_mailbox_names_none(
    who: Identity, mailbox: FakeMailbox, env: pytest.MonkeyPatch
) -> None:
    with Catcher(signs_in=True) as own:
        set_server(who, own.port, host="127.0.0.1")
        made = connected(who, form(mailbox, own.port, smtp_host=""))
        mailbox.deliver(letter())
        read(who)
        call(who, hand_off.take_over, the_talk(who).id)
        send(who, the_talk(who).id)
        assert [mail["From"].addresses[0].addr_spec for mail in own.letters] == [made.outside_name] == [USER]


def test_a_password_that_is_no_longer_accepted_is_shown_and_one_worker_reads_at_a_time(
    who: Identity, mailbox: FakeMailbox, account: ChannelAccount
) -> None:
    assert len(receivers.claim_due("w1", 5)) == 1 and receivers.claim_due("w2", 5) == []
    assert not receivers.work_once(lease_of(account, "w2"))
    receivers.release(lease_of(account, "w1"))
    mailbox.password = "another"
    for opened in list(mailbox.open):
        opened.shutdown(2)
    read(who)
    row = call(who, channel_accounts.get, account.id)
    assert row.state == AccountState.REFUSED and "password" in row.problem


def test_a_cursor_that_is_damaged_begins_anew() -> None:
    assert email_imap.Cursor.parse("nonsense") == email_imap.Cursor() != email_imap.Cursor.parse("1:2:3:4")
    assert str(email_imap.Cursor.parse("1:2:3:4")) == "1:2:3:4"
