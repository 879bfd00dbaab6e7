"""Template list: the templates of the channel account in the address, and fetching them from the channel."""

import asyncio
from dataclasses import dataclass

import reflex as rx

from platform_app.errors import PlatformError
from platform_app.i18n import translate
from platform_app.models.channel import MessageTemplate
from platform_app.models.person import Role
from platform_app.services.channels import template_list
from platform_app.services.chat import message_templates
from platform_app.state.console.base import (
    current_identity,
    current_user,
    error_toast,
    fetch,
    handler,
    success_toast,
)

STATUSES = {
    "APPROVED": "Approved",
    "PENDING": "Pending at Meta",
    "REJECTED": "Rejected by Meta",
    "PAUSED": "Paused by Meta",
    "DISABLED": "Disabled by Meta",
}


@dataclass
class TemplateRow:
    """A template in the list."""

    id: str
    name: str
    about: str  # language and category
    text: str
    state: str
    is_usable: bool
    problem: str


class TemplateListState(rx.State):
    """The templates of the account in the address."""

    rows: list[TemplateRow] = []
    is_loading: bool = False

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the list as it was stored."""
        language = (await current_user(self)).language
        listed = await fetch(self, template_list.list_templates, self._id())
        self.rows = [_row(template, language) for template in listed]

    @handler(Role.ADMIN)
    async def refresh(self) -> object:
        """Fetch the templates from the channel."""
        try:
            count = await asyncio.to_thread(template_list.refresh, await current_identity(self), self._id())
        except PlatformError as error:
            return await error_toast(self, error)
        await self.load()
        return await success_toast(self, "Templates: {count}.", count=count)

    def _id(self) -> str:
        return self.router.url.path.rstrip("/").rsplit("/", 1)[-1][:32]


def _row(template: MessageTemplate, language: str) -> TemplateRow:
    state = translate(language, STATUSES[template.status]) if template.status in STATUSES else template.status
    return TemplateRow(
        id=template.id,
        name=template.name,
        about=" · ".join(filter(None, (template.language, template.category.lower()))),
        text=message_templates.fill(template, ()),
        state=state,
        is_usable=template.status == message_templates.APPROVED and not template.problem,
        problem=translate(language, template.problem) if template.problem else "",
    )
