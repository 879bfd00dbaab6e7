"""Inviting: invitations and a mail server of the platform, as tests need them."""

from typing import Any

import pytest

from platform_app import config
from platform_app.db import session_scope
from platform_app.models.invitation import Invitation
from platform_app.models.person import Identity, Role, User
from platform_app.services.accounts import invitations
from tests.talking import call

EMAIL, PASSWORD = "cleo@colleagues.test", "vyhlídka 7 plotů"


def use_platform_mail(env: pytest.MonkeyPatch, port: int = 1, *, user: str = "", password: str = "") -> None:
    """Give the platform a mail server on this machine; without a port nobody listens there."""
    signs_in = f"{user.replace('@', '%40')}:{password}@" if user else ""
    env.setenv("PLATFORM_SMTP_URL", f"smtp+plain://{signs_in}127.0.0.1:{port}")
    env.setenv("PLATFORM_MAIL_FROM", "Platform <platform@platform.test>")
    env.setenv("PLATFORM_PUBLIC_URL", "https://console.platform.test")
    config.settings.cache_clear()


def invited(who: Identity, email: str = EMAIL, role: Role = Role.OPERATOR, *, by_mail: bool = False) -> Any:
    """Invite a person; return the invitation and its token."""
    return call(who, invitations.invite, email=email, role=role, by_mail=by_mail)


def add_user(email: str = EMAIL, name: str = "Cleo") -> str:
    """Write an account of a person without a tenant; return its id."""
    with session_scope(reason="tests") as session:
        user = User(email=email, name=name, password_hash="-", language="en")
        session.add(user)
        return user.id


def open_invitations(who: Identity) -> list[Invitation]:
    """Return the invitations that are open."""
    found: list[Invitation] = call(who, invitations.list_open)
    return found
