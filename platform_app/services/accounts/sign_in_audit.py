"""Sign-in audit: failed sign-ins in the audit logs of those whom they concern."""

from dataclasses import replace

from platform_app.actor import Actor, ActorKind, current_actor
from platform_app.db import session_scope
from platform_app.models.audit import AuditAction, AuditObject
from platform_app.services.audit import audit_trail
from platform_app.services.audit.chain import Draft


def record_failure(user_id: str, address: str, *, kind: AuditObject = AuditObject.ACCOUNT) -> None:
    """Record that somebody did not get in; `address` is the IP address of the client.

    It stands in the audit log of every tenant of the user, and in that of the installation for "", an unknown account,
    whose name is not kept: it may be a password in the wrong field.
    """
    actor = current_actor()
    if actor.kind != ActorKind.VISITOR:
        actor = Actor(ActorKind.VISITOR)
    draft = Draft(replace(actor, address=actor.address or address), AuditAction.SIGN_IN_FAILED, kind, user_id)
    with session_scope(reason="failed sign-in") as session:
        audit_trail.add(session, draft, user_id=user_id)
