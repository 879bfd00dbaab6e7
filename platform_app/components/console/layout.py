"""Layout: the frame of every page behind the sign-in."""

from typing import Any

import reflex as rx
from reflex.style import set_color_mode
from reflex.vars.function import FunctionStringVar

from platform_app.components.console.command_palette import FocusKeeper, StoredTheme, palette
from platform_app.components.console.notification_bell import notification_bell, notification_signals
from platform_app.components.console.parts import status
from platform_app.components.console.popups import Popups, TableLabels
from platform_app.components.console.settings_list import settings_list
from platform_app.components.console.text import t
from platform_app.components.console.unsent_text import unsent_note
from platform_app.state.console.base import CurrentUser
from platform_app.state.console.command_palette import PaletteState
from platform_app.state.console.frame import FrameState, TenantLink

NAVIGATION: list[tuple[str, list[tuple[str, str, str]]]] = [
    (
        "Work",
        [
            ("Dashboard", "layout-dashboard", ""),
            ("Inbox", "inbox", "/inbox"),
            ("Test chat", "message-circle", "/test-chat"),
            ("Contacts", "users", "/contacts"),
            ("Leads", "handshake", "/leads"),
            ("Tasks", "list-todo", "/tasks"),
        ],
    ),
    (
        "Build",
        [
            ("Agents", "bot", "/agents"),
            ("Rules", "workflow", "/rules"),
            ("Sequences", "route", "/sequences"),
            ("Knowledge", "book-open", "/knowledge"),
        ],
    ),
    (
        "Monitor",
        [
            ("Analytics", "chart-column", "/analytics"),
            ("Events", "activity", "/events"),
            ("Background jobs", "list-checks", "/jobs"),
            ("Webhooks", "webhook", "/webhooks"),
            ("Integrations", "plug", "/integrations"),
            ("Settings", "settings", "/settings"),
        ],
    ),
]

_ASSIGN = FunctionStringVar.create("((address) => window.location.assign(address))")


def frame(content: rx.Component, *, section: str, up: tuple[Any, Any] | None = None) -> rx.Component:
    """Return a page's content inside the frame; `section` is its place in the navigation.

    `up` is the list that the page belongs to, where that is not the section's own page: its name, and its path after
    /manage/[tenant].
    """
    crumbs = _breadcrumb(section, up)
    nothing, page = rx.fragment(crumbs, not_found_message(section)), _placed(rx.fragment(crumbs, content), section)
    return rx.match(
        CurrentUser.view,
        (
            "ok",
            rx.el.div(
                _skip_link(),
                rx.el.aside(_sidebar(section, notification_bell()), class_name="sidebar", aria_label=t("Navigation")),
                _topbar(section),
                rx.el.main(
                    _shifted_clock_notice(),
                    _deletion_notice(),
                    rx.cond(CurrentUser.not_found, nothing, page),
                    id="main",
                    class_name="page",
                    tab_index=-1,
                ),
                palette(),
                notification_signals(),
                Popups.create(),
                TableLabels.create(),
                FocusKeeper.create(),
                unsent_note(CurrentUser.email),
                StoredTheme.create(theme=rx.cond(CurrentUser.slug != "", CurrentUser.theme, "")),
                class_name=rx.cond(FrameState.sidebar_collapsed, "frame folded", "frame"),
            ),
        ),
        ("not_found", not_found_page()),
        _loading(),
    )


def _skip_link() -> rx.Component:
    focus = rx.call_script("document.getElementById('main').focus()")
    return rx.el.a(t("Skip to content"), href="#main", on_click=focus, class_name="skip")


def _placed(content: rx.Component, section: str) -> rx.Component:
    """Return a page of the settings beside their list, any other page as it is."""
    return rx.el.div(settings_list(), rx.el.div(content), class_name="with-list") if section == "Settings" else content


def not_found_message(section: str = "") -> rx.Component:
    """Return the "not found" message inside the frame, with a link to the page's section."""
    places = [(t(name), path) for _, links in NAVIGATION for name, _, path in links if name in (section, "Dashboard")]
    return rx.el.div(
        rx.icon("search-x", size=28, color=rx.color("gray", 9), aria_hidden="true"),
        rx.el.h1(t("Not found")),
        rx.el.p(
            t("This page doesn’t exist. It may have been deleted, the link may be wrong, or you don’t have access.")
        ),
        rx.flex(
            *(
                rx.link(name, href=f"/manage/{CurrentUser.slug}{path}", size="2", underline="always")
                for name, path in reversed(places)
            ),
            spacing="4",
        ),
        class_name="empty missing",
    )


def _shifted_clock_notice() -> rx.Component:
    """Return the notice that a developer has shifted the clock."""
    words = t("The clock has been moved: {when}", when=FrameState.clock)
    return rx.cond(FrameState.clock != "", rx.el.p(rx.icon("clock-alert", size=16), words, class_name="moved-clock"))


def _deletion_notice() -> rx.Component:
    """Return the notice to owners and admins that the company is to be deleted, with the way to keep it."""
    words = t("This company will be deleted on {when}.", when=CurrentUser.deletion)
    link = rx.link(t("Company data"), href=f"/manage/{CurrentUser.slug}/settings/data", underline="always")
    return rx.cond(
        CurrentUser.deletion != "",
        rx.el.p(rx.icon("trash-2", size=16, aria_hidden="true"), words, " ", link, class_name="moved-clock"),
    )


def page_head(title: Any, sentence: Any = None, *actions: rx.Component) -> rx.Component:
    """Return a page's title, description, and actions at the right."""
    return rx.el.div(
        rx.el.div(rx.el.h1(title), rx.el.p(sentence) if sentence is not None else rx.fragment()),
        rx.flex(*actions, spacing="2", align="center", wrap="wrap"),
        class_name="page-head",
    )


def _sidebar(section: str, *beside_name: rx.Component) -> rx.Component:
    groups: list[rx.Component] = []
    for group, links in NAVIGATION:
        groups.append(rx.el.div(t(group), class_name="nav-group"))
        groups.extend(_nav_link(*link, current=link[0] == section) for link in links)
    return rx.fragment(
        rx.el.div(_company(), *beside_name, class_name="mark"),
        _search_button(),
        rx.el.nav(*groups, aria_label=t("Pages")),
        rx.el.div(_worker_dot(), _fold_button(), _user_menu(), class_name="foot"),
    )


def _company() -> rx.Component:
    """Return the company's name, which opens the list of the person's other companies where there are any."""
    logo = rx.el.span(CurrentUser.tenant_name[:1].upper(), class_name="logo", aria_hidden="true")
    name = rx.el.span(CurrentUser.tenant_name, class_name="word clip company-name")
    return rx.cond(
        FrameState.tenants.length() > 0,
        rx.menu.root(
            rx.menu.trigger(
                rx.el.button(
                    logo,
                    name,
                    rx.icon("chevrons-up-down", size=14, class_name="word", aria_hidden="true"),
                    class_name="company plain-button",
                    aria_label=t("{tenant}: switch company", tenant=CurrentUser.tenant_name),
                    type="button",
                )
            ),
            rx.menu.content(rx.foreach(FrameState.tenants, _other_tenant)),
        ),
        rx.el.div(logo, name, class_name="company"),
    )


def _search_button() -> rx.Component:
    return rx.el.button(
        rx.icon("search", size=16, aria_hidden="true"),
        rx.el.span(t("Search"), class_name="word"),
        rx.el.kbd("Ctrl K", class_name="word", aria_hidden="true"),
        on_click=PaletteState.open_palette,
        class_name="search-button",
        aria_label=t("Search"),
        type="button",
    )


def _breadcrumb(section: str, up: tuple[Any, Any] | None) -> rx.Component:
    """Return the links to the page's section and to the list it belongs to, on pages below them."""
    paths = {name: path for _, links in NAVIGATION for name, _, path in links}
    if not paths.get(section):
        return rx.fragment()
    steps = [(t(section), paths[section]), *([up] if up else [])]
    return rx.cond(
        rx.State.is_hydrated & (rx.State.router.url.path.rstrip("/") != f"/manage/{CurrentUser.slug}{paths[section]}"),
        rx.el.nav(
            *(
                rx.fragment(
                    rx.link(name, href=f"/manage/{CurrentUser.slug}{path}", size="2", color_scheme="gray"),
                    rx.el.span("/", class_name="muted", aria_hidden="true"),
                )
                for name, path in steps
            ),
            aria_label=t("Breadcrumb"),
            class_name="breadcrumb",
        ),
    )


def _nav_link(name: str, icon: str, path: str, *, current: bool) -> rx.Component:
    return rx.link(
        rx.icon(icon, aria_hidden="true"),
        rx.el.span(t(name), class_name="word"),
        href=f"/manage/{CurrentUser.slug}{path}",
        class_name="nav-link",
        underline="none",
        color_scheme="gray",
        high_contrast=True,
        custom_attrs={"aria-current": "page", "aria-label": t(name)} if current else {"aria-label": t(name)},
    )


def _fold_button() -> rx.Component:
    label = rx.cond(FrameState.sidebar_collapsed, t("Expand sidebar"), t("Collapse sidebar"))
    return rx.el.button(
        rx.icon("panel-left", aria_hidden="true"),
        rx.el.span(label, class_name="word clip"),
        on_click=FrameState.toggle_sidebar,
        class_name="nav-link plain-button only-wide",
        aria_label=label,
        type="button",
    )


def _worker_dot() -> rx.Component:
    return rx.link(
        rx.el.span(class_name=rx.cond(FrameState.worker_ok, "dot green", "dot red")),
        rx.el.span(
            rx.cond(FrameState.worker_ok, t("Background worker running"), t("Background worker down")),
            class_name="word clip",
        ),
        href=f"/manage/{CurrentUser.slug}",
        class_name="nav-link",
        underline="none",
        color_scheme="gray",
        high_contrast=True,
    )


def _other_tenant(place: rx.Var[TenantLink]) -> rx.Component:
    """Return the link to another tenant, which reloads the page, since a tab belongs to one tenant."""
    return rx.menu.item(
        t("Switch to {tenant}", tenant=place.name),
        on_select=rx.run_script(_ASSIGN.call(place.address)),
    )


def _selected_item(holds: rx.Var[bool]) -> dict[str, Any]:
    """Return the attributes of a selected menu item."""
    return {"aria-current": rx.cond(holds, "true", "false")}


def _presence_items() -> list[rx.Component]:
    return [
        rx.menu.item(
            status(colour, t(label)),
            on_select=FrameState.set_away(away),
            custom_attrs=_selected_item(FrameState.is_away == away),
        )
        for label, colour, away in (("Online", "green", False), ("Away", "amber", True))
    ]


def _user_menu() -> rx.Component:
    return rx.menu.root(
        rx.menu.trigger(
            rx.el.button(
                rx.icon("circle-user-round", aria_hidden="true"),
                rx.el.span(CurrentUser.name, class_name="word clip"),
                class_name="nav-link plain-button",
                aria_label=t("Account menu"),
                type="button",
            )
        ),
        rx.menu.content(
            rx.menu.item(CurrentUser.email, disabled=True),
            rx.menu.separator(),
            *_presence_items(),
            rx.menu.separator(),
            *(
                rx.menu.item(
                    name,
                    on_select=FrameState.change_language(code),
                    custom_attrs=_selected_item(CurrentUser.language == code) | {"lang": code},
                )
                for code, name in (("ru", "Русский"), ("en", "English"))
            ),
            rx.menu.separator(),
            *(
                rx.menu.item(
                    t(label),
                    on_select=[set_color_mode(mode), FrameState.change_theme(mode)],
                    custom_attrs=_selected_item(CurrentUser.theme == mode),
                )
                for label, mode in (("Light", "light"), ("Dark", "dark"), ("System", "system"))
            ),
            rx.menu.separator(),
            rx.menu.item(t("Settings"), on_select=rx.redirect(f"/manage/{CurrentUser.slug}/settings")),
            rx.menu.item(t("Sign out"), on_select=FrameState.sign_out),
        ),
    )


def _topbar(section: str) -> rx.Component:
    return rx.el.header(
        rx.dialog.root(
            rx.dialog.trigger(
                rx.icon_button(rx.icon("menu"), variant="ghost", color_scheme="gray", aria_label=t("Navigation"))
            ),
            rx.dialog.content(
                rx.dialog.title(t("Navigation"), class_name="visually-hidden"),
                rx.dialog.description(t("Pages"), class_name="visually-hidden"),
                rx.el.div(_sidebar(section), class_name="sidebar"),
                class_name="drawer",
            ),
        ),
        rx.el.span(t(section) if section else "", style={"font-weight": "600"}),
        notification_bell(),
        class_name="topbar",
    )


def not_found_page() -> rx.Component:
    """Return the "not found" page without the frame."""
    return rx.el.main(
        rx.el.div(
            rx.el.h1(t("Not found")),
            rx.el.p(t("This page doesn’t exist or you don’t have access to it."), class_name="muted"),
            rx.link(t("Go to dashboard"), href="/"),
            class_name="card",
        ),
        class_name="auth",
    )


def _loading() -> rx.Component:
    return rx.el.main(
        rx.el.span(t("Loading"), class_name="visually-hidden"),
        rx.el.h1("Agents", class_name="visually-hidden"),
        class_name="auth first-frame",
        aria_busy="true",
    )
