"""Agent: the editor of an agent: saving the draft, publishing, history."""

from dataclasses import replace
from typing import Any

import reflex as rx

from platform_app.errors import Conflict, Invalid
from platform_app.form_fields import TYPED, Control, format_typed, parse_typed
from platform_app.i18n import exact_time, translate
from platform_app.models.agent import AGENT_FORM, Agent, AgentSettings
from platform_app.models.conduct import ConductLine
from platform_app.models.person import Identity, Role
from platform_app.models.tool_call import ToolMode
from platform_app.services.agents import agents
from platform_app.services.chat import reply_conduct
from platform_app.services.versions.versioned_rows import VersionedRows
from platform_app.state.agents.agent_channels import AgentChannels, channel_lines
from platform_app.state.agents.agent_conduct import ConductLineRow, line_rows, parse_line, trial_words
from platform_app.state.agents.agent_models import AgentModels
from platform_app.state.agents.agent_stages import AgentStageLine, VisibleField, stages_and_fields
from platform_app.state.agents.agent_tools import ToolLine, tool_lines
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.page_address import replace_query
from platform_app.state.console.versioned_editor import VersionedEditor

TABS = ("basics", "instructions", "knowledge", "pipelines", "tools", "conduct", "channels", "history")


class AgentState(AgentModels, AgentChannels, VersionedEditor, rx.State):
    """The editor of the agent in the address."""

    agent_key: str = ""  # changes with every load, which redraws the fields
    tab: str = TABS[0]
    name: str = ""
    status: str = ""
    active: bool = False
    is_published: bool = False
    has_changes: bool = False
    initial: dict[str, str] = {}
    flags: dict[str, bool] = {}
    choices: dict[str, str] = {}  # the selected value by field
    categories: list[str] = []  # ids of the selected ones
    stages: list[AgentStageLine] = []
    visible_fields: list[VisibleField] = []
    tools: list[ToolLine] = []
    conduct_rows: list[ConductLineRow] = []
    conduct_problem: str = ""
    conduct_trial: str = ""  # what became of the trial of a line
    is_line_tried: bool = False
    _conduct: list[dict[str, Any]] = []
    _tried: dict[str, Any] = {}  # the line that was tried
    problems: dict[str, str] = {}
    instruction_length: int = 0

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the agent and fill the form."""
        asked = self.router.url.query_parameters.get("tab")
        self.tab = asked if asked in TABS else TABS[0]
        self.agent_key, self.changes, self.compared, self.conflict = "", [], "", False
        await self._load_form()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Show a conflict as soon as another user changes this agent."""
        async with self:
            identity = await current_identity(self)
            agent_id = self._id()
        async for update in subscribe(self, "agent"):
            if update.subject_id in ("", agent_id):
                async with self:
                    agent = await fetch(self, agents.get, agent_id)
                    self.conflict = agent.revision > self._revision
                    self._set_status(agent, identity, (await current_user(self)).language)

    @handler(Role.VIEWER)
    async def show_tab(self, tab: str) -> Any:
        """Switch the tab and put it into the address."""
        if tab not in TABS:
            return None
        self.tab = tab
        return replace_query(tab=tab)

    @handler(Role.OPERATOR)
    async def save(self, field: str, value: Any) -> None:
        """Save a field of the draft, or show the problem at the field if the value is invalid."""
        if field == "instructions" and isinstance(value, str):
            self.instruction_length = len(value)
        parsed = parse_typed(AGENT_FORM[field], value) if field in AGENT_FORM else value
        changes = self._with_models({field: parsed})
        try:
            revision, problems = await call(self, agents.save_draft, self._id(), changes, revision=self._revision)
        except Conflict:
            self.conflict = True
            return
        language = (await current_user(self)).language
        said = {name: translate(language, words) for name, words in problems.items()}
        self.problems = {name: words for name, words in self.problems.items() if name != field} | said
        self._revision = revision
        if field in self.flags:
            self.flags = self.flags | {field: bool(value)}
        if field in self.choices and not problems:
            self.choices = self.choices | {field: str(value)}
            if self._show_model_choices(changes):
                await self._load_models(language)
        await self._load_status()

    @handler(Role.OPERATOR)
    async def toggle_category(self, category_id: str, selected: bool) -> Any:
        """Add a knowledge category to those the agent reads, or take it out."""
        wanted = [other for other in self.categories if other != category_id] + [category_id] * selected
        self.categories = wanted
        return browser.call_handler(AgentState.save, "categories", list(wanted))

    @handler(Role.OPERATOR)
    async def toggle_stage(self, stage_id: str, selected: bool) -> Any:
        """Add a stage to those the agent works in, or take it out."""
        self.stages = [replace(line, selected=selected) if line.id == stage_id else line for line in self.stages]
        return browser.call_handler(AgentState.save, "stages", [line.id for line in self.stages if line.selected])

    @handler(Role.OPERATOR)
    async def set_stage_instructions(self, stage_id: str, text: str) -> Any:
        """Set the extra instructions for a stage."""
        self.stages = [replace(line, text=text) if line.id == stage_id else line for line in self.stages]
        instructions = {line.id: line.text for line in self.stages if line.text.strip()}
        return browser.call_handler(AgentState.save, "stage_instructions", instructions)

    @handler(Role.OPERATOR)
    async def toggle_visible_field(self, name: str, selected: bool) -> Any:
        """Add a contact or lead field to those the agent sees, or take it out."""
        self.visible_fields = [
            replace(line, selected=selected) if line.name == name else line for line in self.visible_fields
        ]
        return browser.call_handler(
            AgentState.save, "seen_fields", [line.name for line in self.visible_fields if line.selected]
        )

    @handler(Role.OPERATOR)
    async def set_tool(self, name: str, mode: str) -> Any:
        """Set whether the agent may use a tool."""
        self.tools = [replace(line, mode=mode) if line.name == name else line for line in self.tools]
        chosen = {line.name: line.mode for line in self.tools if line.mode != ToolMode.NEVER}
        return browser.call_handler(AgentState.save, "tools", chosen)

    @handler(Role.OPERATOR)
    async def try_line(self, form: dict[str, Any]) -> None:
        """Try a line of the must and never list on stored replies, before it is added."""
        language = (await current_user(self)).language
        self.conduct_problem, self.conduct_trial, self.is_line_tried = "", "", False
        try:
            line = parse_line(form)
        except Invalid as error:
            self.conduct_problem = translate(language, error.sentence, **error.values)
            return
        tried, broken = await fetch(self, reply_conduct.try_line, self._id(), line)
        self.conduct_trial, self.is_line_tried = trial_words(tried, broken, language), True
        self._tried = line.model_dump(mode="json")

    @handler(Role.OPERATOR)
    async def add_line(self) -> Any:
        """Add the line that was tried to the must and never list."""
        if not self.is_line_tried:
            return None
        self.conduct_trial, self.is_line_tried = "", False
        return await self._save_conduct([*self._conduct, self._tried])

    @handler(Role.OPERATOR)
    async def remove_line(self, place: int) -> Any:
        """Remove a line of the must and never list."""
        return await self._save_conduct([line for at, line in enumerate(self._conduct) if at != place])

    async def _save_conduct(self, lines: list[dict[str, Any]]) -> Any:
        self._conduct = lines
        await self._show_conduct()
        return browser.call_handler(AgentState.save, "conduct", lines)

    async def _show_conduct(self) -> None:
        lines = [ConductLine.model_validate(line) for line in self._conduct]
        counted = await fetch(self, reply_conduct.counts, self._id())
        self.conduct_rows = line_rows(lines, counted, (await current_user(self)).language)

    @handler(Role.OPERATOR)
    async def keep_own_changes(self) -> None:
        """Close the conflict; the next change overwrites the other user's value of that field."""
        agent = await fetch(self, agents.get, self._id())
        self._revision, self.conflict = agent.revision, False

    @handler(Role.OPERATOR)
    async def publish(self) -> Any:
        """Publish the draft. The first time the agent is switched on too."""
        version = await call(self, agents.publish, self._id(), switch_on=not self.is_published)
        agent = await fetch(self, agents.get, self._id())
        self._revision = agent.revision
        await self._load_status()
        await self._show_versions(await fetch(self, agents.list_versions, self._id()))
        return await success_toast(self, "Version {number} is published.", number=version.number)

    @handler(Role.OPERATOR)
    async def switch(self, active: bool) -> None:
        """Switch the agent on or off."""
        await call(self, agents.set_active, self._id(), active=active)
        await self._load_status()

    def _versioned_rows(self) -> VersionedRows[Any, Any]:
        return agents.AGENTS

    def _field_labels(self) -> dict[str, str]:
        return {name: shown.label for name, shown in AGENT_FORM.items()}

    async def _load_form(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        agent = await fetch(self, agents.get, self._id())
        own = AgentSettings.model_validate(agent.draft)
        values = own.model_dump(mode="json")
        self.initial = {
            name: format_typed(values[name]) for name, shown in AGENT_FORM.items() if shown.control in TYPED
        }
        self.flags = {name: values[name] for name, shown in AGENT_FORM.items() if shown.control == Control.SWITCH}
        self.choices = {name: values[name] for name, shown in AGENT_FORM.items() if shown.control == Control.SELECT}
        self._show_model_choices(values)
        self.categories = own.categories
        self.stages, self.visible_fields = await fetch(self, stages_and_fields, own, language)
        self.tools = await fetch(self, tool_lines, own, language)
        self.channels = await fetch(self, channel_lines, agent.id, language)
        self._conduct, self.is_line_tried, self.conduct_trial = values["conduct"], False, ""
        await self._show_conduct()
        self.instruction_length, self.problems = len(own.instructions), {}
        await self._load_models(language)
        self._revision = agent.revision
        self._loads += 1
        self.agent_key = f"{agent.id}-{self._loads}"
        self._set_status(agent, identity, language)
        await self._show_versions(await fetch(self, agents.list_versions, self._id()))

    async def _load_status(self) -> None:
        agent = await fetch(self, agents.get, self._id())
        self._set_status(agent, await current_identity(self), (await current_user(self)).language)

    def _set_status(self, agent: Agent, identity: Identity, language: str) -> None:
        self.name, self.active = agent.name, agent.active
        self.status = agents.status_of(agent)
        self.is_published = agent.published_number > 0
        self.has_changes = agent.changed_since_publish
        clock = exact_time(language, agent.updated_at, identity.time_zone)
        self.saved = translate(language, "Saved {when}", when=clock)
