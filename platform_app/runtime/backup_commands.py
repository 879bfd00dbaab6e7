"""Backup commands: `gpt-agents backup` and `gpt-agents restore`."""

from pathlib import Path
from typing import Annotated

import typer

from platform_app.config import settings
from platform_app.errors import PlatformError


def backup(
    archive: Annotated[Path, typer.Argument(help="The file to write, for example backup.tar.gz.")],
    keys: Annotated[Path | None, typer.Option(help="Also write the encryption keys to this file.")] = None,
) -> None:
    """Back up the database and all files while the platform runs.

    The archive holds no encryption keys. Keep them apart: without them, stored keys and passwords cannot be read.



    Raises typer.Exit with status 1 if it cannot be written.
    """
    from platform_app.runtime import backup as backups

    try:
        if keys is not None:
            backups.write_keys(settings(), keys)
        made = backups.create(settings(), archive)
    except PlatformError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{archive}: {len(made.files)} files, revision {made.revision}")


def restore(
    archive: Annotated[Path, typer.Argument(help="A file that backup has written.")],
    keys: Annotated[Path | None, typer.Option(help="The file with the encryption keys.")] = None,
) -> None:
    """Restore a backup into an empty data folder and database.

    Jobs that were open and may reach other systems wait on the page Background jobs for a person to decide. Search
    indexes are built again when the worker starts.



    Raises typer.Exit with status 1 if it cannot be restored; nothing is changed then.
    """
    from platform_app.engine import callback_registry
    from platform_app.runtime import backup as backups
    from platform_app.services.jobs import restored_jobs
    from platform_app.services.knowledge import index_rebuild

    try:
        restored = backups.restore(settings(), archive, keys)
    except PlatformError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    callback_registry.register_callbacks()
    held, tenants = restored_jobs.hold_open_jobs(), index_rebuild.request_all_rebuilds()
    typer.echo(
        f"{len(restored.files)} files of {restored.made_at}, {held} jobs to decide on, {tenants} indexes to build"
    )
