"""No value of a secret is found anywhere but where it was put.

A set of flows does what people do with secrets, then everything that the program tells or keeps is searched
(stores spec §A14).

Out of reach, and said in the documentation: content of files that a task writes on purpose, texts that a task
has changed beyond recognition (upper case, cut, reversed), and values shorter than three characters.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote, quote_plus

import pytest

from tests.journeys.processes import Server, batuta, serving

ENV = 'env-"quoted"/+sentinel ü'
STORED = "stored-sentinel-0815"
INPUT = "input-sentinel-4711"
RESUMED = "resumed-sentinel-2323"
LINES = "-----BEGIN SENTINEL-----\nfirstsentinelline\nsecondsentinelline\n-----END SENTINEL-----"
MEMBER = "member-sentinel-99"
DOCUMENT = json.dumps({"user": "ada", "password": MEMBER})

SENTINELS = {
    "of the environment": ENV,
    "of the store": STORED,
    "an input": INPUT,
    "a resumed input": RESUMED,
    "a line of several": "firstsentinelline",
    "another line": "secondsentinelline",
    "a member of a document": MEMBER,
}

MAIN = """\
id: main
namespace: team.a
inputs:
  - {id: password, type: SECRET}
  - {id: token, type: STRING, defaults: "{{ secret('ENV') }}"}
variables:
  dsn: "postgres://ada:{{ secret('STORED') }}@db/x"
tasks:
  - {id: bearer, type: io.kestra.plugin.core.debug.Return, format: "Bearer {{ secret('ENV') }}"}
  - id: say
    type: io.kestra.plugin.core.log.Log
    message:
      - "{{ outputs.bearer.value }} {{ inputs.password }} {{ inputs.token }} {{ render(vars.dsn) }}"
      - "{{ secret('ENV') | base64encode }} {{ secret('ENV') | urlencode }} {{ secret('ENV') | toJson }}"
      - "{{ secret('LINES') }}"
      - "{{ secret('DOCUMENT', subkey='password') }} {{ json(secret('DOCUMENT')).password }}"
  - id: nested
    type: io.kestra.plugin.core.output.OutputValues
    values:
      list: ["x", "{{ inputs.password }}"]
      map: {deep: "{{ secret('STORED') }}", encoded: "{{ inputs.password | base64encode }}"}
  - id: remember
    type: io.kestra.plugin.core.execution.SetVariables
    variables: {kept: "{{ secret('STORED') }}"}
  - id: label
    type: io.kestra.plugin.core.execution.Labels
    labels: {owner: "{{ secret('STORED') }}"}
  - id: measure
    type: io.kestra.plugin.core.metric.Publish
    metrics:
      - {name: rows, type: counter, value: "1", tags: {by: "{{ inputs.password }}"}}
  - {id: set, type: io.kestra.plugin.core.kv.Set, key: token, value: "{{ secret('ENV') }}"}
  - {id: got, type: io.kestra.plugin.core.kv.Get, key: token}
  - id: same
    type: io.kestra.plugin.core.execution.Assert
    conditions:
      - "{{ outputs.got.value == secret('ENV') and kv('token') == secret('ENV') }}"
      - "{{ outputs.bearer.value == 'Bearer ' ~ secret('ENV') and vars.kept == secret('STORED') }}"
      - "{{ outputs.nested.values.list[1] == inputs.password and inputs.token == secret('ENV') }}"
  - id: script
    type: io.kestra.plugin.scripts.shell.Commands
    taskRunner: {type: io.kestra.plugin.core.runner.Process}
    env: {TOKEN: "{{ secret('ENV') }}", KEY: "{{ secret('LINES') }}", PASSWORD: "{{ inputs.password }}"}
    commands:
      - echo "$TOKEN"; echo "$PASSWORD" >&2
      - echo "$KEY"
      - printf %s "$TOKEN" | base64
      - echo "::{\\"outputs\\":{\\"password\\":\\"$PASSWORD\\"}}::"
  - id: cached
    type: io.kestra.plugin.scripts.shell.Commands
    taskCache: {enabled: true}
    taskRunner: {type: io.kestra.plugin.core.runner.Process}
    commands: ["echo '::{\\"outputs\\":{\\"password\\":\\"{{ inputs.password }}\\"}}::'"]
  - id: folder
    type: io.kestra.plugin.core.flow.WorkingDirectory
    tasks:
      - {id: inner, type: io.kestra.plugin.core.debug.Return, format: "{{ secret('STORED') }}"}
      - {id: after, type: io.kestra.plugin.core.log.Log, message: "{{ outputs.inner.value }}"}
  - id: broken
    type: io.kestra.plugin.core.log.Log
    allowFailure: true
    message: "{{ secret('STORED') | date('yyyy') }} {{ inputs.password | date('yyyy') }}"
  - id: failed
    type: io.kestra.plugin.core.execution.Fail
    allowFailure: true
    errorMessage: "no access with {{ inputs.password }}"
  - id: refused
    type: io.kestra.plugin.core.http.Request
    allowFailure: true
    uri: "http://ada:{{ secret('STORED') }}@127.0.0.1:1/?key={{ inputs.password }}"
  - id: echoed
    type: io.kestra.plugin.core.http.Request
    uri: "SERVICE/?key={{ inputs.password }}"
    headers: {Authorization: "Bearer {{ secret('STORED') }}"}
  - {id: filed, type: io.kestra.plugin.core.log.Log, logToFile: true, message: "{{ secret('STORED') }}"}
  - id: script_filed
    type: io.kestra.plugin.scripts.shell.Commands
    logToFile: true
    taskRunner: {type: io.kestra.plugin.core.runner.Process}
    commands: ["echo {{ secret('STORED') }}"]
  - id: loop
    type: io.kestra.plugin.core.flow.Loop
    values: ["{{ secret('STORED') }}"]
    tasks:
      - {id: turn, type: io.kestra.plugin.core.debug.Return, format: "{{ item.value }}"}
      - {id: told, type: io.kestra.plugin.core.log.Log, message: "{{ item.value }} {{ outputs.turn.value }}"}
  - id: script_fails
    type: io.kestra.plugin.scripts.shell.Commands
    allowFailure: true
    taskRunner: {type: io.kestra.plugin.core.runner.Process}
    commands: ["echo {{ secret('STORED') }} && exit 3"]
  - id: choice
    type: io.kestra.plugin.core.flow.If
    condition: "{{ inputs.password == secret('STORED') }}"
    then: [{id: never, type: io.kestra.plugin.core.log.Log, message: never}]
  - id: switch
    type: io.kestra.plugin.core.flow.Switch
    value: "{{ inputs.password }}"
    defaults: [{id: other, type: io.kestra.plugin.core.log.Log, message: "{{ inputs.password }}"}]
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: ["{{ secret('STORED') }}", "plain"]
    tasks:
      - {id: item, type: io.kestra.plugin.core.debug.Return, format: "{{ taskrun.value }}"}
  - id: child
    type: io.kestra.plugin.core.flow.Subflow
    namespace: team.a
    flowId: child
    wait: true
    inputs: {handed: "{{ secret('STORED') }}"}
    labels: {handed: "{{ secret('STORED') }}"}
  - {id: from_child, type: io.kestra.plugin.core.log.Log, message: "{{ outputs.child.outputs }}"}
outputs:
  - {id: plain, type: STRING, value: "{{ outputs.bearer.value }}"}
  - {id: sealed, type: SECRET, value: "{{ inputs.password }}"}
"""
CHILD = """\
id: child
namespace: team.a
inputs:
  - {id: handed, type: STRING}
tasks:
  - {id: say, type: io.kestra.plugin.core.log.Log, message: "handed {{ inputs.handed }}"}
  - {id: back, type: io.kestra.plugin.core.debug.Return, format: "{{ inputs.handed }}"}
outputs:
  - {id: back, type: STRING, value: "{{ outputs.back.value }}"}
"""
PAUSES = """\
id: pauses
namespace: team.a
tasks:
  - id: wait
    type: io.kestra.plugin.core.flow.Pause
    onResume: [{id: code, type: SECRET}]
  - {id: say, type: io.kestra.plugin.core.log.Log, message: "code {{ outputs.wait.onResume.code }}"}
"""
REACTS = """\
id: reacts
namespace: team.a
inputs:
  - {id: token, type: STRING, required: false}
tasks:
  - {id: say, type: io.kestra.plugin.core.log.Log, message: "{{ inputs.token }}"}
triggers:
  - id: after
    type: io.kestra.plugin.core.trigger.Flow
    inputs: {token: "{{ secret('STORED') }}"}
    labels: {token: "{{ secret('STORED') }}"}
    conditions:
      - {type: io.kestra.plugin.core.condition.ExecutionFlow, namespace: team.a, flowId: child}
  - id: hook
    type: io.kestra.plugin.core.trigger.Webhook
    key: "{{ secret('STORED') }}"
"""
POLLS = """\
id: polls
namespace: team.a
tasks:
  - {id: say, type: io.kestra.plugin.core.log.Log, message: "{{ trigger.body }}"}
triggers:
  - id: looks
    type: io.kestra.plugin.core.http.Trigger
    uri: "SERVICE/?key={{ secret('STORED') }}"
    interval: PT1S
    stopAfter: [SUCCESS]
  - id: cannot
    type: io.kestra.plugin.core.http.Trigger
    uri: "http://ada:{{ secret('STORED') }}@127.0.0.1:1/"
    interval: PT1S
  - id: daily
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "@daily"
    inputs: {token: "{{ secret('STORED') }}"}
"""


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked."""

    def do_GET(self) -> None:
        content = f"{self.path} {self.headers['Authorization']}".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Asked", self.path)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def forms(text: str) -> set[bytes]:
    """The ways in which a text may be written."""
    octets = text.encode()
    written = {octets, json.dumps(text)[1:-1].encode(), json.dumps(text, ensure_ascii=False)[1:-1].encode()}
    written |= {quote(text).encode(), quote(text, safe="").encode(), quote_plus(text).encode()}
    return written | {base64.b64encode(octets), base64.urlsafe_b64encode(octets).rstrip(b"=")}


def leaks(place: str, content: bytes) -> list[str]:
    """Which sentinels are somewhere, and what stands around them."""
    found = []
    for name, text in SENTINELS.items():
        for form in forms(text):
            if (at := content.find(form)) >= 0:
                found.append(f"{place}: {name}: {content[max(at - 150, 0) : at + 80]!r}")
                break
    return found


def start(server: Server, flow: str, **inputs: str) -> dict:
    form = {name: (None, value) for name, value in inputs.items()} or None
    return server.api.post(f"executions/team.a/{flow}", params={"wait": "true"}, files=form).json()


def settled(server: Server, flow: str) -> list[dict]:
    """Executions of a flow once there is one and all are over."""
    for _ in range(200):
        page = server.api.get("executions/search", params={"namespace": "team.a", "flowId": flow}).json()
        if page["total"] and all(each["state"]["current"] == "SUCCESS" for each in page["results"]):
            return page["results"]
        server.api.get("ping")
    raise AssertionError(f"{flow}: {page}")


def told(server: Server, ids: list[str]) -> Iterator[tuple[str, bytes]]:
    """Every answer that might repeat a secret."""
    paths = ["executions/search?size=100", "logs/search?size=1000", "triggers/search?size=100"]
    paths += ["kv?size=100", "namespaces/team.a/kv/token", "namespaces/team.a/kv/token/detail"]
    paths += ["secrets", "namespaces/team.a/inherited-secrets", "flows/search?size=100"]
    paths += ["metrics/names/team.a/main"]
    for id in ids:
        paths += [
            f"executions/{id}",
            f"logs/{id}",
            f"logs/{id}/download",
            f"logs/{id}/follow",
            f"metrics/{id}",
        ]
        paths += [f"executions/{id}/follow", f"executions/{id}/graph", f"executions/{id}/explain"]
    for path in paths:
        answer = server.api.get(path)
        yield f"GET {path}", answer.content + str(answer.headers).encode()


def test_no_secret_is_shown_or_kept_in_the_clear(
    tmp_path: Path, service: str, monkeypatch: pytest.MonkeyPatch
):
    for name, value in (("ENV", ENV), ("LINES", LINES), ("DOCUMENT", DOCUMENT)):
        monkeypatch.setenv(f"SECRET_{name}", base64.b64encode(value.encode()).decode())
    found: list[str] = []
    with serving(tmp_path / "data") as server:
        server.api.put("namespaces/team/secrets", json={"key": "STORED", "value": STORED}).raise_for_status()
        for source in (
            CHILD,
            REACTS,
            PAUSES,
            POLLS.replace("SERVICE", service),
            MAIN.replace("SERVICE", service),
        ):
            saved = server.api.post("flows", content=source, headers={"Content-Type": "application/x-yaml"})
            assert saved.is_success, saved.text

        main = start(server, "main", password=INPUT)
        paused = server.api.post("executions/team.a/pauses").json()["id"]
        for _ in range(200):
            if server.api.get(f"executions/{paused}").json()["state"]["current"] == "PAUSED":
                break
        resumed = server.api.post(f"executions/{paused}/resume", files={"code": (None, RESUMED)})
        assert resumed.is_success, resumed.text
        hooked = server.api.post(f"executions/webhook/team.a/reacts/{STORED}")
        assert hooked.is_success, hooked.text
        unknown = server.api.post(f"executions/webhook/team.a/none/{STORED}")
        found += leaks("the refusal of a webhook", unknown.content)
        settled(server, "pauses")
        settled(server, "reacts")
        settled(server, "polls")

        states = {run["taskId"]: run["state"]["current"] for run in main["taskRunList"]}
        wrong = {id: state for id, state in states.items() if state not in ("SUCCESS", "WARNING")}
        assert main["state"]["current"] == "WARNING", server.api.get(f"logs/{main['id']}?minLevel=WARN").text
        assert wrong == {}
        assert states["same"] == "SUCCESS"

        page = server.api.get("executions/search", params={"size": 100}).json()
        ids = [each["id"] for each in page["results"]]
        for place, content in told(server, ids):
            found += leaks(place, content)
        found += leaks("the answer of a webhook", hooked.content)
        found += leaks("the answer of an execution", json.dumps(main).encode())
        asked = "{{ secret('STORED') }} {{ secret('STORED') | base64encode }} {{ inputs.password }}"
        found += leaks(
            "an evaluation", server.api.post(f"executions/{main['id']}/eval", content=asked).content
        )
        checked = server.api.post("executions/team.a/main/validate", files={"password": (None, INPUT)})
        found += leaks("checked inputs", checked.content)
        for command in (("get", main["id"]), ("logs", main["id"])):
            shown = batuta("execution", *command, "--server", server.url)
            found += leaks(f"batuta execution {command[0]}", (shown.stdout + shown.stderr).encode())
        # While the server runs: the write-ahead log is part of what somebody could copy.
        for file in (tmp_path / "data").rglob("*"):
            if file.is_file():
                found += leaks(str(file.relative_to(tmp_path)), file.read_bytes())
    found += leaks("what the server printed", server.text.encode())
    for file in (tmp_path / "data").rglob("*"):
        if file.is_file():
            found += leaks(str(file.relative_to(tmp_path)), file.read_bytes())

    assert found == [], "\n".join(found)
