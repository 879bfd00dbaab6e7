"""Agent: the editor page of an agent."""

from typing import Any

import reflex as rx

from platform_app.components.agents import agent_stages
from platform_app.components.console.debounced_input import later
from platform_app.components.console.difference import difference
from platform_app.components.console.layout import frame
from platform_app.components.console.page import inside
from platform_app.components.console.parts import READ_ONLY, confirm, field, notice, skeleton_rows, status
from platform_app.components.console.text import t
from platform_app.state.agents.agent import FIELD_LABELS, AgentState, VersionRow
from platform_app.state.console.base import CurrentUser
from platform_app.state.knowledge.categories import CategoryState


def show() -> rx.Component:
    """Return the page."""
    return frame(
        # what an earlier visit left in the tab is not drawn: it would be replaced while somebody types
        rx.cond(rx.State.is_hydrated & (AgentState.agent_key != ""), _editor(), skeleton_rows(8)),
        section="Agents",
    )


def _editor() -> rx.Component:
    return rx.fragment(
        _head(),
        rx.cond(AgentState.conflict, _conflict()),
        rx.tabs.root(
            rx.tabs.list(
                rx.tabs.trigger(t("Basics"), value="basics"),
                rx.tabs.trigger(t("Instructions"), value="instructions"),
                rx.tabs.trigger(t("Pipelines"), value="pipelines"),
                rx.tabs.trigger(t("History"), value="history"),
            ),
            rx.tabs.content(_basics(), value="basics", padding_top="20px"),
            rx.tabs.content(_instructions(), value="instructions", padding_top="20px"),
            rx.tabs.content(agent_stages.tab(), value="pipelines", padding_top="20px"),
            rx.tabs.content(_history(), value="history", padding_top="20px"),
            value=AgentState.tab,
            on_change=AgentState.show_tab,
            key=AgentState.agent_key,
        ),
    )


def _link_button(title: str, path: rx.Var[str] | str) -> rx.Component:
    button = rx.button(t(title), variant="soft", color_scheme="gray", high_contrast=True, tab_index=-1)
    return rx.link(button, href=f"/manage/{CurrentUser.slug}/{path}")


def _head() -> rx.Component:
    agent = AgentState.agent_key.split("-")[0]
    return rx.el.div(
        rx.el.div(
            rx.el.h1(AgentState.name),
            rx.flex(
                _status_switch(),
                rx.cond(
                    AgentState.is_published & AgentState.has_changes,
                    rx.badge(t("Unpublished changes"), color_scheme="amber", variant="surface", high_contrast=True),
                ),
                rx.el.span(AgentState.saved, class_name="muted small"),
                spacing="4",
                align="center",
                wrap="wrap",
            ),
            rx.cond(
                ~AgentState.is_published,
                rx.el.p(
                    t("Customers get no answers from it until you publish it. Try it in the test chat first."),
                    class_name="muted small",
                ),
            ),
        ),
        rx.flex(
            _link_button("Scripts", f"agents/{agent}/scripts"),
            _link_button("Rules", f"agents/{agent}/rules"),
            _link_button("Sequences", f"agents/{agent}/sequences"),
            _link_button("Try it", f"test-chat?agent={agent}"),
            rx.button(
                rx.cond(AgentState.is_published, t("Publish changes"), t("Publish and switch on")),
                on_click=AgentState.publish,
                disabled=READ_ONLY | ~AgentState.has_changes,
            ),
            spacing="3",
            align="center",
            wrap="wrap",
        ),
        class_name="page-head",
    )


def _status_switch() -> rx.Component:
    """Return the status of the agent, with the switch once it is published."""
    switch = rx.switch(
        checked=AgentState.active,
        on_change=AgentState.switch,
        disabled=READ_ONLY,
        aria_label=t("Switch “{title}”", title=AgentState.name),
    )
    return rx.match(
        AgentState.status,
        ("active", rx.flex(switch, status("green", t("Active")), spacing="2", align="center")),
        ("draft", status("amber", t("Draft"))),
        rx.flex(switch, status("", t("Inactive")), spacing="2", align="center"),
    )


def _conflict() -> rx.Component:
    return notice(
        t("Somebody else changed this agent meanwhile."),
        actions=(
            rx.button(t("Load theirs"), size="1", on_click=AgentState.load_latest),
            rx.button(t("Go on with mine"), size="1", variant="soft", on_click=AgentState.keep_own_changes),
        ),
    )


def _label(name: str) -> rx.Var[str]:
    return t(FIELD_LABELS[name])


def _problem(name: str) -> rx.Var[str]:
    return AgentState.problems.get(name, "")


def _text_field(name: str, help_text: Any = None, *, kind: str = "text", **limits: Any) -> rx.Component:
    control = rx.input(
        id=name,
        type=kind,
        default_value=AgentState.initial[name],
        on_change=later(lambda value: AgentState.save(name, value)),
        read_only=READ_ONLY,
        custom_attrs={"aria-describedby": f"{name}-help", **limits},
        max_width="420px" if kind == "text" else "180px",
    )
    return field(_label(name), control, name=name, help_text=help_text, problem=_problem(name))


def _text_area_field(name: str, rows: str, help_text: Any, limit: int) -> rx.Component:
    control = rx.text_area(
        id=name,
        default_value=AgentState.initial[name],
        on_change=later(lambda value: AgentState.save(name, value)),
        read_only=READ_ONLY,
        rows=rows,
        max_length=limit,
        resize="vertical",
        custom_attrs={"aria-describedby": f"{name}-help"},
    )
    return field(_label(name), control, name=name, help_text=help_text, problem=_problem(name))


def _switch_field(name: str, help_text: Any) -> rx.Component:
    control = rx.switch(
        id=name,
        checked=AgentState.flags[name],
        on_change=lambda value: AgentState.save(name, value),
        disabled=READ_ONLY,
    )
    return field(_label(name), control, name=name, help_text=help_text)


def _select_field(name: str, value: Any, choices: list[tuple[str, Any]], help_text: Any = None) -> rx.Component:
    control = rx.select.root(
        rx.select.trigger(id=name, max_width="420px"),
        rx.select.content(*(rx.select.item(words, value=code) for code, words in choices)),
        value=value,
        on_change=lambda selected: AgentState.save(name, selected),
        disabled=READ_ONLY,
    )
    return field(_label(name), control, name=name, help_text=help_text, problem=_problem(name))


def _model() -> rx.Component:
    control = rx.select.root(
        rx.select.trigger(id="model", placeholder=t("The provider's default model"), max_width="420px"),
        rx.select.content(rx.foreach(AgentState.models, lambda name: rx.select.item(name, value=name))),
        value=AgentState.model,
        on_change=lambda selected: AgentState.save("model", selected),
        disabled=READ_ONLY,
    )
    words = t("Models of the connected provider.")
    return field(_label("model"), control, name="model", help_text=words, problem=_problem("model"))


def _basics() -> rx.Component:
    languages = [("customer", t("As the customer writes")), ("ru", "Русский"), ("en", "English")]
    return rx.el.div(
        _text_field("name"),
        _model(),
        _text_field(
            "temperature", t("From 0, always the same, to 2, most varied."), kind="number", min=0, max=2, step=0.1
        ),
        _text_field("max_tokens", t("From 128 to 8000."), kind="number", min=128, max=8000),
        _text_field("max_reply_chars", t("From 100 to 10000."), kind="number", min=100, max=10000),
        _select_field("reply_language", AgentState.language, languages),
        _text_field(
            "reply_delay_seconds",
            t("From 0 to 86400. The agent waits this long, and answers a burst of messages once."),
            kind="number",
            min=0,
            max=86400,
        ),
        _switch_field("check_before_sending", t("A reply waits until a person approves it.")),
        _switch_field("markdown", t("Switched off, replies are plain text.")),
        class_name="form",
    )


def _instructions() -> rx.Component:
    scopes = [("all", t("All knowledge")), ("chosen", t("Chosen categories")), ("none", t("None"))]
    return rx.el.div(
        _text_area_field(
            "instructions",
            "14",
            t(
                "{count} of 40000 characters. Standing orders: who it is, how it speaks, what it never does.",
                count=AgentState.instruction_length,
            ),
            40_000,
        ),
        _select_field("knowledge", AgentState.knowledge, scopes, t("From which documents the agent may answer.")),
        rx.cond(AgentState.knowledge == "chosen", _categories()),
        _text_area_field("no_answer_text", "3", t("Empty: a polite sentence in the customer's language."), 2000),
        _switch_field("no_answer_task", t("A person finds the question among the recent updates.")),
        class_name="form",
    )


def _categories() -> rx.Component:
    return rx.el.fieldset(
        rx.el.legend(t("Categories"), class_name="label"),
        rx.foreach(
            CategoryState.rows,
            lambda row: rx.el.label(
                rx.checkbox(
                    checked=AgentState.categories.contains(row.id),
                    on_change=lambda selected: AgentState.toggle_category(row.id, selected),
                    disabled=READ_ONLY,
                ),
                row.name,
                padding_left=row.indent,
                class_name="check",
            ),
        ),
        rx.cond(
            CategoryState.rows.length() == 0,
            rx.el.p(
                t("There are no categories yet. Add them in the knowledge base."),
                class_name="muted small",
            ),
            rx.el.p(t("A category brings those that lie in it."), class_name="muted small"),
        ),
        class_name="choices",
    )


def _history() -> rx.Component:
    return rx.fragment(
        rx.cond(
            AgentState.versions.length() > 0,
            rx.el.ul(rx.foreach(AgentState.versions, _version), class_name="updates"),
            rx.el.p(t("Not published yet. Publishing makes the first version."), class_name="muted"),
        ),
        rx.cond(
            AgentState.compared != "",
            rx.el.section(
                rx.el.h2(AgentState.compared),
                rx.cond(
                    AgentState.changes.length() > 0,
                    rx.foreach(AgentState.changes, difference),
                    rx.el.p(t("Nothing differs."), class_name="muted"),
                ),
                class_name="card section",
                margin_top="16px",
            ),
        ),
    )


def _version(version: rx.Var[VersionRow]) -> rx.Component:
    return rx.el.li(
        rx.el.strong(version.title),
        rx.el.span(version.when, " · ", version.author, class_name="muted update-words"),
        rx.button(
            t("Compare with the draft"),
            size="1",
            variant="soft",
            color_scheme="gray",
            high_contrast=True,
            on_click=AgentState.compare(version.id),
        ),
        rx.cond(
            ~READ_ONLY,
            confirm(
                rx.button(t("Restore"), size="1", variant="soft", color_scheme="gray", high_contrast=True),
                title=t("Put this version into the draft?"),
                sentence=t("What the draft holds now is replaced. Published versions stay."),
                verb=t("Restore"),
                on_confirm=AgentState.restore(version.id),
            ),
        ),
    )


PAGES = [inside("/agents/[agent_id]", "Agent", show, CategoryState.load, AgentState.load, AgentState.watch)]
