"""Page address: the agent that a path names, and filters kept in the query string."""

from typing import Any

from platform_app.state.console import browser

_REPLACE = """(query) => {
  const u = new URL(location.href);
  for (const [k, v] of Object.entries(query)) v ? u.searchParams.set(k, v) : u.searchParams.delete(k);
  history.replaceState(history.state, '', u);
}"""


def replace_query(*, q: str = "", **filters: str) -> Any:
    """Return the event that sets query parameters of the address without navigation.

    A parameter that is "" or "all" is removed.
    """
    query = {"q": q} | {name: "" if value == "all" else value for name, value in filters.items()}
    return browser.call_function(_REPLACE, query)


def agent_of(path: str) -> str:
    """Return the agent id in a path such as `/manage/acme/agents/ID/rules`, or "" if the path names no agent."""
    return path.partition("/agents/")[2].split("/")[0]
