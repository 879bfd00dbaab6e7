"""Ratings: what visitors of a web chat think of a conversation that was closed."""

from platform_app import notifier
from platform_app.channels.web_chat import WebChatSettings
from platform_app.db import Transaction
from platform_app.errors import Conflict, Invalid
from platform_app.events import emit
from platform_app.llm.reply_text import to_storable
from platform_app.models.channel import ChannelAccount
from platform_app.models.conversation import Conversation, ConversationState
from platform_app.models.event import ActivityKind, EventKind
from platform_app.services.channels import channel_accounts, inbound
from platform_app.services.chat import conversation_rows

TOPIC = "rating"  # of updates for open pages
STARS = range(1, 6)
MAX_COMMENT_CHARS = 1_000


def is_asked(account: ChannelAccount) -> bool:
    """Return whether visitors of an account are asked for a rating."""
    own = channel_accounts.settings_of(account)
    return isinstance(own, WebChatSettings) and own.asks_rating


def rate(session: Transaction, account: ChannelAccount, outside_id: str, *, stars: int, comment: str) -> Conversation:
    """Store what a visitor thinks of the own conversation, in place of what was said before.

    Raises Conflict if the chat asks for no rating or the conversation is not closed, Invalid for another value.
    """
    if stars not in STARS or len(comment) > MAX_COMMENT_CHARS:
        raise Invalid("This value isn’t allowed.")
    identity = inbound.find_identity(session, account, outside_id, lock=True)
    if identity is None or identity.conversation_id is None or not is_asked(account):
        raise Conflict("There is nothing to rate.")
    row = conversation_rows.lock(session, account.tenant_id, identity.conversation_id)
    if row.state != ConversationState.CLOSED or row.deleted_at is not None:
        raise Conflict("A conversation is rated when it is closed.")
    comment = to_storable(" ".join(comment.split()))
    if (row.rating, row.rating_comment) == (stars, comment):
        return row
    row.rating, row.rating_comment = stars, comment
    after = {"stars": stars, "comment": comment}
    event = emit(
        session, row.tenant_id, EventKind.CONVERSATION_RATED, after=after, **conversation_rows.event_links(row)
    )
    sentence = "“{title}” was rated: {stars} of 5"
    told = conversation_rows.record(session, row, ActivityKind.CONVERSATION, sentence, who=None, stars=stars)
    told.event_id = event.id
    conversation_rows.publish_change(session, row)
    tenant_id, conversation_id = row.tenant_id, row.id
    session.after_commit.append(lambda: notifier.publish(tenant_id, TOPIC, conversation_id))
    return row
