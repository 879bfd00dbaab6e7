"""Agent conduct: the must and never list of an agent as its form shows it."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from platform_app.automation import patterns
from platform_app.errors import Invalid
from platform_app.i18n import plural, translate
from platform_app.models.conduct import ConductLine, LineCheck, LineKind, LineOutcome

KINDS = {LineKind.MUST: "Must", LineKind.NEVER: "Must never"}
CHECKS = {
    LineCheck.WORDS: "contain one of these words",
    LineCheck.PATTERN: "match this pattern",
    LineCheck.NUMBERS: "have numbers from nowhere",
    LineCheck.JUDGE: "be so, as the model judges",
}
OUTCOMES = {
    LineOutcome.REWRITE: "Write it again once",
    LineOutcome.HAND_OVER: "Hand over to a person",
    LineOutcome.STOP: "Stop the reply",
}
MAX_EXAMPLES = 3


@dataclass
class ConductLineRow:
    """A line of the list; `fired` says how often replies broke it."""

    rule: str
    value: str
    outcome: str
    fired: str


def parse_line(form: dict[str, Any]) -> ConductLine:
    """Return the line of a form. Raises Invalid at "value" if it cannot be taken."""
    given = {name: str(form.get(name, ""))[:600] for name in ("kind", "check", "value", "outcome")}
    try:
        line = ConductLine.model_validate(given)
    except ValidationError as error:
        raise Invalid("This value isn’t allowed.", field="value") from error
    if line.check == LineCheck.NUMBERS:
        return line.model_copy(update={"value": "", "kind": LineKind.NEVER})
    if not line.value.strip(" ,"):
        raise Invalid("Enter what is checked.", field="value")
    if line.check == LineCheck.PATTERN:
        try:
            patterns.check(line.value)
        except Invalid as error:
            raise Invalid(error.sentence, field="value", **error.values) from error
    return line


def line_rows(lines: list[ConductLine], counts: dict[str, int], language: str) -> list[ConductLineRow]:
    """Return the lines as the page shows them."""
    return [
        ConductLineRow(
            f"{translate(language, KINDS[line.kind])} {translate(language, CHECKS[line.check])}",
            line.value,
            translate(language, OUTCOMES[line.outcome]),
            plural(language, "{count} time", "{count} times", counts.get(line.key, 0)),
        )
        for line in lines
    ]


def trial_words(tried: int, broken: list[str], language: str) -> str:
    """Return what became of the trial of a line on stored replies."""
    if not tried:
        return translate(language, "There are no replies to try it on, or a model would have to judge them.")
    one, many = "{broken} of {count} reply breaks it.", "{broken} of {count} replies break it."
    told = plural(language, one, many, tried, broken=len(broken))
    examples = " ".join(f"“{' '.join(text.split())[:120]}”" for text in broken[:MAX_EXAMPLES])
    return f"{told} {examples}".strip()
