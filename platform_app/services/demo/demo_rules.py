"""Demo rules: rules of the demo, from the templates, with their runs."""

from datetime import datetime

from platform_app.automation import rule_templates
from platform_app.automation.rules import parse_rule
from platform_app.db import Transaction
from platform_app.i18n import translate
from platform_app.models.person import Identity
from platform_app.models.rule import Rule, RuleVersion
from platform_app.services.demo import demo_runs
from platform_app.services.demo.demo_definitions import add_published

_CHOSEN = ("person", "large", "complaint")


def write(session: Transaction, who: Identity, agent_id: str, at: datetime) -> None:
    """Add the demo's rules to an agent, published at `at` and switched on, with their runs since."""
    rules = []
    for place, name in enumerate(_CHOSEN):
        drawn = parse_rule(rule_templates.draft(name, who.language)).model_dump(mode="json")
        row = Rule(
            tenant_id=who.tenant_id,
            agent_id=agent_id,
            name=translate(who.language, rule_templates.TEMPLATES[name].name),
        )
        version = RuleVersion(tenant_id=who.tenant_id, rule_id=row.id, number=1)
        rules.append(add_published(session, who, row, version, drawn=drawn, place=place, at=at))
    demo_runs.write(session, who, rules, at)
