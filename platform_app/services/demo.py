"""Demo: a shop with an agent, its knowledge, its contacts and two weeks of talk; comes and goes with one click."""

import json
import random
import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from platform_app.clock import new_id, now
from platform_app.config import settings
from platform_app.db import Transaction, everywhere, owned, owned_delete, session_scope
from platform_app.errors import Conflict
from platform_app.models.agent import Agent
from platform_app.models.conversation import Author, Conversation, Message
from platform_app.models.crm import Contact, Lead, Pipeline, Stage, StageKind
from platform_app.models.event import Activity, ActivityKind, Event, EventKind
from platform_app.models.knowledge import Source
from platform_app.models.person import Identity, Member, Role, Tenant, User
from platform_app.services import agents, knowledge, passwords

EMAIL = "demo@demo.example"
SLUG = "demo"
_FOLDER = Path(__file__).parents[1] / "demo"
_CONVERSATIONS = 26


def ensure_demo(password: str, language: str) -> str:
    """Make sure that the demo tenant with its sign-in exists; return the e-mail address.

    The password given now is the one that works. A demo that somebody emptied stays empty.
    """
    with session_scope(reason="the demo tenant") as session:
        user: User | None = session.exec(everywhere(User).where(User.email == EMAIL)).first()
        if user is not None:
            if not passwords.matches(password, user.password_hash):
                user.password_hash = passwords.hash_password(password)
            return EMAIL
        name = {"ru": "Демо", "en": "Demo"}[language]
        tenant = Tenant(slug=SLUG, name={"ru": "Старый порт", "en": "Old Port"}[language], language=language, is_demo=True)
        user = User(email=EMAIL, name=name, password_hash=passwords.hash_password(password), language=language)
        session.add(tenant)
        session.add(user)
        session.flush()
        session.add(Member(tenant_id=tenant.id, user_id=user.id, role=Role.OWNER))
        who = _identity(user, tenant)
    with session_scope(who.tenant_id) as session:
        load(session, who)
    return EMAIL


def _identity(user: User, tenant: Tenant) -> Identity:
    return Identity(
        user_id=user.id,
        tenant_id=tenant.id,
        role=Role.OWNER,
        name=user.name,
        email=user.email,
        slug=tenant.slug,
        tenant_name=tenant.name,
        language=user.language,
        time_zone=tenant.time_zone,
    )


def is_loaded(session: Transaction, who: Identity) -> bool:
    """Tell whether the demo stands in this tenant."""
    return session.exec(owned(Pipeline, who.tenant_id).where(Pipeline.is_demo.is_(True))).first() is not None  # type: ignore[attr-defined]


def load(session: Transaction, who: Identity) -> None:
    """Put the demo into a tenant, in the person's language. The worker indexes its documents."""
    if is_loaded(session, who):
        raise Conflict("The demo is here already.")
    folder = _FOLDER / who.language
    shop: dict[str, Any] = json.loads((folder / "shop.json").read_text())
    chance = random.Random(7)  # noqa: S311 - the same demo for everybody
    agent = agents.create(
        session, who, {"name": shop["agent"], "instructions": shop["instructions"], "reply_language": "customer"}
    )
    agents.publish(session, who, agent.id)
    agents.set_active(session, who, agent.id, active=True)
    agent.is_demo = True
    for path in sorted(folder.glob("*.md")):
        _source(session, who, path)
    contacts, leads = _crm(session, who, shop, chance)
    for number in range(_CONVERSATIONS):
        _conversation(session, who, agent, shop["talk"][number % len(shop["talk"])], contacts, leads, chance, number)


def _source(session: Transaction, who: Identity, path: Path) -> None:
    settings().uploads.mkdir(parents=True, exist_ok=True)
    stored_as = secrets.token_hex(16)
    data = path.read_bytes()
    (settings().uploads / stored_as).write_bytes(data)
    knowledge.add_source(session, who, path.name, stored_as, size=len(data)).is_demo = True


def _crm(
    session: Transaction, who: Identity, shop: dict[str, Any], chance: random.Random
) -> tuple[list[Contact], list[Lead]]:
    tenant = who.tenant_id
    pipeline = Pipeline(tenant_id=tenant, name=shop["pipeline"], is_demo=True)
    session.add(pipeline)
    session.flush()
    stages = [
        Stage(tenant_id=tenant, pipeline_id=pipeline.id, name=name, position=place, kind=StageKind(kind))
        for place, (name, kind) in enumerate(shop["stages"])
    ]
    contacts = [
        Contact(tenant_id=tenant, name=name, phone=f"+7 900 000-00-{n:02}", language=who.language, is_demo=True)
        for n, name in enumerate(shop["contacts"], 1)
    ]
    session.add_all([*stages, *contacts])
    session.flush()
    leads = [
        Lead(
            tenant_id=tenant,
            title=title,
            contact_id=contacts[n % len(contacts)].id,
            stage_id=stages[min(chance.randrange(6), 4)].id,
            budget=chance.randrange(5, 200) * 10,
            is_demo=True,
        )
        for n, title in enumerate(shop["leads"])
    ]
    session.add_all(leads)
    session.flush()
    return contacts, leads


def _conversation(
    session: Transaction,
    who: Identity,
    agent: Agent,
    talk: list[str],
    contacts: list[Contact],
    leads: list[Lead],
    chance: random.Random,
    number: int,
) -> None:
    at = now() - timedelta(days=number % 14, hours=chance.uniform(0.2, 9), minutes=chance.uniform(0, 59))
    lead = leads[number % len(leads)]
    row = Conversation(
        tenant_id=who.tenant_id,
        agent_id=agent.id,
        use_draft=False,
        contact_id=contacts[number % len(contacts)].id,
        lead_id=lead.id,
        title=talk[0][:80],
        last_line=talk[1][:160],
        last_message_at=at + timedelta(seconds=9),
        created_at=at,
        is_demo=True,
        created_by=who.user_id,
    )
    session.add(row)
    session.flush()
    said = Message(tenant_id=who.tenant_id, conversation_id=row.id, author=Author.CONTACT, text=talk[0], created_at=at)
    said.author_name = contacts[number % len(contacts)].name
    reply = Message(
        tenant_id=who.tenant_id,
        conversation_id=row.id,
        author=Author.AGENT,
        author_name=agent.name,
        text=talk[1],
        answers_id=said.id,
        created_at=at + timedelta(seconds=6),
        finished_at=at + timedelta(seconds=9),
    )
    session.add_all([said, reply])
    session.flush()
    _happened(session, who, agent, row, reply, at)


def _happened(
    session: Transaction, who: Identity, agent: Agent, row: Conversation, reply: Message, at: datetime
) -> None:
    link = f"/test-chat?c={row.id}"
    kinds = ((EventKind.CONVERSATION_STARTED, None, at), (EventKind.REPLY_SENT, reply.id, at + timedelta(seconds=9)))
    for kind, message_id, when in kinds:
        session.add(
            Event(
                tenant_id=who.tenant_id,
                kind=kind,
                at=when,
                agent_id=agent.id,
                conversation_id=row.id,
                message_id=message_id,
                contact_id=row.contact_id,
                lead_id=row.lead_id,
            )
        )
    session.add(
        Activity(
            id=new_id(),
            tenant_id=who.tenant_id,
            kind=ActivityKind.REPLY,
            at=at + timedelta(seconds=9),
            sentence="“{agent}” replied in “{title}”",
            values={"agent": agent.name, "title": row.title},
            actor=agent.name,
            agent_id=agent.id,
            link=link,
            is_demo=True,
        )
    )


def remove(session: Transaction, who: Identity) -> None:
    """Take everything of the demo away, and leave what the tenant made itself."""
    tenant = who.tenant_id
    for source in session.exec(owned(Source, tenant).where(Source.is_demo.is_(True), Source.deleted_at.is_(None))).all():  # type: ignore[attr-defined,union-attr]
        knowledge.delete(session, who, source.id)
    demo_agents = [a.id for a in session.exec(owned(Agent, tenant).where(Agent.is_demo.is_(True))).all()]  # type: ignore[attr-defined]
    talks = owned(Conversation, tenant).where(
        Conversation.is_demo.is_(True) | Conversation.agent_id.in_(demo_agents)  # type: ignore[attr-defined]
    )
    ids = [row.id for row in session.exec(talks).all()]
    session.execute(owned_delete(Event, tenant).where(Event.conversation_id.in_(ids)))  # type: ignore[union-attr]
    session.execute(owned_delete(Conversation, tenant).where(Conversation.id.in_(ids)))  # type: ignore[attr-defined]
    session.execute(owned_delete(Activity, tenant).where(Activity.is_demo.is_(True) | Activity.agent_id.in_(demo_agents)))  # type: ignore[attr-defined,union-attr]
    for model in (Lead, Contact):
        session.execute(owned_delete(model, tenant).where(model.is_demo.is_(True)))  # type: ignore[attr-defined]
    session.execute(owned_delete(Pipeline, tenant).where(Pipeline.is_demo.is_(True)))  # type: ignore[attr-defined]
    session.execute(owned_delete(Agent, tenant).where(Agent.id.in_(demo_agents)))  # type: ignore[attr-defined]
