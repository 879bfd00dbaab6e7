"""Mail sign-in: connects a mailbox, or connects it again, by signing in at its provider."""

from typing import Any

import reflex as rx

from platform_app.channels import mail_oauth
from platform_app.errors import Invalid, PlatformError
from platform_app.i18n import translate
from platform_app.models.person import Role
from platform_app.services.channels import channel_access, mail_sign_ins
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_user, handler

SIGN_IN_PROBLEMS = {  # by the word with which a sign-in leads back
    "over": mail_sign_ins.OVER,
    "denied": mail_sign_ins.DENIED,
    "connected": channel_access.CONNECTED_ALREADY,
    "another": "You signed in to another mailbox. Sign in with the account of this one.",
    "refused": "The mail servers refused this sign-in. Use the account of the mailbox and turn on IMAP and SMTP for "
    "it (authenticated SMTP in Microsoft 365).",
    "unavailable": "The mail provider isn’t responding. Start again later.",
}


class MailSignInState(rx.State):
    """How a mailbox is signed in to."""

    provider: str = ""  # a key of PROVIDERS, "" for a password
    missing: str = ""  # what this installation lacks for the provider, in words
    problem: str = ""
    problem_field: str = ""
    ended: str = ""  # what went wrong with the sign-in from which the browser comes

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Tell how a sign-in ended from which the browser comes."""
        self.provider, self.missing, self.problem, self.problem_field = "", "", "", ""
        sentence = SIGN_IN_PROBLEMS.get(self.router.url.query_parameters.get("sign_in", ""), "")
        self.ended = translate((await current_user(self)).language, sentence) if sentence else ""

    @handler(Role.ADMIN)
    async def choose(self, provider: str) -> None:
        """Choose how to sign in, and show what is missing for it. Raises Invalid for an unknown provider."""
        if provider and provider not in mail_oauth.PROVIDERS:
            raise Invalid("This value isn’t allowed.")
        self.provider, self.missing, self.problem, self.problem_field = provider, "", "", ""
        if not provider:
            return
        language = (await current_user(self)).language
        try:
            mail_oauth.mail_client(provider)
        except Invalid as error:
            self.missing = translate(language, error.sentence, **error.values)
            return
        if not mail_sign_ins.redirect_address():
            self.missing = translate(language, mail_sign_ins.NO_ADDRESS)

    @handler(Role.ADMIN)
    async def begin(self, form: dict[str, Any]) -> Any:
        """Go to the provider to sign in there, or show the problem at its field."""
        address, name = str(form.get("address", ""))[:300], str(form.get("name", ""))[:1_000]
        given = {"name": name, "agent_id": str(form.get("agent_id", ""))[:32]}
        self.problem, self.problem_field = "", ""
        try:
            target = await call(self, mail_sign_ins.begin, self.provider, address, **given)
        except PlatformError as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problem_field = error.field or "agent_id"
            return None
        return browser.load_address(target)

    @handler(Role.ADMIN)
    async def connect_again(self, account_id: str) -> Any:
        """Go to the provider of a mailbox to sign in again, or show what is missing."""
        self.problem = ""
        try:
            target = await call(self, mail_sign_ins.begin_again, account_id[:32])
        except Invalid as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            return None
        return browser.load_address(target)
