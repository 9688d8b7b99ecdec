"""Types whose module or library is not here: flows with them are kept and told of, and fail when they run."""

from __future__ import annotations

from importlib import metadata
from textwrap import dedent

import pytest

from batuta import flows
from batuta.cli import check
from batuta.plugin import extras, families, registry
from batuta.plugin.task import RunnableTask

BROKEN = "io.acme.Broken"
FLOW = """\
id: example
namespace: company.team
tasks:
  - id: first
    type: io.acme.Broken
    anything: [1, 2]
"""
DUCK = """\
id: example
namespace: company.team
tasks:
  - id: first
    type: io.kestra.plugin.jdbc.duckdb.Query
    sql: SELECT 1
"""


@pytest.fixture
def broken(monkeypatch, tmp_path):
    """A type of a module that cannot be imported."""
    (tmp_path / "acme_broken.py").write_text("import nowhere_to_be_found\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(registry._own()[0], BROKEN, "acme_broken:Broken")
    registry.load.cache_clear()
    yield
    registry.load.cache_clear()


def test_every_type_of_ours_can_be_loaded():
    problems = {name: registry.problem(registry.load(name)) for name in registry.names()}

    assert {name: problem for name, problem in problems.items() if problem is not None} == {}


def test_a_module_that_cannot_be_imported_is_a_warning(broken, tmp_path):
    path = tmp_path / "flow.yaml"
    path.write_text(FLOW)

    (found,) = check.findings_of(path)

    assert (found.severity, found.code, found.line) == ("warning", "flow.broken-type", 5)
    assert found.message == (
        "io.acme.Broken cannot be loaded: ModuleNotFoundError: No module named 'nowhere_to_be_found'"
    )
    assert found.hint == "the flow can be stored; the task fails when it runs"


def test_the_flow_is_read_all_the_same(broken):
    reading = flows.read(FLOW)

    assert reading.violations == ()
    assert reading.flow.tasks[0].type == BROKEN
    assert reading.flow.tasks[0].properties == {"anything": [1, 2]}


def test_the_stand_in_is_a_task_that_says_why(broken):
    cls = registry.load(BROKEN)

    assert issubclass(cls, RunnableTask)
    assert registry.problem(cls) == "ModuleNotFoundError: No module named 'nowhere_to_be_found'"


def test_the_list_of_types_says_so_and_goes_on(broken):
    entries = {entry.type: entry for entry in families.entries()}

    assert entries[BROKEN].title.startswith("Cannot be loaded: ModuleNotFoundError")
    assert len(entries) > 100


def test_defaults_for_it_are_not_judged(broken):
    text = FLOW + dedent("""\
        pluginDefaults:
          - type: io.acme.Broken
            values: {whatever: 1}
        """)

    assert flows.read(text).violations == ()


def test_a_library_that_is_not_installed_is_a_warning_with_the_command(monkeypatch):
    monkeypatch.setattr(extras, "is_missing", lambda extra: extra == "duckdb")

    reading = flows.read(DUCK)

    assert reading.violations == ()
    (warning,) = reading.warnings
    assert (warning.code, warning.path) == ("flow.missing-extra", "tasks[first].type")
    assert warning.hint == "run `pip install 'batuta[duckdb]'` where it shall run"


def test_what_an_extra_brings_is_what_the_distribution_declares(monkeypatch):
    declared = ['duckdb>=1.0; extra == "duckdb"', "nowhere-to-be-found>=2 ; extra == 'far'", "click>=8.1"]
    monkeypatch.setattr(metadata, "requires", lambda name: declared)
    extras._libraries.cache_clear()
    try:
        assert extras._libraries() == {"duckdb": ("duckdb",), "far": ("nowhere-to-be-found",)}
        assert extras.is_missing("far")
        assert not extras.is_missing("unheard of")
    finally:
        extras._libraries.cache_clear()


def test_the_page_of_a_type_says_how_to_get_its_library():
    page = families.page(families.find("duckdb.Query"))

    assert "It needs a library that is an extra: `pip install 'batuta[duckdb]'`." in page


@pytest.mark.parametrize(
    "entry", [each for each in families.entries() if each.extra], ids=lambda each: each.type
)
def test_every_extra_that_a_type_names_is_declared(entry):
    import tomllib
    from pathlib import Path

    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    declared = project["optional-dependencies"]

    assert entry.extra in declared
    assert entry.extra in declared["all"][0]
