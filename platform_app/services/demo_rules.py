"""Demo rules: what happens by itself in the demo, from the templates."""

from datetime import datetime

from platform_app.automation import templates
from platform_app.automation.rules import definition
from platform_app.db import Transaction
from platform_app.i18n import translate
from platform_app.models.person import Identity
from platform_app.models.rule import Rule, RuleVersion

_CHOSEN = ("person", "large", "complaint")


def write(session: Transaction, who: Identity, agent_id: str, at: datetime) -> None:
    """Write rules of an agent as if they had been published then, and switch them on."""
    for place, name in enumerate(_CHOSEN):
        drawn = definition(templates.draft(name, who.language)).model_dump(mode="json")
        row = Rule(
            tenant_id=who.tenant_id,
            agent_id=agent_id,
            name=translate(who.language, templates.TEMPLATES[name].name),
            enabled=True,
            position=place + 1,
            trigger=drawn["trigger"],
            draft=drawn,
            published=drawn,
            published_number=1,
            draft_saved_by=who.name,
            created_at=at,
            updated_at=at,
            is_demo=True,
        )
        session.add(row)
        session.flush()
        version = RuleVersion(tenant_id=who.tenant_id, rule_id=row.id, number=1, definition=drawn, published_at=at)
        version.published_by = who.name
        session.add(version)
