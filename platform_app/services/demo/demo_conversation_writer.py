"""Demo conversation writer: the rows of one conversation of the demo, dated in the past."""

from dataclasses import dataclass, field
from datetime import datetime

from platform_app.db import Transaction
from platform_app.events import emit
from platform_app.models.agent import Agent, AgentSettings
from platform_app.models.base import Owned
from platform_app.models.channel import ChannelAccount
from platform_app.models.conversation import Author, Conversation, Message
from platform_app.models.crm import Contact, Lead
from platform_app.models.event import Activity, ActivityKind, EventKind
from platform_app.models.knowledge import Source
from platform_app.models.person import Identity
from platform_app.rag.chunking import Piece
from platform_app.services.chat import conversation_rows
from platform_app.services.demo.demo_crm import DemoCrm
from platform_app.services.demo.demo_scripts import DemoScripts
from platform_app.services.scripts.guided_scripts import GuidedProgress


@dataclass
class DemoContext:
    """What the conversations of the demo refer to."""

    agent: Agent
    account: ChannelAccount  # the web chat
    versions: list[tuple[datetime, AgentSettings]]  # time of publication and settings, oldest first
    articles: dict[str, tuple[Source, list[Piece]]]  # by title
    crm: DemoCrm
    scripts: DemoScripts


@dataclass
class ConversationWriter:
    """A conversation that is being written; its rows are flushed parents first."""

    who: Identity
    context: DemoContext
    row: Conversation
    contact: Contact
    lead: Lead | None
    settings: AgentSettings
    version: int
    at: datetime
    guided: list[GuidedProgress] = field(default_factory=list)  # progress of the guided script at each reply
    history: list[tuple[str, str]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    rest: list[Owned] = field(default_factory=list)

    def add_message(self, author: Author, name: str, text: str) -> Message:
        """Add a message at the conversation's time."""
        message = Message(
            tenant_id=self.who.tenant_id,
            conversation_id=self.row.id,
            author=author,
            author_name=name,
            text=text,
            created_at=self.at,
            finished_at=self.at,
        )
        self.messages.append(message)
        if author == Author.CONTACT and self.row.account_id:
            self.row.contact_at = self.at
        return message

    def set_last(self, text: str) -> None:
        """Set what the list of conversations shows as the last line, and when it was written."""
        self.row.last_message_at, self.row.last_line = self.at, text[:160]

    def emit(self, session: Transaction, kind: EventKind, message: Message | None = None, **after: str) -> None:
        """Emit an event at the conversation's time, with the text of a message or other values."""
        row, said = self.row, {"text": message.text} if message else {}
        event = emit(
            session,
            self.who.tenant_id,
            kind,
            after=said | after,
            agent_id=row.agent_id,
            conversation_id=row.id,
            message_id=message.id if message else None,
            contact_id=row.contact_id,
            lead_id=row.lead_id,
        )
        event.at = event.created_at = self.at

    def record(self, kind: ActivityKind, sentence: str, *, actor: str = "", **values: str) -> None:
        """Record an activity in the past; unlike activity.record it notifies no open pages."""
        by = self.contact.name if kind == ActivityKind.CONVERSATION else self.settings.name
        self.rest.append(
            Activity(
                tenant_id=self.who.tenant_id,
                at=self.at,
                created_at=self.at,
                kind=kind,
                sentence=sentence,
                values=values,
                actor=actor or by,
                user_id=self.who.user_id if actor == self.who.name else None,
                agent_id=self.row.agent_id,
                link=conversation_rows.link_of(self.row),
                is_demo=True,
            )
        )
