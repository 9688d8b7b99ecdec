"""Every flow in the documentation is valid, and so are those of the examples."""

from __future__ import annotations

import inspect
import re

import pytest
import yaml

from batuta import flows
from batuta.cli import check
from batuta.plugin import registry
from batuta.plugin.condition import Condition
from batuta.plugin.trigger import Trigger
from tests.docs.documents import ROOT, Block, every

FLOWS = [block for block in every("yaml") if re.search(r"^tasks:", block.text, re.MULTILINE)]
TRIGGERS = [name for name in registry.names() if issubclass(registry.load(name), Trigger)]
CONDITIONS = [name for name in registry.names() if issubclass(registry.load(name), Condition)]
TYPES = [
    name
    for name in registry.names()
    if "runner" not in name and "$" not in name and name not in TRIGGERS and name not in CONDITIONS
]
"""Types that an author writes into `tasks`: no runner, and no part of another type."""


@pytest.mark.parametrize("block", FLOWS, ids=lambda block: block.name)
def test_a_flow_on_a_page_passes_check(block: Block, tmp_path):
    path = tmp_path / "flow.yaml"
    path.write_text(block.text)

    assert [check.told(each) for each in check.findings_of(path)] == []


def test_any_other_block_is_yaml():
    for block in every("yaml"):
        assert yaml.safe_load(block.text) is not None, block.name


@pytest.mark.parametrize("path", sorted((ROOT / "examples").rglob("*.yaml")), ids=lambda path: path.name)
def test_an_example_passes_check(path):
    assert [check.told(each) for each in check.findings_of(path)] == []


@pytest.mark.parametrize("name", TYPES)
def test_the_example_of_a_type_is_valid_in_a_flow(name):
    examples = re.findall(r"```yaml\n(.*?)```", inspect.getdoc(registry.load(name)) or "", re.DOTALL)
    assert examples, f"{name} has no example"

    for example in examples:
        document = yaml.safe_load(example)
        tasks = document if isinstance(document, list) else [document]
        source = yaml.safe_dump({"id": "example", "namespace": "docs", "tasks": tasks}, sort_keys=False)
        assert [str(violation) for violation in flows.read(source).violations] == []


def _example(name):
    (example,) = re.findall(r"```yaml\n(.*?)```", inspect.getdoc(registry.load(name)) or "", re.DOTALL)
    return yaml.safe_load(example)


def _problems(trigger):
    task = {"id": "none", "type": "io.kestra.plugin.core.debug.Return"}
    document = {"id": "example", "namespace": "docs", "tasks": [task], "triggers": [trigger]}
    return [str(violation) for violation in flows.read(yaml.safe_dump(document, sort_keys=False)).violations]


@pytest.mark.parametrize("name", TRIGGERS)
def test_the_example_of_a_trigger_is_valid_in_a_flow(name):
    assert _problems(_example(name)) == []


@pytest.mark.parametrize("name", CONDITIONS)
def test_the_example_of_a_condition_is_valid_in_a_trigger(name):
    flow_trigger = "io.kestra.plugin.core.trigger.Flow"
    assert _problems({"id": "other", "type": flow_trigger, "conditions": [_example(name)]}) == []
