"""Base: the current user of a tab, the handler decorator, and calls of service functions from handlers."""

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any, Concatenate, ParamSpec, TypeVar, get_type_hints
from urllib.parse import unquote

import reflex as rx
import structlog
from pydantic import TypeAdapter, ValidationError

from platform_app.db import Transaction, session_scope
from platform_app.errors import Invalid, NotFound, PlatformError
from platform_app.i18n import exact_time, translate
from platform_app.models.person import Identity, Role
from platform_app.state.console import background_access, browser
from platform_app.state.console.event_spans import event_span
from platform_app.storage_errors import as_unavailable

log = structlog.get_logger()
P = ParamSpec("P")
R = TypeVar("R")
ROLE_MARK = "_platform_role"
BEFORE_ENROLLMENT_MARK = "_platform_before_enrollment"  # a user without a required second factor may call it
ON_LOAD_MARK = "_platform_opens"  # set on handlers that run when a page loads, its watchers included
ANYONE = "anyone"


class CurrentUser(rx.State):
    """The signed-in user of this tab, as the console shows it. Set only by the authorization middleware."""

    language: str = "en"
    theme: str = "system"
    name: str = ""
    email: str = ""
    role: str = ""
    slug: str = ""
    tenant_name: str = ""
    time_zone: str = ""  # of the tenant
    deletion: str = ""  # when the tenant is deleted, for owners and admins; "": it is not to be
    view: str = "loading"  # loading, ok, not_found
    not_found: bool = False  # the page's address names no row of the tenant
    _identity: Identity | None = None
    _binding: str | None = None

    def _set_identity(self, identity: Identity | None, view: str) -> None:
        self._identity = identity
        self.view = view
        if identity is None:
            return
        for field in ("language", "theme", "name", "email", "slug", "tenant_name", "time_zone"):
            if getattr(self, field) != getattr(identity, field):
                setattr(self, field, getattr(identity, field))
        if self.role != identity.role.value:
            self.role = identity.role.value
        if self.deletion != (due := _deletion_words(identity)):
            self.deletion = due


def _deletion_words(identity: Identity) -> str:
    if identity.deletion_at is None or not identity.role.includes(Role.ADMIN):
        return ""
    return exact_time(identity.language, identity.deletion_at, identity.time_zone)


def _argument_validator(function: Any) -> Callable[[tuple[Any, ...], dict[str, Any]], dict[str, Any]]:
    """Return a function that converts arguments to the annotated types of a handler and raises Invalid otherwise."""
    hints = {name: TypeAdapter(hint) for name, hint in get_type_hints(function).items() if name != "return"}
    names = [name for name in inspect.signature(function).parameters if name != "self"]

    def validated(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        given = dict(zip(names, args, strict=False)) | kwargs
        try:
            return {k: hints[k].validate_python(v) if k in hints else v for k, v in given.items()}
        except ValidationError as error:
            raise Invalid("This value isn’t allowed.") from error

    return validated


def handler(
    role: Role | str, *, background: bool = False, supersedes: bool = False, before_enrollment: bool = False
) -> Callable[[Any], Any]:
    """Return a decorator for event handlers: required role, validated arguments, expected errors shown as toasts.

    `role` is the lowest role that may call the handler, or ANYONE before sign-in. A background handler acts as its
    caller and reaches only the caller's tab. With `supersedes` a new call cancels the running one. Users who still have
    to set up the second factor that their tenant requires may call it only with `before_enrollment`.
    """

    def wrap(function: Any) -> Any:
        wrapper = _wrap_generator if inspect.isasyncgenfunction(function) else _wrap_coroutine
        run = wrapper(function, role, background=background)
        setattr(run, ROLE_MARK, role)
        setattr(run, BEFORE_ENROLLMENT_MARK, before_enrollment)
        if background:
            return rx.event(background=True, supersedes=supersedes)(run)
        return rx.event(run)

    return wrap


def _wrap_coroutine(function: Any, role: Role | str, *, background: bool) -> Any:
    validated = _argument_validator(function)

    @functools.wraps(function)
    async def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        if background:
            background_access.enter_background(Role(role), tab_binding)
        opened = self.router.url.path
        with event_span(function):
            try:
                _validate_path(self, function)
                return await function(self, **validated(args, kwargs))
            except PlatformError as error:
                return await _report_error(self, function, error, opened=opened, background=background)
            except background_access.TabRebound:
                return None

    return run


def _wrap_generator(function: Any, role: Role | str, *, background: bool) -> Any:
    validated = _argument_validator(function)

    @functools.wraps(function)
    async def run(self: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        if background:
            background_access.enter_background(Role(role), tab_binding)
        opened = self.router.url.path
        with event_span(function):
            try:
                _validate_path(self, function)
                async for item in function(self, **validated(args, kwargs)):
                    yield item
            except PlatformError as error:
                yield await _report_error(self, function, error, opened=opened, background=background)
            except background_access.TabRebound:
                return

    return run


def _validate_path(state: rx.State, function: Any) -> None:
    """Raise NotFound when a page loads at a path with unprintable characters, which a database may refuse."""
    if getattr(function, ON_LOAD_MARK, False) and not unquote(state.router.url.path).isprintable():
        raise NotFound("This page doesn’t exist or you don’t have access to it.")


async def _report_error(state: rx.State, function: Any, error: PlatformError, *, opened: str, background: bool) -> Any:
    """Show an expected error: NotFound of a page that loads replaces the page, all else becomes a toast.

    `opened` is the path of the page for which the handler was called; of a page that was left nothing is said.
    """
    if background:
        async with state:
            return await _report_error(state, function, error, opened=opened, background=False)
    if isinstance(error, NotFound) and getattr(function, ON_LOAD_MARK, False):
        if state.router.url.path == opened:
            (await current_user(state)).not_found = True
        return None
    return await error_toast(state, error)


async def error_toast(state: rx.State, error: PlatformError) -> Any:
    """Return the event that shows an error's translated sentence in a toast that stays until it is closed."""
    language = (await current_user(state)).language
    return browser.toast_error(translate(language, error.sentence, **error.values))


async def success_toast(state: rx.State, sentence: str, **values: object) -> Any:
    """Return the event that shows a translated sentence in a polite toast."""
    return browser.toast_success(translate((await current_user(state)).language, sentence, **values))


async def current_user(state: rx.State) -> CurrentUser:
    """Return the CurrentUser state of a handler's tab."""
    if isinstance(state, CurrentUser):
        return state
    return await state.get_state(CurrentUser)


async def tab_binding(state: rx.State) -> str | None:
    """Return the binding of a tab: "session:tenant", "" when signed out, None before the first event."""
    return (await current_user(state))._binding


async def current_identity(state: rx.State) -> Identity:
    """Return the identity that the running handler acts as. Raises NotFound when nobody is signed in."""
    if caller := background_access.caller():
        return await caller.current()
    identity = (await current_user(state))._identity
    if identity is None:
        raise NotFound("Sign in to continue.")
    return identity


async def call(
    state: rx.State, service: Callable[Concatenate[Transaction, Identity, P], R], /, *args: P.args, **kwargs: P.kwargs
) -> R:
    """Run a service function in a thread, in one transaction of the current user's tenant. Returns what it returns."""
    return await call_as(await current_identity(state), service, *args, **kwargs)


async def fetch(
    state: rx.State, service: Callable[Concatenate[Transaction, Identity, P], R], /, *args: P.args, **kwargs: P.kwargs
) -> R:
    """Run a service function as `call` does, in a read-only transaction."""
    return await fetch_as(await current_identity(state), service, *args, **kwargs)


async def fetch_as(
    identity: Identity,
    service: Callable[Concatenate[Transaction, Identity, P], R],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> R:
    """Run a service function as `call_as` does, in a read-only transaction."""

    def run() -> R:
        with session_scope(identity.tenant_id, read_only=True) as session:
            return service(session, identity, *args, **kwargs)

    return await _run_in_thread(run)


async def call_as(
    identity: Identity,
    service: Callable[Concatenate[Transaction, Identity, P], R],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> R:
    """Run a service function in a thread, in one transaction of an identity's tenant. Returns what it returns."""

    def run() -> R:
        with session_scope(identity.tenant_id) as session:
            return service(session, identity, *args, **kwargs)

    return await _run_in_thread(run)


async def _run_in_thread(run: Callable[[], R]) -> R:
    """Run a function in a thread. Raises Unavailable when the database or the disk refuses."""
    try:
        return await asyncio.to_thread(run)
    except Exception as error:
        if (unavailable := as_unavailable(error)) is None:
            raise
        log.warning("storage refused", error=str(error)[:300])
        raise unavailable from error
