"""Template message: members send an approved template where the channel takes no free text."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.clock import now
from platform_app.errors import Conflict, Invalid
from platform_app.i18n import translate
from platform_app.models.person import Identity, Role
from platform_app.services.chat import member_messages, message_templates
from platform_app.services.inbox.open_conversation import OpenConversation
from platform_app.state.console.base import call, current_user, handler
from platform_app.state.console.option_lists import Option
from platform_app.state.inbox.inbox_view import time_words

MAX_VALUES = 40


@dataclass
class TemplateValue:
    """A value of the chosen template in the form."""

    name: str  # of the field
    label: str


class TemplateMessageState(rx.State):
    """Whether the channel of the open conversation takes free text, and the form of a template."""

    conversation_id: str = ""
    window_words: str = ""  # until when free text is taken, "" if always
    is_closed: bool = False
    templates: list[Option] = []
    chosen: str = ""
    preview: str = ""
    values: list[TemplateValue] = []
    problem: str = ""
    _texts: dict[str, str] = {}
    _parameters: dict[str, list[str]] = {}

    def _show(self, found: OpenConversation, who: Identity, language: str) -> None:
        """Show the window of a conversation that is opened or has changed."""
        row, window = found.line.row, found.window
        if row.id != self.conversation_id:
            self.chosen, self.problem = "", ""
        self.conversation_id = row.id
        self.is_closed = window is not None and not window.is_open(now())
        self.window_words = ""
        if window is not None and not self.is_closed and window.closes_at is not None:
            until = time_words(window.closes_at, who, language)
            self.window_words = translate(language, "Free text until {time}, then templates only.", time=until)
        named = {message_templates.key_of(template): template for template in found.templates}
        self.templates = [Option(key, f"{template.name} · {template.language}") for key, template in named.items()]
        self._texts = {key: message_templates.fill(template, ()) for key, template in named.items()}
        self._parameters = {key: template.parameters for key, template in named.items()}
        self._choose(self.chosen)

    @handler(Role.OPERATOR)
    async def choose(self, key: str) -> None:
        """Choose a template."""
        self.problem = ""
        self._choose(key)

    def _choose(self, key: str) -> None:
        self.chosen = key if key in self._texts else ""
        self.preview = self._texts.get(self.chosen, "")
        names = self._parameters.get(self.chosen, [])
        self.values = [TemplateValue(f"value-{place}", f"{{{{{name}}}}}") for place, name in enumerate(names)]

    @handler(Role.OPERATOR)
    async def send(self, form: dict[str, Any]) -> None:
        """Send the chosen template with its values, or show what is missing."""
        values = [str(form.get(field.name, ""))[:2_000] for field in self.values][:MAX_VALUES]
        try:
            await call(self, member_messages.send_template, self.conversation_id, self.chosen, values=values)
        except (Invalid, Conflict) as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            return
        self.problem, self.chosen = "", ""
        self._choose("")
