"""Errors: the few kinds that people may see, each with a sentence."""


class PlatformError(Exception):
    """An expected failure. `sentence` is a message id of the catalogs, `args` fill its places."""

    status = 400

    def __init__(self, sentence: str, *, field: str = "", **values: object) -> None:
        super().__init__(sentence.format(**values) if values else sentence)
        self.sentence = sentence
        self.field = field
        self.values = values


class Invalid(PlatformError):
    """Input that cannot be taken; `field` names the form field."""

    status = 422


class NotFound(PlatformError):
    """There is no such thing, or it belongs to another tenant."""

    status = 404


class Forbidden(PlatformError):
    """The person's role does not allow it."""

    status = 403


class Conflict(PlatformError):
    """Somebody else changed it meanwhile, or it already exists."""

    status = 409


class LimitReached(PlatformError):
    """Too much, too often, or too large."""

    status = 429


class Unavailable(PlatformError):
    """Something the platform depends on does not answer."""

    status = 503
