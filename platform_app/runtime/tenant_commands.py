"""Tenant commands: `gpt-agents tenant delete`."""

from typing import Annotated

import typer

from platform_app.errors import PlatformError


def delete(
    slug: Annotated[str, typer.Argument(help="Slug of the tenant.")],
    yes: Annotated[bool, typer.Option("--yes", help="Really delete everything, at once.")] = False,
) -> None:
    """Delete a tenant at once: rows, files, vectors, jobs, and accounts of people who work nowhere else.

    The report is printed, and kept in the audit log of the installation. A deletion that is stopped is continued by the
    same command or a worker.

    \f

    Raises typer.Exit with status 1 without --yes, for an unknown tenant, and if the vector index does not answer.
    """
    from platform_app.db import session_scope
    from platform_app.services.accounts import members
    from platform_app.services.tenants import tenant_removal

    try:
        with session_scope(reason="command line", read_only=True) as session:
            tenant = members.get_tenant(session, slug)
        if not yes:
            typer.echo(f"Everything of {tenant.name} would be deleted. Add --yes to do it.", err=True)
            raise typer.Exit(1)
        tenant_removal.schedule_now(tenant.id, "command line")
        report = tenant_removal.remove(tenant.id)
    except PlatformError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    for name, count in report.items():
        typer.echo(f"{name}: {count}")
    typer.echo(f"{slug} is deleted." if report else f"A worker is deleting {slug}.")
