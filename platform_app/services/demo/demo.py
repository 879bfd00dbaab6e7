"""Demo: loads the demo, a shop with an agent, knowledge, contacts and two weeks of conversations, into a tenant."""

from datetime import datetime
from pathlib import Path

from sqlmodel import col

from platform_app import notifier
from platform_app.db import Transaction, owned, owned_update, session_scope, unscoped
from platform_app.demo import Shop, articles, shop
from platform_app.errors import Conflict
from platform_app.files import tenant_files
from platform_app.models.agent import Agent, AgentSettings, Channel
from platform_app.models.channel import ChannelAccount
from platform_app.models.event import Activity
from platform_app.models.knowledge import Source
from platform_app.models.person import Identity, Member, Role, Tenant, User
from platform_app.rag.chunking import Piece, cut
from platform_app.rag.parsing import clean
from platform_app.services.accounts import passwords, sessions
from platform_app.services.agents import agents
from platform_app.services.channels import channel_accounts
from platform_app.services.demo import demo_crm, demo_rules, demo_scripts, demo_sequences
from platform_app.services.demo.demo_conversation_writer import DemoContext
from platform_app.services.demo.demo_conversations import write_conversations
from platform_app.services.demo.demo_crm import days_ago
from platform_app.services.demo.demo_removal import remove
from platform_app.services.knowledge import sources

__all__ = ["EMAIL", "SLUG", "ensure_demo", "is_loaded", "load", "remove"]
EMAIL = "demo@demo.example"
SLUG = "demo"
_CREATED, _PUBLISHED, _IMPROVED = (14, "10:00"), (14, "15:30"), (9, "09:30")  # days ago and time of day


def ensure_demo(password: str, language: str) -> str:
    """Create the demo tenant with its owner unless it exists; return the owner's e-mail address.

    The password becomes that of the owner, whose sessions end if it changed. A demo that was removed is not loaded
    again.
    """
    with session_scope(reason="the demo tenant", read_only=True) as session:
        user: User | None = session.exec(unscoped(User).where(User.email == EMAIL)).first()
    if user is not None and passwords.verify_password(password, user.password_hash):
        return EMAIL
    hashed = passwords.hash_password(password)
    with session_scope(reason="the demo tenant") as session:
        user = session.exec(unscoped(User).where(User.email == EMAIL)).first()
        if user is None:
            load(session, _create_tenant(session, hashed, language))
        else:
            user.password_hash = hashed
            sessions.end_all_sessions(session, user.id)
    return EMAIL


def _create_tenant(session: Transaction, password_hash: str, language: str) -> Identity:
    """Create the demo tenant with its owner; return the owner."""
    told = shop(language)
    tenant = Tenant(slug=SLUG, name=told.tenant, language=language, is_demo=True)
    tenant.currency = "RUB" if language == "ru" else "EUR"
    user = User(email=EMAIL, name=told.owner, password_hash=password_hash, language=language)
    session.add_all([tenant, user])
    session.flush()
    session.add(Member(tenant_id=tenant.id, user_id=user.id, role=Role.OWNER))
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
        currency=tenant.currency,
    )


def is_loaded(session: Transaction, who: Identity) -> bool:
    """Return whether the demo is loaded in this tenant."""
    return session.exec(owned(Agent, who.tenant_id).where(col(Agent.is_demo).is_(True))).first() is not None


def load(session: Transaction, who: Identity) -> None:
    """Load the demo into a tenant, in the member's language; the worker indexes its documents.

    Raises Conflict if it is loaded already. If anything fails, the files it wrote are deleted.
    """
    if is_loaded(session, who):
        raise Conflict("Demo data is already loaded.")
    told = shop(who.language)
    agent, versions = _agent(session, who, told)
    crm = demo_crm.write(session, who, told)
    session.enable_cache()  # fact snapshots of all events are written from the same rows
    made = demo_scripts.write(session, who, told, crm, agent_id=agent.id, began=versions[0][0], improved=versions[1][0])
    for row in made.rows:
        _backdate(session, who, f"/agents/{agent.id}/scripts/{row.id}", row.created_at)
    written: list[str] = []  # keys of files
    try:
        written_sources = [_source(session, who, path, written) for path in articles(who.language)]
        pieces = {source.title: (source, found) for source, found in written_sources}
        context = DemoContext(agent, _web_chat(session, who, told, agent), versions, pieces, crm, made)
        write_conversations(session, who, context, told.conversations)
        session.flush()
    except BaseException:
        tenant_files.discard(who.tenant_id, *written)
        raise
    tenant_id, agent_id, improved = who.tenant_id, agent.id, days_ago(who, *_IMPROVED)
    session.before_commit.append(lambda: demo_rules.write(session, who, agent_id, improved))  # listening from now on
    session.before_commit.append(lambda: demo_sequences.write(session, who, agent_id, improved))
    session.after_commit.append(lambda: notifier.publish(tenant_id, "agent", agent_id))


def _agent(session: Transaction, who: Identity, told: Shop) -> tuple[Agent, list[tuple[datetime, AgentSettings]]]:
    """Create the agent, publish it twice and switch it on; return it with (time, settings) of each version."""
    chosen = {"name": told.agent.name, "no_answer_text": told.agent.no_answer_text, "no_answer_task": True}
    agent = agents.create(session, who, chosen | {"instructions": told.agent.first_instructions.strip()})
    agent.is_demo, agent.created_at = True, days_ago(who, *_CREATED)
    _backdate(session, who, f"/agents/{agent.id}", agent.created_at)
    versions = []
    for when, instructions in ((_PUBLISHED, told.agent.first_instructions), (_IMPROVED, told.agent.instructions)):
        changes = {"instructions": instructions.strip()}
        agents.save_draft(session, who, agent.id, changes, revision=agent.revision)
        version = agents.publish(session, who, agent.id)
        agents.set_active(session, who, agent.id, active=True)
        version.created_at = agent.updated_at = days_ago(who, *when)
        _backdate(session, who, f"/agents/{agent.id}", version.created_at)
        versions.append((version.created_at, AgentSettings.model_validate(version.content)))
    return agent, versions


def _web_chat(session: Transaction, who: Identity, told: Shop, agent: Agent) -> ChannelAccount:
    """Create the web chat, which no site may show until the tenant names one."""
    row = channel_accounts.create(session, who, Channel.WEB_CHAT, name=told.web_chat.name, agent_id=agent.id)
    row.is_demo, row.created_at = True, days_ago(who, *_PUBLISHED)
    row.settings = row.settings | {"greeting": told.web_chat.greeting}
    _backdate(session, who, f"/settings/channels/{row.id}", row.created_at)
    return row


def _backdate(session: Transaction, who: Identity, link: str, at: datetime) -> None:
    """Move the activities just recorded about a page to the time at which they belong."""
    session.flush()
    query = owned_update(Activity, who.tenant_id).where(col(Activity.link) == link, col(Activity.is_demo).is_(False))
    session.execute(query.values(at=at, created_at=at, is_demo=True))


def _source(session: Transaction, who: Identity, path: Path, written: list[str]) -> tuple[Source, list[Piece]]:
    """Upload an article as a member would; return its source, and the pieces that indexing will cut."""
    data = path.read_bytes()
    file = tenant_files.save_bytes(who.tenant_id, data)
    written.append(file.stored_as)
    source = sources.add_source(session, who, path.name, file)
    source.is_demo = True
    _backdate(session, who, f"/knowledge/{source.id}", days_ago(who, *_CREATED))
    return source, cut(clean(data.decode()))
