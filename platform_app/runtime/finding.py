"""Finding: the result of a check of the doctor."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """The result of a check; `advice` is "" if all is well."""

    name: str
    detail: str
    advice: str = ""

    @property
    def is_well(self) -> bool:
        """Return whether nothing has to be done."""
        return not self.advice
