"""Demo: the content of the demo in each language: articles as files, the shop with its people and talk as data."""

import tomllib
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from platform_app.models.crm import FieldKind, Holder, StageKind
from platform_app.models.script import ScriptKind

_FOLDER = Path(__file__).parent


class _DemoModel(BaseModel):
    """A part of the shop; a word that nothing reads is a mistake in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ShopAgent(_DemoModel):
    """The agent: what it was told at first, and what it is told now."""

    name: str
    no_answer_text: str
    first_instructions: str
    instructions: str


class ShopPipeline(_DemoModel):
    """The pipeline with its stages in order."""

    name: str
    stages: list[tuple[str, StageKind]]


class ShopScript(_DemoModel):
    """A script of the agent; `stage` is a place in the pipeline, none for every stage.

    A field of the shop's own is named by its name in `steps`: contact.field.Height.
    """

    title: str
    kind: ScriptKind
    text: str
    first_text: str = ""  # what it was before somebody improved it
    examples: str = ""
    stage: int | None = None
    condition: dict[str, Any] = Field(default_factory=dict)
    steps: list[dict[str, Any]] = Field(default_factory=list)


class ShopField(_DemoModel):
    """A custom field of contacts or leads of the demo shop."""

    holder: Holder
    name: str
    kind: FieldKind
    options: list[str] = Field(default_factory=list)


class ShopTask(_DemoModel):
    """Something the owner has to do, due so many days from today."""

    text: str
    due: int
    done: bool = False


class _Held(_DemoModel):
    """What contacts and leads have alike; in `own` a number for a date is days from today."""

    day: int
    tags: list[str] = Field(default_factory=list)
    own: dict[str, str | int] = Field(default_factory=dict)
    note: str = ""
    task: ShopTask | None = None


class ShopContact(_Held):
    """A person, and how many days ago the shop came to know them."""

    name: str
    email: str = ""
    phone: str


class ShopLead(_Held):
    """A deal: of which contact, in which stage, how many days ago it began and moved; both are places in lists."""

    title: str
    contact: int
    stage: int
    budget: Decimal
    moved: int | None = None
    source: str = ""
    mine: bool = False  # the owner is responsible


class Ending(StrEnum):
    """How a conversation on the web chat stands."""

    ANSWERED = "answered"  # by the agent
    APPROVAL = "approval"  # the reply to `last`, `draft`, waits for approval
    PERSON = "person"  # handed to a person at `last`, and nobody has answered
    MEMBER = "member"  # taken over by a member, who has written `note` and answered `member`


class ShopWebChat(_DemoModel):
    """The web chat on the site of the shop."""

    name: str
    greeting: str


class ShopConversation(_DemoModel):
    """A conversation of turns: said, replied, title of the article the reply stands on, empty for none.

    It began `day` days ago at a time of day of the tenant's zone, or `ago` minutes ago. With `guided`, the title of a
    script, `told` says for each turn which facts it tells. One `on_site` was held on the web chat.
    """

    contact: int
    turns: list[tuple[str, str, str]]
    lead: int | None = None
    day: int | None = None
    time: str = "12:00"
    ago: int | None = None
    closed: bool = False
    guided: str = ""
    told: list[dict[str, str]] = Field(default_factory=list)
    on_site: bool = False
    ending: Ending = Ending.ANSWERED
    last: str = ""  # what the contact wrote after the turns
    draft: tuple[str, str] = ("", "")  # a reply and its article
    note: str = ""
    member: str = ""


class Shop(_DemoModel):
    """All of the demo that is not an article."""

    tenant: str
    owner: str
    agent: ShopAgent
    pipeline: ShopPipeline
    web_chat: ShopWebChat
    scripts: list[ShopScript]
    fields: list[ShopField]
    contacts: list[ShopContact]
    leads: list[ShopLead]
    conversations: list[ShopConversation] = Field(min_length=1)


@lru_cache
def shop(language: str) -> Shop:
    """Return the shop in a language."""
    files = (_FOLDER / language / name for name in ("shop.toml", "crm.toml"))
    told = [tomllib.loads(file.read_text(encoding="utf-8")) for file in files]
    return Shop.model_validate(told[0] | told[1])


def articles(language: str) -> list[Path]:
    """Return the files of the articles in a language, by title."""
    return sorted((_FOLDER / language).glob("*.md"))
