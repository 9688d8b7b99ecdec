"""The reference of types: its pages are current, its examples are valid, and names are found."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
import yaml

from batuta import flows
from batuta.errors import InvalidRequest
from batuta.plugin import families, registry

SCRIPT = Path(__file__).parents[3] / "scripts" / "plugin_reference.py"
_CORE = "io.kestra.plugin.core."
LOG = {"id": "say", "type": f"{_CORE}log.Log", "message": "hi"}


def script():
    spec = importlib.util.spec_from_file_location("plugin_reference", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_are_current():
    module = script()

    present = {path.name: path.read_text(encoding="utf-8") for path in module.FOLDER.glob("*.md")}

    assert present == module.wanted_pages(), "run `python scripts/plugin_reference.py`"


def in_a_flow(kind: str, example: dict | list) -> dict:
    """A flow around an example: a list of tasks, or a type below the property that it is for."""
    flow = {"id": "example", "namespace": "docs", "tasks": [LOG]}
    flow |= example if isinstance(example, dict) else {"tasks": example}
    if kind == "condition":
        trigger = {"id": "on", "type": f"{_CORE}trigger.Flow", "conditions": flow.pop("conditions")}
        flow["triggers"] = [trigger]
    if kind == "task runner":
        runner = flow.pop("taskRunner")
        task = {"id": "run", "type": "io.kestra.plugin.scripts.shell.Script", "script": "ls"}
        flow["tasks"] = [{**task, "taskRunner": runner}]
    return flow


@pytest.mark.parametrize("entry", families.entries(), ids=lambda entry: entry.type)
def test_every_type_has_an_example_that_check_accepts(entry):
    examples = re.findall(r"```yaml\n(.*?)```", families.page(entry), re.DOTALL)
    assert examples

    for example in examples:
        source = yaml.safe_dump(in_a_flow(entry.kind, yaml.safe_load(example)), sort_keys=False)
        found = (*flows.read(source).violations, *flows.check_templates(source).violations)
        assert [str(each) for each in found] == []


def test_a_page_tells_properties_and_outputs():
    page = families.page(families.find("http.Request"))

    assert page.startswith("# io.kestra.plugin.core.http.Request\n\nCall an address")
    assert "| `uri` | text | required | Address to call. |" in page
    assert '| `method` | text | `"GET"` | GET, POST, PUT, ... |' in page
    assert "| `code` | whole number | Status code. |" in page
    assert "## Timeouts" in page


def test_what_run_returns_counts_as_outputs():
    assert "| `outputFiles` | map of text |" in families.page(families.find("python.Script"))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("python.Script", "io.kestra.plugin.scripts.python.Script"),
        ("core.log.log", f"{_CORE}log.Log"),
        (f"{_CORE}log.Log", f"{_CORE}log.Log"),
        ("io.kestra.core.tasks.log.Log", f"{_CORE}log.Log"),
        ("Parallel", f"{_CORE}flow.Parallel"),
    ],
)
def test_a_name_is_found_whole_or_by_its_end(name, found):
    assert families.find(name).type == found


def test_a_name_of_several_types_lists_them():
    with pytest.raises(InvalidRequest) as caught:
        families.find("Script")

    assert "`Script` may be `io.kestra.plugin.scripts.bun.Script`, " in str(caught.value)


def test_a_misspelt_name_gets_a_suggestion():
    with pytest.raises(InvalidRequest, match=r"did you mean `io.kestra.plugin.scripts.python.Script`"):
        families.find("io.kestra.plugin.scripts.python.Scirpt")


def test_every_type_is_in_some_family():
    assert {each.type for each in families.entries()} == {
        name for name in registry.names() if "$" not in name
    }
