"""Gate sentences: why a message was held or dropped, for the feed and for members who send it."""

from platform_app.models.sending import GateReason

HELD_SENTENCES = {
    GateReason.PERSON: "Message in “{title}” held: a person is replying",
    GateReason.WINDOW: "Message in “{title}” held: the contact last wrote too long ago",
    GateReason.QUIET_HOURS: "Message in “{title}” held: quiet hours",
    GateReason.DAILY_CAP: "Message in “{title}” held: daily limit of automatic messages reached",
    GateReason.WEEKLY_CAP: "Message in “{title}” held: weekly limit of automatic messages reached",
    GateReason.CLOSED: "Message in “{title}” not sent: the conversation is closed",
    GateReason.TEST: "Message in “{title}” not sent: it was caused by a test chat",
    GateReason.OPTED_OUT: "Message in “{title}” not sent: the contact opted out",
    GateReason.AGENT_OFF: "Message in “{title}” not sent: the agent is turned off",
    GateReason.SHADOW: "Message in “{title}” not sent: shadow mode",
    GateReason.CHANNEL: "Message in “{title}” not sent: the agent isn’t active on this channel",
}
REFUSALS = {  # sentences for members
    GateReason.CLOSED: "This conversation is closed.",
    GateReason.OPTED_OUT: "This contact opted out of messages. Confirm that you want to write anyway.",
    GateReason.WINDOW: "The contact last wrote too long ago. This channel now accepts approved templates only.",
}
