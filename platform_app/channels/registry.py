"""Registry: every channel that accounts can be connected to."""

from platform_app.channels.api import API
from platform_app.channels.channel_kind import ChannelKind
from platform_app.channels.email import EMAIL
from platform_app.channels.kommo_bridge import KOMMO
from platform_app.channels.max import MAX
from platform_app.channels.telegram import TELEGRAM
from platform_app.channels.web_chat import WEB_CHAT
from platform_app.channels.whatsapp import WHATSAPP
from platform_app.models.agent import Channel

CHANNEL_KINDS: dict[Channel, ChannelKind] = {
    kind.kind: kind for kind in (WEB_CHAT, API, TELEGRAM, MAX, KOMMO, WHATSAPP, EMAIL)
}
