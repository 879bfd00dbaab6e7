"""Budget models: what may be spent on replies in a day or a month, and what was spent and reserved."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, UniqueConstraint
from sqlmodel import Field, SQLModel

from platform_app.form_fields import Control, form_fields
from platform_app.models.base import Instant, Owned, enum_column, in_form


class BudgetScope(StrEnum):
    """Whose replies a budget counts."""

    TENANT = "tenant"
    AGENT = "agent"  # of one agent, or of each
    CONTACT = "contact"  # to each contact


class BudgetUnit(StrEnum):
    """What a budget counts: millionths of a US dollar, or replies."""

    MONEY = "money"
    MESSAGES = "messages"


class BudgetPeriod(StrEnum):
    """The time after which a budget begins anew, in the tenant's time zone."""

    DAY = "day"
    MONTH = "month"


class BudgetFields(SQLModel):
    """What an admin enters of a budget."""

    name: str = Field(title="Name", min_length=1, max_length=80, schema_extra=in_form("budget"))
    scope: BudgetScope = Field(
        title="Counts replies",
        sa_type=enum_column(BudgetScope),
        schema_extra=in_form(
            "budget",
            options={
                "tenant": "All agents together",
                "agent": "Of each agent separately",
                "contact": "To each contact separately",
            },
        ),
    )
    unit: BudgetUnit = Field(
        title="Counts",
        sa_type=enum_column(BudgetUnit),
        schema_extra=in_form("budget", options={"money": "Money, in US dollars", "messages": "Replies"}),
    )
    period: BudgetPeriod = Field(
        title="Period",
        sa_type=enum_column(BudgetPeriod),
        schema_extra=in_form("budget", options={"day": "A day", "month": "A month"}),
    )
    hard_limit: float = Field(
        title="Hard limit",
        description=("The most that can be spent in a period. A reply starts only if its highest cost still fits."),
        ge=0.0001,
        le=1_000_000,
        schema_extra=in_form("budget", Control.NUMBER, problem="Enter a number from 0.0001 to 1,000,000."),
    )
    soft_percent: int = Field(
        default=80,
        title="Soft limit, %",
        description="Owners and admins are notified at this share.",
        ge=1,
        le=100,
        schema_extra=in_form("budget", Control.NUMBER, problem="Enter a number from 1 to 100."),
    )
    sentence: str = Field(
        default="",
        title="What the agent says at the hard limit",
        description="Then the conversation is handed to a person. Empty: a polite sentence in the customer’s language.",
        max_length=500,
        schema_extra=in_form("budget"),
    )


class Budget(Owned, BudgetFields, table=True):
    """A budget of a tenant."""

    agent_id: str | None = Field(  # None: of each agent
        default=None, foreign_key="agent.id", index=True, max_length=32, ondelete="CASCADE"
    )


class BudgetUse(Owned, table=True):
    """What was spent of a budget in a period, by one agent or contact if it counts each by itself."""

    __table_args__ = (UniqueConstraint("budget_id", "counted", "period"),)
    budget_id: str = Field(foreign_key="budget.id", max_length=32, ondelete="CASCADE")
    counted: str = Field(default="", max_length=32)  # id of the agent or contact; "" for all together
    period: str = Field(max_length=10)  # 2026-11-30 or 2026-11
    spent: int = Field(default=0, sa_type=BigInteger)
    unpriced: int = 0  # replies whose cost is not known
    soft_at: datetime | None = Field(default=None, sa_type=Instant)  # when the soft line was told
    hard_at: datetime | None = Field(default=None, sa_type=Instant)


class BudgetReservation(Owned, table=True):
    """What a reply that is being written may cost; it becomes a part of `spent` when the reply has ended."""

    __table_args__ = (UniqueConstraint("use_id", "reply_id"),)
    use_id: str = Field(foreign_key="budgetuse.id", max_length=32, ondelete="CASCADE")
    reply_id: str = Field(max_length=32, index=True)
    amount: int = Field(sa_type=BigInteger)


BUDGET_FORM = form_fields(BudgetFields)
