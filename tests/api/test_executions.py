from __future__ import annotations

from tests.api.conftest import Api


async def test_waiting_for_an_execution_gives_its_end(hello: Api):
    done = await hello.run("company.team/hello", who="Ada")

    assert done["state"]["current"] == "SUCCESS"
    assert done["inputs"] == {"who": "Ada"}
    assert done["outputs"] == {"final": done["id"]}
    assert [run["taskId"] for run in done["taskRunList"]] == ["say", "back"]
