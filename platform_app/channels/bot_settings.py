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
        title="How messages arrive",
        description="By webhook if the platform has a public https address, otherwise by polling.",
        json_schema_extra=form_info(
            "account",
            options={
                "automatic": "Automatic",
                "webhook": "Webhook (the channel sends them)",
                "polling": "Polling (the platform requests them)",
            },
        ),
    )
