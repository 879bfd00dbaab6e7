"""Checklist view: the first steps of a company as the dashboard shows them."""

from dataclasses import dataclass

from platform_app.i18n import translate
from platform_app.services.feed.checklist import ChecklistStep

STEPS = {  # what to do, and what for
    "knowledge": ("Add knowledge", "Upload documents with your prices, terms and answers."),
    "agent": ("Create an agent", "Start from a template or from scratch."),
    "ask": ("Ask it in the test chat", "See how it replies and which documents it uses."),
    "channel": ("Connect a channel", "Web chat, Telegram, WhatsApp, MAX or Kommo."),
    "invite": ("Invite a teammate", "Operators answer in the inbox, admins manage settings."),
}


@dataclass
class StepRow:
    """A first step: its words, and the link that begins it."""

    kind: str
    title: str
    help_text: str
    is_done: bool
    is_next: bool  # the first that is not done
    link: str


def step_rows(steps: list[ChecklistStep], below: str, language: str) -> list[StepRow]:
    """Return the steps as rows; `below` is the path of the tenant."""
    next_kind = next((step.kind for step in steps if not step.is_done), "")
    return [
        StepRow(
            step.kind,
            translate(language, STEPS[step.kind][0]),
            translate(language, STEPS[step.kind][1]),
            step.is_done,
            step.kind == next_kind,
            below + step.path,
        )
        for step in steps
    ]


def progress_words(steps: list[ChecklistStep], language: str) -> str:
    """Return how many steps are done, such as "2 of 5"; "" without steps."""
    done = sum(step.is_done for step in steps)
    return translate(language, "{done} of {count}", done=done, count=len(steps)) if steps else ""
