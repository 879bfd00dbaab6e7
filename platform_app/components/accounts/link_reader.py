"""Link reader: hands the token of a link, which stands behind the number sign, to a handler."""

from typing import Any

import reflex as rx

# The token leaves the address bar and stays in this tab alone, so that a reload or the sign-in comes back to it.
_READ_LINK = """(() => {
  const key = 'link ' + window.location.pathname;
  const given = window.location.hash.slice(1);
  if (given) {
    window.sessionStorage.setItem(key, given);
    window.history.replaceState(window.history.state, '', window.location.pathname + window.location.search);
  }
  return given || window.sessionStorage.getItem(key) || '';
})()"""


def link_reader(on_link: Any) -> rx.Component:
    """Return an invisible component that calls the handler with the token of the page's link once it is connected."""
    return rx.cond(rx.State.is_hydrated, rx.box(on_mount=rx.call_script(_READ_LINK, callback=on_link)))
