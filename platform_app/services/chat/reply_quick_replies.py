"""Reply quick replies: the answers that a reply offers: choices of a guided script, or those of a script it used."""

from platform_app.channels.quick_replies import MAX_QUICK_REPLIES, QuickReplyForm
from platform_app.services.chat.reply_context import ReplyContext

_ANY_FORM = QuickReplyForm()


def titles_of(work: ReplyContext) -> list[str]:
    """Return the titles of the quick replies of a complete reply; the model itself invents none.

    Choices that are too many or too long for buttons are not offered.
    """
    choices = work.guidance.choices(work.facts.language) if work.guidance is not None else []
    if choices:
        return choices if _ANY_FORM.fits(choices) else []
    used = (script for script in work.scripts if script.used and script.quick_replies)
    script = next(used, None)
    return script.quick_replies[:MAX_QUICK_REPLIES] if script is not None else []
