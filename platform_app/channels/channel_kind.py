"""Channel kind: what a channel can do, and the settings of its accounts."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Setting

from platform_app.channels.push_channel import PushChannel
from platform_app.form_fields import Control, FormField, form_fields, form_info
from platform_app.models.agent import Channel, Id, Text


class ChannelSettings(BaseModel):
    """The settings that the accounts of every channel have."""

    model_config = ConfigDict(extra="ignore")

    name: Text = Setting(
        "",
        title="Name",
        description="Shown to your team only, for example “Shop” or “Help center”.",
        min_length=1,
        max_length=120,
        json_schema_extra=form_info("account", problem="The name needs 1 to 120 characters."),
    )
    agent_id: Id = Setting(
        "",
        title="Agent",
        description="The published version replies here while the agent is on.",
        min_length=1,
        json_schema_extra=form_info("account", Control.SELECT, problem="Choose an agent."),
    )


@dataclass(frozen=True)
class ChannelKind:
    """A channel: how it is called, what can be set for an account, and what it can carry."""

    kind: Channel
    label: str  # a message id
    settings: type[ChannelSettings]
    longest_text: int  # characters of one message that comes in
    push: PushChannel | None = None  # without it contacts fetch their messages themselves
    menu_order: int = 100  # among the channels that are offered
    is_mirrored: bool = False  # its conversations are shown in Kommo

    @property
    def form(self) -> dict[str, FormField]:
        """The fields of an account's form, by name."""
        return form_fields(self.settings)
