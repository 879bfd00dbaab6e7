"""Field problems: a form whose fields are saved one by one, each with its error beside it."""

from typing import Any

import reflex as rx

from platform_app.errors import Invalid
from platform_app.i18n import translate
from platform_app.state.console.base import call, current_user


class FieldProblems(rx.State, mixin=True):
    """A mixin for a form whose fields are saved one by one."""

    problems: dict[str, str] = {}  # error in the person's language, by field

    async def _save_field(self, field: str, service: Any, *given: Any) -> bool:
        """Call a service that saves a field; return False, with the problem at the field, if it raises Invalid."""
        try:
            await call(self, service, *given)
        except Invalid as error:
            words = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problems = self.problems | {field: words}
            return False
        self.problems = {name: words for name, words in self.problems.items() if name != field}
        return True
