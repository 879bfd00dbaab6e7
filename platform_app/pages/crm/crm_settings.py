"""CRM settings: the page with pipelines, stages and custom fields."""

from typing import Any

import reflex as rx

from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import IS_ADMIN, icon_button, move_buttons, skeleton_rows
from platform_app.components.console.text import t
from platform_app.components.crm.custom_field_list import delete_button, field_list, named_input
from platform_app.state.crm.crm_settings import CrmSettingsState, PipelineLine, StageLine
from platform_app.state.crm.leads import STAGE_KINDS


def show() -> rx.Component:
    """Return the page on which admins set up pipelines, stages and custom fields."""
    return frame(
        rx.fragment(
            page_head(
                t("Pipelines and fields"),
                t("Pipeline stages and custom fields for contacts and leads."),
            ),
            rx.cond(
                rx.State.is_hydrated & CrmSettingsState.loaded,
                rx.el.div(_pipelines(), field_list(), class_name="grid cols-2 from-top", key=CrmSettingsState.form_key),
                skeleton_rows(6),
            ),
        ),
        section="Settings",
    )


def _pipelines() -> rx.Component:
    return rx.el.div(
        rx.foreach(CrmSettingsState.pipelines, _pipeline),
        rx.cond(
            IS_ADMIN,
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


def _pipeline(pipeline: rx.Var[PipelineLine]) -> rx.Component:
    return rx.el.section(
        rx.flex(
            named_input(
                pipeline.name,
                t("Pipeline name"),
                lambda name: CrmSettingsState.rename_pipeline(pipeline.id, name),
            ),
            rx.cond(
                IS_ADMIN,
                delete_button(
                    t("Delete “{title}”", title=pipeline.name),
                    t("Delete the pipeline?"),
                    t("The pipeline and its stages will be deleted. This can’t be undone."),
                    CrmSettingsState.delete_pipeline(pipeline.id),
                ),
            ),
            spacing="2",
            align="center",
        ),
        rx.el.ol(
            rx.foreach(pipeline.stages, lambda stage, at: _stage(stage, at, pipeline.stages.length())),
            class_name="plain-list",
        ),
        rx.cond(
            IS_ADMIN,
            rx.form(
                rx.el.input(type="hidden", name="pipeline", value=pipeline.id),
                _named(t("New stage"), t("Add stage")),
                on_submit=CrmSettingsState.add_stage,  # the row is a value of the form: a hook cannot see it
                reset_on_submit=True,
            ),
        ),
        class_name="card section script-side",
        key=pipeline.id,
    )


def _stage(stage: rx.Var[StageLine], at: rx.Var[int], count: rx.Var[int]) -> rx.Component:
    return rx.el.li(
        named_input(
            stage.name,
            t("Stage name"),
            lambda name: CrmSettingsState.change_stage(stage.id, name, stage.kind),
        ),
        rx.el.select(
            *(rx.el.option(t(words), value=code) for code, (words, _) in STAGE_KINDS.items()),
            value=stage.kind,
            on_change=lambda kind: CrmSettingsState.change_stage(stage.id, stage.name, kind),
            aria_label=t("Outcome of “{title}”", title=stage.name),
            disabled=~IS_ADMIN,
            class_name="native",
        ),
        rx.cond(
            IS_ADMIN,
            rx.fragment(
                move_buttons(
                    (t("Move “{name}” up", name=stage.name), t("Move “{name}” down", name=stage.name)),
                    lambda up: CrmSettingsState.move_stage(stage.id, up),
                    first=at == 0,
                    last=at == count - 1,
                    small=True,
                ),
                icon_button(
                    "x", t("Delete “{title}”", title=stage.name), CrmSettingsState.delete_stage(stage.id), small=True
                ),
            ),
        ),
        class_name="card-line",
        key=stage.id,
    )


PAGES = [tenant_page("/settings/crm", "Pipelines and fields", show, CrmSettingsState.load)]
