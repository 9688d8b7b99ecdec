"""An execution of a server, shown while it runs: two streams of events, one of states and one of lines."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import click

from batuta.cli import progress
from batuta.cli.client import Client, NoServer
from batuta.cli.main import INTERRUPTED
from batuta.cli.progress import Display
from batuta.errors import BatutaError, OperatorError


def follow(client: Client, execution_id: str, output: str, *, verbose: bool = False) -> dict[str, Any]:
    """Show an execution until it is over, and give its last document. Ctrl-C ends the command, not it.

    Raises:
        OperatorError: the server went away before the end.
    """
    display = progress.display_for(output, verbose=verbose)
    try:
        return _shown(client, execution_id, display)
    except KeyboardInterrupt:
        display.close()
        click.echo(f"The execution {execution_id} goes on.", err=True)
        for purpose, words in (
            ("look at it", "get ID"),
            ("follow its log", "logs ID --follow"),
            ("stop it", "kill ID"),
        ):
            command = client.command(f"execution {words.replace('ID', execution_id)}")
            click.echo(f"  {purpose}: {command}", err=True)
        sys.exit(INTERRUPTED)
    finally:
        display.close()


def _shown(client: Client, execution_id: str, display: Display) -> dict[str, Any]:
    journal = _Journal(client, execution_id)
    journal.start()
    begun = False
    paused = False
    for marker, document in until_end(client, execution_id, "executions", execution_id, "follow"):
        if "state" not in document:
            continue
        if not begun:
            display.note(f"execution {execution_id} of {document['namespace']}.{document['flowId']}")
            begun = True
        over = marker == "end"
        if over:
            journal.join(JOURNAL_SECONDS)
        display.update(progress.of_json(document, over=over), journal.fresh())
        if over:
            return document
        if document["state"]["current"] == "PAUSED" and not paused:
            resume = client.command(f"execution resume {execution_id}")
            why = client.command(f"explain {execution_id}")
            display.note(f"it is paused, see {why}; {resume} lets it go on")
        paused = document["state"]["current"] == "PAUSED"
    raise _gone(client, execution_id)


def until_end(
    client: Client, execution_id: str, *path: str, **query: Any
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events of a stream about an execution, the one that ends it included.

    Raises:
        OperatorError: the server went away before that.
    """
    begun = False
    try:
        for marker, document in client.events(*path, **query):
            begun = True
            yield marker, document
            if marker == "end":
                return
    except NoServer:
        if not begun:
            raise
    raise _gone(client, execution_id)


def _gone(client: Client, execution_id: str) -> OperatorError:
    return OperatorError(
        f"the server stopped before the execution {execution_id} ended",
        mend=f"look at it later with {client.command(f'execution get {execution_id}')}",
    )


JOURNAL_SECONDS = 2.0
"""How long the end of an execution waits for the last lines of its log."""


class _Journal(threading.Thread):
    """Reads the log beside the stream of states."""

    def __init__(self, client: Client, execution_id: str) -> None:
        super().__init__(daemon=True, name="log of the execution")
        self._client = client
        self._execution_id = execution_id
        self._lines: list[progress.LineView] = []
        self._lock = threading.Lock()

    def run(self) -> None:
        with suppress(BatutaError):  # the stream of states tells what is wrong
            for marker, line in self._client.events("logs", self._execution_id, "follow"):
                if marker == "end":
                    return
                if line.get("message") is not None:
                    with self._lock:
                        self._lines.append(progress.line_of_json(line))

    def fresh(self) -> list[progress.LineView]:
        """Lines that no earlier call gave."""
        with self._lock:
            lines, self._lines = self._lines, []
        return lines


def print_line(line: Mapping[str, Any], output: str) -> None:
    """One line of a log: as JSON, or with time, level and task."""
    if output == "json":
        click.echo(json.dumps(line, ensure_ascii=False))
        return
    view = progress.line_of_json(line)
    clock = view.at.astimezone().strftime("%H:%M:%S.%f")[:-3]
    click.echo(f"{clock}  {view.level:<5}  {view.task_id or '':<20}  {progress.shown_message(view.message)}")
