"""Every example of a type is a test: it passes `check` without a word, and it runs where it can.

What a family needs from outside is on the stage (`plugin_stage`); a family that is not there is checked only.
"""

from __future__ import annotations

import pytest

from batuta import flows
from tests.docs import plugin_stage
from tests.docs.plugin_examples import Example, every, source

EXAMPLES = every()
RUNNING = [example for example in EXAMPLES if plugin_stage.runs(example)]


def _name(example: Example) -> str:
    return example.name


def test_every_type_has_an_example():
    from batuta.plugin import families

    told = {example.entry.type for example in EXAMPLES}

    assert [entry.type for entry in families.entries() if entry.type not in told] == []


@pytest.mark.parametrize("example", EXAMPLES, ids=_name)
def test_an_example_passes_check_without_a_word(example: Example):
    text = source(example.flow())

    reading, templates = flows.read(text), flows.check_templates(text)
    found = [*reading.violations, *reading.warnings, *templates.violations, *templates.warnings]
    assert [str(each) for each in found] == []


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with plugin_stage.stage(tmp_path_factory.mktemp("stage")) as stage:
        yield stage


@pytest.mark.parametrize("example", RUNNING, ids=_name)
def test_an_example_runs(stage: plugin_stage.Stage, example: Example):
    before = stage.messages

    state, log = stage.run(example)

    wanted = {name: "PAUSED" for name in plugin_stage.HALTS}
    wanted["io.kestra.plugin.core.flow.AllowFailure"] = "WARNING"
    assert state == wanted.get(example.entry.type, "SUCCESS"), log
    assert stage.messages > before or not plugin_stage.sends(example)
