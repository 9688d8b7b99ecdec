"""What a browser finds at the address of a server."""

from __future__ import annotations

from tests.api.conftest import Api


async def test_the_address_says_that_the_server_runs_and_where_to_look(api: Api):
    answer = await api.http.get("/")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "is running" in answer.text
    assert 'href="/api/v1/main/flows/search"' in answer.text


async def test_the_link_of_an_execution_leads_to_what_there_is_of_it(api: Api):
    answer = await api.http.get('/ui/main/executions/company.team/f/"><script>')

    assert answer.status_code == 200
    assert "<script>" not in answer.text
    assert "/api/v1/main/executions/" in answer.text
