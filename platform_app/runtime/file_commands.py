"""File commands: `gpt-agents files`."""

import typer

from platform_app.config import settings
from platform_app.errors import PlatformError

files = typer.Typer(help="Uploaded files.", no_args_is_help=True)


@files.command()
def upload() -> None:
    """Copy the files of the data folder to the storage that PLATFORM_FILES_URL names.

    Run it when that setting is new, once more after the platform was restarted with it. The folder is left as it is.

    \f

    Raises typer.Exit with status 1 if it fails; the next run continues.
    """
    from platform_app.files.folder_upload import upload_folder

    try:
        copied, present = upload_folder(settings())
    except PlatformError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{copied} files are copied; {present} were there already.")
