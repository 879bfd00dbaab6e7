"""Provider: the form of a tenant's model provider, its test and the models that it lists."""

from dataclasses import dataclass
from typing import Any

import reflex as rx
from babel.dates import format_date
from babel.numbers import format_decimal

from platform_app.db import Transaction
from platform_app.errors import Conflict, PlatformError
from platform_app.form_fields import Control
from platform_app.i18n import exact_time, plural, translate
from platform_app.llm import pricing
from platform_app.llm.catalogue import Model
from platform_app.models.model_provider import PROVIDER_FORM, ModelProvider, Wire
from platform_app.models.person import Identity, Role
from platform_app.services.providers import provider_check, providers
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast

NEW = "new"  # in the address
_MILLION = 1_000_000


@dataclass
class ModelLine:
    """A model that a provider lists; prices are of a million tokens."""

    name: str
    read: str
    written: str
    ends: str


class ProviderState(rx.State):
    """The provider in the address. The state never holds its key."""

    loaded: bool = False
    is_new: bool = True
    name: str = ""
    initial: dict[str, str] = {}
    credential_hint: str = ""  # a sentence about the stored key
    models: list[ModelLine] = []
    listed: str = ""  # when the models were listed
    problem: str = ""
    problem_field: str = ""
    form_key: int = 0  # incremented to reset the form to the stored values
    is_testing: bool = False
    test_result: str = ""  # a sentence about the test
    test_succeeded: bool = False

    @handler(Role.ADMIN)
    async def load(self) -> None:
        """Fetch the provider."""
        self.loaded, self.test_result, self.is_testing = False, "", False
        await self._fetch()
        self.loaded = True

    @handler(Role.ADMIN)
    async def save(self, form: dict[str, Any]) -> Any:
        """Save the provider, or show the problem at its field; a new one is opened at its own address."""
        self.problem = self.problem_field = self.test_result = ""
        given = {name: str(form.get(name, ""))[:1_000] for name in PROVIDER_FORM}
        try:
            row = await call(self, providers.save, self._id(), given)
        except PlatformError as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problem_field = error.field or "name"
            return browser.focus(self.problem_field)
        if not self._id():
            return browser.redirect(f"/manage/{(await current_identity(self)).slug}/settings/providers/{row.id}")
        await self._fetch()
        return await success_toast(self, "Provider saved.")

    @handler(Role.ADMIN)
    async def remove(self) -> Any:
        """Delete the provider with its key, and open the list."""
        await call(self, providers.remove, self._id())
        return browser.redirect(f"/manage/{(await current_identity(self)).slug}/settings/providers")

    @handler(Role.ADMIN, background=True)
    async def test(self) -> None:
        """List the models, ask for a short reply, and show the result."""
        async with self:
            identity, language, provider_id = (
                await current_identity(self),
                (await current_user(self)).language,
                self._id(),
            )
            if self.is_testing or not provider_id:
                return
            self.is_testing, self.test_result = True, ""
        succeeded, words = await _check(identity, provider_id, language)
        async with self:
            self.is_testing, self.test_succeeded, self.test_result = False, succeeded, words
            if self._id() == provider_id:
                self._show_models(await fetch(self, providers.get, provider_id), identity, language)

    def _id(self) -> str:
        last = self.router.url.path.rstrip("/").rsplit("/", 1)[-1]
        return "" if last == NEW else last

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        self.problem = self.problem_field = self.credential_hint = ""
        self.is_new = not self._id()
        self.form_key += 1
        if self.is_new:
            self.initial = dict.fromkeys(PROVIDER_FORM, "") | {"wire": Wire.CHAT_COMPLETIONS.value}
            self.name, self.models, self.listed = "", [], ""
            return
        row, sentence, values = await fetch(self, _read, self._id())
        names = [name for name, shown in PROVIDER_FORM.items() if shown.control != Control.PASSWORD]
        self.initial = {name: _text(getattr(row, name)) for name in names}
        self.name = row.name
        self.credential_hint = translate(language, sentence, **values) if sentence else ""
        self._show_models(row, identity, language)

    def _show_models(self, row: ModelProvider, identity: Identity, language: str) -> None:
        self.models = [_model_line(Model.from_json(stored), language) for stored in row.models]
        at = row.listed_at
        self.listed = (
            translate(language, "As listed on {when}", when=exact_time(language, at, identity.time_zone)) if at else ""
        )


def _text(value: Any) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _model_line(model: Model, language: str) -> ModelLine:
    price = model.price or pricing.known_price(model.name)
    return ModelLine(
        model.name,
        _price(price.input, language) if price else "",
        _price(price.output, language) if price else "",
        format_date(model.shutdown_date, format="long", locale=language) if model.shutdown_date else "",
    )


def _price(price: float, language: str) -> str:
    return f"${format_decimal(round(price * _MILLION, 4), '0.####', locale=language)}"


def _read(session: Transaction, who: Identity, provider_id: str) -> tuple[ModelProvider, str, dict[str, object]]:
    row = providers.get(session, who, provider_id)
    try:
        ending = providers.key_suffix(session, who, provider_id)
    except Conflict as error:
        return row, error.sentence, error.values
    if ending is None:
        return row, "No key saved. Requests are sent without one.", {}
    if not ending:
        return row, "Key saved. Leave empty to keep it.", {}
    return row, "Saved key ends in {ending}. Leave empty to keep it.", {"ending": ending}


async def _check(identity: Identity, provider_id: str, language: str) -> tuple[bool, str]:
    """Return whether a provider works, and a sentence about it."""
    try:
        outcome = await provider_check.run(identity, provider_id)
    except PlatformError as error:
        return False, translate(language, error.sentence, **error.values)
    if outcome.problem:
        return False, translate(language, outcome.problem)
    one = "{count} model is listed. {model} replied in {milliseconds} ms."
    many = "{count} models are listed. {model} replied in {milliseconds} ms."
    values = {"model": outcome.model, "milliseconds": outcome.milliseconds}
    return True, plural(language, one, many, outcome.model_count, **values)
