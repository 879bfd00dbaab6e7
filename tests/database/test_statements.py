"""Statements: a message in a running conversation asks little of the database, however much is written with it."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from platform_app import db
from platform_app.models.person import Identity
from platform_app.services.chat import reply_context, reply_store
from tests.talking import begin, say


@contextmanager
def at_most(number: int) -> Iterator[None]:
    """Fail when more statements than this are sent."""
    sent: list[str] = []

    def keep(connection: object, cursor: object, statement: str, *rest: object) -> None:
        sent.append(statement)

    event.listen(db.engine(), "before_cursor_execute", keep)
    try:
        yield
    finally:
        event.remove(db.engine(), "before_cursor_execute", keep)
    sent = [one for one in sent if not one.startswith(("BEGIN", "SELECT set_config"))]
    assert 0 < len(sent) <= number, "\n".join(sent)


def loaded(who: Identity, reply_id: str) -> reply_context.ReplyContext:
    """Return what a reply stands on."""
    work = reply_context.load_context(who.tenant_id, reply_id)
    assert work is not None
    return work


def test_what_a_message_and_its_reply_ask_of_the_database(who: Identity) -> None:
    talk = begin(who)
    first = loaded(who, say(who, talk).id)
    first.raw_text = "It costs 40 euros."
    reply_store.complete(first)
    with at_most(10):  # one of them is for the search
        reply = say(who, talk)
    with at_most(7):  # one of them is for the model provider
        work = loaded(who, reply.id)
    work.raw_text = "It costs 40 euros."
    with at_most(13):  # and here
        reply_store.complete(work)
