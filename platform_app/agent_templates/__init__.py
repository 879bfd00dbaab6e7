"""Agent templates: agents to start from, in each language, as files of data."""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from platform_app.models.script import ScriptKind

CODES = ("clinic", "shop", "school", "realty", "repair")  # in the order of the gallery
_FOLDER = Path(__file__).parent


class _TemplateModel(BaseModel):
    """A part of a template; a word that nothing reads is a mistake in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ScriptTemplate(_TemplateModel):
    """A script of the agent."""

    title: str
    kind: ScriptKind
    text: str
    examples: str = ""


class DefinitionDraft(_TemplateModel):
    """A rule or a sequence: its name and its draft."""

    name: str
    draft: dict[str, Any]


class AgentTemplate(_TemplateModel):
    """An agent to start from: settings, instructions, scripts, and a rule or a sequence where it makes sense."""

    title: str
    description: str
    instructions: str
    agent: dict[str, Any]  # settings of models.agent.AgentSettings, with its name
    scripts: list[ScriptTemplate] = Field(min_length=2, max_length=3)
    rule: DefinitionDraft | None = None
    sequence: DefinitionDraft | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the agent, its instructions among them."""
        return self.agent | {"instructions": self.instructions.strip()}


@lru_cache
def agent_template(code: str, language: str) -> AgentTemplate:
    """Return a template of CODES in a language."""
    text = (_FOLDER / language / f"{code}.toml").read_text(encoding="utf-8")
    return AgentTemplate.model_validate(tomllib.loads(text))
