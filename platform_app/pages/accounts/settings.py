"""Settings: the page with profile, password, sessions and tenant."""

from typing import Any

import reflex as rx
from babel import Locale

from platform_app.components.accounts.currency_field import currency_field
from platform_app.components.accounts.sending_form import sending_form
from platform_app.components.accounts.working_hours_form import working_hours_form
from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import IS_ADMIN, field, skeleton_rows, time_ago
from platform_app.components.console.text import t
from platform_app.services.accounts.accounts import RUN_RETENTION_DAYS
from platform_app.services.crm import phone_numbers
from platform_app.state.accounts.settings import SessionRow, SettingsState
from platform_app.state.console.base import CurrentUser


def show() -> rx.Component:
    """Return the page on which members change their profile, password and sessions, and admins the tenant."""
    return frame(
        rx.fragment(
            page_head(t("Settings")),
            rx.cond(
                rx.State.is_hydrated & SettingsState.loaded,
                rx.el.div(
                    _profile(),
                    working_hours_form(),
                    _password(),
                    _load_sessions(),
                    _tenant(),
                    rx.cond(
                        IS_ADMIN,
                        sending_form(),
                    ),
                    _clock(),
                    class_name="form",
                    key=SettingsState.form_key,
                ),
                skeleton_rows(),
            ),
        ),
        section="Settings",
    )


def _input(name: str, label: Any, help_text: Any = None, **props: Any) -> rx.Component:
    return field(
        label,
        rx.input(id=name, name=name, required=True, **props),
        name=name,
        help_text=help_text,
        problem=rx.cond(SettingsState.problem_field == name, SettingsState.problem, ""),
    )


def _card(title: Any, *content: rx.Component) -> rx.Component:
    return rx.el.section(rx.el.h2(title), *content, class_name="card section")


def _profile() -> rx.Component:
    return _card(
        t("My profile"),
        rx.el.form(
            _input("name", t("Your name"), CurrentUser.email, default_value=SettingsState.name, auto_complete="name"),
            rx.box(rx.button(t("Save"), type="submit")),
            on_submit=SettingsState.save_name,
            class_name="form",
        ),
    )


def _password() -> rx.Component:
    return _card(
        t("Password"),
        rx.el.form(
            _input("current", t("Current password"), type="password", auto_complete="current-password"),
            _input(
                "password",
                t("New password"),
                t("At least 8 characters."),
                type="password",
                auto_complete="new-password",
            ),
            rx.box(rx.button(t("Change password"), type="submit")),
            on_submit=SettingsState.change_password,
            class_name="form",
        ),
    )


def _load_sessions() -> rx.Component:
    return _card(
        t("Sessions"),
        rx.el.ul(rx.foreach(SettingsState.sessions, _session), class_name="updates"),
        rx.cond(
            SettingsState.sessions.length() > 1,
            rx.button(
                t("Sign out of all other sessions"),
                on_click=SettingsState.end_other_sessions,
                variant="soft",
                color_scheme="gray",
                high_contrast=True,
            ),
        ),
    )


def _session(row: rx.Var[SessionRow]) -> rx.Component:
    return rx.el.li(
        rx.el.span(row.browser, class_name="update-words"),
        rx.cond(row.is_this, rx.badge(t("This device"), variant="surface", high_contrast=True)),
        time_ago(row.when, row.exact),
    )


def _tenant() -> rx.Component:
    zone = rx.select.root(
        rx.select.trigger(id="time_zone"),
        rx.select.content(rx.foreach(SettingsState.zones, lambda name: rx.select.item(name, value=name))),
        value=SettingsState.time_zone,
        on_change=SettingsState.set_time_zone,
    )
    return rx.cond(
        IS_ADMIN,
        _card(
            t("Company"),
            rx.el.form(
                _input("tenant", t("Company name"), default_value=SettingsState.tenant_name),
                field(
                    t("Time zone"),
                    zone,
                    name="time_zone",
                    help_text=t("Used for dates, schedules and reports."),
                ),
                field(
                    t("Country of phone numbers"),
                    _country(),
                    name="country",
                    help_text=t("Used for numbers without a country code."),
                ),
                currency_field(SettingsState.currency),
                field(
                    t("Run history retention"),
                    _run_days(),
                    name="run_days",
                    help_text=t("Older runs are deleted. Run counts are kept."),
                ),
                rx.box(rx.button(t("Save"), type="submit")),
                on_submit=SettingsState.save_tenant,
                class_name="form",
            ),
        ),
    )


def _clock() -> rx.Component:
    """Return the form that shifts the clock, where the environment allows it."""
    steps = {"1": "+1 hour", "24": "A day on", "168": "A week on", "0": "Reset"}
    button = {"variant": "soft", "color_scheme": "gray", "high_contrast": True, "size": "2"}
    return rx.cond(
        IS_ADMIN & SettingsState.has_test_clock,
        _card(
            t("Test clock"),
            rx.el.p(
                t("For testing sequences. Everything due by then happens right away, for every company."),
                class_name="muted",
            ),
            rx.el.p(SettingsState.clock, id="clock"),
            rx.flex(
                *(
                    rx.button(t(words), on_click=SettingsState.move_clock(int(hours)), **button)
                    for hours, words in steps.items()
                ),
                spacing="2",
                wrap="wrap",
            ),
        ),
    )


def _country() -> rx.Component:
    names = {"en": Locale("en").territories, "ru": Locale("ru").territories}
    known = sorted(code for code in phone_numbers.COUNTRIES if code in names["en"])

    def options(language: str) -> rx.Component:
        ordered = sorted(known, key=lambda code: names[language][code])
        return rx.fragment(*(rx.el.option(names[language][code], value=code) for code in ordered))

    return rx.el.select(
        rx.el.option(t("Same as the time zone"), value=""),
        rx.cond(CurrentUser.language == "ru", options("ru"), options("en")),
        id="country",
        name="country",
        default_value=SettingsState.country,
        class_name="native",
    )


def _run_days() -> rx.Component:
    words = {30: "30 days", 90: "90 days", 180: "180 days", 365: "A year", 0: "Forever"}
    return rx.el.select(
        *(rx.el.option(t(words[days]), value=str(days)) for days in RUN_RETENTION_DAYS),
        id="run_days",
        name="run_days",
        default_value=SettingsState.run_days,
        class_name="native",
    )


PAGES = [tenant_page("/settings", "Settings", show, SettingsState.load)]
