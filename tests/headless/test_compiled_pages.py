"""Compiled pages: what Reflex makes of a page can run in a browser."""

import re

import pytest
import reflex as rx

from platform_app.components.console.page import Page
from platform_app.pages.registry import every_page
from platform_app.state.crm.crm_settings import CrmSettingsState

# A row of rx.foreach is a bare name that ends so; a variable of a state is an attribute of one.
ROW = re.compile(r"(?<![.\w$])[a-z_]\w*_rx_state_\b(?!\")")


def rows_in_hooks(component: rx.Component) -> list[str]:
    """Return the rows of rx.foreach that hooks name: hooks stand outside the loop and do not know its rows."""
    return [row for hook in component._get_all_hooks() for row in ROW.findall(str(hook))]


def with_row(row: rx.Var[str]) -> rx.Component:
    return rx.form(rx.button("Add"), on_submit=lambda form: CrmSettingsState.rename_pipeline(row, form))


def test_a_form_in_a_loop_that_takes_the_row_is_found() -> None:
    looped = rx.foreach(rx.Var("rows", _var_type=list[str]), with_row)
    assert rows_in_hooks(rx.fragment(looped)) != []


@pytest.mark.parametrize("place", every_page(), ids=lambda place: place.route)
def test_no_hook_of_a_page_names_a_row_of_a_loop(place: Page) -> None:
    assert rows_in_hooks(place.show()) == []
