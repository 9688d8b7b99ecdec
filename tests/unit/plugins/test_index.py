"""The catalogue of task types: its index is current, every class loads, every example is a task."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from batuta.plugin import registry
from batuta.plugin.condition import Condition
from batuta.plugin.converters import fields_of
from batuta.plugin.forms import Form
from batuta.plugin.runner import TaskRunner
from batuta.plugin.task import InlineTask, RunnableTask
from batuta.plugin.trigger import Trigger
from batuta.plugins import index

ROOT = Path(__file__).parents[3]


def script():
    spec = importlib.util.spec_from_file_location("plugin_index", ROOT / "scripts" / "plugin_index.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_index_is_current():
    assert Path(index.__file__).read_text() == script().index_text()


def test_reading_the_index_imports_no_plugin():
    code = (
        "import sys, batuta.plugins.index; print([m for m in sys.modules if m.startswith('batuta.plugins.')])"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said.strip() == "['batuta.plugins.index']"


def test_no_plugin_imports_a_heavy_library_before_it_runs():
    heavy = {"httpx", "duckdb", "amazon", "re2", "uv", "sqlalchemy"}
    modules = sorted({place.partition(":")[0] for place in index.TYPES.values()})
    code = f"import sys\nfor m in {modules!r}: __import__(m)\nprint(sorted({heavy!r} & set(sys.modules)))"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said.strip() == "[]"


@pytest.mark.parametrize("name", sorted(index.TYPES))
def test_every_type_is_documented_and_its_example_is_valid(name):
    cls = registry.load(name)

    assert issubclass(cls, (RunnableTask, InlineTask, TaskRunner, Trigger, Condition))
    assert cls.type_name == name
    fields_of(cls)
    (example,) = re.findall(r"```yaml\n(.*?)```", re.sub(r"(?m)^    ", "", cls.__doc__ or ""), re.DOTALL)
    document = yaml.safe_load(example)
    assert document.pop("type") == name
    if "id" not in fields_of(cls):
        document.pop("id", None)
    assert Form(cls, document).findings == []


@pytest.mark.parametrize(
    ("older", "present"),
    [
        ("io.kestra.core.tasks.log.Log", "io.kestra.plugin.core.log.Log"),
        ("io.kestra.core.tasks.debugs.Return", "io.kestra.plugin.core.debug.Return"),
        ("io.kestra.core.tasks.storages.Concat", "io.kestra.plugin.core.storage.Concat"),
        (
            "io.kestra.plugin.core.storage.PurgeExecution",
            "io.kestra.plugin.core.storage.PurgeCurrentExecutionFiles",
        ),
        ("io.kestra.plugin.fs.http.Request", "io.kestra.plugin.core.http.Request"),
        ("io.kestra.core.tasks.executions.Fail", "io.kestra.plugin.core.execution.Fail"),
    ],
)
def test_older_names_lead_to_the_present_type(older, present):
    assert registry.canonical(older) == present
