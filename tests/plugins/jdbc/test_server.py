"""SQL tasks and triggers on a real server: what the database does meanwhile is told to nobody."""

from __future__ import annotations

import time

import pytest

from tests.journeys.processes import PATIENCE_SECONDS, serving
from tests.support.services.postgres import postgres

YAML = {"content-type": "application/x-yaml"}
ACCESS = """\
    url: {url}
    username: root
    password: "{password}"
"""
RETRIED = """\
id: retried
namespace: team.a
tasks:
  - id: slow
    type: io.kestra.plugin.jdbc.postgresql.Query
{access}
    sql: SELECT pg_sleep(CASE WHEN {{{{ taskrun.attemptsCount }}}} = 0 THEN 600 ELSE 0 END)
    fetchType: FETCH
    retry: {{type: constant, interval: PT1S, maxAttempts: 20}}
"""
WATCHING = """\
id: watching
namespace: team.a
tasks:
  - id: say
    type: io.kestra.plugin.core.debug.Return
    format: "{{{{ trigger.rows | jq('.[].id') | first }}}}"
triggers:
  - id: orders
    type: io.kestra.plugin.jdbc.postgresql.Trigger
{access}
    sql: SELECT id FROM orders WHERE NOT seen ORDER BY id
    afterSQL: UPDATE orders SET seen = true
    interval: PT1S
"""


def until(reached):
    """What `reached` gives once it gives something true."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (found := reached()):
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("jdbc") / "data") as server:
        yield server


def save(server, flow, database):
    access = ACCESS.format(url=database.url, password=database.server.password)
    answer = server.api.post("flows", content=flow.format(access=access.rstrip()), headers=YAML)
    assert answer.status_code == 200, answer.text


def test_a_lost_connection_is_mended_by_the_tasks_own_retry(server):
    with postgres() as service:
        save(server, RETRIED, service.create())
        execution = server.api.post("executions/team.a/retried").json()
        until(lambda: service.runs("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"))

        service.restart()

        address = f"executions/{execution['id']}"
        ended = until(lambda: "endDate" in (found := server.api.get(address).json())["state"] and found)
    (run,) = ended["taskRunList"]
    assert ended["state"]["current"] == "SUCCESS"
    assert run["attempts"][0]["state"]["current"] == "FAILED"
    assert "The connection to PostgreSQL was lost" in server.api.get(f"logs/{execution['id']}/download").text


def test_rows_start_an_execution_each_time_there_are_new_ones(server, database):
    database.run("CREATE TABLE orders (id int, seen boolean)", "INSERT INTO orders VALUES (7, false)")
    save(server, WATCHING, database)
    query = {"namespace": "team.a", "flowId": "watching", "state": "SUCCESS"}

    def values():
        found = server.api.get("executions/search", params=query).json()["results"]
        whole = [server.api.get(f"executions/{each['id']}").json() for each in found]
        return sorted(each["taskRunList"][0]["outputs"]["value"] for each in whole)

    until(lambda: values() == ["7"])
    database.run("INSERT INTO orders VALUES (8, false)")
    until(lambda: values() == ["7", "8"])

    assert database.rows("SELECT count(*) FROM orders WHERE NOT seen") == [(0,)]
