"""Directory: the accounts of channels and the members, whose ids other requests name."""

from pydantic import BaseModel

from platform_app.api.rest.fields import View
from platform_app.api.rest.operations import Call, operation
from platform_app.models.agent import Channel
from platform_app.models.person import Role
from platform_app.services.accounts import members
from platform_app.services.api_keys.scopes import Scope
from platform_app.services.channels import channel_accounts


class AccountView(View):
    """A connected place of a channel; messages are passed on to one of the channel "api"."""

    id: str
    kind: Channel
    name: str
    agent_id: str | None
    enabled: bool


class AccountsView(BaseModel):
    """All accounts, by name."""

    data: list[AccountView]


class MemberView(BaseModel):
    """A member, by the id that tasks, leads and conversations name."""

    user_id: str
    name: str
    role: Role


class MembersView(BaseModel):
    """All members who may work, in the order in which they joined."""

    data: list[MemberView]


@operation("GET", "/channel-accounts", Scope.CONVERSATIONS_READ, answer=AccountsView)
def list_channel_accounts(call: Call) -> AccountsView:
    """List the accounts of channels."""
    rows = channel_accounts.list_accounts(call.session, call.who)
    return AccountsView(data=[AccountView.model_validate(row) for row in rows])


@operation("GET", "/members", Scope.CONVERSATIONS_READ, answer=MembersView)
def list_members(call: Call) -> MembersView:
    """List members."""
    listed = members.list_members(call.session, call.who)
    return MembersView(data=[MemberView(user_id=user.id, name=user.name, role=role) for user, role in listed])
