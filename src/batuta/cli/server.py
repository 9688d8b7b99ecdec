"""`batuta server`: all services in one process, until a signal."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from batuta.cli.loading import Loaded
    from batuta.settings.tree import Settings


@click.group(short_help="Start a server.")
def server() -> None:
    """Start a server."""


@server.command()
@click.option("--port", type=click.IntRange(0, 65535), show_default="8080", help="0 takes a free one.")
@click.option("--host", show_default="127.0.0.1", help="Address to listen on; 0.0.0.0 for all.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    show_default=".batuta",
    metavar="DIR",
    help="Folder of the database and of all files.",
)
@click.option(
    "-f",
    "--flow-path",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Store the flows of this folder at the start; those that changed get a new revision.",
)
@click.option("--url", metavar="URL", help="Address under which people reach the server, for links.")
def local(
    port: int | None, host: str | None, data: Path | None, flow_path: Path | None, url: str | None
) -> None:
    """Start a server with an embedded database, and nothing else beside it.

    It says its address as soon as it answers, and stops on Ctrl-C or SIGTERM. What was under way then goes on
    with the next start. Every setting can also be given as a variable, such as BATUTA_WORKER_SLOTS=4.
    """
    from batuta.cli import address
    from batuta.settings import sources

    settings = sources.settings(data_dir=data, host=host, port=port, url=url)
    with address.listen(settings.host, settings.port) as listener:
        # Most of a start is imports. What they make stays, so the collector would look through it in vain.
        gc.disable()
        from batuta.cli import serving

        serving.serve(settings, listener, flow_path, ready=_announce)


def _announce(settings: Settings, loaded: Loaded) -> None:
    gc.freeze()
    gc.enable()
    for path, error in loaded.broken:
        click.echo(f"not stored: {path}: {error.what}", err=True)
    click.echo(f"Batuta is ready at {settings.base_url}")
