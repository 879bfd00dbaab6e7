"""Page address: the agent that a path names, and filters kept in the query string."""

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


def agent_of(path: str) -> str:
    """Return the agent id in a path such as `/manage/acme/agents/ID/rules`, or "" if the path names no agent."""
    return path.partition("/agents/")[2].split("/")[0]
