"""Connected: a provider of a tenant, as tests need it."""

from typing import Any

from platform_app.models.model_provider import ModelProvider
from platform_app.models.person import Identity
from platform_app.services.providers import providers
from tests.fake_provider import FakeProvider
from tests.talking import call

FORM = {"name": "Own", "base_url": "", "wire": "chat_completions", "key": "sk-own-1234567890"}


def connect(who: Identity, fake: FakeProvider, **form: Any) -> ModelProvider:
    """Connect a fake provider to a tenant; return its row."""
    made: ModelProvider = call(who, providers.save, "", FORM | {"base_url": fake.url} | form)
    return made
