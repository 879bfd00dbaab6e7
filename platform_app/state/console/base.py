"""Base: who looks at the page, what a handler declares, and how a handler calls a service."""

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
from platform_app.i18n import translate
from platform_app.models.person import Identity, Role
from platform_app.state.console import background_access, browser
from platform_app.storage_errors import as_unavailable

log = structlog.get_logger()
P = ParamSpec("P")
R = TypeVar("R")
ROLE = "_platform_role"
OPENS = "_platform_opens"  # marks the handlers that run when a page opens, those that watch it among them
ANYONE = "anyone"


class Person(rx.State):
    """The person at this tab, as the console shows them. Set only by the gate."""

    language: str = "en"
    theme: str = "system"
    name: str = ""
    email: str = ""
    role: str = ""
    slug: str = ""
    tenant_name: str = ""
    view: str = "loading"  # loading, ok, not_found
    missing: bool = False  # there is nothing at the page's address
    _identity: Identity | None = None
    _bound: str | None = None

    def _take(self, identity: Identity | None, view: str) -> None:
        self._identity = identity
        self.view = view
        if identity is None:
            return
        for field in ("language", "theme", "name", "email", "slug", "tenant_name"):
            if getattr(self, field) != getattr(identity, field):
                setattr(self, field, getattr(identity, field))
        if self.role != identity.role.value:
            self.role = identity.role.value


def _checker(fn: Any) -> Callable[[tuple[Any, ...], dict[str, Any]], dict[str, Any]]:
    """Return what brings a handler's arguments to the types it names, or raises Invalid."""
    hints = {name: TypeAdapter(hint) for name, hint in get_type_hints(fn).items() if name != "return"}
    names = [name for name in inspect.signature(fn).parameters if name != "self"]

    def checked(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        given = dict(zip(names, args, strict=False)) | kwargs
        try:
            return {k: hints[k].validate_python(v) if k in hints else v for k, v in given.items()}
        except ValidationError as error:
            raise Invalid("This value cannot be taken.") from error

    return checked


def handler(role: Role | str, *, background: bool = False, supersedes: bool = False) -> Callable[[Any], Any]:
    """Make an event handler: declares who may call it, validates arguments, says expected errors in words.

    `role` is the least role, or ANYONE before sign-in. One in the background acts as its starter, in their tab alone.
    """

    def wrap(fn: Any) -> Any:
        run = (_generator if inspect.isasyncgenfunction(fn) else _coroutine)(fn, role, background=background)
        setattr(run, ROLE, role)
        if background:
            return rx.event(background=True, supersedes=supersedes)(run)
        return rx.event(run)

    return wrap


def _coroutine(fn: Any, role: Role | str, *, background: bool) -> Any:
    checked = _checker(fn)

    @functools.wraps(fn)
    async def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        if background:
            background_access.begin(Role(role), bound_to)
        try:
            _check_address(self, fn)
            return await fn(self, **checked(args, kwargs))
        except PlatformError as error:
            return await _refused(self, fn, error, background=background)
        except background_access.TabTaken:
            return None

    return run


def _generator(fn: Any, role: Role | str, *, background: bool) -> Any:
    checked = _checker(fn)

    @functools.wraps(fn)
    async def run(self: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        if background:
            background_access.begin(Role(role), bound_to)
        try:
            _check_address(self, fn)
            async for item in fn(self, **checked(args, kwargs)):
                yield item
        except PlatformError as error:
            yield await _refused(self, fn, error, background=background)
        except background_access.TabTaken:
            return

    return run


def _check_address(state: rx.State, fn: Any) -> None:
    """Raise NotFound when a page opens at an address that no row can have: a database may refuse such text."""
    if getattr(fn, OPENS, False) and not unquote(state.router.url.path).isprintable():
        raise NotFound("There is nothing at this address, or it is not yours.")


async def _refused(state: rx.State, fn: Any, error: PlatformError, *, background: bool) -> Any:
    """Say an expected error: in place of the page when what it shows is not there, else in a toast."""
    if background:
        async with state:
            return await _refused(state, fn, error, background=False)
    if isinstance(error, NotFound) and getattr(fn, OPENS, False):
        (await person(state)).missing = True
        return None
    return await say_error(state, error)


async def say_error(state: rx.State, error: PlatformError) -> Any:
    """Return a toast with the error's sentence in the person's language; it stays until closed."""
    language = (await person(state)).language
    return browser.failure(translate(language, error.sentence, **error.values))


async def say(state: rx.State, sentence: str, **values: object) -> Any:
    """Return a polite toast in the person's language."""
    return browser.success(translate((await person(state)).language, sentence, **values))


async def person(state: rx.State) -> Person:
    """Return the person's state of this tab, from foreground and background handlers alike."""
    if isinstance(state, Person):
        return state
    return await state.get_state(Person)


async def bound_to(state: rx.State) -> str | None:
    """Return which session and tenant a tab is bound to, as the gate wrote it."""
    return (await person(state))._bound


async def who(state: rx.State) -> Identity:
    """Return who acts: as the gate found them at this event, or who started this work in the background."""
    if caller := background_access.caller():
        return await caller.now()
    identity = (await person(state))._identity
    if identity is None:
        raise NotFound("Sign in to go on.")
    return identity


async def call(
    state: rx.State, service: Callable[Concatenate[Transaction, Identity, P], R], /, *args: P.args, **kwargs: P.kwargs
) -> R:
    """Run a service function in one transaction of the person's tenant, off the event loop."""
    return await call_as(await who(state), service, *args, **kwargs)


async def look(
    state: rx.State, service: Callable[Concatenate[Transaction, Identity, P], R], /, *args: P.args, **kwargs: P.kwargs
) -> R:
    """Run a service function that only reads."""
    return await call_reading(await who(state), service, *args, **kwargs)


async def call_reading(
    identity: Identity,
    service: Callable[Concatenate[Transaction, Identity, P], R],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> R:
    """Run a service function that only reads, for a person who was found before."""

    def run() -> R:
        with session_scope(identity.tenant_id, read_only=True) as session:
            return service(session, identity, *args, **kwargs)

    return await _in_words(run)


async def call_as(
    identity: Identity,
    service: Callable[Concatenate[Transaction, Identity, P], R],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> R:
    """Run a service function in one transaction for a known identity."""

    def run() -> R:
        with session_scope(identity.tenant_id) as session:
            return service(session, identity, *args, **kwargs)

    return await _in_words(run)


async def _in_words(run: Callable[[], R]) -> R:
    """Run a function in a thread; raises Unavailable when the database or the disk refuses."""
    try:
        return await asyncio.to_thread(run)
    except Exception as error:
        if (told := as_unavailable(error)) is None:
            raise
        log.warning("storage refused", error=str(error)[:300])
        raise told from error
