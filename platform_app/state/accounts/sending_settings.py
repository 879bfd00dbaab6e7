"""Sending settings: the tenant's quiet hours, caps, hand-back, approval and words of opt-out on the settings page."""

from typing import Any

import reflex as rx

from platform_app.automation.values import parse_whole
from platform_app.errors import PlatformError
from platform_app.form_fields import Control
from platform_app.i18n import translate
from platform_app.models.person import Role
from platform_app.models.sending import SENDING_FORM
from platform_app.services.chat import send_policy
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_user, fetch, handler, success_toast

NUMBERS = {name: int(shown.maximum or 0) for name, shown in SENDING_FORM.items() if shown.control == Control.NUMBER}
WORDS = {"words_en": "en", "words_ru": "ru"}


class SendingSettingsState(rx.State):
    """The form with the limits on what contacts are sent."""

    initial: dict[str, str] = {}
    problem: str = ""
    problem_field: str = ""
    form_key: int = 0

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the tenant's policy."""
        policy, stops = await fetch(self, send_policy.get)
        data = policy.model_dump(mode="json")
        self.initial = {name: str(data[name]) for name in ("quiet_from", "quiet_to", "approval_overdue", *NUMBERS)}
        self.initial |= {name: "\n".join(policy.opt_out_words[language]) for name, language in WORDS.items()}
        self.initial["stop_on_member_reply"] = "yes" if stops else "no"
        self.problem = self.problem_field = ""
        self.form_key += 1

    @handler(Role.ADMIN)
    async def save(self, form: dict[str, Any]) -> Any:
        """Save the policy; an empty number is 0."""
        given = {name: str(form.get(name, ""))[:4_000] for name in (*self.initial, *WORDS)}
        wished: dict[str, Any] = {name: given.get(name, "") for name in ("quiet_from", "quiet_to")}
        wished["approval_overdue"] = given.get("approval_overdue", "wait")
        for name, most in NUMBERS.items():
            number = parse_whole(given[name].strip() or "0", most)
            wished[name] = -1 if number is None else number
        wished["opt_out_words"] = {
            language: [line.strip() for line in given[name].splitlines() if line.strip()]
            for name, language in WORDS.items()
        }
        stops = given.get("stop_on_member_reply") != "no"
        self.problem = self.problem_field = ""
        try:
            await call(self, send_policy.save, wished, stop_on_member_reply=stops)
        except PlatformError as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problem_field = error.field
            return browser.focus(error.field) if error.field in (*NUMBERS, "quiet_from", "quiet_to") else None
        await self.load()
        return await success_toast(self, "Settings saved.")
