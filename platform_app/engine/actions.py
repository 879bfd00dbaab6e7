"""Actions: what rules do. An action is one class: its words, what it takes, and what it does.

The first line of the docstring is what it is called in the builder, the next one what is said of it there; each field
says how it is entered.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, get_args

import httpx
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from platform_app import egress, known, smtp
from platform_app.automation.facts import Named
from platform_app.automation.values import whole
from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.engine import entering
from platform_app.engine.scene import Plan, Scene
from platform_app.errors import Conflict, Invalid, Unavailable
from platform_app.models.person import Identity
from platform_app.services import contacts, hand_off, leads, mail, members, notes, outgoing, pipelines, tagging, tasks
from platform_app.services.effects import SureFailure

LONGEST = 8_000  # characters of a text
MOST_DAYS = 3_650  # until something is due
CONTACT = "{{ contact.email }}"
PLAIN_FIELDS = {  # that a rule may change beside a tenant's own, with their words
    "contact.name": "Name of the contact",
    "contact.phones": "Phone of the contact",
    "contact.emails": "E-mail of the contact",
    "contact.language": "Language of the contact",
    "lead.title": "Title of the lead",
    "lead.budget": "Budget of the lead",
    "lead.source": "Source of the lead",
}
UNHEARD = (httpx.HTTPError,)  # a call of which it is not known whether it arrived; it carries a key


class Ask(StrEnum):
    """How a field of an action is entered."""

    TEXT = "text"  # with variables, of several lines
    LINE = "line"  # with variables, of one line
    TO = "to"  # an e-mail address, or variables that hold one
    TAG = "tag"  # a line, or one of those that there are
    VALUE = "value"  # a line, or one of those that the field can have
    WORD = "word"  # one line as it is
    STAGE = "stage"
    MEMBER = "member"
    FIELD = "field"  # of a contact or a lead
    DAYS = "days"  # a number of days
    SEQUENCE = "sequence"


def asked(words: str, ask: Ask, *, needed: bool = True, start: str = "") -> Any:
    """Return a field of an action: its words for people, how it is entered, and what stands in it at first."""
    kept: dict[str, Any] = {"words": words, "ask": ask.value, "needed": needed, "start": start}
    return Field(default="", max_length=LONGEST, json_schema_extra=kept)


class Action(BaseModel, frozen=True):
    """What a rule can do; `plan` says what it is about to do, and raises PlatformError when that cannot be done."""

    icon: ClassVar[str] = "zap"  # in the builder

    def plan(self, scene: Scene) -> Plan:
        """Return what is about to be done on a scene."""
        raise NotImplementedError

    @classmethod
    def lacks(cls, session: Transaction, who: Identity) -> str:
        """Return what the tenant has to set first, as a message id; nothing when all is there."""
        return ""


class SendMessage(Action):
    """Send a message

    At once, in the agent's name, in the conversation of the event.
    """

    icon: ClassVar[str] = "message-square"
    kind: Literal["send_message"] = "send_message"
    text: str = asked("Text", Ask.TEXT)

    def plan(self, scene: Scene) -> Plan:
        """Say it in the conversation, in the agent's name."""
        talk, text = scene.conversation(), scene.fill(self.text)
        return Plan("Send “{text}”", {"text": text}, do=lambda session, who: outgoing.say(session, who, talk.id, text))


class AskAgent(Action):
    """Let the agent write and send

    With its own settings, scripts and knowledge, as you tell it to.
    """

    icon: ClassVar[str] = "sparkles"
    kind: Literal["ask_agent"] = "ask_agent"
    prompt: str = asked("What it is to write", Ask.TEXT)

    def plan(self, scene: Scene) -> Plan:
        """Let the agent of the conversation write a message; the worker sends it."""
        talk, prompt = scene.conversation(), scene.fill(self.prompt)
        return Plan(
            "Let the agent write: “{text}”",
            {"text": prompt},
            do=lambda session, who: outgoing.ask(session, who, talk.id, prompt),
        )


class ChangeStage(Action):
    """Put the lead into a stage

    Of any pipeline; what happens there follows.
    """

    icon: ClassVar[str] = "git-commit-horizontal"
    kind: Literal["change_stage"] = "change_stage"
    stage_id: str = asked("Stage", Ask.STAGE)

    def plan(self, scene: Scene) -> Plan:
        """Move the lead."""
        lead_id = scene.lead()
        stage = pipelines.stage(scene.session, scene.who, self.stage_id)
        return Plan(
            "Put the lead into {stage}",
            {"stage": stage.name},
            do=lambda session, who: leads.move(session, who, lead_id, stage.id),
        )


class Assign(Action):
    """Make a member responsible

    They see the lead as their own.
    """

    icon: ClassVar[str] = "user-check"
    kind: Literal["assign"] = "assign"
    user_id: str = asked("Member", Ask.MEMBER)

    def plan(self, scene: Scene) -> Plan:
        """Make the member responsible for the lead."""
        lead_id, member = scene.lead(), _member(scene, self.user_id)
        return Plan(
            "Make {name} responsible for the lead",
            {"name": member.name},
            do=lambda session, who: leads.save(session, who, lead_id, {"responsible_id": member.id}),
        )


class CreateTask(Action):
    """Create a task

    For a member or for nobody yet, with a day it is due.
    """

    icon: ClassVar[str] = "list-checks"
    kind: Literal["create_task"] = "create_task"
    text: str = asked("What is to be done", Ask.LINE)
    user_id: str = asked("Responsible", Ask.MEMBER, needed=False)
    days: str = asked("Due in days", Ask.DAYS, needed=False)

    def plan(self, scene: Scene) -> Plan:
        """Write a task for the lead, else for the contact."""
        of = {"lead_id": scene.lead()} if scene.has("lead") else {"contact_id": scene.contact()}
        member = _member(scene, self.user_id) if self.user_id else None
        due = now() + timedelta(days=_count(self.days)) if self.days else None
        text = scene.fill(self.text)
        more: dict[str, Any] = of | {"due_at": due, "responsible_id": member.id if member else None}
        return Plan(
            "Create the task “{text}”",
            {"text": text},
            do=lambda session, who: tasks.create(session, who, text=text, **more),
        )


class UpdateField(Action):
    """Change a field

    Of the contact or the lead, your own fields too.
    """

    icon: ClassVar[str] = "pencil-line"
    kind: Literal["update_field"] = "update_field"
    field: str = asked("Field", Ask.FIELD)
    value: str = asked("Value", Ask.VALUE, needed=False)

    def plan(self, scene: Scene) -> Plan:
        """Save a value of the contact or the lead."""
        holder, _, name = self.field.partition(".")
        value: Any = scene.fill(self.value)
        if name in ("emails", "phones"):
            value = [value] if value else []
        store, row_id = (leads, scene.lead()) if holder == "lead" else (contacts, scene.contact())
        own = known.catalogue_of(scene.session, scene.who.tenant_id).get(self.field)
        return Plan(
            "Set {field} to “{text}”",
            {"field": own.words if own and own.own else self.field, "text": scene.fill(self.value)},
            do=lambda session, who: store.save(session, who, row_id, {name: value}),
        )


class AddTag(Action):
    """Add a tag

    To the lead, else to the contact.
    """

    icon: ClassVar[str] = "tag"
    kind: Literal["add_tag"] = "add_tag"
    tag: str = asked("Tag", Ask.TAG)

    def plan(self, scene: Scene) -> Plan:
        """Give the lead, else the contact, a tag."""
        tag = scene.fill(self.tag)
        store, row_id = (leads, scene.lead()) if scene.has("lead") else (contacts, scene.contact())
        return Plan(
            "Add the tag “{text}”",
            {"text": tag},
            do=lambda session, who: tagging.add(session, who, [row_id], tag, of=store),
        )


class RemoveTag(Action):
    """Remove a tag

    From the lead, else from the contact.
    """

    icon: ClassVar[str] = "eraser"
    kind: Literal["remove_tag"] = "remove_tag"
    tag: str = asked("Tag", Ask.TAG)

    def plan(self, scene: Scene) -> Plan:
        """Take a tag from the lead, else from the contact."""
        tag = scene.fill(self.tag)
        store, row_id = (leads, scene.lead()) if scene.has("lead") else (contacts, scene.contact())
        return Plan(
            "Remove the tag “{text}”",
            {"text": tag},
            do=lambda session, who: tagging.remove(session, who, row_id, tag, of=store),
        )


class WriteNote(Action):
    """Write a note

    On the card of the lead, else of the contact.
    """

    icon: ClassVar[str] = "sticky-note"
    kind: Literal["write_note"] = "write_note"
    text: str = asked("Text", Ask.TEXT)

    def plan(self, scene: Scene) -> Plan:
        """Write a note about the lead, else about the contact."""
        of = {"lead_id": scene.lead()} if scene.has("lead") else {"contact_id": scene.contact()}
        text = scene.fill(self.text)
        return Plan(
            "Write the note “{text}”",
            {"text": text},
            do=lambda session, who: notes.create(session, who, text=text, **of),
        )


class SendEmail(Action):
    """Send an e-mail"""

    kind: Literal["send_email"] = "send_email"
    to: str = asked("To", Ask.TO, needed=False, start=CONTACT)
    subject: str = asked("Subject", Ask.LINE)
    text: str = asked("Text", Ask.TEXT)

    def plan(self, scene: Scene) -> Plan:
        """Send it through the tenant's mail server. No key is known there: what is in doubt is not sent again."""
        server = mail.server(scene.session, scene.who.tenant_id)
        to, subject, text = (scene.fill(one) for one in (self.to or CONTACT, self.subject, self.text))
        if not to:
            raise Conflict("There is no address to write to.")
        if not subject or not text:
            raise Invalid("Subject or text of the message is empty.", field="text")
        message = {"to": smtp.checked(to, field="to"), "subject": smtp.one_line(subject), "text": text}
        values = {"to": to, "text": message["subject"]}
        return Plan("Write to {to}: “{text}”", values, call=lambda key: _send(server, message, key))

    @classmethod
    def lacks(cls, session: Transaction, who: Identity) -> str:
        """Return that a mail server has to be set first."""
        return "" if mail.has_server(session, who.tenant_id) else mail.NO_SERVER


class CallWebhook(Action):
    """Call a webhook

    Sends a text to an address of yours, once, with a key.
    """

    icon: ClassVar[str] = "webhook"
    kind: Literal["call_webhook"] = "call_webhook"
    url: str = asked("Address", Ask.WORD)
    body: str = asked("What is sent", Ask.TEXT, needed=False)

    def plan(self, scene: Scene) -> Plan:
        """Post a text to an address of the tenant's, with a key by which a repetition is known."""
        address, body = egress.check(self.url), scene.fill(self.body)
        return Plan("Call {url}", {"url": address}, call=lambda key: _post(address, body, key), repeatable=True)


class HandOff(Action):
    """Hand the conversation to a person

    The agent is silent until the conversation is given back.
    """

    icon: ClassVar[str] = "hand"
    kind: Literal["hand_off"] = "hand_off"

    def plan(self, scene: Scene) -> Plan:
        """Let the agent be silent until a person gives the conversation back."""
        talk = scene.conversation()
        return Plan("Hand the conversation to a person", do=lambda s, who: hand_off.hand_off(s, who, talk.id))


class CloseConversation(Action):
    """Close the conversation

    Nothing more is written in it.
    """

    icon: ClassVar[str] = "circle-check"
    kind: Literal["close_conversation"] = "close_conversation"

    def plan(self, scene: Scene) -> Plan:
        """End the conversation."""
        talk = scene.conversation()
        return Plan("Close the conversation", do=lambda session, who: hand_off.close(session, who, talk.id))


class Notify(Action):
    """Notify a member

    Puts a line for them into the recent updates.
    """

    icon: ClassVar[str] = "bell"
    kind: Literal["notify"] = "notify"
    user_id: str = asked("Member", Ask.MEMBER)
    text: str = asked("Text", Ask.LINE)

    def plan(self, scene: Scene) -> Plan:
        """Put a line for the member into the recent updates."""
        member, text = _member(scene, self.user_id), scene.fill(self.text)
        if not text:
            raise Invalid("The text of the message is empty.", field="text")
        return Plan(
            "Tell {name}: “{text}”",
            {"name": member.name, "text": text},
            do=lambda session, who: members.notify(session, who, member.id, text),
        )


class StartSequence(Action):
    """Start a sequence"""

    kind: Literal["start_sequence"] = "start_sequence"
    sequence_id: str = asked("Sequence", Ask.SEQUENCE)

    def plan(self, scene: Scene) -> Plan:
        """Let the lead or the contact into a sequence that is switched on."""
        row = entering.live(scene.session, scene.who, self.sequence_id)
        return Plan(
            "Start the sequence “{name}”",
            {"name": row.name},
            do=lambda session, who: entering.start(session, who, row.id, scene.event),
        )


class StopSequence(Action):
    """Stop a sequence"""

    kind: Literal["stop_sequence"] = "stop_sequence"
    sequence_id: str = asked("Sequence", Ask.SEQUENCE)

    def plan(self, scene: Scene) -> Plan:
        """Take the lead or the contact out of a sequence; nothing happens when they are not in it."""
        row = entering.get(scene.session, scene.who, self.sequence_id)
        return Plan(
            "Stop the sequence “{name}”",
            {"name": row.name},
            do=lambda session, who: entering.stop(session, who, row.id, scene.event),
        )


Each = (
    SendMessage
    | AskAgent
    | ChangeStage
    | Assign
    | CreateTask
    | UpdateField
    | AddTag
    | RemoveTag
    | WriteNote
    | SendEmail
    | CallWebhook
    | HandOff
    | CloseConversation
    | Notify
    | StartSequence
    | StopSequence
)
_adapter: TypeAdapter[Each] = TypeAdapter(Annotated[Each, Field(discriminator="kind")])
ACTIONS: dict[str, type[Action]] = {one.model_fields["kind"].default: one for one in get_args(Each)}


def action(data: dict[str, Any]) -> Action:
    """Return an action from JSON values; raises Invalid for one that is not known any more."""
    try:
        return _adapter.validate_python(data)
    except ValidationError as error:
        raise Invalid("An action cannot be read.") from error


def words(kind: str) -> str:
    """Return what an action is called."""
    return (ACTIONS[kind].__doc__ or "").split("\n")[0]


def note(kind: str) -> str:
    """Return what is said of an action where it is chosen; nothing when its docstring has one line."""
    _, *rest = (ACTIONS[kind].__doc__ or "").strip().split("\n")
    return " ".join(line.strip() for line in rest).strip()


def _member(scene: Scene, user_id: str) -> Named:
    found = {user.id: user.name for user, _ in members.of_tenant(scene.session, scene.who)}
    if user_id not in found:
        raise Invalid("There is no such member.", field="user_id")
    return Named(user_id, found[user_id])


def _count(written: str) -> int:
    days = whole(written, MOST_DAYS)
    if days is None:
        raise Invalid("Enter a number.", field="days")
    return days


def _send(server: smtp.Server, message: dict[str, str], key: str) -> dict[str, Any]:
    try:
        return dict(smtp.send(server, smtp.written(server, **message, key=key)))
    except Unavailable as error:
        raise SureFailure(error.sentence, **error.values) from error


def _post(address: str, body: str, key: str) -> dict[str, Any]:
    headers = {"content-type": "text/plain; charset=utf-8", "webhook-id": key, "idempotency-key": key}
    if body.lstrip().startswith(("{", "[")):
        headers["content-type"] = "application/json"
    try:
        answer = egress.post(address, body, headers)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise SureFailure("The address does not answer.") from error
    if answer.status == 429 or answer.status >= 500:
        raise SureFailure("The address is out of order.")
    if answer.status >= 300:
        raise Invalid("The address answered {status}.", field="url", status=answer.status)
    return {"status": answer.status, "answer": answer.text[:500]}
