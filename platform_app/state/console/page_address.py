"""Address: what a page was asked to show, kept where a reload and a link find it."""

from typing import Any

from platform_app.state.console import browser

_KEEP = """(kept) => {
  const u = new URL(location.href);
  for (const [k, v] of Object.entries(kept)) v ? u.searchParams.set(k, v) : u.searchParams.delete(k);
  history.replaceState(history.state, '', u);
}"""


def keep_in_address(*, q: str = "", **asked: str) -> Any:
    """Put a search and filters into the query of the address without leaving the page.

    Empty ones, and filters that are "all", go out of it.
    """
    kept = {"q": q} | {name: "" if value == "all" else value for name, value in asked.items()}
    return browser.call(_KEEP, kept)
