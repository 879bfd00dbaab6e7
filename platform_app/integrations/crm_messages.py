"""CRM messages: what is said of a call to a CRM that failed; `product` is what the CRM calls itself.

Those of a connected account say that the platform goes on by itself. Somebody who is connecting one is told what to do,
since nothing is repeated then: `while_connecting`.
"""

from collections.abc import Mapping

REVOKED = "{product} no longer accepts the platform’s access. Connect the account again under Integrations."
NOT_PAID = "The {product} account isn’t paid. The platform continues automatically once it is."
DENIED = "{product} doesn’t allow this: {reason}. The platform acts with the rights of who connected the account."
MISSING = "{product} doesn’t have this any more."
REFUSED = "{product} didn’t take it: {reason}"
BUSY = "{product} asks to wait because of too many requests. Retrying automatically."
UNREACHABLE = "{product} isn’t responding. Retrying automatically."
SERVER_ERROR = "{product} returned an error ({status}). Retrying automatically."
UNCERTAIN = "{product} didn’t answer in time. Whether it was done isn’t known; it is looked for before a repeat."
UNREADABLE = "{product} gave an answer that can’t be read."
_CONNECTING: Mapping[str, str] = {
    REVOKED: "{product} doesn’t accept this access. Check it and enter it again.",
    NOT_PAID: "The {product} account isn’t paid. Connect it once it is.",
    DENIED: "{product} doesn’t allow this: {reason}. Enter an access with more rights.",
    BUSY: "{product} asks to wait because of too many requests. Try again later.",
    UNREACHABLE: "{product} isn’t responding. Try again later.",
    SERVER_ERROR: "{product} returned an error ({status}). Try again later.",
    UNCERTAIN: "{product} isn’t responding. Try again later.",
}


def while_connecting(sentence: str) -> str:
    """Return what to say to somebody who is connecting an account, in place of what is said of a connected one."""
    return _CONNECTING.get(sentence, sentence)
