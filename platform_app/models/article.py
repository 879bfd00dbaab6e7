"""Article models: articles, their versions, and the questions that no reply could answer."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from platform_app.models.base import Instant, Owned
from platform_app.models.versioned import PublishedRow, RowVersion

MAX_TITLE_CHARS = 200
MAX_TEXT_CHARS = 40_000
MAX_QUESTION_CHARS = 500
LABELS = {"title": "Title", "text": "Text"}  # of the fields of a draft and a version


class Article(PublishedRow, table=True):
    """A text that members write in the console; its source, which has the same id, holds the published text.

    Whether it is deleted says the source.
    """

    id: str = Field(primary_key=True, foreign_key="source.id", max_length=32, ondelete="CASCADE")


class ArticleVersion(RowVersion, table=True):
    """A published text of an article."""

    __table_args__ = (UniqueConstraint("article_id", "number"),)
    article_id: str = Field(foreign_key="article.id", max_length=32, ondelete="CASCADE")


class UnansweredQuestion(Owned, table=True):
    """A question of a contact that the agent had no answer to."""

    __table_args__ = (Index("ix_unansweredquestion_recent", "tenant_id", "created_at"),)
    question: str = Field(max_length=MAX_QUESTION_CHARS)
    conversation_id: str = Field(foreign_key="conversation.id", index=True, max_length=32, ondelete="CASCADE")
    source_id: str | None = Field(default=None, index=True, max_length=32)  # the article that is to answer it
    dismissed_at: datetime | None = Field(default=None, sa_type=Instant)
