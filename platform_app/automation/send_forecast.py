"""Send forecast: what the send gate would do with a contact's messages over time, without clock or database."""

from bisect import bisect_right, insort
from collections.abc import Iterable
from datetime import datetime
from heapq import heappop, heappush

from platform_app.automation.send_gate import WEEK, Decision, OutboundMessage, SendContext, Verdict, decide, limited
from platform_app.models.sending import SendingPolicy


class SendForecast:
    """The automatic messages of one contact; those that quiet hours or caps hold are sent when they may be."""

    def __init__(self, sent: Iterable[datetime] = ()) -> None:
        self.sent = sorted(sent)  # moments of messages that the caps count
        self._held: list[datetime] = []  # a heap of the moments at which held messages are tried again

    def request(
        self, context: SendContext, message: OutboundMessage, moment: datetime, *, is_retried: bool = False
    ) -> Decision:
        """Return the decision on a message that is to be sent at a moment, and remember its outcome.

        `is_retried`: whoever asks will ask again, so that a message that is held is forgotten.
        """
        self.release(context.policy, context.zone, moment)
        decision = decide(context.with_sent(self._recent(moment)), message, moment)
        if decision.sends and message.is_counted:
            insort(self.sent, moment)
        elif decision.verdict == Verdict.HOLD and decision.until is not None and not is_retried:
            heappush(self._held, decision.until)
        return decision

    def release(self, policy: SendingPolicy, zone: str, moment: datetime) -> None:
        """Send the held messages that may be sent up to a moment."""
        while self._held and self._held[0] <= moment:
            at = heappop(self._held)
            decision = limited(policy, zone, self._recent(at), at)
            if decision.until is None:
                insort(self.sent, at)
            else:
                heappush(self._held, decision.until)

    def _recent(self, moment: datetime) -> list[datetime]:
        """Return what was sent in the week before a moment."""
        return self.sent[bisect_right(self.sent, moment - WEEK) : bisect_right(self.sent, moment)]
