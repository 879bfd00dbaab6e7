"""Reflex: the settings of the console."""

from platform_app.runtime.reflex_config import reflex_config

config = reflex_config()
