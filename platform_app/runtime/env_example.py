"""Env example: the settings as a commented .env file."""

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from platform_app.config import Settings

_HEAD = "# Settings of the platform; copy to .env and change what you need. Written by: gpt-agents env-example\n"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def env_example() -> str:
    """Return the text of .env.example: every setting, its meaning, its default."""
    lines = [_HEAD]
    for name, field in Settings.model_fields.items():
        lines.append(f"# {field.description}\n# PLATFORM_{name.upper()}={_default(field)}\n")
    return "\n".join(lines)
