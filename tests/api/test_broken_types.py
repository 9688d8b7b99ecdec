"""A type whose module cannot be imported: its flow is stored with a warning, and says why when it fails."""

from batuta.plugin import registry

FLOW = """\
id: broken
namespace: company.team
tasks:
  - id: first
    type: io.acme.Broken
    anything: 1
"""


async def test_its_flow_is_stored_and_fails_when_it_runs(api, monkeypatch, tmp_path):
    (tmp_path / "acme_broken.py").write_text("import nowhere_to_be_found\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(registry._own()[0], "io.acme.Broken", "acme_broken:Broken")
    registry.load.cache_clear()
    try:
        (judged,) = await api.call(
            "POST", "/flows/validate", content=FLOW, headers={"Content-Type": "application/x-yaml"}
        )
        await api.save(FLOW)
        execution = await api.run("company.team/broken")
        log = await api.call("GET", f"/logs/{execution['id']}")
    finally:
        registry.load.cache_clear()

    assert "constraints" not in judged
    assert any("io.acme.Broken cannot be loaded" in warning for warning in judged["warnings"])
    assert execution["state"]["current"] == "FAILED"
    assert [line["message"] for line in log if line["level"] == "ERROR"] == [
        "`io.acme.Broken` cannot be loaded: ModuleNotFoundError: No module named 'nowhere_to_be_found'\n"
        "  fix: install what its module needs"
    ]
