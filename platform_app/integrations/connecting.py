"""Connecting: what somebody is told who connects an account of a CRM: nothing is repeated by itself then."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from platform_app.errors import Invalid
from platform_app.integrations import crm_messages
from platform_app.integrations.base import CrmError

_SENTENCES: Mapping[str, str] = {  # by what is said of a connected account
    crm_messages.REVOKED: "{product} doesn’t accept this access. Check it and enter it again.",
    crm_messages.NOT_PAID: "The {product} account isn’t paid. Connect it once it is.",
    crm_messages.DENIED: "{product} doesn’t allow this: {reason}. Enter an access with more rights.",
    crm_messages.BUSY: "{product} asks to wait because of too many requests. Try again later.",
    crm_messages.UNREACHABLE: "{product} isn’t responding. Try again later.",
    crm_messages.SERVER_ERROR: "{product} returned an error ({status}). Try again later.",
    crm_messages.UNCERTAIN: "{product} isn’t responding. Try again later.",
}


@contextmanager
def told_while_connecting() -> Iterator[None]:
    """Raise the errors of a CRM as Invalid at the field `token`, in words for somebody who is connecting an account."""
    try:
        yield
    except CrmError as error:
        raise Invalid(_SENTENCES.get(error.sentence, error.sentence), field="token", **error.values) from error
