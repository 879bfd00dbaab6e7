"""API channel: other systems of the tenant pass on what their customers write, and show them the replies."""

from platform_app.channels.channel_kind import ChannelKind, ChannelSettings
from platform_app.models.agent import Channel


class ApiSettings(ChannelSettings):
    """The settings of an account of the API channel."""


API = ChannelKind(Channel.API, "API", ApiSettings, longest_text=20_000, menu_order=2)
