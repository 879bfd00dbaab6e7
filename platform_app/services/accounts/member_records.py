"""Member records: the event and the activity about a change of a person's account, in each of their tenants."""

from functools import partial
from typing import Any

from platform_app import notifier
from platform_app.db import Transaction, unscoped
from platform_app.events import emit
from platform_app.models.event import ActivityKind, EventKind
from platform_app.models.person import User
from platform_app.services.accounts import members
from platform_app.services.feed import activity

MEMBERS_LINK = "/settings/members"


def record(session: Transaction, user_id: str, sentence: str, after: dict[str, Any]) -> None:
    """Write the event and the activity of what a person did with the own account into each of their tenants.

    `sentence` has the placeholder {name}; `after` is what changed. The transaction must be one without a tenant.
    """
    user: User = session.exec(unscoped(User).where(User.id == user_id)).one()
    for tenant, _ in members.list_tenants(session, user_id):
        event = emit(
            session, tenant.id, EventKind.MEMBER_CHANGED, after={"user_id": user.id, "name": user.name} | after
        )
        told = activity.record(
            session,
            tenant.id,
            ActivityKind.PERSON,
            sentence,
            actor=user.name,
            user_id=user.id,
            link=MEMBERS_LINK,
            name=user.name,
        )
        told.event_id = event.id
        session.after_commit.append(partial(notifier.publish, tenant.id, "member", user_id))
