"""Shown once: a new secret goes to the browser in which it was asked for, and stays in no state and no log."""

from typing import Any

from platform_app.state.console import browser

BOX = "shown-once"  # the id of the field in which it appears
_SHOW = """(id, secret) => {
  let left = 100;
  const put = () => {
    const box = document.getElementById(id);
    if (box) box.value = secret; else if (left--) setTimeout(put, 50);
  };
  put();
}"""
# Also where the browser gives no clipboard to plain http.
COPY_SCRIPT = """(() => {
  const box = document.getElementById('shown-once');
  box.select();
  if (navigator.clipboard) navigator.clipboard.writeText(box.value); else document.execCommand('copy');
})()"""


def show_once(secret: str) -> Any:
    """Return the event that puts a secret into its field as soon as that is drawn."""
    return browser.call(_SHOW, BOX, secret)
