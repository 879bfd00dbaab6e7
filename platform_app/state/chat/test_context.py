"""Test context: the agent, contact, lead and stage that a test conversation is played with, and whether it is live."""

from dataclasses import dataclass, field

import reflex as rx

from platform_app.db import Transaction
from platform_app.errors import NotFound
from platform_app.i18n import translate
from platform_app.models.crm import Contact, Lead
from platform_app.models.person import Identity, Role
from platform_app.services.agents import agent_list
from platform_app.services.chat import conversations
from platform_app.services.crm import contacts, leads, pipelines
from platform_app.state.console.base import call, current_user, fetch, handler

NONE = "none"  # an option needs a value
NEW = "new"
MAX_OPTIONS = 100  # of contacts and of leads, the newest


@dataclass
class AgentOption:
    """An agent that can be tried: its name and the number of its newest published version, 0 if there is none."""

    id: str
    name: str
    version: int


@dataclass
class ContextOption:
    """A contact, a lead or a stage: its name, and what tells it from others of the same name."""

    id: str
    name: str
    note: str


@dataclass
class TestContextOptions:
    """The contacts and leads on offer, and the contact and the stage of each lead by its id."""

    contacts: list[ContextOption] = field(default_factory=list)
    leads: list[ContextOption] = field(default_factory=list)
    contact_of: dict[str, str] = field(default_factory=dict)


def test_context_options(
    session: Transaction, who: Identity, lead_id: str = "", contact_id: str = ""
) -> TestContextOptions:
    """Return the newest contacts and leads, and those that are selected, however old."""
    stages = {stage.id: stage.name for _, listed in pipelines.list_pipelines(session, who) for stage in listed}
    deals, _ = leads.list_leads(session, who, page_size=MAX_OPTIONS)
    persons, _ = contacts.list_contacts(session, who, sort="updated", descending=True, page_size=MAX_OPTIONS)
    try:
        deals += [leads.get(session, who, lead_id)] if _is_missing(deals, lead_id) else []
        persons += [contacts.get(session, who, contact_id)] if _is_missing(persons, contact_id) else []
    except NotFound:  # deleted since
        pass
    return TestContextOptions(
        [ContextOption(row.id, row.name, (row.phones or row.emails or [""])[0]) for row in persons],
        [ContextOption(row.id, row.title, stages[row.stage_id]) for row in deals],
        {row.id: row.contact_id for row in deals if row.contact_id},
    )


def test_context_stages(session: Transaction, who: Identity) -> list[ContextOption]:
    """Return all stages of the tenant with the names of their pipelines, in order."""
    return [
        ContextOption(stage.id, stage.name, pipeline.name)
        for pipeline, stages in pipelines.list_pipelines(session, who)
        for stage in stages
    ]


def _is_missing(rows: list[Lead] | list[Contact], row_id: str) -> bool:
    return row_id not in ("", NONE) and all(row.id != row_id for row in rows)


def selected_context(lead: str, contact: str, stage: str) -> dict[str, str | None]:
    """Return the selected ids as arguments of `conversations.set_test_context`; NONE becomes None."""
    return {"lead_id": _or_none(lead), "contact_id": _or_none(contact), "stage_id": _or_none(stage)}


def _or_none(choice: str) -> str | None:
    return None if choice in ("", NONE) else choice


class TestContext(rx.State, mixin=True):
    """A mixin with the settings of the open test conversation, or of a new one."""

    loaded: bool = False
    current: str = ""  # id of the open conversation; "": a new one
    agents: list[AgentOption] = []
    agent: str = ""
    agent_name: str = ""
    agent_version: int = 0  # the newest published one; 0: only the draft can answer
    use_draft: bool = True
    leads: list[ContextOption] = []
    lead: str = NONE
    lead_name: str = ""
    contacts: list[ContextOption] = []
    contact: str = NONE
    contact_name: str = ""
    stages: list[ContextOption] = []
    stage: str = NONE  # NONE: the lead's own stage
    stage_name: str = ""
    acting_as: str = ""  # the contact, the lead and the stage in one line; "": nobody who is known
    is_live: bool = False  # rules and sequences run on it, and the numbers count it
    _contact_of: dict[str, str] = {}

    @handler(Role.OPERATOR)
    async def select_agent(self, agent_id: str) -> None:
        """Set the agent that replies from now on."""
        await self._set_agent(agent_id[:32], self.use_draft)

    @handler(Role.OPERATOR)
    async def set_use_draft(self, use_draft: bool) -> None:
        """Set whether replies use the draft of the agent or its published version."""
        await self._set_agent(self.agent, use_draft)

    @handler(Role.OPERATOR)
    async def select_lead(self, lead_id: str) -> None:
        """Set the lead of the test context, with its contact; NEW creates a lead."""
        if lead_id == NEW:
            title = translate((await current_user(self)).language, "Test lead")
            with_contact = None if self.contact == NONE else self.contact
            lead_id = (await call(self, leads.create_in_first_stage, title, contact_id=with_contact)).id
        await self._set_test_context(lead_id[:32], self._contact_of.get(lead_id, self.contact), NONE)

    @handler(Role.OPERATOR)
    async def select_contact(self, contact_id: str) -> None:
        """Set the contact of the test context; NEW creates a contact."""
        if contact_id == NEW:
            name = translate((await current_user(self)).language, "Test contact")
            contact_id = (await call(self, contacts.create, name=name)).id
        await self._set_test_context(self.lead, contact_id[:32], self.stage)

    @handler(Role.OPERATOR)
    async def select_stage(self, stage_id: str) -> None:
        """Set the stage of the test context; NONE uses the lead's own stage."""
        await self._set_test_context(self.lead, self.contact, stage_id[:32])

    @handler(Role.OPERATOR)
    async def set_is_live(self, is_live: bool) -> None:
        """Let rules and sequences run on the conversation and the numbers count it, from now on."""
        if self.current:
            await call(self, conversations.set_is_live, self.current, is_live=is_live)
        self.is_live = is_live

    async def _load_options(self, wished: str) -> None:
        rows, _ = await fetch(self, agent_list.list_agents, page_size=200, sort="name", descending=False)
        self.agents = [AgentOption(row.id, row.name, row.published_number) for row in rows]
        known = [row.id for row in rows]
        self.agent = next((agent for agent in (wished, self.agent) if agent in known), (known or [""])[0])
        self.stages = await fetch(self, test_context_stages)
        await self._load_test_context_options()

    async def _set_agent(self, agent_id: str, use_draft: bool) -> None:
        if self.current:
            await call(self, conversations.set_agent, self.current, agent_id, use_draft=use_draft)
        self.agent, self.use_draft = agent_id, use_draft
        self._name_selected()

    async def _set_test_context(self, lead: str, contact: str, stage: str) -> None:
        if self.current:
            await call(self, conversations.set_test_context, self.current, **selected_context(lead, contact, stage))
        self.lead, self.contact, self.stage = lead, contact, stage
        await self._load_test_context_options()

    async def _load_test_context_options(self) -> None:
        """Fetch the contacts and leads on offer unless the selected ones are among them."""
        known = {choice.id for choice in (*self.contacts, *self.leads)} | {NONE}
        if not (self.loaded and {self.lead, self.contact} <= known):
            options = await fetch(self, test_context_options, self.lead, self.contact)
            self.contacts, self.leads, self._contact_of = options.contacts, options.leads, options.contact_of
        self._name_selected()

    def _name_selected(self) -> None:
        """Set the names of what is selected."""
        agent = next((agent for agent in self.agents if agent.id == self.agent), AgentOption("", "", 0))
        self.agent_name, self.agent_version = agent.name, agent.version
        nothing = ContextOption("", "", "")
        contact = next((choice for choice in self.contacts if choice.id == self.contact), nothing)
        lead = next((choice for choice in self.leads if choice.id == self.lead), nothing)
        stage = next((choice for choice in self.stages if choice.id == self.stage), nothing)
        self.contact_name, self.lead_name, self.stage_name = contact.name, lead.name, stage.name
        self.acting_as = " · ".join(name for name in (contact.name, lead.name, stage.name or lead.note) if name)
