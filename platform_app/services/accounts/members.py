"""Members: the people of a tenant and their roles, and identities that act in a tenant."""

from sqlmodel import col

from platform_app import email_addresses
from platform_app.db import Transaction, owned, unscoped
from platform_app.errors import Conflict, Invalid, NotFound
from platform_app.models.person import Identity, Member, Role, Tenant, User
from platform_app.services.accounts import passwords


def get_tenant(session: Transaction, slug: str) -> Tenant:
    """Return the tenant with this slug. Raises NotFound if there is none."""
    tenant: Tenant | None = session.exec(unscoped(Tenant).where(Tenant.slug == slug)).first()
    if tenant is None:
        raise NotFound("Company {slug} not found.", slug=slug)
    return tenant


def add(session: Transaction, slug: str, *, email: str, name: str, password: str, role: Role) -> Member:
    """Add a person to a tenant, with a new account unless one with this e-mail address exists.

    An existing account keeps its name and password. Raises NotFound if there is no such tenant, Invalid if a value is
    not accepted, Conflict if the person is a member already, and Unavailable if too many passwords are being hashed.
    """
    tenant = get_tenant(session, slug)
    email = email_addresses.validate_email(email)
    user: User | None = session.exec(unscoped(User).where(User.email == email)).first()
    if user is None:
        if not name.strip():
            raise Invalid("Enter your name.", field="name")
        hashed = passwords.hash_password(passwords.validate_password(password, email, name, tenant.name))
        user = User(email=email, name=name.strip()[:200], password_hash=hashed, language=tenant.language)
        session.add(user)
        session.flush()
    if session.exec(owned(Member, tenant.id).where(Member.user_id == user.id)).first():
        raise Conflict("{email} is a member already.", email=email)
    member = Member(tenant_id=tenant.id, user_id=user.id, role=role)
    session.add(member)
    return member


def get_owner(session: Transaction, slug: str) -> Identity:
    """Return the identity of a tenant's first owner; the command line acts as this user.

    Raises NotFound if there is no such tenant.
    """
    tenant = get_tenant(session, slug)
    owners = owned(Member, tenant.id).where(Member.role == Role.OWNER, col(Member.disabled_at).is_(None))
    rows = owners.order_by(Member.created_at)
    member: Member = session.exec(rows).first()
    user: User = session.exec(unscoped(User).where(User.id == member.user_id)).one()
    return Identity(
        user_id=user.id,
        tenant_id=tenant.id,
        role=member.role,
        name=user.name,
        email=user.email,
        slug=tenant.slug,
        tenant_name=tenant.name,
        language=user.language,
        time_zone=tenant.time_zone,
        currency=tenant.currency,
    )


def automation_identity(session: Transaction, tenant_id: str, name: str) -> Identity:
    """Return an identity named `name` with the role of an operator and no user, for rules, webhooks and imports."""
    tenant = session.get(Tenant, tenant_id)
    assert tenant is not None
    return Identity(
        user_id="",
        tenant_id=tenant.id,
        role=Role.OPERATOR,
        name=name,
        email="",
        slug=tenant.slug,
        tenant_name=tenant.name,
        language=tenant.language,
        time_zone=tenant.time_zone,
        currency=tenant.currency,
    )


def list_members(session: Transaction, who: Identity) -> list[tuple[User, Role]]:
    """Return the users who may work in a tenant with their roles, in the order in which they joined."""
    query = (
        owned(Member, who.tenant_id)
        .with_only_columns(User, Member.role)
        .join(User, User.id == Member.user_id)
        .where(col(Member.disabled_at).is_(None))
        .order_by(Member.created_at)
    )
    return [(user, role) for user, role in session.execute(query)]


def list_tenants(session: Transaction, user_id: str) -> list[tuple[Tenant, Role]]:
    """Return the tenants of a user with the role in each, in the order in which the user joined.

    The transaction must be one without a tenant, opened with a reason.
    """
    query = (
        unscoped(Member)
        .with_only_columns(Tenant, Member.role)
        .join(Tenant, Tenant.id == Member.tenant_id)
        .where(Member.user_id == user_id, col(Member.disabled_at).is_(None))
        .order_by(Member.created_at)
    )
    return [(tenant, role) for tenant, role in session.execute(query)]
