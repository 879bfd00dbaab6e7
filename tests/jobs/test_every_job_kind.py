"""Every kind of job: what it was for says that it ended and why, and can be tried again. A new kind needs its case."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from platform_app.clock import now
from platform_app.db import owned, owned_update, session_scope
from platform_app.engine.enrollments import enrollments
from platform_app.engine.sequences import sequence_scheduler
from platform_app.errors import Conflict
from platform_app.files.tenant_files import StoredFile
from platform_app.integrations.base import CrmAccount
from platform_app.job_callbacks import CALLBACKS, OTHER_KINDS
from platform_app.jobs import KINDS
from platform_app.models.agent import Channel
from platform_app.models.channel import ChannelAccount, ChannelIdentity, OutboundState
from platform_app.models.conversation import Conversation, Message, MessageState
from platform_app.models.crm import ImportState
from platform_app.models.event import Activity, EventKind
from platform_app.models.integration import CrmKind, SyncState
from platform_app.models.invitation import MailState
from platform_app.models.job import Job, JobState
from platform_app.models.knowledge import SourceState
from platform_app.models.notification import Notification
from platform_app.models.outgoing_webhook import OutgoingState
from platform_app.models.person import Identity, Role
from platform_app.models.sequence import EnrollmentState
from platform_app.models.tenant_export import ExportState
from platform_app.services.accounts import invitations, password_resets, two_factor_resets
from platform_app.services.channels import chat_answer_mail, outbound_decisions, waiting_updates
from platform_app.services.channels.inbound import ContactDetails
from platform_app.services.chat import conversations, member_messages, outbound_parts
from platform_app.services.crm import contacts, import_job, imports
from platform_app.services.integrations import connections, synchronization
from platform_app.services.integrations.connections import CrmAccess, Definitions
from platform_app.services.jobs import job_list
from platform_app.services.knowledge import index_rebuild, sites, sources
from platform_app.services.mail import mail_servers
from platform_app.services.notifications import digests
from platform_app.services.tenants import tenant_exports
from platform_app.services.webhooks import outgoing_log
from platform_app.state.jobs.jobs import KIND_LABELS
from tests.conftest import make_member
from tests.crm.test_imports import begun
from tests.inviting import invited, use_platform_mail
from tests.jobs.test_job_callbacks import Ending, cancelled, change, crashed, given_up, job_of
from tests.jobs.test_unreadable_jobs import damage, work
from tests.mailing import FORM
from tests.notifications.test_notifications import tell
from tests.notifying import prefer
from tests.receiving import an_outgoing
from tests.receiving import deliveries as outgoing_deliveries
from tests.rules.test_rules import a_rule, runs
from tests.second_factor import set_up
from tests.sequencing import a_lead, a_sequence, do, enrolled, lines, way
from tests.talking import begin, call, real_talk, say
from tests.visiting import a_chat, write
from worker.tasks import HANDLERS


@pytest.fixture(autouse=True)
def platform_mail(env: pytest.MonkeyPatch) -> None:
    """The platform has a mail server of its own."""
    use_platform_mail(env)


CANCELLED, DEAD = "The job was canceled.", "All retries failed."


@dataclass(frozen=True)
class Case:
    """A kind of job: what makes one, what its subject says, and how it is tried again where people look for it."""

    begin: Callable[[Identity], str]
    says: Callable[[Identity, str], str]  # why it ended; nothing while it waits
    again: Callable[[Identity, str], object]


def told(sentence: str) -> Callable[[Identity, str], str]:
    """Return what reads the reason from the newest activity with a sentence."""

    def read(who: Identity, subject_id: str) -> str:
        with session_scope(who.tenant_id, read_only=True) as session:
            query = owned(Activity, who.tenant_id).where(Activity.sentence == sentence)
            rows = session.exec(query.order_by(Activity.at.desc(), Activity.id.desc())).all()  # type: ignore[attr-defined]
        assert all(one.link.startswith("/jobs?") for one in rows)
        waits = job_of(who).state == JobState.QUEUED
        return str(rows[0].values["reason"]) if rows and not waits else ""

    return read


def by_job(who: Identity, subject_id: str) -> None:
    call(who, job_list.retry, job_of(who).id)


def a_source(who: Identity) -> str:
    return str(call(who, sources.add_source, "price.txt", StoredFile("stored", 1, "")).id)


def source_says(who: Identity, source_id: str) -> str:
    source = call(who, sources.get, source_id)
    return str(source.error) if source.state == SourceState.FAILED else ""


def a_site(who: Identity) -> str:
    form = {"address": "https://shop.test/", "scope": "page", "depth": "3", "page_limit": "9", "interval": "never"}
    return str(call(who, sites.create, form).id)


def site_says(who: Identity, site_id: str) -> str:
    return str(call(who, sites.get, site_id).error)


def a_removal(who: Identity) -> str:
    source_id = a_source(who)
    with session_scope(who.tenant_id) as session:
        session.delete(session.exec(owned(Job, who.tenant_id)).one())
    call(who, sources.delete, source_id)
    return source_id


def a_rebuilding(who: Identity) -> str:
    index_rebuild.request_rebuild(who.tenant_id)
    return ""


def import_says(who: Identity, import_id: str) -> str:
    row = call(who, imports.get, import_id)
    return str(row.error) if row.state == ImportState.FAILED else ""


def an_event(who: Identity) -> str:
    a_rule(who, EventKind.CONTACT_CREATED.value, {"kind": "add_tag", "tag": "new"})
    return str(call(who, contacts.create, name="Anna").id)


def a_call(who: Identity) -> str:
    webhook = {"kind": "call_webhook", "url": "https://example.com/hook", "body": ""}
    sequence = a_sequence(who, do("call", webhook), do("end"))
    (row_id,) = enrolled(who, sequence, a_lead(who))
    sequence_scheduler.run_due_steps()
    return row_id


def step_says(who: Identity, row_id: str) -> str:
    return lines(who)[0].error if way(who, row_id).state == EnrollmentState.FAILED else ""


def a_reply(who: Identity) -> str:
    return say(who, begin(who, reply_delay_seconds=60)).id


def reply_says(who: Identity, reply_id: str) -> str:
    with session_scope(who.tenant_id, read_only=True) as session:
        query = owned(Message, who.tenant_id).where(Message.replaced.is_(False), Message.author == "agent")  # type: ignore[attr-defined]
        row = session.exec(query).one()
    assert row.state in (MessageState.FAILED, MessageState.DELAYED)
    return str(row.error)


def a_delivery(who: Identity) -> str:
    """Write a message that goes out on Telegram, of an account that nobody has asked Telegram about."""
    talk_id = real_talk(who)
    with session_scope(who.tenant_id) as session:
        row = session.exec(owned(Conversation, who.tenant_id).where(Conversation.id == talk_id)).one()
        account = ChannelAccount(tenant_id=who.tenant_id, kind=Channel.TELEGRAM, name="Bot", token="t")
        session.add(account)
        session.flush()
        row.channel, row.account_id = Channel.TELEGRAM, account.id
    return str(call(who, member_messages.send, talk_id, "Hello").id)


def a_waiting_update(who: Identity) -> str:
    """Let a post of a bot wait to be read."""
    with session_scope(who.tenant_id) as session:
        account = ChannelAccount(tenant_id=who.tenant_id, kind=Channel.TELEGRAM, name="Bot", token="t")
        session.add(account)
    waiting_updates.store_all(account, ["{}"])
    return str(account.id)


def delivery_says(who: Identity, message_id: str) -> str:
    with session_scope(who.tenant_id, read_only=True) as session:
        state = outbound_parts.delivery_states(session, who.tenant_id, [message_id])[message_id]
    assert state.state in (OutboundState.FAILED, OutboundState.WAITING)
    return state.error


def a_chat_answer(who: Identity) -> str:
    """Let a visitor leave before a member answers."""
    call(who, mail_servers.save, FORM)
    chat = a_chat(who)
    talk = write(who, chat, details=ContactDetails("Anna", "anna@example.com")).message.conversation_id
    call(who, member_messages.send, talk, "Hello")
    with session_scope(who.tenant_id) as session:
        ago = now() - timedelta(minutes=5)
        session.execute(owned_update(ChannelIdentity, who.tenant_id).values(created_at=ago - timedelta(hours=1)))
        session.execute(owned_update(Message, who.tenant_id).values(created_at=ago, finished_at=ago))
        session.execute(owned_update(Conversation, who.tenant_id).values(last_message_at=ago))
    chat_answer_mail.enqueue_due()
    return str(talk)


def an_outgoing_delivery(who: Identity) -> str:
    an_outgoing(who, "https://example.com/", "contact_created")
    call(who, contacts.create, name="Anna")
    return outgoing_deliveries(who)[0].id


def outgoing_says(who: Identity, delivery_id: str) -> str:
    (row,) = outgoing_deliveries(who)
    assert row.state in (OutgoingState.FAILED, OutgoingState.WAITING)
    return row.error


def an_invitation(who: Identity) -> str:
    return str(invited(who, by_mail=True)[0].id)


def invitation_says(who: Identity, invitation_id: str) -> str:
    (row,) = call(who, invitations.list_open)
    assert row.mail in (MailState.FAILED, MailState.QUEUED)
    return str(row.mail_error)


def a_password_reset(who: Identity) -> str:
    password_resets.request(who.email, "198.51.100.7")
    return ""


def a_two_factor_reset(who: Identity) -> str:
    colleague = make_member(who, Role.OPERATOR)
    set_up(colleague)
    assert two_factor_resets.reset_for_member(who, colleague.user_id)
    return ""


def a_notification(who: Identity) -> str:
    prefer(who, "task_due", email="at_once")
    return tell(who, who)[0].id


def a_digest(who: Identity) -> str:
    prefer(who, "task_due", email="daily")
    tell(who, who)
    with session_scope(who.tenant_id) as session:
        session.execute(owned_update(Notification, who.tenant_id).values(digest_at=now()))
    digests.enqueue_due()
    return ""


def a_synchronization(who: Identity) -> str:
    """Begin a synchronization with an account that nobody has asked about."""
    definitions = Definitions([], [], [])
    access = CrmAccess(CrmKind.KOMMO, "token", CrmAccount("1", "Shop", "shop.kommo.com"), definitions)
    connection_id = str(call(who, connections.connect, access).id)
    call(who, synchronization.start, connection_id)
    return connection_id


def synchronization_says(who: Identity, connection_id: str) -> str:
    with session_scope(who.tenant_id, read_only=True) as session:
        row = connections.get(session, who, connection_id)
        sync = synchronization.newest(session, row)
        assert sync is not None and (sync.state == SyncState.FAILED) == bool(sync.error)
        return sync.error


def an_export(who: Identity) -> str:
    return str(call(who, tenant_exports.start).id)


def export_says(who: Identity, export_id: str) -> str:
    (row,) = call(who, tenant_exports.list_exports)
    assert row.state in (ExportState.FAILED, ExportState.RUNNING)
    return str(row.error)


UNSENT = "Email notification to {name} not sent: {reason}"
CASES = {
    "index_source": Case(a_source, source_says, lambda who, one: call(who, sources.retry, one)),
    "remove_source": Case(
        a_removal, told("File and text of the deleted source “{title}” are still kept: {reason}"), by_job
    ),
    "read_site": Case(a_site, site_says, lambda who, one: call(who, sites.read_now, one)),
    "rebuild_index": Case(
        a_rebuilding,
        told("The vector index wasn’t rebuilt: {reason} Until then, only keyword search works."),
        lambda who, one: index_rebuild.request_rebuild(who.tenant_id),
    ),
    "import_contacts": Case(lambda who: begun(who, 3), import_says, lambda who, one: call(who, import_job.retry, one)),
    "handle_event": Case(an_event, told("Rules and sequences couldn’t process an event: {reason}"), by_job),
    "take_step": Case(a_call, step_says, lambda who, one: call(who, enrollments.retry, one)),
    "send_invitation": Case(
        an_invitation, invitation_says, lambda who, one: call(who, invitations.renew, one, by_mail=True)
    ),
    "send_password_reset": Case(a_password_reset, told("Password reset email to {name} not sent: {reason}"), by_job),
    "deliver_message": Case(
        a_delivery, delivery_says, lambda who, message_id: call(who, outbound_decisions.send_again, message_id)
    ),
    "read_updates": Case(a_waiting_update, told("Messages of {name} couldn’t be read: {reason}"), by_job),
    "send_chat_answers": Case(a_chat_answer, told("Answers in “{title}” not sent by email: {reason}"), by_job),
    "send_webhook": Case(an_outgoing_delivery, outgoing_says, lambda who, one: call(who, outgoing_log.send_again, one)),
    "send_two_factor_reset": Case(a_two_factor_reset, told("Two-factor email to {name} not sent: {reason}"), by_job),
    "send_notification": Case(a_notification, told(UNSENT), by_job),
    "send_digest": Case(a_digest, told(UNSENT), by_job),
    "exchange_crm": Case(
        a_synchronization, synchronization_says, lambda who, one: call(who, synchronization.start, one)
    ),
    "export_tenant": Case(an_export, export_says, by_job),
    "reply": Case(a_reply, reply_says, lambda who, one: call(who, conversations.retry, one)),
}
every_kind = pytest.mark.parametrize("kind", sorted(CASES))


def test_no_kind_is_without_purpose_words_handler_and_case() -> None:
    assert set(CASES) == set(KINDS) == set(HANDLERS) == set(CALLBACKS) - {OTHER_KINDS} == set(KIND_LABELS)


@every_kind
@pytest.mark.parametrize(("ending", "sentence"), [(cancelled, CANCELLED), (given_up, DEAD), (crashed, DEAD)])
def test_says_why_it_ended_and_is_tried_again(who: Identity, kind: str, ending: Ending, sentence: str) -> None:
    case = CASES[kind]
    subject_id = case.begin(who)
    assert job_of(who).kind == kind and case.says(who, subject_id) == ""
    change(who, run_at=now())
    ending(who)
    assert case.says(who, subject_id) == sentence
    call(who, job_list.retry, job_of(who).id)
    assert (job_of(who).state, case.says(who, subject_id)) == (JobState.QUEUED, "")
    cancelled(who)
    assert case.says(who, subject_id) == CANCELLED
    case.again(who, subject_id)
    if kind == "take_step":
        sequence_scheduler.run_due_steps()
    newest = job_of(who)
    assert (newest.kind, newest.state, case.says(who, subject_id)) == (kind, JobState.QUEUED, "")


@every_kind
def test_one_that_cannot_be_read_says_so_where_its_keys_name_it(who: Identity, kind: str) -> None:
    case = CASES[kind]
    subject_id, job = case.begin(who), job_of(who)
    damage(job.id, "[]")
    change(who, run_at=now())
    work(job.id)
    sentence = "The data of this job isn’t a JSON object."
    if kind == "handle_event":  # its key names the contact, not the event
        other = told("Background job “{job}” failed: {reason}")
        assert other(who, subject_id) == sentence
    else:
        assert case.says(who, subject_id) == sentence
    with pytest.raises(Conflict):
        call(who, job_list.retry, job.id)


def test_what_was_tried_again_otherwise_is_not_tried_twice(who: Identity) -> None:
    import_id = begun(who, 3)
    old = job_of(who).id
    cancelled(who)
    call(who, import_job.retry, import_id)
    with pytest.raises(Conflict):
        call(who, job_list.retry, old)
    reply_id = a_reply(who)
    old = job_of(who).id
    cancelled(who)
    call(who, conversations.retry, reply_id)
    with pytest.raises(Conflict):
        call(who, job_list.retry, old)


def test_a_reply_that_somebody_writes_goes_on_when_its_job_is_cancelled(who: Identity) -> None:
    reply_id = a_reply(who)
    call(who, conversations.skip_delay, reply_id)
    cancelled(who)
    with session_scope(who.tenant_id, read_only=True) as session:
        row = session.exec(owned(Message, who.tenant_id).where(Message.id == reply_id)).one()
    assert (row.state, row.error) == (MessageState.STREAMING, "")


def test_an_event_that_was_taken_up_ends_its_runs_alone(who: Identity) -> None:
    an_event(who)
    cancelled(who)
    call(who, job_list.retry, job_of(who).id)
    work(job_of(who).id)
    assert [run.state.value for run in runs(who)] == ["done"]
