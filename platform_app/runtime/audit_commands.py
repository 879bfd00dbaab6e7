"""Audit commands: `gpt-agents audit verify`."""

from typing import Annotated

import typer

audit = typer.Typer(help="The audit log.", no_args_is_help=True)

SENTENCES = {
    "altered": "entry {number} was altered",
    "missing": "entry {number} is missing",
    "inserted": "entry {number} does not follow the one before it: it was inserted or moved",
    "cut": "the entries from {number} on are missing",
    "added": "entry {number} was added without the key of this installation",
    "head": "the end of the log (entry {number}) was not signed with a key of this installation",
    "expected": "entry {number} is not the one that was noted down",
}


@audit.command()
def verify(
    slug: Annotated[str, typer.Option("--tenant", help="Only this tenant; without it, all and the installation.")] = "",
    expect: Annotated[str, typer.Option(help="NUMBER:HASH of a tenant’s entry, as printed earlier.")] = "",
) -> None:
    """Check that no entry of the audit log was altered, removed, inserted or moved. Exit code 1 names the first.

    Note the printed number and hash down elsewhere: given to --expect they also show that the whole log was put back
    to an earlier state.

    \f

    Raises typer.Exit with status 1 for a fault or an unknown tenant, typer.BadParameter for an --expect without
    --tenant or of another form.
    """
    from platform_app.db import session_scope, unscoped
    from platform_app.models.person import Tenant
    from platform_app.services.audit import verification

    expected = _parse(expect, slug) if expect else None
    with session_scope(reason="command line", read_only=True) as session:
        query = unscoped(Tenant).with_only_columns(Tenant.slug, Tenant.id).order_by(Tenant.slug)
        found = list(session.execute(query.where(Tenant.slug == slug) if slug else query).all())
    if slug and not found:
        typer.echo(f"There is no tenant {slug}.", err=True)
        raise typer.Exit(1)
    is_sound = True
    for name, tenant_id in found if slug else [*found, ("(installation)", None)]:
        verdict = verification.verify(tenant_id, expected=expected)
        told = "verified" if verdict.fault is None else SENTENCES[verdict.fault].format(number=verdict.fault_number)
        typer.echo(f"{name}: {told}, {verdict.count} entries in order, {verdict.number}:{verdict.hash}")
        is_sound = is_sound and verdict.fault is None
    if not is_sound:
        raise typer.Exit(1)


def _parse(expect: str, slug: str) -> tuple[int, str]:
    number, _, noted = expect.partition(":")
    if not slug or not number.isdecimal() or len(noted) != 64:
        raise typer.BadParameter("NUMBER:HASH together with --tenant", param_hint="--expect")
    return int(number), noted
