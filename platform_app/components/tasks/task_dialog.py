"""Task dialogs: the form of a task, and the dialog that asks to which date tasks are postponed."""

import reflex as rx

from platform_app.components.console.date_input import date_input
from platform_app.components.console.parts import READ_ONLY, RETURN_FOCUS, field, no_results
from platform_app.components.console.text import t
from platform_app.services.crm.tasks import MAX_CHARS
from platform_app.services.tasks.task_list import NOBODY
from platform_app.state.tasks.task_dialog import Subject, TaskDialogState
from platform_app.state.tasks.tasks import TasksState


def task_dialog() -> rx.Component:
    """Return the dialog in which a task is created or changed."""
    return rx.dialog.root(
        rx.dialog.content(
            rx.dialog.title(rx.cond(TaskDialogState.task_id != "", t("Task"), t("New task")), size="4"),
            rx.dialog.description(
                t("The assignee is reminded when it’s due. Times are in the company’s time zone."),
                size="2",
                margin_bottom="16px",
            ),
            _form(),
            max_width="560px",
            on_close_auto_focus=RETURN_FOCUS,
        ),
        open=TaskDialogState.is_open,
        on_open_change=TaskDialogState.set_open,
    )


def _form() -> rx.Component:
    return rx.form(
        field(
            t("Task"),
            rx.input(
                id="task",
                name="task",
                default_value=TaskDialogState.text,
                max_length=MAX_CHARS,
                auto_focus=True,
                read_only=READ_ONLY,
            ),
            name="task",
            problem=_problem("task"),
        ),
        field(
            t("Due"),
            date_input(field_id="due", name="due", value=TaskDialogState.due, with_time=True),
            name="due",
            problem=_problem("due"),
        ),
        field(t("Assignee"), _members(), name="responsible"),
        _subject(),
        _buttons(rx.cond(TaskDialogState.task_id != "", t("Save"), t("Create task"))),
        on_submit=TaskDialogState.save,
        class_name="form",
        key=TaskDialogState.form_key,
    )


def _problem(name: str) -> rx.Var[str]:
    found = TaskDialogState.problems
    return rx.cond(found.contains(name), found[name], "")


def _members() -> rx.Component:
    return rx.el.select(
        rx.el.option(t("Unassigned"), value=NOBODY),
        rx.foreach(TasksState.members, lambda member: rx.el.option(member.name, value=member.id)),
        id="responsible",
        name="responsible",
        default_value=TaskDialogState.responsible,
        disabled=READ_ONLY,
        class_name="native",
    )


def _subject() -> rx.Component:
    """Return the contact or lead that the task is about, with a search for another one."""
    chosen = rx.flex(
        rx.el.span(TaskDialogState.subject_label, ": ", TaskDialogState.subject, class_name="break"),
        rx.cond(
            ~READ_ONLY,
            rx.button(
                t("Remove"),
                on_click=TaskDialogState.choose(""),
                type="button",
                size="1",
                variant="soft",
                color_scheme="gray",
                high_contrast=True,
            ),
        ),
        spacing="3",
        align="center",
    )
    search = rx.fragment(
        rx.debounce_input(
            rx.input(
                id="subject",
                name="subject",
                placeholder=t("Search contacts and leads"),
                on_change=TaskDialogState.search,
                max_length=200,
                disabled=READ_ONLY,
            ),
            debounce_timeout=250,
        ),
        rx.cond(
            TaskDialogState.found.length() > 0,
            rx.el.ul(rx.foreach(TaskDialogState.found, _found), class_name="plain-list"),
            rx.cond(TaskDialogState.has_searched, no_results()),
        ),
    )
    shown = rx.el.div(rx.cond(TaskDialogState.subject != "", chosen, search))
    return field(t("Contact or lead"), shown, name="subject", problem=_problem("subject"))


def _found(subject: rx.Var[Subject]) -> rx.Component:
    return rx.el.li(
        rx.button(
            subject.name,
            rx.el.span(subject.label, class_name="muted small"),
            on_click=TaskDialogState.choose(subject.id),
            type="button",
            variant="ghost",
            color_scheme="gray",
            high_contrast=True,
        ),
        key=subject.id,
    )


def date_dialog() -> rx.Component:
    """Return the dialog that asks to which date tasks are postponed."""
    return rx.dialog.root(
        rx.dialog.content(
            rx.dialog.title(t("Postpone until"), size="4"),
            rx.dialog.description(t("Times are in the company’s time zone."), size="2", margin_bottom="16px"),
            rx.form(
                field(
                    t("Due"),
                    date_input(field_id="until", name="due", with_time=True, required=True),
                    name="until",
                    problem=TasksState.date_problem,
                ),
                _buttons(t("Postpone")),
                on_submit=TasksState.postpone_to,
                class_name="form",
            ),
            max_width="420px",
            on_close_auto_focus=RETURN_FOCUS,
        ),
        open=TasksState.date_for.length() > 0,
        on_open_change=TasksState.ask_date,
    )


def _buttons(verb: rx.Var[str]) -> rx.Component:
    return rx.flex(
        rx.dialog.close(rx.button(t("Cancel"), variant="soft", color_scheme="gray", high_contrast=True, type="button")),
        rx.cond(~READ_ONLY, rx.button(verb, type="submit")),
        spacing="3",
        justify="end",
        margin_top="16px",
    )
