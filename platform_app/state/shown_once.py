"""Shown once: a new secret goes to the browser in which it was asked for, and stays in no state and no log."""

import json
from typing import Any

import reflex as rx

BOX = "shown-once"  # the id of the field in which it appears
_SHOW = """(() => {
  let left = 100;
  const put = () => {
    const box = document.getElementById(%s);
    if (box) box.value = %s; else if (left--) setTimeout(put, 50);
  };
  put();
})()"""
_COPY = """(() => {
  const box = document.getElementById(%s);
  box.select();
  if (navigator.clipboard) navigator.clipboard.writeText(box.value); else document.execCommand('copy');
})()"""


def show_once(secret: str) -> Any:
    """Return the event that puts a secret into its field as soon as that is drawn."""
    return rx.call_script(_SHOW % (json.dumps(BOX), json.dumps(secret)))


def copy_script(box: str) -> str:
    """Return the script that copies what stands in a field; also where the browser gives no clipboard to plain http."""
    return _COPY % json.dumps(box)
