"""Dashboards from the command line, on the dashboard of the how-to page."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.journeys.processes import Server, batuta, serving

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "make-dashboards.md"
FLOW = """\
id: hello
namespace: company.team
tasks:
  - {id: t, type: io.kestra.plugin.core.debug.Return, format: hi}
"""


def said(server: Server, *arguments: object, code: int = 0) -> str:
    """What a command prints; its complaint where one is expected."""
    done = batuta(*map(str, arguments), BATUTA_SERVER=server.url)
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


def test_the_dashboard_of_the_page_is_checked_kept_read_and_removed(tmp_path: Path):
    file = tmp_path / "operations.yaml"
    [text] = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    file.write_text(text)
    assert batuta("check", str(file)).stdout == "1 file: no errors, no warnings\n"

    with serving(tmp_path / "data") as server:
        server.api.post("flows", content=FLOW, headers={"content-type": "application/x-yaml"})
        for _ in range(2):
            server.api.post("executions/company.team/hello", params={"wait": "true"})

        assert said(server, "dashboard", "create", file) == "operations\n"
        assert "Dashboard id already exists" in said(server, "dashboard", "create", file, code=2)
        assert said(server, "dashboard", "list").splitlines()[1].split()[:2] == ["operations", "Operations"]
        assert said(server, "dashboard", "get", "operations") == text

        rows = json.loads(said(server, "dashboard", "data", "operations", "over_time", "-o", "json"))[
            "results"
        ]
        assert [(row["state"], row["total"]) for row in rows] == [("SUCCESS", 2)]
        assert said(server, "dashboard", "data", "operations", "success") == "VALUE\n100.0\n"
        assert said(server, "dashboard", "data", "operations", "errors", "--csv") == "at,flow,message\n"
        assert "there is no chart `none`" in said(server, "dashboard", "data", "operations", "none", code=1)

        file.write_text(text.replace("title: Operations", "title: All of it"))
        assert said(server, "dashboard", "update", "operations", file) == "updated\n"
        file.write_text(text.replace("field: STATE}", "field: STAT}"))
        assert "did you mean `STATE`?" in said(server, "dashboard", "update", "operations", file, code=2)
        assert batuta("check", str(file)).returncode == 2
        assert said(server, "dashboard", "delete", "operations") == "removed\n"
        assert "there is no dashboard" in said(server, "dashboard", "get", "operations", code=1)
