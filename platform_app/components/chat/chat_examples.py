"""Chat examples: sample questions for an empty test conversation."""

import reflex as rx

from platform_app.components.chat.test_bar import test_note
from platform_app.components.console.parts import READ_ONLY
from platform_app.components.console.text import t
from platform_app.state.chat.test_chat import TestChatState

EXAMPLES = (
    "What do you offer?",
    "How much does it cost?",
    "I would like to talk to a person.",
)


def example_questions() -> rx.Component:
    """Return the sample questions; a click sends one."""
    return rx.el.div(
        rx.el.p(t("Ask what a customer would ask.")),
        rx.cond(
            ~READ_ONLY,
            rx.flex(*(_example(words) for words in EXAMPLES), spacing="2", wrap="wrap", justify="center"),
        ),
        test_note(),
        class_name="muted talk-empty",
    )


def _example(words: str) -> rx.Component:
    return rx.button(
        t(words),
        on_click=TestChatState.send_example(t(words)),
        variant="surface",
        color_scheme="gray",
        high_contrast=True,
        size="1",
        type="button",
    )
