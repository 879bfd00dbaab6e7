"""Template list: the templates of a channel account, fetched from its channel."""

from sqlmodel import col

from platform_app.channels.outbound_content import TemplateInfo
from platform_app.channels.push_channel import ChannelError
from platform_app.db import Transaction, owned, owned_delete, session_scope
from platform_app.errors import Unavailable
from platform_app.models.channel import ChannelAccount, MessageTemplate
from platform_app.models.person import Identity
from platform_app.services.channels import channel_access, channel_accounts


def list_templates(session: Transaction, who: Identity, account_id: str) -> list[MessageTemplate]:
    """Return the templates of an account, also those that cannot be sent, sorted by name."""
    query = owned(MessageTemplate, who.tenant_id).where(MessageTemplate.account_id == account_id)
    return list(session.exec(query.order_by(MessageTemplate.name, MessageTemplate.language)).all())


def refresh(who: Identity, account_id: str) -> int:
    """Fetch the templates of an account and return how many there are; to be called outside a transaction.

    Raises NotFound if there is no such account, Unavailable if the channel does not answer or refuses.
    """
    with session_scope(who.tenant_id, read_only=True) as session:
        account = channel_accounts.get(session, who, account_id)
        token, push = channel_access.get_token(session, account), channel_accounts.kind_of(account).push
    try:
        listed = push.fetch_templates(token) if push is not None else []
    except ChannelError as error:
        raise Unavailable(error.sentence, field="", **error.values) from None
    with session_scope(who.tenant_id) as session:
        account = channel_accounts.get(session, who, account_id, lock=True)
        _store(session, account, listed)
        channel_accounts.publish_change(session, account)
    return len(listed)


def _store(session: Transaction, account: ChannelAccount, listed: list[TemplateInfo]) -> None:
    """Replace the templates of an account by those of a list."""
    old = owned_delete(MessageTemplate, account.tenant_id).where(col(MessageTemplate.account_id) == account.id)
    session.execute(old.execution_options(synchronize_session=False))
    for info in {(info.name, info.language): info for info in listed}.values():
        row = MessageTemplate(tenant_id=account.tenant_id, account_id=account.id, name="", language="")
        row.name, row.language, row.category, row.status = info.name, info.language, info.category, info.status
        row.header, row.body, row.footer = info.header, info.body, info.footer
        row.parameters, row.problem = list(info.parameters), info.problem
        session.add(row)
