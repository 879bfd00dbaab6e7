"""Gate sentences: why a message was held or dropped, for the feed and for members who send it."""

from platform_app.models.sending import GateReason

HELD_SENTENCES = {
    GateReason.PERSON: "Message in “{title}” held back: a person is in charge",
    GateReason.WINDOW: "Message in “{title}” held back: the channel allows no messages now",
    GateReason.QUIET_HOURS: "Message in “{title}” held back: quiet hours",
    GateReason.DAILY_CAP: "Message in “{title}” held back: enough automatic messages for a day",
    GateReason.WEEKLY_CAP: "Message in “{title}” held back: enough automatic messages for a week",
    GateReason.CLOSED: "Message in “{title}” not sent: the conversation is closed",
    GateReason.TEST: "Message in “{title}” not sent: it follows from a test chat",
    GateReason.OPTED_OUT: "Message in “{title}” not sent: the contact does not want messages",
    GateReason.AGENT_OFF: "Message in “{title}” not sent: the agent is switched off",
    GateReason.CHANNEL: "Message in “{title}” not sent: the agent does not work on this channel",
}
REFUSALS = {  # sentences for members
    GateReason.CLOSED: "This conversation is closed.",
    GateReason.OPTED_OUT: "This contact does not want messages. Confirm that you write all the same.",
    GateReason.WINDOW: "The channel allows no messages now.",
}
