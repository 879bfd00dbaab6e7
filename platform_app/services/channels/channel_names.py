"""Channel names: what people call each channel, as message ids."""

from platform_app.channels.registry import CHANNEL_KINDS
from platform_app.models.agent import Channel

CHANNELS = {Channel.TEST: "Test chat"} | {kind.kind: kind.label for kind in CHANNEL_KINDS.values()}
