"""Command line: the commands of gpt-agents.

`--help` prints the docstring of a command up to a form feed; the rest is for developers.
"""

import json
import os
import secrets
import signal
import sys
from dataclasses import asdict
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console

import platform_app
from platform_app.actor import Actor, ActorKind, set_actor
from platform_app.config import ENV_FILE, settings
from platform_app.errors import PlatformError
from platform_app.install_paths import CLONE, import_path
from platform_app.runtime import audit_commands, backup_commands, file_commands, tenant_commands

app = typer.Typer(
    help="Build, test and run AI agents.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
demo = typer.Typer(help="The demo tenant.", no_args_is_help=True)
user = typer.Typer(help="People.", no_args_is_help=True)
tenant = typer.Typer(help="Customer organisations.", no_args_is_help=True)
kommo = typer.Typer(help="Kommo and amoCRM.", no_args_is_help=True)
secret = typer.Typer(help="What tenants entrusted to the platform.", no_args_is_help=True)
for group, name in ((demo, "demo"), (user, "user"), (tenant, "tenant"), (secret, "secrets"), (kommo, "kommo")):
    app.add_typer(group, name=name)
app.add_typer(audit_commands.audit, name="audit")
app.add_typer(file_commands.files, name="files")
tenant.command()(tenant_commands.export)
tenant.command()(tenant_commands.delete)
app.command()(backup_commands.backup)
app.command()(backup_commands.restore)

Password = Annotated[str, typer.Option(envvar="PLATFORM_NEW_PASSWORD", help="Better given by the environment.")]


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(platform_app.__version__)
        raise typer.Exit


@app.callback()
def main(
    _: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")] = False,
) -> None:
    """Build, test and run AI agents.

    \f

    Set the working directory to the clone, if run from one, and read the settings. Raises typer.Exit with status 2 if a
    setting is invalid.
    """
    if "PLATFORM_DATA_DIR" in os.environ:
        os.environ["PLATFORM_DATA_DIR"] = os.path.abspath(os.environ["PLATFORM_DATA_DIR"])
    if CLONE:
        os.chdir(CLONE)
        os.environ["PYTHONPATH"] = import_path()
    set_actor(Actor(ActorKind.COMMAND_LINE))
    os.environ.setdefault(ENV_FILE, os.path.abspath(".env"))
    try:
        settings()
    except ValidationError as error:
        for wrong in error.errors(include_input=False, include_url=False):
            name = str(wrong["loc"][0]).upper().removeprefix("PLATFORM_")
            typer.echo(f"PLATFORM_{name}: {wrong['msg']}", err=True)
        raise typer.Exit(2) from error


def _refuse(error: PlatformError) -> NoReturn:
    typer.echo(str(error), err=True)
    raise typer.Exit(1) from error


def _become(command: list[str], environment: dict[str, str] | None = None) -> NoReturn:
    """Replace this process by another program, so that signals reach it."""
    os.environ.update(environment or {})
    sys.stdout.flush()
    os.execv(command[0], command)  # noqa: S606


@app.command()
def up(
    dev: Annotated[bool, typer.Option("--dev", help="Load console and worker again when code changes.")] = False,
    fake_kommo: Annotated[
        bool,
        typer.Option("--with-fake-kommo", help="Also start a fake Kommo, which is called instead of the real one."),
    ] = False,
) -> None:
    """Start the servers, the worker and the console. Ctrl-C stops them.

    \f

    Raises typer.Exit with the exit code of the launcher.
    """
    from platform_app.runtime import launcher

    try:
        raise typer.Exit(launcher.run(Console(), signal.signal, dev=dev, fake_kommo=fake_kommo))
    except PlatformError as error:
        _refuse(error)


@app.command()
def web() -> None:
    """Start only the console; it uses the servers named in the environment."""
    from platform_app.runtime import frontend_build

    own = settings()
    try:
        frontend_build.build(own.data_dir / "logs" / "build.log", typer.echo)
    except PlatformError as error:
        _refuse(error)
    os.environ["PLATFORM_DATA_DIR"] = str(own.data_dir.resolve())
    os.chdir(frontend_build.project_dir())
    _become(*frontend_build.server(own.host, own.port))


@app.command()
def worker() -> None:
    """Start only a worker; it uses the servers named in the environment."""
    _become([sys.executable, "-P", "-m", "worker"])


@app.command()
def hooks(
    host: Annotated[str, typer.Option(help="Address to listen on; without it, PLATFORM_HOOKS_HOST.")] = "",
    port: Annotated[int | None, typer.Option(help="Without it, PLATFORM_HOOKS_PORT.", min=1, max=65535)] = None,
) -> None:
    """Start only a process that serves webhooks; it uses the servers named in the environment."""
    from platform_app.runtime import hooks_server

    own = settings()
    os.environ["PLATFORM_DATA_DIR"] = str(own.data_dir.resolve())
    _become(*hooks_server.server(host or own.hooks_host, port or own.hooks_port))


@app.command()
def build() -> None:
    """Build the console's frontend if it is out of date."""
    from platform_app.runtime import frontend_build

    try:
        frontend_build.build(settings().data_dir / "logs" / "build.log", typer.echo)
    except PlatformError as error:
        _refuse(error)


@app.command()
def migrate(
    check: Annotated[bool, typer.Option("--check", help="Only say whether tables and models fit.")] = False,
    message: Annotated[str, typer.Option(help="Write a new revision with this title.")] = "",
) -> None:
    """Migrate the database to this version.

    \f

    Raises typer.Exit with status 1 if it cannot be migrated.
    """
    from alembic.util import CommandError

    from platform_app import migrations
    from platform_app.runtime import database_roles

    address = settings().migration_database
    if address.startswith("sqlite"):
        settings().data_dir.mkdir(parents=True, exist_ok=True)
    try:
        if check:
            migrations.check(address)
        else:
            migrations.upgrade(address)
            database_roles.grant_access(address, settings().database)
        if message:
            typer.echo(migrations.write_revision(address, message))
    except CommandError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(f"revision {migrations.current(address)}")


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check everything the platform depends on. Exit code 0: all well, 1: something to do, 2: wrong settings.

    \f

    Raises typer.Exit with that code.
    """
    from platform_app.runtime.doctor import examine

    found = examine(settings())
    if as_json:
        typer.echo(json.dumps([asdict(finding) | {"ok": finding.is_well} for finding in found], indent=2))
    else:
        screen = Console(soft_wrap=True, highlight=False)
        for finding in found:
            mark = "[green]ok    [/]" if finding.is_well else "[red]failed[/]"
            screen.print(f"{mark}  {finding.name:<12}", end="")
            screen.print(f"{finding.detail}  {finding.advice}", markup=False)
    raise typer.Exit(0 if all(finding.is_well for finding in found) else 1)


@app.command()
def reindex() -> None:
    """Enqueue the rebuild of all tenants' vector indexes, for example after restoring a backup."""
    from platform_app.services.knowledge import index_rebuild

    typer.echo(f"queued for {index_rebuild.request_all_rebuilds()} tenants")


@app.command("env-example")
def env_example() -> None:
    """Print an example .env file with every setting and its meaning."""
    from platform_app.runtime.env_example import env_example as text

    typer.echo(text(), nl=False)


@secret.command("rotate")
def secrets_rotate() -> None:
    """Encrypt every secret with the newest key of PLATFORM_SECRET_KEY; then old keys can be removed."""
    from platform_app.services.accounts import tenant_secrets as kept

    try:
        count = kept.rotate()
    except PlatformError as error:
        _refuse(error)
    typer.echo(f"{count} secrets are encrypted with the newest key.")


@kommo.command("widget")
def kommo_widget(
    path: Annotated[str, typer.Argument(help="File to write.")] = "widget.zip",
) -> None:
    """Write the widget that is uploaded to a private integration, so that a Salesbot can ask an agent."""
    from platform_app.integrations.kommo import widget_archive

    with open(path, "wb") as file:
        file.write(widget_archive.make_archive(support_link=settings().public_url or "https://example.com"))
    typer.echo(f"{path} is written. Upload it to your integration.")


@demo.command("remove")
def demo_remove(slug: Annotated[str, typer.Option(help="The tenant to take it out of.")] = "demo") -> None:
    """Remove the demo from a tenant."""
    from platform_app.db import session_scope
    from platform_app.services.accounts import members
    from platform_app.services.demo import demo as service

    try:
        with session_scope(reason="command line", read_only=True) as session:
            who = members.get_owner(session, slug)
        with session_scope(who.tenant_id) as session:
            service.remove(session, who)
    except PlatformError as error:
        _refuse(error)
    typer.echo(f"The demo is gone from {slug}.")


@demo.command("reset")
def demo_reset(slug: Annotated[str, typer.Option(help="The tenant to put it into.")] = "demo") -> None:
    """Remove the demo from a tenant and load it again."""
    from platform_app.db import session_scope
    from platform_app.services.accounts import members
    from platform_app.services.demo import demo as service

    try:
        with session_scope(reason="command line", read_only=True) as session:
            who = members.get_owner(session, slug)
        with session_scope(who.tenant_id) as session:
            service.remove(session, who)
        with session_scope(who.tenant_id) as session:
            service.load(session, who)
    except PlatformError as error:
        _refuse(error)
    typer.echo(f"The demo of {slug} is fresh.")


@user.command("add")
def user_add(
    email: Annotated[str, typer.Option()],
    slug: Annotated[str, typer.Option("--tenant", help="Slug of the tenant.")],
    *,
    name: Annotated[str, typer.Option()] = "",
    role: Annotated[str, typer.Option(help="owner, admin, operator or viewer")] = "operator",
    password: Password = "",
) -> None:
    """Add a user to a tenant; without a password one is generated and printed.

    \f

    Raises typer.BadParameter if the role is unknown.
    """
    from platform_app.db import session_scope
    from platform_app.models.person import Role
    from platform_app.services.accounts import members

    if role not in list(Role):
        raise typer.BadParameter("owner, admin, operator or viewer", param_hint="--role")
    made = password or secrets.token_urlsafe(12)
    try:
        with session_scope(reason="command line") as session:
            members.add(session, slug, email=email, name=name or email, password=made, role=Role(role))
    except PlatformError as error:
        _refuse(error)
    typer.echo(f"{email} is {role} of {slug}." + ("" if password else f" Password of a new account: {made}"))


@user.command("reset-link")
def user_reset_link(email: Annotated[str, typer.Argument(help="E-mail address of the account.")]) -> None:
    """Print a link with which a user sets a new password, once and within an hour."""
    from platform_app.services.accounts import password_resets

    try:
        typer.echo(password_resets.issue_link_for_email(email))
    except PlatformError as error:
        _refuse(error)


@user.command("disable-two-factor")
def user_disable_two_factor(email: Annotated[str, typer.Argument(help="E-mail address of the account.")]) -> None:
    """Turn the two-factor of a user off who has lost app and recovery codes, and end their sessions."""
    from platform_app.services.accounts import two_factor_resets

    try:
        typer.echo(f"Two-factor of {two_factor_resets.reset_for_email(email)} is off.")
    except PlatformError as error:
        _refuse(error)


@tenant.command("add")
def tenant_add(
    email: Annotated[str, typer.Option(help="E-mail of its owner.")],
    name: Annotated[str, typer.Option(help="Name of the tenant.")],
    *,
    owner: Annotated[str, typer.Option(help="Name of its owner.")] = "",
    language: Annotated[str, typer.Option(help="ru or en")] = "en",
    time_zone: Annotated[str, typer.Option()] = "Europe/Moscow",
    password: Password = "",
) -> None:
    """Create a tenant with its owner; without a password one is generated and printed."""
    from platform_app.db import session_scope
    from platform_app.services.accounts import accounts

    given = password or secrets.token_urlsafe(12)
    try:
        with session_scope(reason="command line") as session:
            _, made = accounts.register(
                session,
                email=email,
                name=owner or email,
                password=given,
                tenant_name=name,
                language=language,
                time_zone=time_zone,
            )
            slug = made.slug
    except PlatformError as error:
        _refuse(error)
    typer.echo(f"Tenant {slug} is there; {email} owns it." + ("" if password else f" Password: {given}"))


if __name__ == "__main__":
    app()
