"""Card: the parts shared by the cards of contacts and leads."""

from typing import Any

import reflex as rx

from platform_app.components.console.date_input import date_input
from platform_app.components.console.debounced_input import debounced
from platform_app.components.console.parts import READ_ONLY, field, no_results, status, time_ago
from platform_app.components.console.text import t
from platform_app.state.console.base import CurrentUser
from platform_app.state.console.option_lists import Option
from platform_app.state.crm.card import ConversationLine, CustomFieldLine, NoteLine, TaskLine
from platform_app.state.crm.history import HistoryLine


def text_field(state: Any, name: str, label: Any, *, help_text: Any = None, rows: str = "") -> rx.Component:
    """Return a field that saves while typing; with `rows` a text area of that height."""
    common: dict[str, Any] = {
        "id": name,
        "default_value": state.initial[name],
        "on_change": debounced(lambda value: state.save(name, value)),
        "read_only": READ_ONLY,
    }
    control = rx.text_area(**common, rows=rows, resize="vertical") if rows else rx.input(**common)
    return field(label, control, name=name, help_text=help_text, problem=state.problems.get(name, ""))


def choice_line(choice: rx.Var[Option], on_choose: Any) -> rx.Component:
    """Return a line of a list to choose from, such as contacts that a search returned."""
    button = rx.button(choice.name, variant="ghost", color_scheme="gray", high_contrast=True, on_click=on_choose)
    return rx.el.li(button)


def custom_field_inputs(state: Any) -> rx.Component:
    """Return the inputs of the custom fields, by kind of field."""
    return rx.foreach(state.custom_field_lines, lambda line: _custom_field_input(state, line))


def _custom_field_input(state: Any, line: rx.Var[CustomFieldLine]) -> rx.Component:
    problem = rx.cond(state.problems.contains(line.name), state.problems[line.name], "")
    control = rx.match(
        line.kind,
        (
            "date",
            date_input(field_id=line.name, value=line.value, on_change=lambda value: state.save(line.name, value)),
        ),
        ("number", _text_input(state, line, mode="decimal")),
        ("money", _text_input(state, line, mode="decimal")),
        ("yes_no", _select_input(state, line, rx.el.option(t("yes"), value="yes"), rx.el.option(t("no"), value="no"))),
        (
            "choice",
            _select_input(state, line, rx.foreach(line.options, lambda option: rx.el.option(option, value=option))),
        ),
        _text_input(state, line),
    )
    return rx.el.div(
        rx.el.label(line.label, html_for=line.name),
        control,
        rx.cond(problem != "", rx.el.span(problem, class_name="problem", role="alert")),
        class_name="field",
    )


def _text_input(state: Any, line: rx.Var[CustomFieldLine], *, mode: str = "text") -> rx.Component:
    return rx.el.input(
        id=line.name,
        default_value=line.value,
        on_change=debounced(lambda value: state.save(line.name, value)),
        input_mode=mode,
        read_only=READ_ONLY,
        max_length=500,
        class_name="native",
    )


def _select_input(state: Any, line: rx.Var[CustomFieldLine], *options: rx.Component) -> rx.Component:
    return rx.el.select(
        rx.el.option(t("Not chosen"), value=""),
        *options,
        id=line.name,
        default_value=line.value,
        on_change=lambda value: state.save(line.name, value),
        disabled=READ_ONLY,
        class_name="native",
    )


def tasks(state: Any) -> rx.Component:
    """Return the tasks with a form for a new one."""
    return rx.el.section(
        rx.el.h2(t("Tasks")),
        rx.el.ul(rx.foreach(state.tasks, lambda task: _task(state, task)), class_name="plain-list"),
        rx.cond(~READ_ONLY, _new_task(state)),
        class_name="card section",
    )


def _task(state: Any, task: rx.Var[TaskLine]) -> rx.Component:
    return rx.el.li(
        rx.checkbox(
            checked=task.done,
            on_change=lambda done: state.mark_task(task.id, done),
            disabled=READ_ONLY,
            aria_label=t("Done: {title}", title=task.text),
        ),
        rx.el.div(
            rx.el.span(task.text, class_name=rx.cond(task.done, "done", "")),
            rx.el.div(
                rx.cond(task.late, status("red", t("Overdue|task"))),
                task.due,
                " ",
                task.responsible,
                class_name="muted small",
            ),
            class_name="grow",
        ),
        rx.cond(~READ_ONLY, remove_button(t("Delete “{title}”", title=task.text), state.delete_task(task.id))),
        class_name="card-line",
    )


def remove_button(label: Any, event: Any) -> rx.Component:
    """Return the button that removes a line; screen readers say its label."""
    return rx.icon_button(
        rx.icon("x", size=14),
        variant="ghost",
        color_scheme="gray",
        size="1",
        type="button",
        aria_label=label,
        on_click=event,
    )


def _new_task(state: Any) -> rx.Component:
    return rx.form(
        field(
            t("New task"),
            rx.input(id="task", name="task", max_length=500),
            name="task",
            problem=rx.cond(state.problems.contains("task"), state.problems["task"], ""),
        ),
        rx.flex(
            date_input(name="due", label=t("Due"), with_time=True),
            rx.el.select(
                rx.el.option(t("Me"), value=""),
                rx.foreach(state.members, lambda member: rx.el.option(member.name, value=member.id)),
                name="responsible",
                aria_label=t("Owner|lead"),
                class_name="native",
            ),
            rx.button(t("Add task"), size="1", variant="soft", type="submit"),
            spacing="2",
            wrap="wrap",
            align="center",
        ),
        on_submit=state.add_task,
        reset_on_submit=True,
        class_name="card-form",
    )


def notes(state: Any) -> rx.Component:
    """Return the notes with a form for a new one."""
    problem = rx.cond(state.problems.contains("note"), state.problems["note"], "")
    return rx.el.section(
        rx.el.h2(t("Notes")),
        rx.cond(
            ~READ_ONLY,
            rx.form(
                field(
                    t("New note"),
                    rx.text_area(id="note", name="note", rows="2", max_length=10000),
                    name="note",
                    problem=problem,
                ),
                rx.button(t("Add note"), size="1", variant="soft", type="submit"),
                on_submit=state.add_note,
                reset_on_submit=True,
                class_name="card-form",
            ),
        ),
        rx.el.ul(rx.foreach(state.notes, lambda note: _note(state, note)), class_name="plain-list"),
        class_name="card section",
    )


def _note(state: Any, note: rx.Var[NoteLine]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.p(note.text, class_name="passage-text"),
            rx.el.div(note.author, " · ", time_ago(note.when, note.exact), class_name="muted small"),
            class_name="grow",
        ),
        rx.cond(~READ_ONLY, remove_button(t("Delete the note"), state.delete_note(note.id))),
        class_name="card-line",
    )


def conversations(state: Any) -> rx.Component:
    """Return the list of the conversations of a contact or lead."""

    def one(conversation: rx.Var[ConversationLine]) -> rx.Component:
        return rx.el.li(
            rx.link(conversation.title, href=f"/manage/{CurrentUser.slug}{conversation.path}", size="2"),
            " ",
            time_ago(conversation.when, conversation.exact),
        )

    return _list_section(t("Conversations"), state.conversations, one, t("None yet"))


_ICONS = {
    "message": "message-square",
    "agent": "bot",
    "member": "user-round",
    "conversation": "messages-square",
    "note": "sticky-note",
    "stage": "milestone",
    "field": "pencil",
    "task": "list-todo",
    "sequence": "route",
}


def history(state: Any) -> rx.Component:
    """Return what happened to a contact or lead, newest first, by day."""
    return rx.el.section(
        rx.el.h2(t("Activity")),
        rx.cond(
            state.history.length() > 0,
            rx.el.ol(rx.foreach(state.history, _history_line), class_name="timeline"),
            rx.el.p(t("Nothing yet."), class_name="muted small"),
        ),
        class_name="card section",
    )


def _history_line(line: rx.Var[HistoryLine]) -> rx.Component:
    icons = [(name, rx.icon(icon, size=14)) for name, icon in _ICONS.items()]
    return rx.el.li(
        rx.cond(line.day != "", rx.el.h3(line.day, class_name="timeline-day")),
        rx.el.div(
            rx.el.span(rx.match(line.icon, *icons, rx.icon("circle-dot", size=14)), class_name="timeline-icon"),
            rx.el.span(line.sentence, class_name="grow"),
            time_ago(line.when, line.exact),
            class_name="timeline-line",
        ),
    )


def columns(key: Any, fields: rx.Component, middle: list[rx.Component], side: list[rx.Component]) -> rx.Component:
    """Return a card's three columns: its fields, notes and activity, and what is connected to it."""
    return rx.el.div(
        rx.el.section(rx.el.h2(t("Details")), fields, class_name="card section form"),
        rx.el.div(*middle, class_name="script-side"),
        rx.el.div(*side, class_name="script-side"),
        class_name="card-columns",
        key=key,
    )


def _list_section(title: Any, lines: Any, line: Any, empty: Any) -> rx.Component:
    return rx.el.section(
        rx.el.h2(title),
        rx.cond(
            lines.length() > 0,
            rx.el.ul(rx.foreach(lines, line), class_name="plain-list small"),
            rx.el.p(empty, class_name="muted small"),
        ),
        class_name="card section",
    )


def contact_dialog(
    *,
    is_open: Any,
    on_open: Any,
    title: Any,
    choices: Any,
    on_search: Any,
    choice: Any,
    nothing: rx.Component | None = None,
) -> rx.Component:
    """Return a dialog that searches for a contact; `choice` renders one that was found."""
    return rx.dialog.root(
        rx.dialog.content(
            rx.dialog.title(title, size="4"),
            rx.debounce_input(
                rx.input(
                    placeholder=t("Search by name, phone or email"),
                    aria_label=t("Search by name, phone or email"),
                    on_change=on_search,
                    max_length=200,
                ),
                debounce_timeout=250,
            ),
            rx.el.ul(rx.foreach(choices, choice), class_name="plain-list"),
            rx.cond(choices.length() == 0, no_results()),
            rx.flex(
                nothing if nothing is not None else rx.fragment(),
                rx.dialog.close(rx.button(t("Cancel"), variant="soft", color_scheme="gray", high_contrast=True)),
                justify="end",
                spacing="3",
                margin_top="12px",
            ),
            max_width="480px",
            aria_describedby=None,
        ),
        open=is_open,
        on_open_change=on_open,
    )
