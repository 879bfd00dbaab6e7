"""Provider: the page of a model provider, its test and its models."""

import reflex as rx

from platform_app.components.console.form import submitted_field
from platform_app.components.console.layout import frame
from platform_app.components.console.listing import columns, framed_table
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import IS_ADMIN, confirm, empty_state, skeleton_rows
from platform_app.components.console.text import t
from platform_app.form_fields import Control, FormField
from platform_app.models.model_provider import PROVIDER_FORM
from platform_app.state.providers.provider import ModelLine, ProviderState


def show() -> rx.Component:
    """Return the page on which admins connect, test and remove a model provider."""
    return frame(
        rx.cond(
            IS_ADMIN,
            rx.cond(rx.State.is_hydrated & ProviderState.loaded, _provider(), skeleton_rows()),
            empty_state(t("Only an owner or an admin may see and change this."), icon="lock"),
        ),
        section="Settings",
        up=(t("Model providers"), "/settings/providers"),
    )


def _provider() -> rx.Component:
    return rx.fragment(
        rx.el.div(
            rx.el.h1(rx.cond(ProviderState.is_new, t("Connect a provider"), ProviderState.name)),
            class_name="page-head",
        ),
        rx.el.div(
            _form(), rx.cond(ProviderState.is_new, rx.fragment(), rx.fragment(_test(), _models())), class_name="form"
        ),
    )


def _form() -> rx.Component:
    return rx.el.section(
        rx.el.form(
            rx.el.h2(t("Provider")),
            *_section("provider"),
            rx.el.h2(t("Prices")),
            *_section("prices"),
            _buttons(),
            on_submit=ProviderState.save,
            class_name="form",
            no_validate=True,
        ),
        class_name="card section",
        key=ProviderState.form_key,
    )


def _section(section: str) -> list[rx.Component]:
    return [_input(shown) for shown in PROVIDER_FORM.values() if shown.section == section]


def _input(shown: FormField) -> rx.Component:
    is_secret = shown.control == Control.PASSWORD
    return submitted_field(shown, ProviderState, help_text=ProviderState.credential_hint if is_secret else None)


def _buttons() -> rx.Component:
    remove = confirm(
        rx.button(t("Remove"), variant="soft", color_scheme="gray", high_contrast=True, type="button"),
        title=t("Remove the provider?"),
        sentence=t(
            "Its key is deleted. Agents that use it stop replying until you choose another, or use their fallback."
        ),
        verb=t("Remove"),
        on_confirm=ProviderState.remove,
    )
    return rx.flex(
        rx.button(t("Save"), type="submit"),
        rx.cond(ProviderState.is_new, rx.fragment(), remove),
        spacing="3",
        align="center",
        wrap="wrap",
    )


def _test() -> rx.Component:
    check = rx.button(
        t("Test the provider"), on_click=ProviderState.test, loading=ProviderState.is_testing, variant="soft"
    )
    told = rx.cond(
        ProviderState.test_succeeded,
        rx.el.span(rx.icon("circle-check", size=16, aria_hidden="true"), ProviderState.test_result, class_name="well"),
        rx.el.span(
            rx.icon("circle-alert", size=16, aria_hidden="true"), ProviderState.test_result, class_name="problem"
        ),
    )
    return rx.el.section(
        rx.el.h2(t("Connection test")),
        rx.el.div(
            rx.el.span(
                t("Lists the models and asks the cheapest one for a word, using the saved settings."),
                class_name="help",
            ),
            rx.box(check),
            rx.el.div(rx.cond(ProviderState.test_result != "", told), role="status", aria_live="polite"),
            class_name="field",
        ),
        class_name="card section",
    )


def _models() -> rx.Component:
    heads = columns(t("Model"), t("Million input tokens"), t("Million output tokens"), t("Retired on"))
    return rx.el.section(
        rx.el.h2(t("Models")),
        rx.cond(
            ProviderState.listed != "",
            rx.fragment(
                rx.el.p(ProviderState.listed, class_name="muted small"),
                framed_table(heads, rx.table.body(rx.foreach(ProviderState.models, _model)), label=t("Models")),
            ),
            rx.el.p(t("The test lists them, with their prices."), class_name="muted small"),
        ),
        class_name="card section",
    )


def _model(model: rx.Var[ModelLine]) -> rx.Component:
    unknown = rx.el.span(t("not known"), class_name="muted small")
    return rx.table.row(
        rx.table.row_header_cell(model.name),
        rx.table.cell(rx.cond(model.read != "", model.read, unknown)),
        rx.table.cell(rx.cond(model.written != "", model.written, unknown)),
        rx.table.cell(model.ends),
        key=model.name,
    )


PAGES = [tenant_page("/settings/providers/[provider_id]", "Model provider", show, ProviderState.load)]
