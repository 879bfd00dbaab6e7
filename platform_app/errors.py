"""Errors: the kinds of expected errors, each shown to people as a sentence."""


class PlatformError(Exception):
    """An expected error. `sentence` is a message id whose placeholders `values` fill; `field` names a form field.

    `status` is the HTTP status.
    """

    status = 400

    def __init__(self, sentence: str, *, field: str = "", **values: object) -> None:
        super().__init__(sentence.format(**values) if values else sentence)
        self.sentence = sentence
        self.field = field
        self.values = values


class Invalid(PlatformError):
    """The input is not valid; `field` names the form field."""

    status = 422


class NotFound(PlatformError):
    """The thing does not exist, or belongs to another tenant."""

    status = 404


class Forbidden(PlatformError):
    """The member's role, or a setting, does not allow it."""

    status = 403


class Conflict(PlatformError):
    """The state does not allow it: it exists already, or somebody else has changed it."""

    status = 409


class LimitReached(PlatformError):
    """There are too many, requests are too frequent, or something is too large."""

    status = 429


class Unavailable(PlatformError):
    """A service that the platform depends on does not answer."""

    status = 503
