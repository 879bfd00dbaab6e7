"""Tasks: the page of what members have to do."""

from typing import Any

import reflex as rx

from platform_app.components.console.bulk_actions import bulk_select, page_checkbox, row_checkbox, selection_bar
from platform_app.components.console.listing import (
    actions_head,
    framed_table,
    list_page,
    search_box,
    select_filter,
    sortable,
)
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import READ_ONLY, empty_state, icon_button, pager, row_link, status
from platform_app.components.console.text import t
from platform_app.components.tasks.task_dialog import date_dialog, task_dialog
from platform_app.services.tasks.task_list import NOBODY, View
from platform_app.state.console.list_page import SIZES
from platform_app.state.tasks.due_times import DATE, POSTPONEMENTS
from platform_app.state.tasks.task_dialog import TaskDialogState
from platform_app.state.tasks.task_rows import TaskRow
from platform_app.state.tasks.tasks import ALL, TasksState, TaskView


def show() -> rx.Component:
    """Show the tasks of all members in views to whoever may read them; operators change them."""
    return list_page(
        TasksState,
        t("Tasks"),
        t("Work for you and your teammates."),
        rx.cond(~READ_ONLY, _create_button()),
        section="Tasks",
        filters=rx.fragment(_filters(), task_dialog(), date_dialog()),
        table=_table(),
        empty=_empty(),
    )


def _create_button() -> rx.Component:
    return rx.button(rx.icon("plus", size=16), t("Create task"), on_click=TaskDialogState.create)


def _empty() -> rx.Component:
    return rx.cond(
        TasksState.has_any,
        empty_state(t("No tasks here."), icon="list-todo"),
        empty_state(
            t("No tasks yet. Create one, or let a rule or an agent create them."),
            rx.cond(~READ_ONLY, _create_button()),
            icon="list-todo",
        ),
    )


def _filters() -> rx.Component:
    return rx.fragment(
        rx.el.nav(rx.foreach(TasksState.views, _view), class_name="inbox-views views", aria_label=t("Views")),
        rx.el.div(
            search_box(t("Search tasks and contacts"), TasksState.search, TasksState.set_search),
            rx.cond(
                TasksState.view != View.MINE.value,
                rx.el.select(
                    rx.el.option(t("Everyone|members"), value=ALL),
                    rx.el.option(t("Unassigned"), value=NOBODY),
                    rx.foreach(TasksState.members, lambda member: rx.el.option(member.name, value=member.id)),
                    value=TasksState.responsible,
                    on_change=TasksState.set_responsible,
                    aria_label=t("Assignee"),
                    class_name="native",
                ),
            ),
            select_filter(
                t("Rows per page"),
                TasksState.size,
                [(size, t("{count} per page", count=size)) for size in SIZES],
                TasksState.set_page_size,
            ),
            class_name="filters",
        ),
    )


def _view(view: rx.Var[TaskView]) -> rx.Component:
    return rx.link(
        view.label,
        rx.cond(view.count != "", rx.el.span(view.count, class_name="muted small figure-small")),
        href=view.href,
        class_name="inbox-view",
        underline="none",
        color_scheme="gray",
        high_contrast=True,
        custom_attrs={"aria-current": rx.cond(TasksState.view == view.name, "true", "false")},
        key=view.name,
    )


def _table() -> rx.Component:
    when = rx.cond(TasksState.view == View.DONE.value, t("Completed"), t("Due"))
    head = rx.table.header(
        rx.table.row(
            rx.cond(~READ_ONLY, rx.table.column_header_cell(page_checkbox(TasksState))),
            rx.table.column_header_cell(t("Task")),
            sortable(TasksState, when, "due"),
            rx.table.column_header_cell(t("Lead or contact")),
            rx.table.column_header_cell(t("Assignee")),
            rx.table.column_header_cell(t("Created by")),
            rx.cond(~READ_ONLY, actions_head()),
        )
    )
    return rx.fragment(
        selection_bar(TasksState, *_bulk_actions()),
        framed_table(head, rx.table.body(rx.foreach(TasksState.rows, _row))),
        pager(TasksState.page, TasksState.pages, TasksState.total_words, TasksState.go_to_page),
    )


def _bulk_actions() -> list[rx.Component]:
    postpone = rx.el.select(
        rx.el.option(t("Postpone…"), value=""),
        *(rx.el.option(t(words), value=code) for code, words in POSTPONEMENTS.items()),
        rx.el.option(t("Choose a date…"), value=DATE),
        value="",
        on_change=TasksState.postpone_selected,
        aria_label=t("Postpone…"),
        class_name="native",
    )
    return [
        rx.button(t("Complete"), size="1", variant="soft", on_click=TasksState.complete_selected),
        postpone,
        bulk_select(t("Assign to…"), TasksState.members, TasksState.assign_selected),
    ]


def _row(task: rx.Var[TaskRow]) -> rx.Component:
    return rx.table.row(
        rx.cond(~READ_ONLY, rx.table.cell(row_checkbox(TasksState, task.id, task.text))),
        rx.table.row_header_cell(_text(task)),
        rx.table.cell(_when(task)),
        rx.table.cell(_about(task)),
        rx.table.cell(
            rx.cond(task.responsible != "", task.responsible, rx.el.span(t("Unassigned"), class_name="muted"))
        ),
        rx.table.cell(rx.cond(task.origin_link != "", _link(task.origin, task.origin_link))),
        rx.cond(~READ_ONLY, rx.table.cell(_actions(task))),
        align="center",
        key=task.id,
    )


def _text(task: rx.Var[TaskRow]) -> rx.Component:
    return rx.el.button(
        task.text,
        on_click=TaskDialogState.edit(task.id),
        class_name=rx.cond(task.is_done, "plain-button task-text done", "plain-button task-text"),
        type="button",
    )


def _when(task: rx.Var[TaskRow]) -> rx.Component:
    return rx.cond(
        task.is_done,
        status("green", task.done),
        rx.el.div(
            rx.el.time(task.due, title=task.exact, class_name="whole"),
            rx.cond(task.overdue != "", rx.el.div(status("red", task.overdue), class_name="small")),
        ),
    )


def _about(task: rx.Var[TaskRow]) -> rx.Component:
    links = (
        (task.lead, task.lead_link),
        (task.contact, task.contact_link),
        (t("Conversation"), task.conversation_link),
    )
    return rx.el.div(*(rx.cond(link != "", _link(words, link)) for words, link in links))


def _link(words: Any, href: Any) -> rx.Component:
    return rx.el.div(row_link(words, href), class_name="task-link")


def _actions(task: rx.Var[TaskRow]) -> rx.Component:
    done = rx.cond(
        task.is_done,
        icon_button("rotate-ccw", t("Reopen “{title}”", title=task.text), TasksState.mark(task.id, False)),
        icon_button("check", t("Complete “{title}”", title=task.text), TasksState.mark(task.id, True)),
    )
    return rx.flex(done, _menu(task), justify="end", align="center", spacing="2")


def _menu(task: rx.Var[TaskRow]) -> rx.Component:
    moments = [*POSTPONEMENTS.items(), (DATE, "Choose a date…")]
    return rx.menu.root(
        rx.menu.trigger(icon_button("ellipsis", t("Actions for “{title}”", title=task.text))),
        rx.menu.content(
            rx.menu.item(t("Edit"), on_select=TaskDialogState.edit(task.id)),
            rx.cond(
                ~task.is_done,
                rx.menu.sub(
                    rx.menu.sub_trigger(t("Postpone")),
                    rx.menu.sub_content(
                        *(
                            rx.menu.item(t(words), on_select=TasksState.postpone(task.id, code))
                            for code, words in moments
                        )
                    ),
                ),
            ),
            rx.menu.sub(
                rx.menu.sub_trigger(t("Assign to…")),
                rx.menu.sub_content(
                    rx.menu.item(t("Unassigned"), on_select=TasksState.assign(task.id, NOBODY)),
                    rx.foreach(
                        TasksState.members,
                        lambda member: rx.menu.item(member.name, on_select=TasksState.assign(task.id, member.id)),
                    ),
                ),
            ),
            rx.menu.separator(),
            rx.menu.item(t("Delete"), color_scheme="red", on_select=TasksState.delete(task.id)),
        ),
    )


PAGES = [
    tenant_page("/tasks", "Tasks", show, TasksState.load, TaskDialogState.load, TasksState.watch),
]
