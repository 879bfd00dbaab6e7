"""Past windows: whether a channel took free text at a moment in the past, for backtests."""

from bisect import bisect_right
from datetime import datetime, timedelta
from functools import lru_cache

from sqlmodel import col

from platform_app.automation.send_gate import ServiceWindow
from platform_app.db import Transaction, owned
from platform_app.models.conversation import Author, Conversation, Message
from platform_app.models.person import Identity
from platform_app.services.chat import service_windows


class PastWindows:
    """The windows of conversations at moments in the past."""

    def __init__(self, session: Transaction, who: Identity) -> None:
        self._session, self._who = session, who
        self._read = lru_cache(maxsize=1_000)(self._read_conversation)

    def at(self, conversation_id: str | None, moment: datetime) -> ServiceWindow | None:
        """Return the window of a conversation at a moment, None if there is none or its channel has no window."""
        if not conversation_id:
            return None
        hours, wrote = self._read(conversation_id)
        if not hours:
            return None
        place = bisect_right(wrote, moment)
        return ServiceWindow(wrote[place - 1] if place else None, timedelta(hours=hours))

    def _read_conversation(self, conversation_id: str) -> tuple[int, list[datetime]]:
        """Return the hours of the window and when the contact wrote."""
        talks = owned(Conversation, self._who.tenant_id).where(Conversation.id == conversation_id)
        row: Conversation | None = self._session.exec(talks).first()
        hours = service_windows.window_hours(row.channel) if row is not None else 0
        if not hours:
            return 0, []
        query = owned(Message, self._who.tenant_id).where(
            Message.conversation_id == conversation_id,
            Message.author == Author.CONTACT,
            col(Message.replaced).is_(False),
        )
        columns = query.with_only_columns(Message.created_at).order_by(Message.created_at)
        return hours, list(self._session.exec(columns).all())
