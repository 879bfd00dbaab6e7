"""Lead: the card page of a lead."""

from typing import Any

import reflex as rx

from platform_app.components.console.layout import frame
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import READ_ONLY, field, skeleton_rows
from platform_app.components.console.text import t
from platform_app.components.crm import card
from platform_app.components.crm.card_enrollments import enrollments
from platform_app.state.console.base import CurrentUser
from platform_app.state.crm.lead import NONE, ContactLine, LeadState


def show() -> rx.Component:
    """Return the card of a lead: its fields, stage, contact, notes and history, which operators change."""
    return frame(rx.cond(rx.State.is_hydrated & (LeadState.card_key != ""), _card(), skeleton_rows(8)), section="Leads")


def _card() -> rx.Component:
    return rx.fragment(
        rx.el.div(
            rx.el.div(rx.el.h1(LeadState.title), rx.el.p(t("Lead"), class_name="muted small")),
            class_name="page-head",
        ),
        card.contact_dialog(
            is_open=LeadState.contact_dialog_open,
            on_open=LeadState.set_contact_dialog_open,
            title=rx.cond(LeadState.adds_contact, t("Add a contact"), t("Choose a contact")),
            choices=LeadState.candidates,
            on_search=LeadState.search_contacts,
            choice=lambda contact: card.choice_line(contact, LeadState.set_contact(contact.id)),
            nothing=rx.cond(
                LeadState.adds_contact,
                rx.fragment(),
                rx.button(t("Unassigned"), variant="ghost", on_click=LeadState.set_contact("")),
            ),
        ),
        _stage_bar(),
        card.columns(
            LeadState.card_key,
            _fields(),
            [card.notes(LeadState), card.history(LeadState)],
            [card.tasks(LeadState), card.conversations(LeadState), enrollments(LeadState)],
        ),
    )


def _stage_bar() -> rx.Component:
    """Return the stages of the lead's pipeline in their order; a press moves the lead."""
    return rx.el.div(
        rx.foreach(
            LeadState.pipeline_stages,
            lambda stage: rx.el.button(
                stage.name,
                on_click=LeadState.move(stage.id),
                disabled=READ_ONLY,
                class_name=rx.cond(stage.is_passed, "stage-step passed", "stage-step"),
                custom_attrs={"aria-pressed": rx.cond(stage.id == LeadState.stage, "true", "false")},
                type="button",
            ),
        ),
        class_name="stage-bar",
        role="group",
        aria_label=t("Stage"),
    )


def _fields() -> rx.Component:
    return rx.fragment(
        card.text_field(LeadState, "title", t("Title")),
        _choice("stage", t("Stage"), LeadState.stages, value=LeadState.stage, on_change=LeadState.move),
        card.text_field(LeadState, "budget", t("Budget")),
        _contact(),
        _other_contacts(),
        _choice(
            "responsible",
            t("Owner|lead"),
            LeadState.members,
            value=LeadState.responsible,
            on_change=LeadState.assign,
            first=[rx.select.item(t("Unassigned"), value=NONE)],
        ),
        card.text_field(LeadState, "source", t("Source")),
        card.text_field(LeadState, "tags", t("Tags"), help_text=t("Separate with commas")),
        card.custom_field_inputs(LeadState),
    )


def _contact() -> rx.Component:
    choose = _contact_button(t("Change contact…"), "contact", LeadState.set_contact_dialog_open(True))
    held = rx.cond(
        LeadState.contact != "",
        rx.link(LeadState.contact_name, href=f"/manage/{CurrentUser.slug}/contacts/{LeadState.contact}", size="2"),
        rx.el.span(t("No contact"), class_name="muted"),
    )
    control = rx.flex(held, rx.cond(~READ_ONLY, choose), spacing="3", align="center")
    return field(t("Contact"), control, name="contact")


def _contact_button(words: Any, name: str, event: Any) -> rx.Component:
    """Return the button that opens the choice of a contact, the control of a field; it is called by its own words."""
    return rx.button(words, id=name, aria_label=words, size="1", variant="soft", type="button", on_click=event)


def _other_contacts() -> rx.Component:
    add = _contact_button(t("Add contact…"), "add_contact", LeadState.add_contact)
    listed = rx.el.ul(
        rx.foreach(LeadState.other_contacts, _other_contact), id="other_contacts", class_name="plain-list"
    )
    control = rx.flex(
        rx.cond(LeadState.other_contacts.length() > 0, listed),
        rx.cond(~READ_ONLY, add, rx.cond(LeadState.other_contacts.length() == 0, rx.el.span("—", class_name="muted"))),
        direction="column",
        align="start",
        spacing="2",
    )
    return rx.cond(LeadState.contact != "", field(t("Other contacts"), control, name="add_contact"))


def _other_contact(row: rx.Var[ContactLine]) -> rx.Component:
    actions = rx.flex(
        rx.button(
            t("Make main|contact"),
            size="1",
            variant="ghost",
            color_scheme="gray",
            type="button",
            aria_label=t("Make main: “{title}”", title=row.name),
            on_click=LeadState.make_main(row.id),
        ),
        card.remove_button(t("Remove “{title}” from this lead", title=row.name), LeadState.remove_contact(row.id)),
        spacing="3",
        align="center",
    )
    return rx.el.li(
        rx.el.div(
            rx.link(row.name, href=f"/manage/{CurrentUser.slug}/contacts/{row.id}", size="2"),
            rx.el.div(row.address, class_name="muted small"),
            class_name="grow",
        ),
        rx.cond(~READ_ONLY, actions),
        class_name="card-line",
    )


def _choice(
    name: str,
    label: object,
    choices: object,
    *,
    value: object,
    on_change: object,
    first: list[rx.Component] | None = None,
) -> rx.Component:
    control = rx.select.root(
        rx.select.trigger(id=name, max_width="420px"),
        rx.select.content(
            *(first or []), rx.foreach(choices, lambda choice: rx.select.item(choice.name, value=choice.id))
        ),
        value=value,
        on_change=on_change,
        disabled=READ_ONLY,
    )
    return field(label, control, name=name)


PAGES = [tenant_page("/leads/[lead_id]", "Lead", show, LeadState.load, LeadState.watch)]
