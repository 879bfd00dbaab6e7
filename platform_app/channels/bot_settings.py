"""Bot settings: what can be set for a bot of a messenger."""

from enum import StrEnum

from pydantic import Field as Setting

from platform_app.channels.channel_kind import ChannelSettings
from platform_app.form_fields import form_info


class Receives(StrEnum):
    """How messages of a bot come in."""

    AUTOMATIC = "automatic"
    WEBHOOK = "webhook"
    POLLING = "polling"


class BotSettings(ChannelSettings):
    """The settings of a bot."""

    receives: Receives = Setting(
        Receives.AUTOMATIC,
        title="How messages come in",
        description="By webhook if the platform has a public https address, else the platform asks for them.",
        json_schema_extra=form_info(
            "account",
            options={
                "automatic": "Automatic",
                "webhook": "The channel posts them (webhook)",
                "polling": "The platform asks for them (polling)",
            },
        ),
    )
