"""Page lists: a page that was added is in the navigation or palette, in the browser tests and translated."""

import ast
import re
from pathlib import Path

import pytest

from platform_app.components.console.layout import NAVIGATION
from platform_app.components.console.page import Page
from platform_app.i18n import lookup
from platform_app.pages.registry import every_page
from platform_app.state.console.command_palette import DESTINATIONS

HOME = "/manage/[tenant]"
INSIDE = [page for page in every_page() if page.route.startswith(HOME)]
PLAIN = [page for page in INSIDE if "[" not in page.route.removeprefix(HOME)]
BROWSER_TESTS = Path(__file__).parent / "e2e" / "test_pages.py"
CONTROL_TESTS = Path(__file__).parent / "e2e" / "test_every_control.py"


def texts(path: Path) -> set[str]:
    """Return every string literal of a file."""
    return {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}  # type: ignore[misc]


def path_of(page: Page) -> str:
    return page.route.removeprefix(HOME)


def test_every_page_without_an_id_is_in_the_palette() -> None:
    assert {path_of(page) for page in PLAIN} == {path for _, path in DESTINATIONS}, (
        "DESTINATIONS in state/console/command_palette.py"
    )


def test_the_navigation_leads_to_pages() -> None:
    paths = {path for _, links in NAVIGATION for _, _, path in links}
    assert paths <= {path_of(page) for page in PLAIN}, "components/console/layout.py: NAVIGATION"


def test_names_are_the_same_in_navigation_and_palette() -> None:
    named = {path: name for name, path in DESTINATIONS}
    assert {path: name for _, links in NAVIGATION for name, _, path in links}.items() <= named.items()


@pytest.mark.parametrize("page", PLAIN, ids=path_of)
def test_every_page_is_looked_at_in_the_browser(page: Page) -> None:
    assert path_of(page) in texts(BROWSER_TESTS), "tests/e2e/test_pages.py: PAGES or MORE"


@pytest.mark.parametrize("page", INSIDE, ids=path_of)
def test_the_browser_knows_a_row_for_every_id(page: Page) -> None:
    assert set(re.findall(r"\[(\w+)\]", path_of(page))) <= texts(CONTROL_TESTS), "tests/e2e/test_every_control.py: ROWS"


@pytest.mark.parametrize("page", INSIDE, ids=path_of)
def test_every_title_is_translated(page: Page) -> None:
    assert lookup("ru", page.title) != page.title, "platform_app/locales/ru"


def test_every_name_in_the_palette_is_translated() -> None:
    assert [name for name, _ in DESTINATIONS if lookup("ru", name) == name] == []
