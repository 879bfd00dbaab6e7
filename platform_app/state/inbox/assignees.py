"""Assignees: the members to whom a conversation can be assigned, with why some are not available."""

from platform_app.db import Transaction
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import availability, members
from platform_app.state.accounts.availability_words import name_with_availability
from platform_app.state.console.option_lists import Option


def list_assignees(session: Transaction, who: Identity, language: str) -> list[Option]:
    """Return the members who may answer conversations, as options of a select field."""
    states = availability.list_availability(session, who)
    return [
        Option(user.id, name_with_availability(language, user.name, states[user.id]))
        for user, role in members.list_members(session, who)
        if role != Role.VIEWER
    ]
