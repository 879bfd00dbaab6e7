"""Agent models: the fields of an agent's form that name its models."""

from collections.abc import Callable
from functools import partial
from typing import Any

import reflex as rx

from platform_app.components.console.form import autosaved_field
from platform_app.components.console.text import t
from platform_app.models.agent import AGENT_FORM
from platform_app.models.model_provider import NO_PROVIDER
from platform_app.state.agents.agent import AgentState
from platform_app.state.agents.agent_models import DEFAULT_MODEL


def model_fields() -> dict[str, Callable[[], rx.Component]]:
    """Return what draws each field of providers and models, by name."""
    return {
        "provider": partial(_provider, "provider", AgentState.providers),
        "model": partial(_model, "model", AgentState.models),
        "fallback_provider": partial(_provider, "fallback_provider", AgentState.fallback_providers),
        "fallback_model": _fallback_model,
    }


def _provider(name: str, options: Any) -> rx.Component:
    items = rx.foreach(options, lambda option: rx.select.item(option.name, value=option.id))
    return autosaved_field(AGENT_FORM[name], AgentState, options=[items])


def _model(name: str, models: Any) -> rx.Component:
    default = rx.select.item(t("Default model"), value=DEFAULT_MODEL)
    items = rx.foreach(models, lambda model: rx.select.item(model, value=model))
    return autosaved_field(AGENT_FORM[name], AgentState, options=[default, items])


def _fallback_model() -> rx.Component:
    return rx.cond(
        AgentState.choices["fallback_provider"] == NO_PROVIDER,
        rx.fragment(),
        _model("fallback_model", AgentState.fallback_models),
    )
