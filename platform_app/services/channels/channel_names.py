"""Channel names: what people call each channel, as message ids."""

from platform_app.models.agent import Channel

CHANNELS = {
    Channel.TEST: "Test chat",
    Channel.API: "API",
    Channel.WEB_CHAT: "Web chat",
    Channel.TELEGRAM: "Telegram",
    Channel.MAX: "MAX",
    Channel.WHATSAPP: "WhatsApp",
    Channel.KOMMO: "Kommo",
    Channel.EMAIL: "Email",
}
