"""Actions: what rules do. An action is one class: its words, what it takes, and what it does.

The first line of the docstring is what it is called in the builder, the next one what is said of it there; each field
says how it is entered.
"""

from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import Field, TypeAdapter, ValidationError

from platform_app import fact_snapshots
from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.engine.actions.action_base import (
    LONGEST,
    MOST_DAYS,
    PLAIN_FIELDS,
    Action,
    Ask,
    asked,
    days_of,
    member_of,
)
from platform_app.engine.actions.action_context import Plan, Scene
from platform_app.engine.actions.outbound_calls import UNHEARD, post, send
from platform_app.engine.sequences import enrollment_entry
from platform_app.errors import Conflict, Invalid
from platform_app.integrations import egress, smtp
from platform_app.models.person import Identity
from platform_app.services.accounts import members
from platform_app.services.chat import agent_messages, hand_off
from platform_app.services.crm import contacts, leads, notes, pipelines, tags, tasks
from platform_app.services.mail import mail_servers

CONTACT = "{{ contact.email }}"


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
        return Plan(
            "Send “{text}”", {"text": text}, do=lambda session, who: agent_messages.say(session, who, talk.id, text)
        )


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
            do=lambda session, who: agent_messages.ask(session, who, talk.id, prompt),
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
        lead_id, member = scene.lead(), member_of(scene, self.user_id)
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
        member = member_of(scene, self.user_id) if self.user_id else None
        due = now() + timedelta(days=days_of(self.days)) if self.days else None
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
        own = fact_snapshots.catalogue_of(scene.session, scene.who.tenant_id).get(self.field)
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
            do=lambda session, who: tags.add(session, who, [row_id], tag, of=store),
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
            do=lambda session, who: tags.remove(session, who, row_id, tag, of=store),
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
    """Send an e-mail

    Through the mail server that is set under Settings.
    """

    kind: Literal["send_email"] = "send_email"
    to: str = asked("To", Ask.TO, needed=False, start=CONTACT)
    subject: str = asked("Subject", Ask.LINE)
    text: str = asked("Text", Ask.TEXT)

    def plan(self, scene: Scene) -> Plan:
        """Send it through the tenant's mail server. No key is known there: what is in doubt is not sent again."""
        server = mail_servers.server(scene.session, scene.who.tenant_id)
        to, subject, text = (scene.fill(one) for one in (self.to or CONTACT, self.subject, self.text))
        if not to:
            raise Conflict("There is no address to write to.")
        if not subject or not text:
            raise Invalid("Subject or text of the message is empty.", field="text")
        message = {"to": smtp.checked(to, field="to"), "subject": smtp.one_line(subject), "text": text}
        values = {"to": to, "text": message["subject"]}
        return Plan("Write to {to}: “{text}”", values, call=lambda key: send(server, message, key))

    @classmethod
    def lacks(cls, session: Transaction, who: Identity) -> str:
        """Return that a mail server has to be set first."""
        return "" if mail_servers.has_server(session, who.tenant_id) else mail_servers.NO_SERVER


class CallWebhook(Action):
    """Call a webhook

    To an address of yours, once, with a key; values are encoded for JSON, a form or XML by themselves.
    """

    icon: ClassVar[str] = "webhook"
    kind: Literal["call_webhook"] = "call_webhook"
    url: str = asked("Address", Ask.WORD)
    body: str = asked("What is sent", Ask.TEXT, needed=False)

    def plan(self, scene: Scene) -> Plan:
        """Post a text to an address of the tenant's, with a key by which a repetition is known."""
        address, body = egress.check(self.url), scene.fill_body(self.body)
        return Plan("Call {url}", {"url": address}, call=lambda key: post(address, body, key), repeatable=True)


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
        member, text = member_of(scene, self.user_id), scene.fill(self.text)
        if not text:
            raise Invalid("The text of the message is empty.", field="text")
        return Plan(
            "Tell {name}: “{text}”",
            {"name": member.name, "text": text},
            do=lambda session, who: members.notify(session, who, member.id, text),
        )


class StartSequence(Action):
    """Start a sequence

    For the lead or the contact, when they may enter it.
    """

    kind: Literal["start_sequence"] = "start_sequence"
    sequence_id: str = asked("Sequence", Ask.SEQUENCE)

    def plan(self, scene: Scene) -> Plan:
        """Let the lead or the contact into a sequence that is switched on."""
        row = enrollment_entry.live(scene.session, scene.who, self.sequence_id)
        return Plan(
            "Start the sequence “{name}”",
            {"name": row.name},
            do=lambda session, who: enrollment_entry.start(session, who, row.id, scene.event),
        )


class StopSequence(Action):
    """Stop a sequence

    The lead or the contact leaves it at once.
    """

    kind: Literal["stop_sequence"] = "stop_sequence"
    sequence_id: str = asked("Sequence", Ask.SEQUENCE)

    def plan(self, scene: Scene) -> Plan:
        """Take the lead or the contact out of a sequence; nothing happens when they are not in it."""
        row = enrollment_entry.get(scene.session, scene.who, self.sequence_id)
        return Plan(
            "Stop the sequence “{name}”",
            {"name": row.name},
            do=lambda session, who: enrollment_entry.stop(session, who, row.id, scene.event),
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


__all__ = ["ACTIONS", "LONGEST", "MOST_DAYS", "PLAIN_FIELDS", "UNHEARD", "Action", "Ask", "Each", "action"]
