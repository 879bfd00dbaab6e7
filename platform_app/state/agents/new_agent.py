"""New agent: the gallery of templates that an agent can be created from."""

from dataclasses import dataclass
from typing import Any

import reflex as rx
from babel.numbers import format_decimal

from platform_app.agent_templates import CODES, AgentTemplate, agent_template
from platform_app.automation.rules import parse_rule
from platform_app.automation.sequences import compile_sequence
from platform_app.engine import agent_creation
from platform_app.i18n import plural, translate
from platform_app.models.agent import AGENT_FORM
from platform_app.models.person import Role
from platform_app.models.script import SCRIPT_FORM
from platform_app.services.agents import agents
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, handler
from platform_app.state.rules.proof_view import ViewContext, view_context
from platform_app.state.rules.rule_words import describe_rule
from platform_app.state.sequences.sequence_words import describe_sequence


@dataclass
class PreviewLine:
    """A part of a template: what it is, its name, and its text."""

    label: str
    name: str
    text: str


@dataclass
class TemplateCard:
    """A template in the gallery, with the preview of what it creates."""

    code: str
    title: str
    description: str
    contents: str
    agent_name: str
    instructions: str
    settings: list[PreviewLine]
    scripts: list[PreviewLine]
    automation: list[PreviewLine]


class NewAgentState(rx.State):
    """The gallery of templates."""

    loaded: bool = False
    templates: list[TemplateCard] = []

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Show the templates in the person's language."""
        context = await view_context(self)
        self.templates = [_card(code, agent_template(code, context.language), context) for code in CODES]
        self.loaded = True

    @handler(Role.OPERATOR)
    async def create(self, code: str) -> Any:
        """Create an agent from a template, or a blank one for "", and open it. Raises Invalid for an unknown code."""
        language = (await current_user(self)).language
        if code:
            agent = await call(self, agent_creation.create_from_template, code[:40], language=language)
        else:
            agent = await call(self, agents.create, {"name": translate(language, "New agent")})
        return browser.redirect(f"/manage/{(await current_identity(self)).slug}/agents/{agent.id}")


def _card(code: str, template: AgentTemplate, context: ViewContext) -> TemplateCard:
    language, kinds = context.language, SCRIPT_FORM["kind"].options
    automation = _automation(template, context)
    contents = [plural(language, "{count} script", "{count} scripts", len(template.scripts))]
    contents += [line.label for line in automation]
    return TemplateCard(
        code=code,
        title=template.title,
        description=template.description,
        contents=" · ".join(contents),
        agent_name=template.agent["name"],
        instructions=template.instructions.strip(),
        settings=_settings(template, language),
        scripts=[
            PreviewLine(translate(language, kinds[script.kind]), script.title, script.text)
            for script in template.scripts
        ],
        automation=automation,
    )


def _settings(template: AgentTemplate, language: str) -> list[PreviewLine]:
    """Return the settings that a template suggests, besides name and instructions."""
    lines = []
    for name, value in template.agent.items():
        if name != "name":
            lines.append(PreviewLine(translate(language, AGENT_FORM[name].label), "", _shown(value, language)))
    return lines


def _shown(value: Any, language: str) -> str:
    if isinstance(value, bool):
        return translate(language, "Yes" if value else "No")
    return value if isinstance(value, str) else str(format_decimal(value, locale=language))


def _automation(template: AgentTemplate, context: ViewContext) -> list[PreviewLine]:
    """Return the rule and the sequence of a template, each as sentences."""
    lines = []
    if template.rule:
        text = describe_rule(parse_rule(template.rule.draft), context, {})
        lines.append(PreviewLine(translate(context.language, "Rule"), template.rule.name, text))
    if template.sequence:
        compiled = compile_sequence(template.sequence.draft)
        text = describe_sequence(compiled.definition, list(compiled.steps.values()), context, {})
        lines.append(PreviewLine(translate(context.language, "Sequence"), template.sequence.name, text))
    return lines
