"""Entry: state shared by the forms before the sign-in: errors, and claiming the session cookie."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import reflex as rx

from platform_app.errors import Conflict, PlatformError
from platform_app.i18n import translate
from platform_app.services.accounts import passwords
from platform_app.state.console import browser
from platform_app.state.console.base import current_user

_CLAIM = """(ticket, next) => window.location.assign(
  '/auth/claim?ticket=' + encodeURIComponent(ticket) + '&next=' + encodeURIComponent(next))"""

_CHANGED = frozenset(("role", "tenant", "email", "user"))  # what a link never says: its row does


def check_unchanged(query: Mapping[str, str]) -> None:
    """Raise Conflict if the query of a link's address names what the link's row decides."""
    if _CHANGED & set(query):
        raise Conflict("This link is incomplete. Open it exactly as you received it.")


class Entry(rx.State, mixin=True):
    """Mixin of a form that ends with a new session."""

    busy: bool = False
    problem: str = ""
    problem_field: str = ""

    async def _reset_form(self) -> Any:
        """Clear the errors; return the event that sets the document's language."""
        self.problem = self.problem_field = ""
        self.busy = False
        return browser.set_language((await current_user(self)).language)

    async def _claim_session(self, work: Callable[[], tuple[str, str]]) -> AsyncIterator[Any]:
        """Run work that returns a ticket and the next path, then claim the cookie; show an expected error.

        With the ticket "" there is more to do before the cookie is claimed.
        """
        self.busy, self.problem, self.problem_field = True, "", ""
        yield
        try:
            ticket, target = await passwords.run_in_hash_threads(work)
        except PlatformError as error:
            yield await self._show_error(error)
            return
        if ticket:
            yield self._claim(ticket, target)

    def _claim(self, ticket: str, target: str) -> Any:
        """Return the event that fetches the session cookie for a ticket and opens the target."""
        return browser.call_function(_CLAIM, ticket, target)

    async def _show_error(self, error: PlatformError) -> Any:
        """Show an expected error in the form; return the event that focuses its field."""
        self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
        self.problem_field = error.field
        self.busy = False
        return browser.focus(error.field or "email")

    async def _sentence(self, error: PlatformError) -> str:
        """Return the sentence of an expected error in the user's language."""
        return translate((await current_user(self)).language, error.sentence, **error.values)
