"""Triggers of a real server: an address that is polled, and the commands that look at triggers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.processes import PATIENCE_SECONDS, Server, batuta, serving

YAML = {"content-type": "application/x-yaml"}
DAILY = """\
id: daily
namespace: team.a
tasks:
  - {id: date, type: io.kestra.plugin.core.debug.Return, format: "{{ trigger.date }}"}
triggers:
  - {id: night, type: io.kestra.plugin.core.trigger.Schedule, cron: "30 2 * * *", timezone: Europe/Paris}
"""
POLLING = """\
id: polling
namespace: team.a
tasks:
  - {id: body, type: io.kestra.plugin.core.debug.Return, format: "{{ trigger.body }}"}
triggers:
  - id: stock
    type: io.kestra.plugin.core.http.Trigger
    uri: "http://127.0.0.1:%d/{{ flow.id }}"
    interval: PT1S
    responseCondition: "{{ json(response.body).count > 1 }}"
"""


def until(reached: Callable[[], Any]) -> Any:
    """What `reached` gives once it gives something true."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (found := reached()):
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("triggers") / "data") as server:
        server.api.post("flows", content=DAILY, headers=YAML)
        until(lambda: server.api.get("triggers/team.a/daily").json()["results"])
        yield server


@pytest.fixture
def call(server: Server):
    return lambda *arguments: batuta(*arguments, BATUTA_SERVER=server.url)


@pytest.fixture
def counting() -> Iterator[int]:
    """An address that answers 1, 2, 3 ..."""
    count = 0

    class Counting(BaseHTTPRequestHandler):
        def do_GET(self):
            nonlocal count
            count += 1
            body = json.dumps({"count": count, "path": self.path}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Counting) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield http.server_port
        http.shutdown()
        thread.join()


def test_an_answer_that_fits_starts_the_flow(server, counting):
    server.api.post("flows", content=POLLING % counting, headers=YAML)
    query = {"filters[flowId][EQUALS]": "polling", "filters[state][EQUALS]": "SUCCESS"}
    found = until(lambda: server.api.get("executions/search", params=query).json()["results"])
    variables = found[-1]["trigger"]["variables"]
    assert json.loads(variables["body"]) == {"count": 2, "path": "/polling"}
    assert variables["code"] == 200
    server.api.delete("flows/team.a/polling")


def test_the_preview_shows_dates_and_what_clocks_do(call):
    said = call("schedule", "preview", "team.a", "daily", "--count", "2", "--from", "2026-03-28T12:00:00Z")
    assert said.returncode == 0
    assert said.stdout.splitlines()[0] == "night: 30 2 * * * in Europe/Paris"
    assert "2026-03-29T03:00:00+02:00  clocks are set forward by 60 minutes" in said.stdout


def test_a_file_is_previewed_without_a_server(tmp_path: Path):
    path = tmp_path / "daily.yaml"
    path.write_text(DAILY)
    said = batuta("schedule", "preview", str(path), "--count", "3", "--output", "json")
    [found] = json.loads(said.stdout)
    assert len(found["ticks"]) == 3


def test_a_trigger_is_switched_off_and_on(call):
    assert call("trigger", "disable", "team.a", "daily", "night").stdout == "disabled\n"
    assert "disabled" in call("trigger", "list", "-n", "team.a").stdout
    assert (
        "move it: batuta trigger enable team.a daily night"
        in call("trigger", "explain", "team.a", "daily", "night").stdout
    )
    assert call("trigger", "enable", "team.a", "daily", "night").stdout.startswith("enabled")
    assert "its next date is" in call("trigger", "explain", "team.a", "daily", "night").stdout
    assert json.loads(call("trigger", "get", "team.a", "daily", "night").stdout)["disabled"] is False
    refused = call("trigger", "unlock", "team.a", "daily", "night")
    assert refused.returncode == 1
    assert "is not locked" in refused.stderr


def test_a_dry_run_says_what_a_backfill_would_start(call):
    dates = ("--start", "2026-01-01T00:00:00Z", "--end", "2026-01-03T00:00:00Z")
    said = call("backfill", "create", "team.a", "daily", "night", *dates, "--dry-run")
    assert said.stdout.splitlines() == [
        "2 executions, dates in Europe/Paris",
        "  2026-01-01T02:30:00+01:00",
        "  2026-01-02T02:30:00+01:00",
    ]


def test_a_backfill_runs_and_what_is_no_backfill_cannot_be_paused(server, call):
    dates = ("--start", "2026-01-01T00:00:00Z", "--end", "2026-01-03T00:00:00Z")
    assert call("backfill", "create", "team.a", "daily", "night", *dates, "-l", "batch:old").returncode == 0
    query = {"filters[labels][EQUALS][batch]": "old", "filters[state][EQUALS]": "SUCCESS"}
    until(lambda: server.api.get("executions/search", params=query).json()["total"] == 2)
    until(lambda: "backfill" not in server.api.get("triggers/team.a/daily").json()["results"][0])
    refused = call("backfill", "pause", "team.a", "daily", "night")
    assert (refused.returncode, refused.stderr.splitlines()[0]) == (
        1,
        "error: team.a.daily.night: No backfill found",
    )


OFF = """\
id: off
namespace: team.b
tasks:
  - {id: date, type: io.kestra.plugin.core.debug.Return, format: "{{ trigger.date }}"}
triggers:
  - {id: night, type: io.kestra.plugin.core.trigger.Schedule, cron: "30 2 * * *", disabled: true}
"""
NEEDS = """\
id: needs
namespace: team.b
inputs:
  - {id: limit, type: INT}
tasks:
  - {id: show, type: io.kestra.plugin.core.debug.Return, format: "{{ inputs.limit }}"}
triggers:
  - {id: night, type: io.kestra.plugin.core.trigger.Schedule, cron: "30 2 * * *"}
"""
DATES = ("--start", "2026-01-01T00:00:00Z", "--end", "2026-01-03T00:00:00Z")


def test_a_trigger_that_its_flow_keeps_off_says_so_wherever_it_is_touched(server, call):
    server.api.post("flows", content=OFF, headers=YAML)

    listed = call("trigger", "list", "--flow", "off").stdout
    enabled = call("trigger", "enable", "team.b", "off", "night")
    filled = call("backfill", "create", "team.b", "off", "night", *DATES)

    assert listed.splitlines()[1].split(None, 3) == [
        "team.b",
        "off",
        "night",
        "disabled in the text of its flow",
    ]
    assert enabled.returncode == 1
    assert "save the flow without `disabled: true`" in enabled.stderr
    assert "2 executions, one after the other" in filled.stdout
    assert "nothing runs while the text of the flow keeps the trigger from it" in filled.stdout


def test_a_backfill_whose_executions_would_all_fail_is_not_begun(server, call):
    server.api.post("flows", content=NEEDS, headers=YAML)
    create = ("backfill", "create", "team.b", "needs", "night", *DATES)

    without = call(*create)
    misspelt = call(*create, "-i", "limti=3")
    wrong = call(*create, "-i", "limit=many")
    tried = call(*create, "--dry-run")
    preview = call("schedule", "preview", "team.b", "needs")

    assert "the execution for 2026-01-01T02:30:00Z would fail: limit: Missing required" in without.stderr
    assert "the flow has no input `limti`; did you mean `limit`?" in misspelt.stderr
    assert "`many` is not a whole number" in wrong.stderr
    assert {without.returncode, misspelt.returncode, wrong.returncode} == {2}
    assert "problem: the execution for 2026-01-01T02:30:00Z would fail" in tried.stdout
    assert "problem: what it starts fails: limit: Missing required input:limit" in preview.stdout
    assert "backfill" not in server.api.get("triggers/team.b/needs").json()["results"][0]


def test_a_backfill_without_a_date_is_refused(call):
    refused = call(
        *("backfill", "create", "team.a", "daily", "night"),
        *("--start", "2026-01-01T06:00:00Z", "--end", "2026-01-01T07:00:00Z"),
    )

    assert refused.returncode == 2
    assert "the schedule has no date from 2026-01-01T06:00:00Z" in refused.stderr


def test_a_trigger_whose_state_was_deleted_begins_anew_when_its_flow_is_saved_again(server, call, tmp_path):
    source = OFF.replace("id: off", "id: again").replace(", disabled: true", "")
    path = tmp_path / "again.yaml"
    path.write_text(source)
    server.api.post("flows", content=source, headers=YAML)

    deleted = call("trigger", "delete", "team.b", "again", "night")
    gone = call("trigger", "get", "team.b", "again", "night")
    saved = call("flow", "update", str(path))

    assert deleted.stdout == "deleted; it begins anew when its flow is saved again\n"
    assert gone.returncode == 1
    assert saved.stdout == "unchanged team.b.again revision 1\n"
    until(lambda: call("trigger", "get", "team.b", "again", "night").returncode == 0)


MANY = """\
id: %s
namespace: team.many.%s
tasks:
  - {id: date, type: io.kestra.plugin.core.debug.Return, format: "{{ trigger.date }}"}
triggers:
  - {id: one, type: io.kestra.plugin.core.trigger.Schedule, cron: "30 2 * * *"}
  - {id: two, type: io.kestra.plugin.core.trigger.Schedule, cron: "30 3 * * *"}
"""


def test_many_triggers_are_moved_at_once(server, call):
    for name in ("a", "b"):
        server.api.post("flows", content=MANY % (name, name), headers=YAML)
        server.api.get(f"triggers/team.many.{name}/{name}")  # waits for their states

    assert call("trigger", "disable", "-n", "team.many").stdout == "4 triggers disabled\n"
    assert call("trigger", "enable", "-n", "team.many.a", "--flow", "a").stdout == "2 triggers enabled\n"
    lines = call("trigger", "export", "-n", "team.many").stdout.splitlines()
    assert lines[0].startswith("namespace,flowId,triggerId")
    assert [line.split(",")[-2] for line in lines[1:]] == ["false", "false", "true", "true"]

    for trigger in ("one", "two"):
        call("backfill", "create", "team.many.b", "b", trigger, *DATES)
    assert len(call("backfill", "list", "-n", "team.many").stdout.splitlines()) == 3
    assert call("backfill", "pause", "--flow", "b").stdout == "2 triggers paused\n"
    assert "paused" in call("backfill", "list", "--flow", "b").stdout
    assert call("backfill", "resume", "--flow", "b").stdout == "2 triggers resumed\n"
    assert call("backfill", "delete", "--flow", "b").stdout == "2 triggers without their backfills\n"
    assert call("backfill", "list", "-n", "team.many").stdout.splitlines()[1:] == []
    assert call("trigger", "unlock", "-n", "team.many").stdout == "0 triggers unlocked\n"
    assert call("trigger", "delete", "-n", "team.many").stdout == "4 triggers deleted\n"


@pytest.mark.parametrize("words", [(), ("team.a", "daily"), ("team.a", "daily", "night", "-n", "team.a")])
def test_one_trigger_or_many_are_named(call, words):
    refused = call("trigger", "disable", *words)
    assert refused.returncode == 2
    assert "name one trigger as NAMESPACE FLOW TRIGGER, or many with" in refused.stderr
