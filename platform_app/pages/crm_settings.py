"""CRM settings: pipelines with their stages, and the tenant's own fields."""

from typing import Any

import reflex as rx

from platform_app.components.later import later
from platform_app.components.layout import frame, page_head
from platform_app.components.page import inside
from platform_app.components.parts import confirm, icon_tool, skeleton_rows
from platform_app.components.text import t
from platform_app.state.base import Person
from platform_app.state.crm_settings import FIELD_KINDS, CrmSettingsState, OwnField, PipelineLine, StageLine
from platform_app.state.leads import KINDS

_MAY = (Person.role == "admin") | (Person.role == "owner")


def show() -> rx.Component:
    """Show pipelines and fields."""
    return frame(
        rx.fragment(
            page_head(
                t("Pipelines and fields"),
                t("The stages leads go through, and what else you want to know of contacts and leads."),
                rx.link(t("All leads"), href=f"/manage/{Person.slug}/leads", size="2", underline="always"),
            ),
            rx.cond(
                rx.State.is_hydrated & CrmSettingsState.loaded,
                rx.el.div(_pipelines(), _fields(), class_name="grid cols-2", key=CrmSettingsState.drawn),
                skeleton_rows(6),
            ),
        ),
        section="Settings",
    )


def _pipelines() -> rx.Component:
    return rx.el.div(
        rx.foreach(CrmSettingsState.pipelines, _pipeline),
        rx.cond(
            _MAY,
            rx.form(
                _named(t("New pipeline"), t("Add pipeline")),
                on_submit=CrmSettingsState.add_pipeline,
                reset_on_submit=True,
            ),
        ),
        class_name="script-side",
    )


def _named(label: Any, verb: Any) -> rx.Component:
    return rx.flex(
        rx.input(name="name", placeholder=label, aria_label=label, max_length=120, required=True),
        rx.button(verb, variant="soft", type="submit"),
        spacing="2",
    )


def _input(value: Any, label: Any, event: Any) -> rx.Component:
    return rx.el.input(
        default_value=value,
        on_change=later(lambda typed: event(typed)),
        aria_label=label,
        max_length=120,
        read_only=~_MAY,
        class_name="native grow",
    )


def _pipeline(pipeline: rx.Var[PipelineLine]) -> rx.Component:
    return rx.el.section(
        rx.flex(
            _input(
                pipeline.name,
                t("Name of the pipeline"),
                lambda name: CrmSettingsState.rename_pipeline(pipeline.id, name),
            ),
            rx.cond(
                _MAY,
                _delete(
                    t("Delete “{title}”", title=pipeline.name),
                    t("Delete the pipeline?"),
                    t("It goes with its stages. This cannot be undone."),
                    CrmSettingsState.delete_pipeline(pipeline.id),
                ),
            ),
            spacing="2",
            align="center",
        ),
        rx.el.ol(rx.foreach(pipeline.stages, _stage), class_name="plain-list"),
        rx.cond(
            _MAY,
            rx.form(
                _named(t("New stage"), t("Add stage")),
                on_submit=lambda form: CrmSettingsState.add_stage(pipeline.id, form),
                reset_on_submit=True,
            ),
        ),
        class_name="card section script-side",
        key=pipeline.id,
    )


def _stage(stage: rx.Var[StageLine]) -> rx.Component:
    return rx.el.li(
        _input(
            stage.name,
            t("Name of the stage"),
            lambda name: CrmSettingsState.change_stage(stage.id, name, stage.kind),
        ),
        rx.el.select(
            *(rx.el.option(t(words), value=code) for code, (words, _) in KINDS.items()),
            value=stage.kind,
            on_change=lambda kind: CrmSettingsState.change_stage(stage.id, stage.name, kind),
            aria_label=t("What “{title}” means", title=stage.name),
            disabled=~_MAY,
            class_name="native",
        ),
        rx.cond(
            _MAY,
            rx.fragment(
                icon_tool(
                    "arrow-up",
                    t("Move “{name}” up", name=stage.name),
                    CrmSettingsState.move_stage(stage.id, True),
                    small=True,
                ),
                icon_tool(
                    "arrow-down",
                    t("Move “{name}” down", name=stage.name),
                    CrmSettingsState.move_stage(stage.id, False),
                    small=True,
                ),
                icon_tool(
                    "x", t("Delete “{title}”", title=stage.name), CrmSettingsState.delete_stage(stage.id), small=True
                ),
            ),
        ),
        class_name="card-line",
        key=stage.id,
    )


def _delete(label: Any, title: Any, sentence: Any, event: Any) -> rx.Component:
    button = rx.icon_button(rx.icon("trash-2", size=16), variant="ghost", color_scheme="gray", aria_label=label)
    return confirm(button, title=title, sentence=sentence, verb=t("Delete"), on_confirm=event)


def _fields() -> rx.Component:
    return rx.el.section(
        rx.el.h2(t("Your own fields")),
        rx.cond(
            CrmSettingsState.fields.length() > 0,
            rx.el.ul(rx.foreach(CrmSettingsState.fields, _field), class_name="plain-list"),
            rx.el.p(t("None yet."), class_name="muted small"),
        ),
        rx.cond(_MAY, _new_field()),
        class_name="card section script-side",
    )


def _field(own: rx.Var[OwnField]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.flex(
                _input(
                    own.name,
                    t("Name of the field"),
                    lambda name: CrmSettingsState.change_field(own.id, name, own.options),
                ),
                _badge(own.kind),
                _badge(rx.cond(own.holder == "lead", t("Lead"), t("Contact"))),
                spacing="2",
                align="center",
            ),
            rx.el.code(own.variable, class_name="small"),
            rx.cond(own.is_choice, _options(own)),
            class_name="grow script-side",
        ),
        rx.cond(
            _MAY,
            _delete(
                t("Delete “{title}”", title=own.name),
                t("Delete the field?"),
                t("What stands in it is no longer shown or used. This cannot be undone."),
                CrmSettingsState.delete_field(own.id),
            ),
        ),
        class_name="card-line",
        key=own.id,
    )


def _badge(words: Any) -> rx.Component:
    return rx.badge(words, color_scheme="gray", variant="surface", high_contrast=True)


def _options(own: rx.Var[OwnField]) -> rx.Component:
    return rx.el.textarea(
        default_value=own.options,
        on_change=later(lambda options: CrmSettingsState.change_field(own.id, own.name, options)),
        rows="3",
        read_only=~_MAY,
        aria_label=t("What can be chosen, one a line"),
        class_name="native",
    )


def _new_field() -> rx.Component:
    return rx.form(
        rx.el.input(
            name="name",
            placeholder=t("New field"),
            aria_label=t("New field"),
            max_length=80,
            required=True,
            class_name="native",
        ),
        rx.flex(
            rx.el.select(
                rx.el.option(t("Contact"), value="contact"),
                rx.el.option(t("Lead"), value="lead"),
                name="holder",
                aria_label=t("Whose field"),
                class_name="native",
            ),
            _kind(),
            rx.button(t("Add field"), size="1", variant="soft", type="submit"),
            spacing="2",
            wrap="wrap",
            align="center",
        ),
        rx.cond(CrmSettingsState.new_kind == "choice", _new_options()),
        on_submit=CrmSettingsState.add_own_field,
        reset_on_submit=True,
        class_name="card-form",
    )


def _kind() -> rx.Component:
    return rx.el.select(
        *(rx.el.option(t(words), value=code) for code, words in FIELD_KINDS.items()),
        value=CrmSettingsState.new_kind,
        on_change=CrmSettingsState.choose_kind,
        aria_label=t("What it holds"),
        class_name="native",
    )


def _new_options() -> rx.Component:
    label = t("What can be chosen, one a line")
    return rx.el.textarea(name="options", rows="3", placeholder=label, aria_label=label, class_name="native")


PAGES = [inside("/settings/crm", "Pipelines and fields", show, CrmSettingsState.load)]
