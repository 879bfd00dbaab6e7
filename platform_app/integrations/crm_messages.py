"""CRM messages: what is said of a call to a CRM that failed; `product` is what the CRM calls itself.

Those of a connected account say that the platform goes on by itself. Somebody who is connecting one is told what to do,
since nothing is repeated then: `connecting.py`.
"""

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
