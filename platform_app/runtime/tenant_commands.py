"""Tenant commands: `gpt-agents tenant export` and `gpt-agents tenant delete`."""

from pathlib import Path
from typing import Annotated

import typer

from platform_app.errors import PlatformError


def export(
    slug: Annotated[str, typer.Argument(help="Slug of the tenant.")],
    to: Annotated[Path, typer.Option(help="The file to write, for example acme.zip.")],
) -> None:
    """Write all data of a tenant and its files into a ZIP file, without secrets.

    \f

    Raises typer.Exit with status 1 for an unknown tenant, and if the file exists or cannot be written.
    """
    from platform_app.db import session_scope
    from platform_app.models.audit import AuditAction
    from platform_app.services.accounts import members
    from platform_app.services.tenants import export_archive, tenant_exports

    try:
        with session_scope(reason="command line", read_only=True) as session:
            tenant = members.get_tenant(session, slug)
        if to.exists():
            typer.echo(f"{to} exists already. Choose another name.", err=True)
            raise typer.Exit(1)
        with session_scope(tenant.id) as session:
            tenant_exports.record(session, tenant.id, AuditAction.EXPORTED, tenant.name)
        written = export_archive.write(tenant.id, to)
    except (PlatformError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{to}: {written.row_count} rows of {len(written.tables)} tables, {len(written.files)} files")
    if written.missing_files:
        typer.echo(f"{len(written.missing_files)} files are missing on the disk: manifest.json names them.", err=True)


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
        report = tenant_removal.remove(tenant.id) or {}
    except PlatformError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    for name, count in report.items():
        typer.echo(f"{name}: {count}")
    typer.echo(f"{slug} is deleted." if report else f"A worker is deleting {slug}.")
