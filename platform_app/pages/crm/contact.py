"""Contact: the card page of a contact."""

import reflex as rx

from platform_app.automation.calendar import offered_time_zones
from platform_app.components.console.confirmation import confirmation
from platform_app.components.console.debounced_input import debounced
from platform_app.components.console.layout import frame
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import READ_ONLY, field, skeleton_rows
from platform_app.components.console.text import t
from platform_app.components.crm import card
from platform_app.components.crm.card_enrollments import enrollments
from platform_app.components.crm.opt_out_card import opt_out_card
from platform_app.state.console.base import CurrentUser
from platform_app.state.crm.contact import ContactState
from platform_app.state.crm.leads import LeadRow


def show() -> rx.Component:
    """Return the card of a contact: its fields, leads and history, which operators change."""
    return frame(
        rx.cond(rx.State.is_hydrated & (ContactState.card_key != ""), _card(), skeleton_rows(8)), section="Contacts"
    )


def _card() -> rx.Component:
    beside = (card.tasks, card.conversations, enrollments, opt_out_card)
    return rx.fragment(
        _head(),
        card.contact_dialog(
            is_open=ContactState.merge_dialog_open,
            on_open=ContactState.set_merge_dialog_open,
            title=t("Choose the duplicate contact"),
            choices=ContactState.candidates,
            on_search=ContactState.search_candidates,
            choice=lambda contact: card.choice_line(contact, ContactState.preview_merge(contact.id)),
        ),
        _merge_preview(),
        card.columns(
            ContactState.card_key,
            _fields(),
            [card.notes(ContactState), card.history(ContactState)],
            [_leads(), *(part(ContactState) for part in beside)],
        ),
    )


def _head() -> rx.Component:
    merge = rx.button(
        t("Merge…"),
        variant="soft",
        color_scheme="gray",
        high_contrast=True,
        on_click=ContactState.set_merge_dialog_open(True),
    )
    return rx.el.div(
        rx.el.div(rx.el.h1(ContactState.name), rx.el.p(t("Contact"), class_name="muted small")),
        rx.flex(
            rx.cond(~READ_ONLY, merge),
            spacing="4",
            align="center",
        ),
        class_name="page-head",
    )


def _merge_preview() -> rx.Component:
    """Return the dialog that shows the result of a merge before it is done."""
    lines = rx.foreach(ContactState.merge_preview, lambda line: rx.fragment(rx.el.dt(line.label), rx.el.dd(line.value)))
    return confirmation(
        rx.cond(ContactState.merge_preview.length() > 0, rx.el.h3(t("Result"), class_name="outcome-head")),
        rx.el.dl(lines, class_name="facts", id="outcome"),
        title=t("Merge the two contacts?"),
        sentence=t(
            "All leads, tasks, notes and conversations of “{other}” will move to “{title}”. This can’t be undone.",
            other=ContactState.merge_name,
            title=ContactState.name,
        ),
        verb=t("Merge"),
        on_confirm=ContactState.merge,
        is_open=ContactState.other != "",
        on_close=ContactState.set_preview_open,
        max_width="480px",
    )


def _fields() -> rx.Component:
    return rx.fragment(
        card.text_field(ContactState, "name", t("Full name")),
        card.text_field(ContactState, "phones", t("Phones"), help_text=t("One per line"), rows="2"),
        card.text_field(ContactState, "emails", t("Emails"), help_text=t("One per line"), rows="2"),
        _language(),
        _zone(),
        card.text_field(ContactState, "tags", t("Tags"), help_text=t("Separate with commas")),
        card.custom_field_inputs(ContactState),
    )


def _language() -> rx.Component:
    control = rx.select.root(
        rx.select.trigger(id="language", max_width="420px"),
        rx.select.content(
            rx.select.item(t("Not known"), value="none"),
            rx.select.item("Русский", value="ru"),
            rx.select.item("English", value="en"),
        ),
        value=ContactState.language,
        on_change=lambda value: ContactState.save("language", rx.cond(value == "none", "", value)),
        disabled=READ_ONLY,
    )
    return field(t("Language"), control, name="language")


def _zone() -> rx.Component:
    control = rx.el.input(
        id="time_zone",
        default_value=ContactState.initial["time_zone"],
        on_change=debounced(lambda value: ContactState.save("time_zone", value)),
        read_only=READ_ONLY,
        list="zones",
        class_name="native",
    )
    return rx.fragment(
        field(
            t("Time zone"),
            control,
            name="time_zone",
            help_text=t("Leave empty to use your company’s time zone."),
            problem=ContactState.problems.get("time_zone", ""),
        ),
        rx.el.datalist(*(rx.el.option(value=zone) for zone in offered_time_zones()), id="zones"),
    )


def _leads() -> rx.Component:
    def one(lead: rx.Var[LeadRow]) -> rx.Component:
        return rx.el.li(
            rx.link(lead.title, href=f"/manage/{CurrentUser.slug}/leads/{lead.id}", size="2"),
            rx.el.span(" ", lead.stage, rx.cond(lead.budget != "", " · " + lead.budget, ""), class_name="muted small"),
            rx.cond(
                lead.contact != "",
                rx.el.div(t("Main contact: {name}", name=lead.contact), class_name="muted small"),
            ),
        )

    return rx.el.section(
        rx.el.h2(t("Leads")),
        rx.cond(
            ContactState.leads.length() > 0,
            rx.el.ul(rx.foreach(ContactState.leads, one), class_name="plain-list"),
            rx.el.p(t("None yet"), class_name="muted small"),
        ),
        class_name="card section",
    )


PAGES = [tenant_page("/contacts/[contact_id]", "Contact", show, ContactState.load, ContactState.watch)]
