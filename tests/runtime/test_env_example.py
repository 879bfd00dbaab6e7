"""Example: the file of settings says what the settings say."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from platform_app.config import Settings
from platform_app.runtime.env_example import env_example

FILE = Path(__file__).parents[2] / ".env.example"


def test_the_file_is_up_to_date() -> None:
    assert FILE.read_text() == env_example(), "run: gpt-agents env-example > .env.example"


def test_its_values_are_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"PLATFORM_{name.upper()}", raising=False)
    copy = tmp_path / ".env"
    copy.write_text(FILE.read_text().replace("# PLATFORM_", "PLATFORM_"))
    assert Settings(_env_file=copy) == Settings(_env_file=None)  # type: ignore[call-arg]


def test_every_setting_has_a_meaning_and_secrets_are_secret() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description and field.description.endswith("."), name
        if any(word in name for word in ("password", "key", "database_url", "redis_url")):
            assert field.annotation is SecretStr, name


def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATFORM_PORT", "many")
    with pytest.raises(ValidationError, match="port"):
        Settings()
