"""What tests are kept from, and who is told."""

from __future__ import annotations

import socket
import subprocess

import pytest

from batuta.errors import TaskError
from batuta.testing.guard import Blocked, Reach, Watch, refuse_server, watching


def watch(*allowed: Reach) -> Watch:
    return Watch("call", "`call` (some.Type)", frozenset(allowed))


def test_connections_and_processes_are_held_back():
    seen = watch()

    with watching(seen):
        with socket.socket() as connection, pytest.raises(Blocked):
            connection.connect(("127.0.0.1", 9))
        with pytest.raises(Blocked):
            socket.getaddrinfo("example.invalid", 80)
        with pytest.raises(Blocked):
            subprocess.run(["true"], check=True)

    assert [each.reach for each in seen.needed] == [Reach.NETWORK, Reach.PROCESSES]


def test_what_is_allowed_goes_on():
    with watching(watch(Reach.PROCESSES)):
        assert subprocess.run(["true"], check=False).returncode == 0


def test_nobody_else_is_held_back():
    with watching(watch()):
        pass

    assert subprocess.run(["true"], check=False).returncode == 0


@pytest.mark.parametrize(
    ("type_name", "extra", "is_refused"),
    [
        ("io.kestra.plugin.jdbc.postgresql.Query", "postgres", True),
        ("io.kestra.plugin.jdbc.duckdb.Query", "duckdb", False),
        ("io.kestra.plugin.serdes.parquet.IonToParquet", "parquet", False),
        ("io.kestra.plugin.core.log.Log", None, False),
    ],
)
def test_clients_in_native_code_are_not_run_at_all(type_name, extra, is_refused):
    seen = watch()

    if is_refused:
        with pytest.raises(TaskError, match=r"`call` \(some.Type\) would reach the network"):
            seen.refuse_client(type_name, extra)
    else:
        seen.refuse_client(type_name, extra)

    assert bool(seen.needed) is is_refused


def test_a_test_has_no_server():
    seen = watch()

    with watching(seen), pytest.raises(TaskError, match="would look at or change what only a server has"):
        refuse_server()

    assert seen.needed[0].mend == "say what it gives with `fixtures: {tasks: [{id: call, outputs: {...}}]}`"
