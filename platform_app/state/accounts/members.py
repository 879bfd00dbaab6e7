"""Members: state of the members page: members, open invitations and their changes."""

import asyncio
from typing import Any

import reflex as rx

from platform_app.db import Transaction
from platform_app.errors import Invalid, PlatformError
from platform_app.i18n import plural, translate
from platform_app.integrations import platform_smtp
from platform_app.models.invitation import Invitation
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import invitations, link_tokens, member_changes, password_resets, two_factor_resets
from platform_app.services.accounts.member_changes import MemberView
from platform_app.state.accounts.member_rows import InvitationRow, MemberRow, invitation_row, member_row
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.one_time_secret import reveal_once
from platform_app.state.console.option_lists import Option

ACTIONS = ("disable", "remove", "hand_over", "revoke", "reset_two_factor")


class MembersState(rx.State):
    """The members page. Tokens of invitations are never part of its state."""

    loaded: bool = False
    rows: list[MemberRow] = []
    total_words: str = ""
    invited: list[InvitationRow] = []
    has_mail: bool = False
    inviting: bool = False  # the dialog with the form is open
    by_mail: bool = False
    problem: str = ""
    problem_field: str = ""
    link_kind: str = "invitation"  # or "password"
    link_for: str = ""  # the address whose link is shown; empty: none
    asked: str = ""  # what the dialog asks about: one of ACTIONS
    asked_id: str = ""
    asked_name: str = ""
    assigned_words: str = ""
    successors: list[Option] = []
    successor: str = ""

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch members and invitations; `invite=1` in the address opens the invitation form for admins."""
        self.inviting, self.asked, self.link_for, self.problem = False, "", "", ""
        await self._fetch()
        if self.router.url.query_parameters.get("invite") and (await current_identity(self)).role.includes(Role.ADMIN):
            self.inviting, self.by_mail = True, self.has_mail
        self.loaded = True

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Update the tables while the page is open."""
        async for _ in subscribe(self, "member"):
            async with self:
                await self._fetch()

    @handler(Role.ADMIN)
    async def open_form(self, is_open: bool) -> None:
        """Open or close the dialog with the invitation form."""
        self.inviting, self.problem, self.problem_field = is_open, "", ""
        self.by_mail = self.has_mail

    @handler(Role.ADMIN)
    async def choose_by_mail(self, by_mail: bool) -> None:
        """Choose between an e-mail sent by the worker and a link to copy."""
        self.by_mail = by_mail and self.has_mail

    @handler(Role.ADMIN)
    async def invite(self, form: dict[str, Any]) -> Any:
        """Create an invitation from the form."""
        self.problem = self.problem_field = ""
        email, by_mail = str(form.get("email", ""))[:300], self.by_mail
        try:
            role = _role(str(form.get("role", "")))
            row, token = await call(self, invitations.invite, email=email, role=role, by_mail=by_mail)
        except PlatformError as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problem_field = error.field or "email"
            return browser.focus(self.problem_field)
        self.inviting = False
        await self._fetch()
        return await self._issued(row, token)

    @handler(Role.ADMIN)
    async def renew(self, invitation_id: str, by_mail: bool) -> Any:
        """Replace the link of an invitation: by e-mail, or shown once to copy."""
        row, token = await call(self, invitations.renew, invitation_id, by_mail=by_mail)
        await self._fetch()
        return await self._issued(row, token)

    @handler(Role.ADMIN)
    async def reset_password(self, user_id: str, by_mail: bool) -> Any:
        """Let a member set a new password: with a link by e-mail, or with one that is revealed once."""
        identity = await current_identity(self)
        token = await asyncio.to_thread(password_resets.start_for_member, identity, user_id[:32], by_mail=by_mail)
        if not token:
            return await success_toast(self, "Sending the password link.")
        self.link_kind, self.link_for = "password", next((row.email for row in self.rows if row.id == user_id), "")
        return reveal_once(link_tokens.link(password_resets.PAGE, token, origin=self.router.headers.origin))

    @handler(Role.ADMIN)
    async def close_link(self, is_open: bool) -> None:
        """Close the dialog with the link."""
        if not is_open:
            self.link_for = ""

    @handler(Role.ADMIN)
    async def change_role(self, user_id: str, role: str) -> Any:
        """Change a member's role."""
        await call(self, member_changes.set_role, user_id, _role(role))
        await self._fetch()
        return await success_toast(self, "Role changed.")

    @handler(Role.ADMIN)
    async def enable(self, user_id: str) -> Any:
        """Restore a member's access."""
        await call(self, member_changes.set_access, user_id, allowed=True)
        await self._fetch()
        return await success_toast(self, "Member enabled.")

    @handler(Role.ADMIN)
    async def ask(self, action: str, row_id: str) -> None:
        """Open the confirmation dialog for an action on a member or invitation. Raises Invalid if either is unknown."""
        names = {row.id: row.name for row in self.rows} | {row.id: row.email for row in self.invited}
        if action not in ACTIONS or row_id not in names:
            raise Invalid("This value isn’t allowed.")
        self.asked, self.asked_id, self.asked_name = action, row_id, names[row_id]
        self.successor, self.assigned_words, self.successors = "", "", []
        if action == "remove":
            await self._read_assigned(row_id)

    @handler(Role.ADMIN)
    async def close_question(self, is_open: bool) -> None:
        """Close the confirmation dialog."""
        if not is_open:
            self.asked = ""

    @handler(Role.ADMIN)
    async def choose_successor(self, user_id: str) -> None:
        """Choose the member who takes over the leads and tasks of the removed one."""
        self.successor = user_id if any(one.id == user_id for one in self.successors) else ""

    @handler(Role.ADMIN)
    async def confirm(self) -> Any:
        """Run the confirmed action."""
        action, row_id, self.asked = self.asked, self.asked_id, ""
        if action == "disable":
            await call(self, member_changes.set_access, row_id, allowed=False)
            done = "Member disabled and signed out."
        elif action == "remove":
            await call(self, member_changes.remove, row_id, successor_id=self.successor)
            done = "Member removed."
        elif action == "hand_over":
            await call(self, member_changes.hand_over, row_id)
            done = "Ownership transferred. You’re now an admin."
        elif action == "revoke":
            await call(self, invitations.revoke, row_id)
            done = "Invitation revoked."
        elif action == "reset_two_factor":
            done = await self._reset_two_factor(row_id)
        else:
            return None
        await self._fetch()
        return await success_toast(self, done)

    async def _reset_two_factor(self, user_id: str) -> str:
        identity = await current_identity(self)
        mailed = await asyncio.to_thread(two_factor_resets.reset_for_member, identity, user_id[:32])
        if mailed:
            return "Two-factor reset and member signed out. They’ll get an email."
        return "Two-factor reset and member signed out. Tell them yourself, because the platform has no mail server."

    async def _read_assigned(self, user_id: str) -> None:
        language = (await current_user(self)).language
        leads, tasks = await fetch(self, member_changes.count_assigned, user_id)
        words = [
            plural(language, "{count} lead", "{count} leads", leads) if leads else "",
            plural(language, "{count} open task", "{count} open tasks", tasks) if tasks else "",
        ]
        self.assigned_words = ", ".join(word for word in words if word)
        left = [row for row in self.rows if row.id != user_id and not row.is_disabled]
        self.successors = [Option(row.id, row.name) for row in left]

    async def _issued(self, row: Invitation, token: str) -> Any:
        """Reveal the link of a token once; without a token say that the e-mail is on its way."""
        if not token:
            return await success_toast(self, "The invitation to {email} is being sent.", email=row.email)
        self.link_kind, self.link_for = "invitation", row.email
        return reveal_once(link_tokens.link(invitations.PAGE, token, origin=self.router.headers.origin))

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        members, invited = await fetch(self, _read)
        self.rows = [member_row(one, identity, language) for one in members]
        self.invited = [invitation_row(one, identity, language) for one in invited]
        self.total_words = plural(language, "{count} member", "{count} members", len(members))
        self.has_mail = platform_smtp.is_configured()


def _role(role: str) -> Role:
    if role not in list(Role):
        raise Invalid("This value isn’t allowed.", field="role")
    return Role(role)


def _read(session: Transaction, who: Identity) -> tuple[list[MemberView], list[Invitation]]:
    return member_changes.list_views(session, who), invitations.list_open(session, who)
