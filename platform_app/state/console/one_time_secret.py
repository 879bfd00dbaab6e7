"""One-time secret: shows a new secret in the browser that asked for it, without storing it in state or logs."""

from typing import Any

from platform_app.state.console import browser

FIELD_ID = "shown-once"
_FILL = """(id, secret) => {
  let left = 100;
  const put = () => {
    const box = document.getElementById(id);
    if (box) box.value = secret; else if (left--) setTimeout(put, 50);
  };
  put();
}"""
# Browsers offer no clipboard API on plain http.
COPY_SCRIPT = """(() => {
  const box = document.getElementById('shown-once');
  box.select();
  if (navigator.clipboard) navigator.clipboard.writeText(box.value); else document.execCommand('copy');
})()"""


def reveal_once(secret: str) -> Any:
    """Return the event that writes a secret into the field FIELD_ID, waiting up to 5 s until the field exists."""
    return browser.call_function(_FILL, FIELD_ID, secret)
