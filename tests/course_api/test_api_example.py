"""`api_example`: a script from the namespace's files asks an API, a message tells the answer, every hour.

Nothing in the flow is changed. The script finds the API by the environment variable that it looks for, and
the chat's address is an input or a secret, as the flow has it.
"""

from __future__ import annotations

import base64
import time
from pathlib import Path

import pytest

from tests.journeys.processes import PATIENCE_SECONDS, serving
from tests.plugins.notifications.service import service

HERE = Path(__file__).parent
FLOW = "zoomcamp/api_example"
STARS = 24_117


@pytest.fixture(scope="module")
def chat():
    with service() as chat:
        chat.pages["/repos/kestra-io/kestra"] = {"stargazers_count": STARS}
        yield chat


@pytest.fixture(scope="module")
def server(chat, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_API", chat.address)
        patch.setenv("SECRET_DISCORD_WEBHOOK_URL", base64.b64encode(chat.url.encode()).decode())
        with serving(tmp_path_factory.mktemp("course") / "data") as server:
            for path in sorted((HERE / "scripts").iterdir()):
                answer = server.api.post(
                    "namespaces/zoomcamp/files",
                    params={"path": f"/scripts/{path.name}"},
                    files={"fileContent": (path.name, path.read_bytes())},
                )
                assert answer.status_code == 200, answer.text
            text = (HERE / "api_example.yaml").read_text()
            answer = server.api.post("flows", content=text, headers={"content-type": "application/x-yaml"})
            assert answer.status_code == 200, answer.text
            yield server


def check(execution, chat):
    assert execution["state"]["current"] == "SUCCESS", execution
    runs = {run["taskId"]: run for run in execution["taskRunList"]}
    assert runs["python_script"]["outputs"]["vars"] == {"gh_stars": STARS}
    said = chat.last
    assert (said["username"], said["avatar_url"]) == ("Star robot", "https://example.com/logo.png")
    assert said["content"] == f"Total of GitHub stars: {STARS}"
    own, report = said["embeds"]
    assert own == {"title": "Star count", "color": 0xFFFFFF}
    assert report["title"].startswith("[zoomcamp] api_example ➛ ")
    assert report["url"].endswith(execution["id"])


def ended(server, execution_id):
    """The execution once nothing more happens to it."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        execution = server.api.get(f"executions/{execution_id}").json()
        if execution["state"]["current"] not in ("CREATED", "RUNNING") or time.monotonic() > end:
            return execution
        time.sleep(0.05)


@pytest.mark.timeout(300)
def test_it_runs_as_it_stands(server, chat):
    answer = server.api.post(
        f"executions/{FLOW}?wait=true",
        files={"discord_webhook_url": (None, chat.url)},
        timeout=280,
    )

    execution = answer.json()
    log = server.api.get(f"logs/{execution['id']}").json()
    assert execution["state"]["current"] == "SUCCESS", [line["message"] for line in log]
    check(execution, chat)
    assert f"Number of stars: {STARS}" in [line["message"] for line in log]
    assert not any(chat.url in line["message"] for line in log)


@pytest.mark.timeout(300)
def test_its_trigger_starts_it_on_the_hour_with_the_address_from_a_secret(server, chat):
    before = len(chat.heard)
    (trigger,) = server.api.get(f"triggers/{FLOW}").json()["results"]
    assert trigger["nextExecutionDate"][14:16] == "00"

    answer = server.api.put(
        "triggers",
        json={
            "namespace": "zoomcamp",
            "flowId": "api_example",
            "triggerId": "hourly",
            "backfill": {"start": "2026-01-05T09:30:00Z", "end": "2026-01-05T10:30:00Z"},
        },
    )
    assert answer.status_code == 200, answer.text

    chat.wait_for(before + 1, seconds=240)
    found = server.api.get("executions/search", params={"flowId": "api_example", "sort": "id:asc"}).json()
    (started,) = (each["id"] for each in found["results"] if "trigger" in each)
    execution = ended(server, started)
    check(execution, chat)
    assert execution["trigger"]["id"] == "hourly"
    assert execution["trigger"]["variables"]["date"].startswith("2026-01-05T10:00:00")
