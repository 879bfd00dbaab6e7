"""Access: which key a request has, how often it may ask, and whether it may do what it asks for."""

import asyncio
import re
from dataclasses import dataclass

from limits import parse
from starlette.requests import Request

from platform_app.actor import Actor, ActorKind, set_actor
from platform_app.api.rest.problems import Refusal
from platform_app.api.routes import client_address
from platform_app.api.shared_limits import SharedLimiter
from platform_app.models.person import Role
from platform_app.services.accounts import two_factor_policy
from platform_app.services.accounts.sign_in_throttle import network
from platform_app.services.api_keys import api_keys
from platform_app.services.api_keys.api_keys import KeyHolder
from platform_app.services.api_keys.scopes import Scope

KEY_REQUESTS = parse("1200/minute")  # of a key
REFUSED_KEYS = parse("600/minute")  # requests of an address with keys that are not in force
TOO_MANY = "Too many requests. Try again in {seconds} s."
NO_KEY = "Send a valid API key: Authorization: Bearer gpta_…"
_BEARER = re.compile(r"bearer +([\x21-\x7e]{1,200}) *", re.IGNORECASE)
_limiter = SharedLimiter()


@dataclass(frozen=True)
class Allowance:
    """How many requests a key has left in the current window, which ends in `seconds`."""

    left: int
    seconds: int

    @property
    def headers(self) -> dict[str, str]:
        """The headers that tell a client."""
        return {
            "RateLimit-Limit": str(KEY_REQUESTS.amount),
            "RateLimit-Remaining": str(self.left),
            "RateLimit-Reset": str(self.seconds),
        }


async def find_holder(request: Request) -> KeyHolder:
    """Return the holder of a request's key.

    Raises Refusal: 401 without a key that is in force, 429 after too many of those, 403 if the member lacks a second
    factor that the tenant requires.
    """
    given = _BEARER.fullmatch(request.headers.get("authorization", ""))
    if given is None or not api_keys.has_form(given[1]):
        raise _unauthorized()
    holder = await asyncio.to_thread(_find_holder, given[1], network(client_address(request)))
    if holder.who.must_enroll:
        raise Refusal(403, two_factor_policy.REQUIRED)
    set_actor(Actor(ActorKind.API_KEY, holder.key_id, holder.who.name, client_address(request)))
    return holder


def _find_holder(given: str, address: str) -> KeyHolder:
    if seconds := _limiter.seconds_until_free(REFUSED_KEYS, "refused", address):
        raise rate_limited(seconds)
    holder = api_keys.find_holder(given)
    if holder is None:
        _limiter.hit([REFUSED_KEYS], "refused", address)
        raise _unauthorized()
    return holder


def _unauthorized() -> Refusal:
    return Refusal(401, NO_KEY, headers={"WWW-Authenticate": "Bearer"})


async def count(holder: KeyHolder) -> Allowance:
    """Count a request of a key, for all web processes. Raises Refusal with 429 if there were too many."""
    (window,) = await asyncio.to_thread(_limiter.count, [KEY_REQUESTS], "key", holder.key_id)
    allowance = Allowance(window.left, window.seconds)
    if window.is_exceeded:
        raise rate_limited(window.seconds, **allowance.headers)
    return allowance


def rate_limited(seconds: int, **headers: str) -> Refusal:
    """Return the refusal with 429 of a request that may be repeated after some seconds."""
    return Refusal(429, TOO_MANY, seconds=seconds, headers=headers | {"Retry-After": str(seconds)})


def check(holder: KeyHolder, scope: Scope, role: Role) -> None:
    """Raise Refusal with 403 unless a key has a scope and its member's role allows it."""
    if scope not in holder.scopes:
        raise Refusal(403, "This key doesn’t have the {scope} scope.", scope=scope.value)
    if not holder.who.role.includes(role):
        raise Refusal(403, "Your role doesn’t allow this.")
