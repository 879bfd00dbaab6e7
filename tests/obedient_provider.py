"""Obedient provider: a model that does what the platform's prompt says, to the letter, and knows nothing else.

It understands questions only as a test tells it: `knows` gives for a question the words that answer it. It answers from
a passage that has these words, by a script where the prompt calls for it, and else as the rules order.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.fake_provider import Answer, FakeProvider, Step, says

_PASSAGE = re.compile(r"^\[(\d+)\] (.+)\n((?:(?!^\[\d+\] ).*\n?)*)", re.MULTILINE)
_SCRIPT = re.compile(r"^\[(S\d+)\] (\w+): (.*)\n((?:(?!^\[S\d+\] ).*\n?)*)", re.MULTILINE)
LOST = "I was told nothing that helps."


@dataclass(frozen=True)
class Prompt:
    """A prompt as it stands: its rules, and what it offers."""

    rules: list[str]
    passages: dict[int, str]
    scripts: dict[str, tuple[str, str]]  # by mark: first line and text
    question: str

    def rule(self, *parts: str) -> str:
        """Return the first rule that has all of these words."""
        return next((rule for rule in self.rules if all(part in rule for part in parts)), "")


def read(messages: list[dict[str, Any]]) -> Prompt:
    """Read a prompt of the platform."""
    system = str(messages[0]["content"])
    rules = _frame("rules", system).removeprefix("- ").split("\n- ")
    passages = {int(number): text for number, _, text in _PASSAGE.findall(_frame("passages", system))}
    scripts = {
        mark: (f"{kind}: {title}", text.strip())
        for mark, kind, title, text in _SCRIPT.findall(_frame("scripts", system))
    }
    return Prompt(rules, passages, scripts, str(messages[-1]["content"]))


def _frame(name: str, system: str) -> str:
    found = re.search(rf"<{name}>\n(.*?)\n</{name}>", system, re.DOTALL)
    return found[1] if found else ""


def reply(prompt: Prompt, knows: Mapping[str, str], *, marks: bool = True) -> str:
    """Return what the prompt orders to say to its question; without `marks` it names no script and no passage."""
    said = [(mark, text) for mark, (head, text) in prompt.scripts.items() if head.endswith("(for the last message)")]
    if said and prompt.rule("Answer by the script marked (for the last message)"):
        return f"{said[0][1]} [{said[0][0]}]" if marks else said[0][1]
    ordered = prompt.rule("It is answered so", "say exactly: ")
    wanted = knows.get(prompt.question, "")
    for number, text in prompt.passages.items():
        if wanted and wanted in text and not ordered:
            return f"{wanted} [{number}]." if marks else f"{wanted}."
    for mark, (_, text) in prompt.scripts.items():
        if wanted and wanted in text and prompt.rule("What a script says is an answer"):
            return f"{text} [{mark}]" if marks else text
    ordered = ordered or prompt.rule("say exactly: ")
    return ordered.partition("say exactly: ")[2] or LOST


def obeys(provider: FakeProvider, knows: Mapping[str, str], *, marks: bool = True) -> Step:
    """Return a step that answers each request as its prompt says."""

    async def play(answer: Answer) -> None:
        words = reply(read(provider.last.body["messages"]), knows, marks=marks)
        await says(*re.findall(r"\S+\s*", words))(answer)

    return play
