"""Demo: the content of the demo in each language: articles as files, the shop with its people and talk as data."""

import tomllib
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from platform_app.models.crm import StageKind
from platform_app.models.script import ScriptKind

_FOLDER = Path(__file__).parent


class _Part(BaseModel):
    """A part of the shop; a word that nothing reads is a mistake in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ShopAgent(_Part):
    """The agent: what it was told at first, and what it is told now."""

    name: str
    no_answer_text: str
    first_instructions: str
    instructions: str


class ShopPipeline(_Part):
    """The pipeline with its stages in order."""

    name: str
    stages: list[tuple[str, StageKind]]


class ShopScript(_Part):
    """A script of the agent; `stage` is a place in the pipeline, none for every stage."""

    title: str
    kind: ScriptKind
    text: str
    examples: str = ""
    stage: int | None = None


class ShopContact(_Part):
    """A person, and how many days ago the shop came to know them."""

    name: str
    email: str
    phone: str
    day: int


class ShopLead(_Part):
    """A deal: of which contact, in which stage, how many days ago it began and moved; both are places in lists."""

    title: str
    contact: int
    stage: int
    budget: Decimal
    day: int
    moved: int | None = None


class ShopConversation(_Part):
    """A conversation of turns: said, replied, title of the article the reply stands on, empty for none.

    It began `day` days ago at a time of day of the tenant's zone, or `ago` minutes ago.
    """

    contact: int
    turns: list[tuple[str, str, str]]
    lead: int | None = None
    day: int | None = None
    time: str = "12:00"
    ago: int | None = None
    closed: bool = False


class Shop(_Part):
    """All of the demo that is not an article."""

    tenant: str
    owner: str
    agent: ShopAgent
    pipeline: ShopPipeline
    scripts: list[ShopScript]
    contacts: list[ShopContact]
    leads: list[ShopLead]
    conversations: list[ShopConversation] = Field(min_length=1)


@lru_cache
def shop(language: str) -> Shop:
    """Return the shop in a language."""
    return Shop.model_validate(tomllib.loads((_FOLDER / language / "shop.toml").read_text(encoding="utf-8")))


def articles(language: str) -> list[Path]:
    """Return the files of the articles in a language, by title."""
    return sorted((_FOLDER / language).glob("*.md"))
