"""Versions: what of a rule was published, how the draft differs from it, and bringing it back."""

from platform_app.db import Transaction, owned
from platform_app.engine import rules
from platform_app.errors import NotFound
from platform_app.models.person import Identity
from platform_app.models.rule import Rule, RuleVersion
from platform_app.services.agent_changes import Change, differing


def of_rule(session: Transaction, who: Identity, rule_id: str) -> list[RuleVersion]:
    """Return the published versions of a rule, newest first."""
    query = owned(RuleVersion, who.tenant_id).where(RuleVersion.rule_id == rules.get(session, who, rule_id).id)
    return list(session.exec(query.order_by(RuleVersion.number.desc())).all())  # type: ignore[attr-defined]


def _version(session: Transaction, who: Identity, rule_id: str, version_id: str) -> RuleVersion:
    found = [version for version in of_rule(session, who, rule_id) if version.id == version_id]
    if not found:
        raise NotFound("There is no such version.")
    return found[0]


def difference(session: Transaction, who: Identity, rule_id: str, version_id: str) -> list[Change]:
    """Return what the draft has otherwise than a version."""
    row = rules.get(session, who, rule_id)
    return differing(_version(session, who, rule_id, version_id).definition, row.draft, rules.FIELDS)


def restore(session: Transaction, who: Identity, rule_id: str, version_id: str) -> Rule:
    """Put an older version into the draft; nothing is published by it."""
    row = rules.get(session, who, rule_id, lock=True)
    rules.write(row, who, dict(_version(session, who, rule_id, version_id).definition))
    return row
