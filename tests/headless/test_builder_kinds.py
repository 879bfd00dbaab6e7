"""Builders: every kind of step and of action is added, opened and set to each of its choices without an error."""

from typing import Any, ClassVar, Literal

import pytest

from platform_app.automation import steps
from platform_app.automation.input_fields import input_field, input_fields
from platform_app.automation.step_base import Step, StepContext, StepDecision, StepInput, StepOutcome
from platform_app.engine.actions import actions
from platform_app.engine.sequences.sequences import DEFINITIONS
from platform_app.i18n import translate
from platform_app.models.person import Identity
from platform_app.state.rules.rule import RuleState
from platform_app.state.sequences.sequence import SequenceState
from platform_app.state.sequences.sequence_words import describe_step
from tests.headless.harness import Tab, sign_in
from tests.headless.test_rule_pages import seen
from tests.headless.test_sequence_pages import opened
from tests.rules.test_rules import a_rule
from tests.sequencing import a_lead, a_sequence, do
from tests.talking import call


class Remind(Step):
    """Remind somebody"""

    sentence: ClassVar[str] = "Remind them {how}"
    kind: Literal["remind"] = "remind"
    how: str = input_field(
        "How", StepInput.CHOICE, default="gently", options={"gently": "In a friendly way", "firmly": "In all clarity"}
    )
    often: str = input_field("How often", StepInput.CHOICE, default="once", options=("once", "twice"))

    def decide(self, look: StepContext) -> StepDecision:
        """Go on."""
        return StepDecision(StepOutcome.CONTINUE)


async def test_every_kind_of_step_is_opened_and_set_to_each_choice(
    who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(steps.STEPS, "remind", Remind)
    a_lead(who, tags=["warm"])
    sequence = a_sequence(who, do("a"))
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"sequences/{sequence}", SequenceState, "form_key")
        wanted = [*(kind for kind in steps.STEPS if kind != "do"), *(f"do:{kind}" for kind in actions.ACTIONS)]
        for what in wanted:
            await tab.send(SequenceState.add_step("", what))
            drawn = {line.name: line for line in tab.get(SequenceState, "field_lines")}
            kind, _, action = what.partition(":")
            own = [one.name for one in input_fields(steps.STEPS[kind]) if one.input in ("span", "percent", "choice")]
            assert set(drawn) == {
                *own,
                *(
                    one.name
                    for one in (input_fields(actions.ACTIONS[action]) if action else ())
                    if not one.input.startswith("template")  # there are none
                ),
            }, what
            assert tab.errors == [] and "isn’t allowed" not in tab.scripts(), what
            for line in drawn.values():
                for option in line.options:
                    await tab.send(
                        (SequenceState.set_step if line.name in own else SequenceState.select_action_field)(
                            line.name, option.id
                        )
                    )
                    held = {one.name: one.value for one in tab.get(SequenceState, "field_lines")}
                    assert held[line.name] == option.id and tab.errors == [], (what, line.name)
    assert "isn’t allowed" not in tab.scripts()
    kept = call(who, DEFINITIONS.get, sequence).draft["steps"]
    assert kept[-1]["action"]["kind"] == list(actions.ACTIONS)[-1]
    assert next(one for one in kept if one["kind"] == "remind")["how"] == "firmly"


async def test_every_kind_of_action_of_a_rule_is_opened_and_set_to_each_choice(who: Identity) -> None:
    a_lead(who, tags=["warm"])
    a_sequence(who, do("a"))
    rule = a_rule(who, "contact_created", {"kind": "add_tag", "tag": "one"})
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"rules/{rule}", RuleState, "action_lines")
        for kind in actions.ACTIONS:
            await tab.send(RuleState.add_action(kind))
            action_lines = seen(tab, RuleState, "action_lines")
            assert len(action_lines) == 2 and tab.errors == [], kind
            for line in action_lines[-1].fields:
                for option in line.options:
                    await tab.send(RuleState.select_action_field(1, line.name, option.id))
                    assert tab.errors == [], (kind, line.name)
            await tab.send(RuleState.remove_action(1))
    assert "isn’t allowed" not in tab.scripts()


def test_a_choice_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(steps.STEPS, "remind", Remind)

    class Reader:
        language = "en"

    step: Any = Remind(id="a", how="firmly")
    assert describe_step(step, Reader, {}) == "remind them in all clarity"  # type: ignore[arg-type]


def test_every_choice_of_a_step_has_its_words_in_both_languages() -> None:
    for step in steps.STEPS.values():
        for one in input_fields(step):
            if one.input == StepInput.CHOICE:
                assert one.options, one.name
                assert all(words != code and translate("ru", words) != words for code, words in one.options.items())
