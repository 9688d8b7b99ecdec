"""The command `batuta`: a table of commands, and the border where errors become sentences and exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from batuta import __version__
from batuta.cli.lazy import Entry, LazyGroup
from batuta.errors import BatutaError, FlowError, InvalidRequest

FAILED = 1
"""Exit code of a command that could not do its work, and of an execution that failed."""
INVALID = 2
"""Exit code for a flow, an input or an option that is wrong."""
INTERRUPTED = 130
"""Exit code of a command that Ctrl-C ended, as shells have it."""
KILLED = 3
"""Exit code of an execution that was killed."""

COMMANDS = {
    "run": Entry("batuta.cli.run:run", "Run a flow file here and now, without a server."),
    "check": Entry("batuta.cli.check:check", "Say everything that is wrong with flow files."),
    "test": Entry("batuta.cli.test:test", "Run the unit tests of flows, without a server."),
    "eval": Entry(
        "batuta.cli.eval:command", "Render TEMPLATE and print the result, or run the cases of a file."
    ),
    "plugin": Entry("batuta.cli.plugin:plugin", "Look up types of tasks, triggers and conditions."),
    "server": Entry("batuta.cli.server:server", "Start a server."),
    "flow": Entry("batuta.cli.flow:flow", "Create, change and look up flows of a server."),
    "execution": Entry("batuta.cli.execution:execution", "Start, follow and stop executions of a server."),
    "explain": Entry("batuta.cli.explain:explain", "Say what an execution waits for, and what moves it."),
    "schedule": Entry("batuta.cli.schedule:schedule", "Look at the ticks of schedules."),
    "trigger": Entry(
        "batuta.cli.trigger:trigger", "Look at triggers of a server, and switch them on and off."
    ),
    "namespace": Entry(
        "batuta.cli.namespace:namespace", "Look at namespaces of a server, and manage their files."
    ),
    "kv": Entry("batuta.cli.kv:kv", "Read and change key-value entries of a server."),
    "dashboard": Entry(
        "batuta.cli.dashboard:dashboard", "Keep dashboards on a server, and read their charts."
    ),
    "secret": Entry("batuta.cli.secret:secret", "Set and list secrets of a server, never shown."),
    "backfill": Entry(
        "batuta.cli.backfill:backfill",
        "Start the executions that a schedule would have started in the past.",
    ),
}


@click.group(
    cls=LazyGroup,
    entries=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Try `batuta run FLOW.yaml`. With BATUTA_DEBUG=1 an internal error shows its traceback.",
)
@click.version_option(__version__, "-V", "--version", package_name="batuta", prog_name="batuta")
def batuta() -> None:
    """Batuta runs workflows: YAML files written for Kestra, unchanged."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave the process with its exit code."""
    sys.exit(code_of(arguments))


def code_of(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. A person's mistake becomes sentences on standard error, never a traceback."""
    try:
        return int(batuta.main(args=arguments, prog_name="batuta", standalone_mode=False) or 0)
    except Exception as error:
        return _told(_alone(error))
    except KeyboardInterrupt:
        return _told(click.Abort())


def _alone(error: Exception) -> Exception:
    """The one error in a group of one: what came out of a group of services is no different for it."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _told(error: Exception) -> int:
    """Write what is wrong, and give the exit code for it."""
    match error:
        case click.ClickException():
            error.show()
            return error.exit_code
        case click.Abort():
            click.echo("stopped", err=True)
            return INTERRUPTED
        case BrokenPipeError():
            # Whoever read our output has gone, as in `batuta ... | head`; nothing may be written any more.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return FAILED
        case BatutaError():
            click.echo(f"error: {error}", err=True)
            return INVALID if isinstance(error, FlowError | InvalidRequest) else FAILED
    if os.environ.get("BATUTA_DEBUG"):
        raise error
    click.echo(f"internal error: {type(error).__name__}: {error}", err=True)
    click.echo(
        "  fix: this is a bug of Batuta; run again with BATUTA_DEBUG=1 and report what it shows", err=True
    )
    return FAILED
